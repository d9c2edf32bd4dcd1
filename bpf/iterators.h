/* SPDX-License-Identifier: GPL-2.0 */
/* What is there already: sockets older than the programs, live flows, the keys of open files. Read by the daemon through iterators. */
#ifndef HOLDFAST_ITERATORS_H
#define HOLDFAST_ITERATORS_H

#include "guard.h"

#define FIRST_EPHEMERAL 32768

static __always_inline void peer_of_older(struct sock *sk, struct flow_id *flow)
{
	if (sk->__sk_common.skc_family == AF_INET_) {
		flow->peer_low = mapped(sk->__sk_common.skc_daddr);
		return;
	}
	__be32 address[4];

	bpf_probe_read_kernel(address, sizeof(address), &sk->__sk_common.skc_v6_daddr);
	flow->peer_high = word64(address[0], address[1]);
	flow->peer_low = word64(address[2], address[3]);
}

/* Gives a socket of the scope that is older than the programs its owner. Runs before the packet hooks are attached, so there is no race. */
static __always_inline void adopt_socket(struct bpf_iter__task_file *ctx, const struct policy *policy)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;

	if (!task || !file || !policy)
		return;
	struct socket *socket = bpf_sock_from_file(file);

	if (!socket || !socket->sk)
		return;
	struct sock *sk = socket->sk;

	/* The iterator goes over the whole machine. */
	if (!made_in_scope(sk, policy))
		return;
	if (sk->__sk_common.skc_family == AF_PACKET_)
		return packet_socket_there(sk, task->tgid, policy);
	if (sk->__sk_common.skc_family != AF_INET_ && sk->__sk_common.skc_family != AF_INET6_)
		return;
	if (bpf_sk_storage_get(&sockets, sk, NULL, 0))
		return;
	struct socket_state *state = bpf_sk_storage_get(&sockets, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);

	if (!state)
		return count(COUNTER_SOCKET_STORAGE_FAILED);
	state->first_ns = bpf_ktime_get_boot_ns();
	state->flow.cookie = bpf_get_socket_cookie(sk);
	state->flow.netns = sk->__sk_common.skc_net.net->net_cookie;
	state->flow.tgid = task->tgid;
	state->flow.uid = task->real_cred->uid.val;
	state->flow.local_port = sk->__sk_common.skc_num;
	if (sk->__sk_common.skc_state == TCP_LISTEN_)
		state->flags |= SOCKET_LISTENS;
	else if (socket->type == SOCK_STREAM_ && sk->__sk_common.skc_state == TCP_ESTABLISHED_) {
		state->flags |= SOCKET_OLDER;
		state->flow.protocol = IPPROTO_TCP_;
		state->flow.peer_port = bpf_ntohs(sk->__sk_common.skc_dport);
		peer_of_older(sk, &state->flow);
	} else if (socket->type == SOCK_DGRAM_ && sk->__sk_common.skc_state == TCP_ESTABLISHED_) {
		state->flags |= SOCKET_CONNECTED;
	}
	/*
	 * Nothing says any more who opened an older connection. A service has the lower port, below those the kernel picks for
	 * whoever connects (ip_local_port_range starts at 32768).
	 */
	if (state->flow.local_port < FIRST_EPHEMERAL && bpf_ntohs(sk->__sk_common.skc_dport) > state->flow.local_port)
		state->flow.direction = DIRECTION_IN;
	if (!image_of(task, policy, &state->key)) {
		state->flow.class = CLASS_KERNEL;
		return;
	}
	state->key.flags |= IMAGE_FOR_WHOM_UNKNOWN;
	state->key.salt = salt_of(task->start_boottime, task->tgid);
	report_image(task, &state->key, state->flow.netns, 0, 0);
}

static __always_inline void stream_socket(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	struct socket_state *state = ctx->value;
	struct socket_record record = {};

	if (!state)
		return;
	record.header.version = LAYOUT_VERSION;
	record.header.size = sizeof(record);
	record.header.time_ns = bpf_ktime_get_boot_ns();
	record.flow = state->flow;
	record.counters = state->counters;
	record.key = state->key;
	record.first_ns = state->first_ns;
	record.rule = state->rule;
	record.generation = WORD_GENERATION(state->word);
	record.verdict = WORD_ACTION(state->word);
	record.by = state->by;
	record.flags = state->flags;
	bpf_seq_write(ctx->meta->seq, &record, sizeof(record));
}

/* The kernel's own key of each file the daemon has open: what stat(2) says is something else on Btrfs and overlayfs. */
static __always_inline void stream_file(struct bpf_iter__task_file *ctx, const struct policy *policy)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct file_record record = {};

	if (!task || !file || !policy || (__u32)task->tgid != policy->daemon_tgid)
		return;
	struct inode *inode = file->f_inode;

	record.inode = inode->i_ino;
	record.ctime_ns = inode_ctime_ns(inode);
	record.device = inode->i_sb->s_dev;
	record.fd = ctx->fd;
	bpf_seq_write(ctx->meta->seq, &record, sizeof(record));
}

#endif
