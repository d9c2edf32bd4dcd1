// SPDX-License-Identifier: GPL-2.0
/*
 * Every hook of the product. Start reading here: each asks who (process.h) and where (packet.h), lets judge() (flow.h) decide, and
 * turns the answer into what this hook's caller understands.
 *
 * Return values. connect, sendmsg, sock_create, setsockopt: 0 refuses (EPERM, or what bpf_set_retval says), 1 goes on.
 * cgroup_skb egress: 0 drops and the sender sees EPERM, 1 sends, 2 drops and the sender sees success (bpf_cgroup_run_prog, "cn").
 */
#include "iterators.h"

#include <linux/pkt_cls.h>

#define REFUSE 0
#define GO_ON 1
#define DROP_SILENTLY 2

#define ECONNREFUSED 111
#define SOL_TCP 6
#define TCP_SYNCNT 7
#define SYNCNT_LONGEST 127 /* net/ipv4/tcp.c MAX_TCP_SYNCNT: hours */

#define TICK_NS 10000000ull /* proc(5) gives the start of a process in hundredths of a second */

char LICENSE[] SEC("license") = "GPL";

/* ---- sockets: whose they are ---- */

static __always_inline void start_state(struct socket_state *state, const struct policy *policy, __u64 cookie, __u64 netns)
{
	state->flow.cookie = cookie;
	state->flow.netns = netns;
	state->first_ns = bpf_ktime_get_boot_ns();
	owner_is_current(state, policy);
	if (policy->daemon_tgid && policy->daemon_tgid == state->flow.tgid) {
		struct task_struct *task = bpf_get_current_task_btf();

		if (task->group_leader->start_boottime / TICK_NS == policy->daemon_start_ns / TICK_NS)
			state->flags |= SOCKET_OURS;
	}
}

/* The socket is the current task's. What was decided for another program counts no more. */
static __always_inline void own_again(struct socket_state *state, const struct policy *policy)
{
	__u32 class_before = state->flow.class;

	owner_is_current(state, policy);
	if (state->flow.class != class_before)
		state->word = 0;
}

/* A frame is its sender's, who is at work now; a queue below another device may have passed it on to somebody who is no program. */
static __always_inline void own_frame(struct __sk_buff *skb, struct socket_state *state, const struct policy *policy)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct nsproxy *spaces = task->nsproxy;

	if (!state->flow.cookie)
		start_state(state, policy, bpf_get_socket_cookie(skb), spaces ? spaces->net_ns->net_cookie : 0);
	else if (task->mm)
		own_again(state, policy);
}

SEC("cgroup/sock_create")
int on_sock_create(struct bpf_sock *ctx)
{
	const struct policy *policy = the_policy();
	struct socket_state *state = bpf_sk_storage_get(&sockets, ctx, NULL, BPF_SK_STORAGE_GET_F_CREATE);

	if (!state || !policy) {
		/* A socket without state would look like the kernel's own: better no socket. */
		count(COUNTER_SOCKET_STORAGE_FAILED);
		return REFUSE;
	}
	start_state(state, policy, bpf_get_socket_cookie(ctx), bpf_get_netns_cookie(ctx));
	return GO_ON;
}

SEC("cgroup/sock_release")
int on_sock_release(struct bpf_sock *ctx)
{
	struct socket_state *state = bpf_sk_storage_get(&sockets, ctx, NULL, 0);

	if (!state || !(state->flags & SOCKET_REPORTED))
		return GO_ON;
	struct once_key key = {
		.cookie = state->flow.cookie,
		.peer_high = state->flow.peer_high,
		.peer_low = state->flow.peer_low,
		.peer_port = state->flow.peer_port,
		.protocol = state->flow.protocol,
		.direction = state->flow.direction,
	};
	bpf_map_delete_elem(&once, &key);

	struct flow_end_event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event) {
		count(COUNTER_EVENTS_LOST);
		return GO_ON;
	}
	event->header.kind = EVENT_FLOW_END;
	event->header.version = LAYOUT_VERSION;
	event->header.size = sizeof(*event);
	event->header.time_ns = bpf_ktime_get_boot_ns();
	event->flow = state->flow;
	event->key = state->key;
	event->counters = state->counters;
	event->first_ns = state->first_ns;
	bpf_ringbuf_submit(event, unhurried(event->header.time_ns));
	return GO_ON;
}

/* ---- TCP: judged at connect, before there is a packet ---- */

static __always_inline int connecting(struct bpf_sock_addr *ctx, __u64 peer_high, __u64 peer_low)
{
	const struct policy *policy = the_policy();

	if (!ctx->sk || !policy)
		return REFUSE;
	struct socket_state *state = bpf_sk_storage_get(&sockets, ctx->sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);

	if (!state) {
		count(COUNTER_SOCKET_STORAGE_FAILED);
		return REFUSE;
	}
	__u32 class_before = state->flow.class;

	/* Connected belongs to who connected it. A datagram socket's connect() sends nothing, and is judged at its first datagram. */
	start_state(state, policy, bpf_get_socket_cookie(ctx), bpf_get_netns_cookie(ctx));
	if (state->flags & SOCKET_OURS)
		return GO_ON;
	if (ctx->type != SOCK_STREAM_) {
		state->flags |= state->flags & SOCKET_CONNECTED ? SOCKET_RECONNECTED : SOCKET_CONNECTED;
		if (state->flow.class != class_before)
			state->word = 0;
		return GO_ON;
	}

	state->flow.peer_high = peer_high;
	state->flow.peer_low = peer_low;
	state->flow.peer_port = bpf_ntohs(ctx->user_port);
	state->flow.protocol = ctx->protocol;
	state->flow.direction = DIRECTION_OUT;
	state->flow.sent_to = 0;
	state->flow.own = is_own(&state->flow);
	state->flags &= ~(SOCKET_LISTENS | SOCKET_ACCEPTED | SOCKET_OLDER | SOCKET_UNDECIDED);
	state->word = 0;

	struct flow_id flow = state->flow;
	int action = judge(state, &flow, 0, 0);

	if (action == ACTION_ALLOW)
		return GO_ON;
	if (action == ACTION_DENY) {
		count(COUNTER_REFUSED);
		bpf_set_retval(-ECONNREFUSED);
		return REFUSE;
	}
	/* Held: the handshake starts and its packets are kept back (on_egress). The kernel must not give up before the person does. */
	int mine = 0;
	int longest = SYNCNT_LONGEST;

	if (state->flags & SOCKET_RETRIES)
		return GO_ON; /* raised for an earlier hold on this socket, and not given back */
	if (bpf_getsockopt(ctx, SOL_TCP, TCP_SYNCNT, &mine, sizeof(mine)) == 0 &&
	    bpf_setsockopt(ctx, SOL_TCP, TCP_SYNCNT, &longest, sizeof(longest)) == 0) {
		state->retries = mine;
		state->flags |= SOCKET_RETRIES;
	} else {
		count(COUNTER_SYNCNT_FAILED);
	}
	return GO_ON;
}

SEC("cgroup/connect4")
int on_connect4(struct bpf_sock_addr *ctx)
{
	return connecting(ctx, 0, mapped(ctx->user_ip4));
}

SEC("cgroup/connect6")
int on_connect6(struct bpf_sock_addr *ctx)
{
	return connecting(ctx, word64(ctx->user_ip6[0], ctx->user_ip6[1]), word64(ctx->user_ip6[2], ctx->user_ip6[3]));
}

/* ---- UDP to an explicit address: judged before the datagram is built. Since Linux 4.18 (1cedee13d25a) ---- */

static __always_inline int sending(struct bpf_sock_addr *ctx, int six)
{
	const struct policy *policy = the_policy();

	if (!ctx->sk || !policy)
		return REFUSE;
	struct socket_state *state = bpf_sk_storage_get(&sockets, ctx->sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);

	if (!state) {
		count(COUNTER_SOCKET_STORAGE_FAILED);
		return REFUSE;
	}
	if (state->flags & SOCKET_OURS)
		return GO_ON;
	state->flags |= SOCKET_EXPLICIT;

	/* Whoever sends is who talks: a socket may be handed over, and its process may have become another program. */
	if (!state->flow.cookie)
		start_state(state, policy, bpf_get_socket_cookie(ctx), bpf_get_netns_cookie(ctx));
	own_again(state, policy);
	struct flow_id flow = state->flow;

	flow.peer_high = six ? word64(ctx->user_ip6[0], ctx->user_ip6[1]) : 0;
	flow.peer_low = six ? word64(ctx->user_ip6[2], ctx->user_ip6[3]) : mapped(ctx->user_ip4);
	flow.peer_port = bpf_ntohs(ctx->user_port);
	flow.protocol = ctx->protocol;
	flow.direction = DIRECTION_OUT;
	flow.sent_to = 0;
	flow.own = is_own(&flow);
	int action = judge(state, &flow, bpf_ktime_get_coarse_ns(), 0);

	state->explicit_hash = peer_hash(policy, &flow);
	state->explicit_action = action;
	if (action == ACTION_DENY) {
		count(COUNTER_REFUSED);
		return REFUSE;
	}
	return GO_ON;
}

SEC("cgroup/sendmsg4")
int on_sendmsg4(struct bpf_sock_addr *ctx)
{
	return sending(ctx, 0);
}

SEC("cgroup/sendmsg6")
int on_sendmsg6(struct bpf_sock_addr *ctx)
{
	return sending(ctx, 1);
}

/* ---- who listens: recorded, never judged ---- */

static __always_inline int bound(struct bpf_sock *ctx)
{
	struct socket_state *state = bpf_sk_storage_get(&sockets, ctx, NULL, 0);

	if (!state)
		return GO_ON;
	state->flow.local_port = ctx->src_port;
	if (ctx->src_port == 0)
		return GO_ON;
	struct listen_event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event) {
		count(COUNTER_EVENTS_LOST);
		return GO_ON;
	}
	event->header.kind = EVENT_LISTEN;
	event->header.version = LAYOUT_VERSION;
	event->header.size = sizeof(*event);
	event->header.time_ns = bpf_ktime_get_boot_ns();
	event->flow = state->flow;
	event->flow.protocol = ctx->protocol;
	bpf_ringbuf_submit(event, unhurried(event->header.time_ns));
	return GO_ON;
}

SEC("cgroup/post_bind4")
int on_post_bind4(struct bpf_sock *ctx)
{
	return bound(ctx);
}

SEC("cgroup/post_bind6")
int on_post_bind6(struct bpf_sock *ctx)
{
	return bound(ctx);
}

/* ---- options that talk, or that would send past every other hook ---- */

#define SOL_IP_ 0
#define SOL_IPV6_ 41
#define SOL_PACKET_ 263
#define SOL_XDP_ 283
#define PACKET_QDISC_BYPASS_ 20
#define IP_ADD_MEMBERSHIP_ 35
#define IP_ADD_SOURCE_MEMBERSHIP_ 39
#define IP_MSFILTER_ 41
#define IPV6_JOIN_GROUP_ 20
#define IPV6_JOIN_ANYCAST_ 27
#define MCAST_JOIN_GROUP_ 42
#define MCAST_JOIN_SOURCE_GROUP_ 46
#define MCAST_MSFILTER_ 48
#define SOCKADDR_OFFSET 8 /* of the group in struct group_req, group_source_req and group_filter */
#define OPTION_PAGE 4096  /* longer options are cut to a page for us, and fail unless we give them back whole */

/* Reads `length` bytes of the option's value at `offset`; -1 when it is shorter. */
static __always_inline int option_bytes(struct bpf_sockopt *ctx, __u32 offset, void *to, const __u32 length)
{
	void *value = ctx->optval;

	if (value + offset + length > ctx->optval_end)
		return -1;
	__builtin_memcpy(to, value + offset, length);
	return 0;
}

/* The group a socket is about to join: the kernel itself will then talk to it, past every packet hook. 0: no such option. */
static __always_inline int group_joined(struct bpf_sockopt *ctx, struct flow_id *flow)
{
	__be32 address[4] = {};
	__u16 family = 0;

	if (ctx->level == SOL_IP_ &&
	    (ctx->optname == IP_ADD_MEMBERSHIP_ || ctx->optname == IP_ADD_SOURCE_MEMBERSHIP_ || ctx->optname == IP_MSFILTER_)) {
		if (option_bytes(ctx, 0, address, 4))
			return 0;
		family = AF_INET_;
	} else if (ctx->level == SOL_IPV6_ && (ctx->optname == IPV6_JOIN_GROUP_ || ctx->optname == IPV6_JOIN_ANYCAST_)) {
		if (option_bytes(ctx, 0, address, 16))
			return 0;
		family = AF_INET6_;
	} else if ((ctx->level == SOL_IP_ || ctx->level == SOL_IPV6_) &&
		   (ctx->optname == MCAST_JOIN_GROUP_ || ctx->optname == MCAST_JOIN_SOURCE_GROUP_ || ctx->optname == MCAST_MSFILTER_)) {
		if (option_bytes(ctx, SOCKADDR_OFFSET, &family, 2))
			return 0;
		if (family == AF_INET_ ? option_bytes(ctx, SOCKADDR_OFFSET + 4, address, 4) :
					 option_bytes(ctx, SOCKADDR_OFFSET + 8, address, 16))
			return 0;
	} else {
		return 0;
	}
	if (family == AF_INET_) {
		flow->peer_high = 0;
		flow->peer_low = mapped(address[0]);
		flow->protocol = IPPROTO_IGMP_;
	} else {
		flow->peer_high = word64(address[0], address[1]);
		flow->peer_low = word64(address[2], address[3]);
		flow->protocol = IPPROTO_ICMPV6_;
	}
	return 1;
}

SEC("cgroup/setsockopt")
int on_setsockopt(struct bpf_sockopt *ctx)
{
	const struct policy *policy = the_policy();
	int bypass = (ctx->level == SOL_PACKET_ && ctx->optname == PACKET_QDISC_BYPASS_) || ctx->level == SOL_XDP_;
	struct flow_id group = {};
	int joins = bypass ? 0 : group_joined(ctx, &group);

	if (ctx->optlen > OPTION_PAGE)
		ctx->optlen = 0;
	if (!bypass && !joins)
		return GO_ON;
	if (!policy || !ctx->sk)
		return REFUSE;
	struct socket_state *state = bpf_sk_storage_get(&sockets, ctx->sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);

	if (!state) {
		count(COUNTER_SOCKET_STORAGE_FAILED);
		return REFUSE;
	}
	if (state->flags & SOCKET_OURS)
		return GO_ON;
	own_again(state, policy);

	struct flow_id flow = state->flow;

	flow.peer_high = group.peer_high;
	flow.peer_low = group.peer_low;
	flow.protocol = group.protocol;
	flow.peer_port = 0;
	flow.direction = DIRECTION_OUT;
	flow.own = 0;
	flow.sent_to = 0;
	/* An option cannot be held: what nobody has decided is refused and asked about, and the next try meets the answer. */
	int action = judge(state, &flow, bpf_ktime_get_ns(), bypass ? UNREAD_ALL : 0);

	if (action == ACTION_ALLOW)
		return GO_ON;
	if (action == ACTION_IDENTIFY)
		count(COUNTER_UNKNOWN_HELD);
	count(COUNTER_REFUSED);
	return REFUSE;
}

/* ---- every IP packet of a socket ---- */

/* What bpf_get_netns_cookie() says, which Linux 6.1 does not let programs of cgroup_skb ask. */
static __always_inline __u64 netns_of(struct bpf_sock *sk)
{
	struct sock *address = NULL;

	/* The verifier lets nobody calculate with a socket; read from memory, its address is a number. */
	bpf_probe_read_kernel(&address, sizeof(address), &sk);
	return BPF_CORE_READ(address, __sk_common.skc_net.net, net_cookie);
}

/* Without a state: neighbour discovery, resets for closed ports, ACKs of TIME_WAIT come from control sockets. */
static __always_inline int is_kernels(const struct bpf_sock *sk)
{
	return sk->type == SOCK_RAW_;
}

/*
 * The state of a packet's socket, or NULL when the packet is the kernel's own business (is_kernels) or cannot be kept track of. Sockets of programs have had state since they were made, or since the iterator went over the older ones; what has none is the kernel's.
 */
static __always_inline struct socket_state *state_of(struct __sk_buff *skb, struct bpf_sock *sk)
{
	struct socket_state *state = bpf_sk_storage_get(&sockets, sk, NULL, 0);

	if (state)
		return state;
	if (is_kernels(sk))
		return NULL;
	count(COUNTER_NO_STORAGE);
	state = bpf_sk_storage_get(&sockets, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (!state)
		return NULL;
	state->flow.class = CLASS_KERNEL;
	state->flow.cookie = bpf_get_socket_cookie(skb);
	state->flow.netns = netns_of(sk);
	state->first_ns = bpf_ktime_get_boot_ns();
	return state;
}

/* A clone of a listener's state on a socket that does not listen: an accepted connection, its listener's. */
static __always_inline void settle_accepted(struct __sk_buff *skb, struct bpf_sock *sk, struct socket_state *state)
{
	if (sk->state == TCP_LISTEN_) {
		state->flags |= SOCKET_LISTENS;
		return;
	}
	if (!(state->flags & SOCKET_LISTENS))
		return;
	state->flags = SOCKET_ACCEPTED;
	state->flow.cookie = bpf_get_socket_cookie(skb);
	state->flow.direction = DIRECTION_IN;
	state->word = 0;
	state->first_ns = bpf_ktime_get_boot_ns();
	__builtin_memset(&state->counters, 0, sizeof(state->counters));
}

static __always_inline void peer_of_socket(const struct bpf_sock *sk, struct flow_id *flow)
{
	if (sk->family == AF_INET_) {
		flow->peer_high = 0;
		flow->peer_low = mapped(sk->dst_ip4);
	} else {
		flow->peer_high = word64(sk->dst_ip6[0], sk->dst_ip6[1]);
		flow->peer_low = word64(sk->dst_ip6[2], sk->dst_ip6[3]);
	}
	flow->peer_port = bpf_ntohs(sk->dst_port);
	flow->local_port = sk->src_port;
}

static __always_inline void let_through(const struct __sk_buff *skb, struct socket_state *state, int direction, __u64 now)
{
	if (direction == DIRECTION_OUT) {
		__sync_fetch_and_add(&state->counters.packets_out, 1);
		__sync_fetch_and_add(&state->counters.bytes_out, skb->len);
	} else {
		__sync_fetch_and_add(&state->counters.packets_in, 1);
		__sync_fetch_and_add(&state->counters.bytes_in, skb->len);
	}
	if (now)
		state->word_ns = now;
}

static __always_inline __u8 sent_to(const struct __sk_buff *skb)
{
	return skb->pkt_type == PACKET_MULTICAST_ ? 1 : skb->pkt_type == PACKET_BROADCAST_ ? 2 : 0;
}

/* Read where it stands: the verifier lets no pointer into a socket be computed. */
#define SOCK(sk, field) (*(const volatile __u32 *)&(sk)->field)

/* A TCP connection: it has one peer. (An SCTP association is a stream too, and has several.) */
static __always_inline int is_connection(const struct bpf_sock *sk)
{
	return SOCK(sk, type) == SOCK_STREAM_ && SOCK(sk, protocol) == IPPROTO_TCP_ && SOCK(sk, state) != TCP_LISTEN_;
}

/* A datagram socket that has had one peer only, from connect(). */
static __always_inline int is_connected(const struct bpf_sock *sk, const struct socket_state *state)
{
	return SOCK(sk, type) == SOCK_DGRAM_ && SOCK(sk, state) == TCP_ESTABLISHED_ &&
	       !(state->flags & (SOCKET_EXPLICIT | SOCKET_RECONNECTED));
}

/* Whether a socket's peer is in the socket, so that its packets need not be read. */
static __always_inline int has_one_peer(const struct bpf_sock *sk, const struct socket_state *state)
{
	return is_connection(sk) || (SOCK(sk, protocol) == IPPROTO_UDP_ && is_connected(sk, state));
}

/*
 * Whether nothing stands between a packet's IP header and its transport's: then the packet goes where its socket says. Options and
 * extension headers may name another place to go first.
 */
static __always_inline int is_plain(struct __sk_buff *skb, const struct bpf_sock *sk)
{
	const __u8 *start = (void *)(long)skb->data;

	/* Where it does not lie in one piece, its headers are read. */
	if (start + 8 > (const __u8 *)(long)skb->data_end)
		return 0;
	return start[0] == 0x45 || (start[0] >> 4 == 6 && start[6] == sk->protocol);
}

/*
 * Most packets: their socket has one peer, and the verdict it remembers is in force and allows. judge() would find just that; here no flow is
 * filled in for it. `flow` is none either: the compiler keeps what the hash takes of it in registers. What names have to do with is left to the
 * hooks. Not part of them, for their stack's sake.
 */
static __noinline int goes_on(struct __sk_buff *skb, const struct bpf_sock *sk, struct socket_state *state, int direction)
{
	const struct policy *policy = the_policy();
	verdict_word word = *(const volatile verdict_word *)&state->word;
	struct flow_id flow;
	__u64 now = 0;

	if (!policy || WORD_ACTION(word) != ACTION_ALLOW || WORD_GENERATION(word) == 0 ||
	    WORD_GENERATION(word) != generation_in_force(policy) || !has_one_peer(sk, state))
		return 0;
	if (!is_connection(sk)) {
		now = bpf_ktime_get_coarse_ns();
		if (is_names_port(bpf_ntohs(sk->dst_port)) || sent_to(skb))
			return 0;
	}
	if (direction == DIRECTION_OUT && !is_plain(skb, sk))
		return 0;
	peer_of_socket(sk, &flow);
	flow.protocol = sk->protocol;
	flow.sent_to = 0;
	flow.own = skb->ifindex == LOOPBACK_IFINDEX;
	if (!is_remembered(state, policy, peer_hash(policy, &flow), word, now) || is_silent(now, state->word_ns))
		return 0;
	let_through(skb, state, direction, now);
	return 1;
}

/*
 * Whether address translation turned a datagram that nobody has allowed into one to an allowed place: what the sender asked for is not
 * decided. (Between two threads on one socket the last word counts.)
 */
static __always_inline int translated(const struct socket_state *state, const struct flow_id *flow)
{
	const struct policy *policy = the_policy();

	if (!(state->flags & SOCKET_EXPLICIT) || flow->direction != DIRECTION_OUT || !policy || state->explicit_action == ACTION_ALLOW)
		return 0;
	return peer_hash(policy, flow) != state->explicit_hash;
}

/* A packet that may go anywhere first has no peer that says where it goes. */
static __always_inline void hide_peer(struct flow_id *flow)
{
	flow->peer_high = 0;
	flow->peer_low = 0;
	flow->peer_port = 0;
	flow->protocol = 0;
}

/* A raw or ping socket sends at once, in its sender's name; where the process has become another program meanwhile, that one's. */
static __noinline void own_raw(const struct bpf_sock *sk, struct socket_state *state, struct flow_id *flow)
{
	const struct policy *policy = the_policy();
	struct task_struct *task = bpf_get_current_task_btf();

	if (!policy || (sk->type == SOCK_DGRAM_ && sk->protocol == IPPROTO_UDP_) || (__u32)task->tgid != state->flow.tgid)
		return;
	own_again(state, policy);
	flow->class = state->flow.class;
	flow->uid = state->flow.uid;
}

SEC("cgroup_skb/egress")
int on_egress(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;
	struct flow_id flow;
	__u64 now = 0;
	__u32 unread = 0;

	if (!sk)
		return GO_ON;
	sk = bpf_sk_fullsock(sk);
	if (!sk)
		return GO_ON;
	struct socket_state *state = state_of(skb, sk);

	if (!state)
		return is_kernels(sk) ? GO_ON : REFUSE;
	if (state->flags & SOCKET_OURS)
		return GO_ON;
	settle_accepted(skb, sk, state);
	if (goes_on(skb, sk, state, DIRECTION_OUT))
		return GO_ON;
	flow = state->flow;
	flow.sent_to = 0;
	flow.own = skb->ifindex == LOOPBACK_IFINDEX;

	if (!is_connection(sk))
		now = bpf_ktime_get_coarse_ns();
	if (has_one_peer(sk, state) && is_plain(skb, sk)) {
		/* The one the program asked for; address translation may have changed the packet's. */
		peer_of_socket(sk, &flow);
		flow.protocol = sk->protocol;
		if (now)
			flow.direction = DIRECTION_OUT;
	} else {
		int read = read_peer(skb, &flow, 1);

		if (read < 0) {
			count(COUNTER_PACKET_UNREADABLE);
			return REFUSE;
		}
		unread = read;
		if (sk->type == SOCK_RAW_)
			state->flags |= SOCKET_RAW;
		if (sk->type != SOCK_STREAM_)
			own_raw(sk, state, &flow);
		if (unread == UNREAD_ALL)
			hide_peer(&flow);
		else if (is_connection(sk) || is_connected(sk, state))
			peer_of_socket(sk, &flow);
		if (!is_connection(sk))
			flow.direction = DIRECTION_OUT;
		if (sk->state == TCP_LISTEN_) {
			flow.direction = DIRECTION_IN;
			flow.peer_port = 0;
		}
	}

	int action = judge(state, &flow, now, unread);

	if (action == ACTION_ALLOW && sk->type == SOCK_DGRAM_ && sk->state != TCP_ESTABLISHED_ && translated(state, &flow))
		action = ACTION_ASK;
	if (action == ACTION_ALLOW && sk->type == SOCK_DGRAM_ && sk->state == TCP_ESTABLISHED_ && state->flags & SOCKET_RECONNECTED) {
		/* Where it goes, and where the program wants it to go: both must be allowed. */
		peer_of_socket(sk, &flow);
		action = judge(state, &flow, now, unread);
	}
	if (action != ACTION_DENY && asks_names(&flow))
		note_question(skb, &flow); /* held, it may be sent later */
	if (action == ACTION_ALLOW) {
		let_through(skb, state, DIRECTION_OUT, now);
		return GO_ON;
	}
	if (action == ACTION_DENY) {
		__sync_fetch_and_add(&state->counters.packets_refused, 1);
		count(COUNTER_REFUSED);
		return REFUSE;
	}
	__sync_fetch_and_add(&state->counters.packets_held, 1);
	if (action == ACTION_IDENTIFY)
		count(COUNTER_UNKNOWN_HELD);
	if (flow.direction == DIRECTION_OUT && !unread && (now || sk->state == TCP_SYN_SENT_)) {
		state->flow = flow;
		copy_held(skb, state, &flow, action);
	}
	/* A stream keeps its packet and tries again by itself; a datagram's sender is told it went well. */
	return sk->type == SOCK_DGRAM_ || sk->type == SOCK_RAW_ ? DROP_SILENTLY : REFUSE;
}

SEC("cgroup_skb/ingress")
int on_ingress(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;
	struct flow_id flow;
	__u64 now = 0;

	if (!sk)
		return GO_ON;
	sk = bpf_sk_fullsock(sk);
	if (!sk)
		return GO_ON;
	struct socket_state *state = state_of(skb, sk);

	if (!state)
		return is_kernels(sk) ? GO_ON : REFUSE;
	if (state->flags & SOCKET_OURS)
		return GO_ON;
	settle_accepted(skb, sk, state);
	if (goes_on(skb, sk, state, DIRECTION_IN))
		return GO_ON;
	flow = state->flow;
	flow.sent_to = 0;
	flow.own = skb->ifindex == LOOPBACK_IFINDEX;

	if (!is_connection(sk))
		now = bpf_ktime_get_coarse_ns();
	if (has_one_peer(sk, state)) {
		/* What ends a connection may come in: it is how a refusal reaches the program (and it tells the peer nothing). */
		if (sk->state == TCP_SYN_SENT_ && is_reset(skb))
			return GO_ON;
		peer_of_socket(sk, &flow);
		flow.protocol = sk->protocol;
		if (now) {
			flow.direction = DIRECTION_IN;
			flow.sent_to = sent_to(skb);
		}
	} else {
		if (read_peer(skb, &flow, 0) < 0) {
			count(COUNTER_PACKET_UNREADABLE);
			return REFUSE;
		}
		if (sk->state == TCP_LISTEN_)
			flow.peer_port = 0;
		flow.direction = DIRECTION_IN;
		flow.sent_to = sent_to(skb);
	}

	int action = judge(state, &flow, now, 0);

	if (action != ACTION_ALLOW) {
		if (action == ACTION_DENY)
			__sync_fetch_and_add(&state->counters.packets_refused, 1);
		else
			__sync_fetch_and_add(&state->counters.packets_held, 1);
		if (action == ACTION_IDENTIFY)
			count(COUNTER_UNKNOWN_HELD);
		return REFUSE;
	}
	if (now && tells_names(&flow)) {
		int told = learn_answer(skb, &flow);

		if (told)
			copy_answer(skb, &flow, told >> 1);
	}
	let_through(skb, state, DIRECTION_IN, now);
	return GO_ON;
}

/* ---- packet sockets: whoever opens one waits for the filters below; these judge its frames on every device of the namespace ---- */

SEC("tp_btf/timer_init")
int BPF_PROG(on_packet_socket, struct timer_list *timer)
{
	const struct policy *policy = the_policy();
	__u64 netns;

	if (!packet_socket_of(timer, &netns))
		return 0;
	count(COUNTER_PACKET_SOCKETS);
	if (policy && current_in_scope(policy))
		packet_socket_opened(netns, policy);
	return 0;
}

/* TC_ACT_UNSPEC: whatever other filters say. TC_ACT_SHOT: the sender sees ENOBUFS. TC_ACT_STOLEN: dropped, and the sender sees success. */
static __always_inline int frame(struct __sk_buff *skb, int ethernet)
{
	const struct policy *policy = the_policy();
	struct bpf_sock *sk = skb->sk;
	__u32 unread = UNREAD_ALL;

	if (!sk || sk->family != AF_PACKET_)
		return TC_ACT_UNSPEC;
	sk = bpf_sk_fullsock(sk);
	if (!sk || !policy)
		return TC_ACT_SHOT;
	if (policy->scope_level != 0 && bpf_skb_ancestor_cgroup_id(skb, policy->scope_level) != policy->scope_cgroup)
		return TC_ACT_UNSPEC;
	struct socket_state *state = bpf_sk_storage_get(&sockets, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);

	if (!state) {
		count(COUNTER_SOCKET_STORAGE_FAILED);
		return TC_ACT_SHOT;
	}
	own_frame(skb, state, policy);
	if (state->flags & SOCKET_OURS)
		return TC_ACT_UNSPEC;

	struct flow_id flow = state->flow;

	hide_peer(&flow);
	flow.local_port = 0;
	if (ethernet)
		unread = read_frame(skb, &flow);
	flow.direction = DIRECTION_OUT;
	flow.own = 0;
	flow.sent_to = 0;

	__u64 now = bpf_ktime_get_coarse_ns();
	int action = judge(state, &flow, now, unread);

	if (action == ACTION_ALLOW) {
		__sync_fetch_and_add(&state->counters.packets_out, 1);
		__sync_fetch_and_add(&state->counters.bytes_out, skb->len);
		state->word_ns = now;
		return TC_ACT_UNSPEC;
	}
	if (action == ACTION_DENY) {
		__sync_fetch_and_add(&state->counters.packets_refused, 1);
		count(COUNTER_REFUSED);
		return TC_ACT_SHOT;
	}
	/* Not copied: no socket of ours could send it as it was. The program's own retry meets the answer. */
	__sync_fetch_and_add(&state->counters.packets_held, 1);
	if (action == ACTION_IDENTIFY)
		count(COUNTER_UNKNOWN_HELD);
	state->flow = flow;
	return TC_ACT_STOLEN;
}

SEC("tc")
int on_ethernet_frame(struct __sk_buff *skb)
{
	return frame(skb, 1);
}

/* Of a device without Ethernet headers: where they begin is not certain, so its frames are not read. */
SEC("tc")
int on_other_frame(struct __sk_buff *skb)
{
	return frame(skb, 0);
}

/* ---- a released connection gets its own patience back, counted from the release ---- */

SEC("sockops")
int on_sockops(struct bpf_sock_ops *ctx)
{
	if (ctx->op != BPF_SOCK_OPS_TCP_CONNECT_CB && ctx->op != BPF_SOCK_OPS_RTO_CB)
		return 1;
	if (!ctx->sk)
		return 1;
	struct socket_state *state = bpf_sk_storage_get(&sockets, ctx->sk, NULL, 0);

	if (!state || !(state->flags & SOCKET_RETRIES))
		return 1;
	if (ctx->op == BPF_SOCK_OPS_TCP_CONNECT_CB) {
		bpf_sock_ops_cb_flags_set(ctx, ctx->bpf_sock_ops_cb_flags | BPF_SOCK_OPS_RTO_CB_FLAG);
		return 1;
	}
	if (WORD_ACTION(state->word) != ACTION_ALLOW)
		return 1;
	__u32 done = ctx->args[0];		    /* retransmissions so far (tcp_timer.c) */
	int retries = done + (state->retries ?: 6); /* 6: tcp_syn_retries' default */

	if (retries > SYNCNT_LONGEST)
		retries = SYNCNT_LONGEST;
	if (bpf_setsockopt(ctx, SOL_TCP, TCP_SYNCNT, &retries, sizeof(retries)))
		count(COUNTER_SYNCNT_FAILED);
	state->flags &= ~SOCKET_RETRIES;
	bpf_sock_ops_cb_flags_set(ctx, ctx->bpf_sock_ops_cb_flags & ~BPF_SOCK_OPS_RTO_CB_FLAG);
	return 1;
}

/* ---- processes ---- */

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task)
{
	const struct policy *policy = the_policy();

	if (policy && current_in_scope(policy))
		process_executed(task, policy);
	return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
	process_forked(parent, child);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
	process_exited(task);
	return 0;
}

/* ---- what is there already ---- */

SEC("iter/task_file")
int adopt_sockets(struct bpf_iter__task_file *ctx)
{
	adopt_socket(ctx, the_policy());
	return 0;
}

SEC("iter/bpf_sk_storage_map")
int live_sockets(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	stream_socket(ctx);
	return 0;
}

SEC("iter/task_file")
int open_files(struct bpf_iter__task_file *ctx)
{
	stream_file(ctx, the_policy());
	return 0;
}

/* ---- the decision alone: what the daemon asks before it releases, and what the tests compare with evaluate.ts ---- */

SEC("syscall")
int decide_once(struct decide_call *call)
{
	const struct policy *policy = the_policy();
	struct conn conn = call->conn;
	struct decision decision = {};

	if (!policy)
		return -1;
	__u32 half_index = policy->generation & 1;

	if (call->netns)
		gather(&conn, call->netns, call->tgid);
	decide_in(half_index, &policy->halves[half_index], &conn, &decision);
	call->decision = decision;
	return 0;
}

/*
 * An answer read alone, for test/names-fuzz.kernel.test.ts, which runs it by BPF_PROG_RUN; attached and pinned nowhere. In cb: the namespace, the
 * asker, and the peer's port, where 0 stands for a name server that was asked just this.
 */
SEC("cgroup_skb/ingress")
int read_answer(struct __sk_buff *skb)
{
	struct flow_id flow = { .netns = skb->cb[0], .tgid = skb->cb[1], .peer_port = skb->cb[2] };

	return learn_answer(skb, &flow) & 1;
}
