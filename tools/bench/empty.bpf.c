// SPDX-License-Identifier: Apache-2.0
/* Programs that do nothing, on the hooks of a connection and its data: what the kernel itself takes for calling any program there. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#define EMPTY(section, name, type)     \
	SEC(section)                   \
	int name(struct type *context) \
	{                              \
		(void)context;         \
		return 1;              \
	}

EMPTY("cgroup/sock_create", on_sock_create, bpf_sock)
EMPTY("cgroup/sock_release", on_sock_release, bpf_sock)
EMPTY("cgroup/setsockopt", on_setsockopt, bpf_sockopt)
EMPTY("cgroup/connect4", on_connect4, bpf_sock_addr)
EMPTY("cgroup_skb/egress", on_egress, __sk_buff)
EMPTY("cgroup_skb/ingress", on_ingress, __sk_buff)
EMPTY("sockops", on_sockops, bpf_sock_ops)
