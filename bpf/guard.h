/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Packet sockets (AF_PACKET) pass every cgroup hook: only the filter on a device sees their frames. A namespace gets its filters when the
 * first program of the scope opens such a socket in it, and that program is stopped until they are there.
 *
 * The kernel has no hook for the socket() call itself that loads everywhere. But every new socket sets up its timer, which is a
 * tracepoint: it also sees sockets made by io_uring, and costs nothing elsewhere, while one on a system call slows down every call
 * of the machine (measured: +48 ns each).
 */
#ifndef HOLDFAST_GUARD_H
#define HOLDFAST_GUARD_H

#include "dns.h"

#define AF_PACKET_ 17
#define SIGKILL_ 9
#define SIGSTOP_ 19

#define ETHERTYPE_OFFSET 12
#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd

#define PACKET_PROTO "PACKET" /* packet_proto.name, net/packet/af_packet.c */

/* The packet socket a timer that is being set up belongs to; false when it is no packet socket's. */
static __always_inline int packet_socket_of(struct timer_list *timer, __u64 *netns)
{
	/* A guess until family and protocol say so: nothing is read here but by a helper that may fail. */
	struct sock *sk = (void *)timer - bpf_core_field_offset(struct sock, sk_timer);
	char name[sizeof(PACKET_PROTO)] = {};

	/* sock_init_data() sets it up without a function; hardly any other timer is (net/core/sock.c). */
	if (timer->function || BPF_CORE_READ(sk, __sk_common.skc_family) != AF_PACKET_)
		return 0;
	bpf_probe_read_kernel(name, sizeof(name),
			      (void *)BPF_CORE_READ(sk, __sk_common.skc_prot) + bpf_core_field_offset(struct proto, name));
	if (__builtin_memcmp(name, PACKET_PROTO, sizeof(PACKET_PROTO)))
		return 0;
	*netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, net_cookie);
	return 1;
}

/* A hint for the daemon, which looks at `stopped` every second as well. */
static __always_inline void report_netns(__u64 netns, __u32 tgid)
{
	struct netns_event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event)
		return count(COUNTER_EVENTS_LOST);
	event->header.kind = EVENT_NETNS;
	event->header.version = LAYOUT_VERSION;
	event->header.size = sizeof(*event);
	event->header.time_ns = bpf_ktime_get_boot_ns();
	event->netns = netns;
	event->tgid = tgid;
	event->reserved = 0;
	bpf_ringbuf_submit(event, URGENT);
}

/* Asks for filters in a namespace that has none. `start_ns` is not 0 when the process waits for them. False: no room. */
static __always_inline int want_filters(__u64 netns, __u32 tgid, __u64 start_ns)
{
	struct stopped_key key = { .netns = netns, .tgid = tgid };

	if (bpf_map_update_elem(&stopped, &key, &start_ns, BPF_ANY))
		return 0;
	report_netns(netns, tgid);
	return 1;
}

/* Whether a socket was made in the scope, as bpf_skb_ancestor_cgroup_id() would say of what it sends. */
static __always_inline int made_in_scope(struct sock *sk, const struct policy *policy)
{
	struct cgroup *cgroup = BPF_CORE_READ(sk, sk_cgrp_data.cgroup);
	struct cgroup___ancestors *line = (void *)cgroup;
	struct cgroup *ancestor = NULL;
	__u32 level = policy->scope_level;

	if (level == 0)
		return 1;
	if ((__u32)BPF_CORE_READ(cgroup, level) < level)
		return 0;
	bpf_probe_read_kernel(&ancestor, sizeof(ancestor),
			      (void *)line + bpf_core_field_offset(line->ancestors) + level * sizeof(ancestor));
	return BPF_CORE_READ(ancestor, kn, id) == policy->scope_cgroup;
}

/* A packet socket of the scope that is older than the programs: its namespace gets filters, and nobody is stopped. */
static __always_inline void packet_socket_there(struct sock *sk, __u32 tgid, const struct policy *policy)
{
	__u64 netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, net_cookie);

	if (tgid == policy->daemon_tgid || bpf_map_lookup_elem(&guarded, &netns))
		return;
	if (!want_filters(netns, tgid, 0))
		count(COUNTER_STOPPED_FULL);
}

/* The current task opens a packet socket: where no filter is, it stops before its next instruction. */
static __always_inline void packet_socket_opened(__u64 netns, const struct policy *policy)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u32 tgid = task->tgid;

	if (bpf_map_lookup_elem(&guarded, &netns) || tgid == policy->daemon_tgid)
		return;
	if (!want_filters(netns, tgid, task->group_leader->start_boottime)) {
		/* Nobody would ever let it go on, and it must not go on: it ends. */
		count(COUNTER_STOPPED_FULL);
		bpf_send_signal(SIGKILL_);
		return;
	}
	if (bpf_send_signal(SIGSTOP_))
		count(COUNTER_STOP_FAILED);
}

/* Fills in where a frame goes. What cannot be read for certain is judged as if it could be for anyone (UNREAD_ALL), and has no peer. */
__noinline int read_frame(struct __sk_buff *skb, struct flow_id *flow)
{
	struct headers headers;
	__be16 ethertype = 0;

	if (!flow || bpf_skb_load_bytes(skb, ETHERTYPE_OFFSET, &ethertype, sizeof(ethertype)))
		return UNREAD_ALL;
	/* What the receiver goes by and what the stack was told: two answers are none. */
	if (ethertype != skb->protocol || (ethertype != bpf_htons(ETHERTYPE_IPV4) && ethertype != bpf_htons(ETHERTYPE_IPV6)))
		return UNREAD_ALL;
	/* Nor may the first half byte of the packet say otherwise than its ethertype. */
	if (read_headers(skb, &headers, ETHERNET_HEADER) || headers.version != (ethertype == bpf_htons(ETHERTYPE_IPV4) ? 4 : 6) ||
	    headers.unread == UNREAD_ALL)
		return UNREAD_ALL;
	flow->peer_high = headers.target_high;
	flow->peer_low = headers.target_low;
	flow->peer_port = headers.target_port;
	flow->local_port = headers.source_port;
	flow->protocol = headers.protocol;
	return headers.unread;
}

#endif
