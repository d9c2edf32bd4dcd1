/* SPDX-License-Identifier: GPL-2.0 */
/* A flow's verdict: decide, remember, answer, report. The order stands in judge(), below, and nowhere else. */
#ifndef HOLDFAST_FLOW_H
#define HOLDFAST_FLOW_H

#include "process.h"
#include "names.h"

#define SOCK_STREAM_ 1
#define AF_INET_ 2
#define AF_INET6_ 10
#define TCP_ESTABLISHED_ 1 /* include/net/tcp_states.h */
#define TCP_SYN_SENT_ 2
#define TCP_LISTEN_ 10

#define TAG_SHIFT 36
#define TAG_MASK 0xfffffffull
#define WORD_DIRECTION(word) (((word) >> 35) & 1)
#define WORD_ACTION(word) (((word) >> 32) & 7)
#define WORD_GENERATION(word) ((__u32)(word))

/* Hash of a peer: keyed, so that nobody can make a denied peer look like an allowed one. */
static __always_inline __u64 peer_hash(const struct policy *policy, const struct flow_id *flow)
{
	__u64 secret = policy->hash_secret[0];
	__u64 hash = hash_step(policy->hash_secret[1], flow->peer_high, secret);

	hash = hash_step(hash, flow->peer_low, secret);
	return hash_step(hash, (__u64)flow->peer_port << 32 | flow->protocol << 16 | flow->sent_to << 8 | flow->own, secret);
}

/* What of it stands in a word. Never 0, so an empty word has no owner. */
static __always_inline __u64 tag_of(__u64 hash)
{
	return (hash >> 20 & TAG_MASK) ?: 1;
}

/* Ties a word to the whole hash: two peers with one tag can be found by trying, and two threads may write at once. */
static __always_inline __u64 word_check(const struct policy *policy, __u64 hash, verdict_word word)
{
	return hash_step(hash, word, policy->hash_secret[0]);
}

static __always_inline verdict_word make_word(__u64 tag, __u8 direction, __u8 action, __u32 generation)
{
	return tag << TAG_SHIFT | (__u64)(direction & 1) << 35 | (__u64)(action & 7) << 32 | generation;
}

static __always_inline struct peer_key peer_key_of(const struct flow_id *flow)
{
	return (struct peer_key){
		.cookie = flow->cookie,
		.peer_high = flow->peer_high,
		.peer_low = flow->peer_low,
		.peer_port = flow->peer_port | (__u32)flow->own << 16 | (__u32)flow->sent_to << 24,
		.protocol = flow->protocol,
	};
}

/* Finds out whether an address is one of the namespace's own. Packets know better: those that leave by the loopback device. */
static __always_inline __u8 is_own(const struct flow_id *flow)
{
	struct own_key key = { .netns = flow->netns, .address_high = flow->peer_high, .address_low = flow->peer_low };

	if (is_v4(flow->peer_high, flow->peer_low) && ((flow->peer_low >> 24 & 255) == 127 || (__u32)flow->peer_low == 0))
		return 1;
	if (flow->peer_high == 0 && flow->peer_low <= 1)
		return 1;
	return bpf_map_lookup_elem(&own_addresses, &key) != NULL;
}

static __always_inline int daemon_away(const struct policy *policy)
{
	__u64 now = bpf_ktime_get_boot_ns();
	__u64 heartbeat = *(volatile const __u64 *)&policy->heartbeat_ns;

	return now > heartbeat && now - heartbeat > AWAY_AFTER_NS;
}

/*
 * What stands in for "ask": an answer for this flow alone, or nobody there to be asked, which is nothing to a flow that is running. Not part
 * of judge(), for its stack's sake.
 */
__noinline int stand_in(const struct half *half, const struct flow_id *flow, struct decision *decision)
{
	const struct policy *policy = the_policy();

	if (!half || !flow || !decision || !policy)
		return 0;
	struct once_key key = {
		.cookie = flow->cookie,
		.peer_high = flow->peer_high,
		.peer_low = flow->peer_low,
		.peer_port = flow->peer_port,
		.protocol = flow->protocol,
		.direction = flow->direction,
	};
	__u32 *answer = bpf_map_lookup_elem(&once, &key);

	if (answer && decision->action == ACTION_ASK) {
		decision->action = *answer == ACTION_ALLOW ? ACTION_ALLOW : ACTION_DENY;
		decision->by = BY_ONCE;
	} else if (!decision->running && daemon_away(policy)) {
		int unknown = decision->action == ACTION_IDENTIFY;

		decision->action = (unknown ? half->when_unknown : half->when_away) == ACTION_ALLOW ? ACTION_ALLOW : ACTION_DENY;
		decision->by = unknown ? BY_UNKNOWN : BY_AWAY;
		count(COUNTER_AWAY);
	}
	return 0;
}

/* The rules' decision, or what stands in for it. `running`: the flow was allowed before. */
static __always_inline void decide(const struct policy *policy, __u32 generation, const struct flow_id *flow, __u32 unread, int running,
				   struct decision *decision)
{
	struct conn conn = {
		.peer_high = flow->peer_high,
		.peer_low = flow->peer_low,
		.class = flow->class,
		.uid = flow->uid,
		.rule_port = flow->direction == DIRECTION_OUT ? flow->peer_port : flow->local_port,
		.protocol = flow->protocol,
		.direction = flow->direction,
		.own = flow->own,
		.sent_to = flow->sent_to,
		.unread = unread,
	};
	const struct half *half = &policy->halves[generation & 1];

	count(COUNTER_DECISIONS);
	if (half->names.buckets | half->lists.buckets)
		gather(&conn, flow->netns, flow->tgid);
	decide_in(generation & 1, half, &conn, decision);
	if (decision->failed)
		count(COUNTER_DECIDE_FAILED);
	decision->running = running;
	if (decision->action == ACTION_ASK || decision->action == ACTION_IDENTIFY)
		stand_in(half, flow, decision);
}

/* Best effort: nothing the caller does depends on it. */
static __always_inline void report(const struct socket_state *state, const struct flow_id *flow, const struct decision *decision,
				   __u32 generation, __u8 again)
{
	struct flow_event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event)
		return count(COUNTER_EVENTS_LOST);
	event->header.kind = EVENT_FLOW;
	event->header.version = LAYOUT_VERSION;
	event->header.size = sizeof(*event);
	event->header.time_ns = bpf_ktime_get_boot_ns();
	event->flow = *flow;
	event->key = state->key;
	event->rule = decision->rule;
	event->generation = generation;
	event->verdict = decision->action;
	event->by = decision->by;
	event->again = again;
	event->undecided = !!(state->flags & SOCKET_UNDECIDED);
	event->ambiguous = decision->ambiguous;
	__builtin_memset(event->reserved, 0, sizeof(event->reserved));
	bpf_ringbuf_submit(event,
			   decision->action == ACTION_ALLOW || decision->action == ACTION_DENY ? unhurried(event->header.time_ns) : URGENT);
}

/* What counts of the policy now; 0: it is none that these programs can read. */
static __always_inline __u32 generation_in_force(const struct policy *policy)
{
	__u32 generation = *(volatile const __u32 *)&policy->generation;

	return policy->magic == LAYOUT_MAGIC && policy->version == LAYOUT_VERSION ? generation : 0;
}

/* Whether the socket's own word is about this peer. */
static __always_inline int is_remembered(const struct socket_state *state, const struct policy *policy, __u64 hash, verdict_word word,
					 __u64 now)
{
	return word >> TAG_SHIFT == tag_of(hash) && (!now || state->word_check == word_check(policy, hash, word));
}

/* Without connections, a long silence ends the flow. */
static __always_inline int is_silent(__u64 now, __u64 since)
{
	return now && (__s64)(now - since) > (__s64)REPLY_WINDOW_NS;
}

/* The word of one of many peers; 0: none, or another program's. Like its fellow below not part of judge(), for its stack's sake. */
__noinline __u64 recall_peer(const struct flow_id *flow, __u64 *since, __u32 *rule)
{
	if (!flow || !since || !rule)
		return 0;
	struct peer_key key = peer_key_of(flow);
	struct peer_state *peer = bpf_map_lookup_elem(&peers, &key);

	if (!peer || (peer->class != flow->class && peer->class != CLASS_UNKNOWN))
		return 0;
	*since = peer->word_ns;
	*rule = peer->rule;
	return *(volatile verdict_word *)&peer->word;
}

__noinline int remember_peer(const struct flow_id *flow, __u32 rule, __u64 word, __u64 now)
{
	if (!flow)
		return 0;
	struct peer_key key = peer_key_of(flow);
	struct peer_state peer = { .word = word, .word_ns = now, .rule = rule, .class = flow->class };

	if (bpf_map_update_elem(&peers, &key, &peer, BPF_ANY))
		count(COUNTER_PEERS_FULL);
	return 0;
}

/* What is remembered about this peer: the socket's own word, or the table of peers. 0: nothing, or too old to belong together. */
static __always_inline verdict_word recall(struct socket_state *state, const struct flow_id *flow, const struct policy *policy, __u64 hash,
					   __u64 now, __u32 *rule)
{
	verdict_word word = *(volatile verdict_word *)&state->word;
	__u64 tag = tag_of(hash);
	__u64 since = state->word_ns;

	*rule = state->rule;
	if (!is_remembered(state, policy, hash, word, now)) {
		if (!now)
			return 0;
		word = recall_peer(flow, &since, rule);
		if (word >> TAG_SHIFT != tag)
			return 0;
	}
	return is_silent(now, since) ? 0 : word;
}

static __always_inline void remember(struct socket_state *state, const struct flow_id *flow, const struct decision *decision,
				     verdict_word word, __u64 check, __u64 now)
{
	state->rule = decision->rule;
	state->by = decision->by;
	state->word_ns = now;
	state->word_check = check;
	*(volatile verdict_word *)&state->word = word;
	if (now)
		remember_peer(flow, decision->rule, word, now);
}

/* The peer judged last: what the end of the socket, and a look over all sockets, are about. The owner stays as it is. */
static __always_inline void note_peer(struct socket_state *state, const struct flow_id *flow)
{
	state->flow.peer_high = flow->peer_high;
	state->flow.peer_low = flow->peer_low;
	state->flow.peer_port = flow->peer_port;
	state->flow.local_port = flow->local_port;
	state->flow.protocol = flow->protocol;
	state->flow.direction = flow->direction;
	state->flow.own = flow->own;
	state->flow.sent_to = flow->sent_to;
}

/* The class of the socket's owner, if it is known by now. */
__noinline __u32 class_of(struct socket_state *state)
{
	if (!state)
		return CLASS_UNKNOWN;
	/* On the stack: Linux 6.1 takes no memory that is a function's argument as a key. */
	struct image_key key = state->key;
	struct image *image = bpf_map_lookup_elem(&images, &key);

	return image ? image->class : CLASS_UNKNOWN;
}

/*
 * The verdict on `flow`, whose direction is the packet's: a reply gets the direction of the flow it replies to. `now` (CLOCK_MONOTONIC):
 * the socket may talk to several peers (datagrams, listeners); 0: it has one. Returns enum action; ASK and IDENTIFY mean: hold.
 */
__noinline int judge(struct socket_state *state, struct flow_id *flow, __u64 now, __u32 unread)
{
	const struct policy *policy = the_policy();
	struct decision decision;
	__u32 generation;
	__u32 rule_before = 0;

	if (!state || !flow || !policy)
		return ACTION_IDENTIFY;
	generation = generation_in_force(policy);
	if (generation == 0)
		return ACTION_IDENTIFY;

	__u64 hash = peer_hash(policy, flow);
	/* What could not be read in part has the hash of packets that could. */
	verdict_word before = unread == UNREAD_PORT ? 0 : recall(state, flow, policy, hash, now, &rule_before);

	if (state->flags & SOCKET_RAW && flow->direction == DIRECTION_OUT && WORD_DIRECTION(before) == DIRECTION_IN)
		before = 0;

	__u8 action_before = WORD_ACTION(before);

	if (before == 0 && !now && state->flags & SOCKET_OLDER)
		action_before = ACTION_ALLOW;

	if (before != 0 && (action_before == ACTION_ALLOW || action_before == ACTION_DENY)) {
		if (WORD_GENERATION(before) == generation && (action_before == ACTION_ALLOW || WORD_DIRECTION(before) == flow->direction)) {
			flow->direction = WORD_DIRECTION(before);
			return action_before;
		}
	}
	/* A reply belongs to the flow it replies to. */
	if (before != 0 && action_before == ACTION_ALLOW)
		flow->direction = WORD_DIRECTION(before);

	if (flow->class == CLASS_UNKNOWN) {
		state->flow.class = class_of(state);
		flow->class = state->flow.class;
	}

	__u16 undecided_before = state->flags & SOCKET_UNDECIDED;

	/* 1. decide */
	decide(policy, generation, flow, unread, action_before == ACTION_ALLOW, &decision);
	state->flags &= ~SOCKET_UNDECIDED;
	/* A flow that is running goes on when its rule becomes "ask"; only new ones are held. */
	if (action_before == ACTION_ALLOW && (decision.action == ACTION_ASK || decision.action == ACTION_IDENTIFY)) {
		/* Until its program is known, it is looked at again with every packet: by the generation that never was. */
		if (decision.action == ACTION_IDENTIFY)
			generation = 0;
		state->flags |= SOCKET_UNDECIDED;
		decision.action = ACTION_ALLOW;
	}
	/* 2. remember. What stands in for a missing daemon is decided again at the next packet; what could not be read in part, too,
	 * and what has no cookie yet (a packet socket before its first frame). */
	__u8 kept = decision.by == BY_AWAY || decision.by == BY_UNKNOWN ? ACTION_ASK : decision.action;
	__u8 by_before = state->by;

	verdict_word word = make_word(tag_of(hash), flow->direction, kept, generation);

	if (unread != UNREAD_PORT && flow->cookie)
		remember(state, flow, &decision, word, word_check(policy, hash, word), now);
	/* 3. answer: nothing below changes it. */
	int answer = decision.action;
	/* 4. report */
	if (kept != action_before || decision.by != by_before || (decision.by == BY_RULE && decision.rule != rule_before) ||
	    (state->flags & SOCKET_UNDECIDED) != undecided_before) {
		state->flags |= SOCKET_REPORTED;
		note_peer(state, flow);
		report(state, flow, &decision, generation, before != 0);
	}
	return answer;
}

#endif
