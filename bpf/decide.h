/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Connection + tables -> decision. Pure: reads the tables, writes nothing, calls no helper but the table lookup.
 *
 * Compiled twice: into the kernel object, where `table_*` are BPF array lookups (maps.h), and for the host by
 * test/native/decide_host.c, where they index plain arrays. The reference it must agree with is src/rules/evaluate.ts.
 */
#ifndef HOLDFAST_DECIDE_H
#define HOLDFAST_DECIDE_H

#include "event.h"

/* What a decision is made from. Addresses: 128-bit numbers in host order, v4 as ::ffff:a.b.c.d. */
struct conn {
	__u64 peer_high;
	__u64 peer_low;
	__u32 class;	 /* CLASS_UNKNOWN: not identified yet */
	__u32 uid;	 /* real uid at the connection */
	__u16 rule_port; /* host order; outgoing: the peer's, incoming: ours; 0 without ports */
	__u8 protocol;
	__u8 direction; /* enum direction */
	__u8 own;	/* the peer's address is one of the namespace's own */
	__u8 sent_to;	/* incoming: 0 unicast, 1 multicast, 2 broadcast */
	__u8 unread;	/* UNREAD_*: what of an outgoing packet could not be read */
	__u8 reserved;
};

/* A rule that might match what could not be read counts when it denies or asks, and does not when it allows. */
#define UNREAD_PORT 1u /* a later fragment, or a header chain that is too long */
#define UNREAD_ALL 2u  /* neither address nor protocol: frames that bypass every hook (setsockopt) */

struct decision {
	__u32 rule;  /* rule id; 0 when no rule decided */
	__u32 bit;   /* its place in the order; NO_RULE when no rule decided */
	__u8 action; /* enum action */
	__u8 by;     /* enum decided_by */
	__u8 quiet;
	__u8 failed; /* a lookup failed that cannot fail: the caller counts it */
	__u32 reserved;
};

/* What BPF_PROG_RUN hands to `decide_call` and gets back. */
struct decide_call {
	struct conn conn;
	struct decision decision;
};

#define V4_MAPPED 0xffffull /* high half of the low word of ::ffff:a.b.c.d */

static __always_inline int is_v4(__u64 high, __u64 low)
{
	return high == 0 && (low >> 32) == V4_MAPPED;
}

/* Index of the lowest set bit, below 64: the bits under it, counted. __builtin_ctzll crashes clang 14 to 16 for this target. */
static __always_inline __u32 lowest_bit(__u64 x)
{
	x = (x & -x) - 1;
	asm volatile("" : "+r"(x)); /* or the compiler sees through it, and says ctz */
	return __builtin_popcountll(x) & 63;
}

/*
 * Comparisons without branches (Hacker's Delight, 2-13: the borrow of a subtraction): 1 or 0. A search that branched at every step
 * would make the verifier follow each of 2^15 ways through it.
 */
static __always_inline __u64 borrow(__u64 a, __u64 b, __u64 borrowed)
{
	asm volatile("" : "+r"(a), "+r"(b)); /* or the compiler sees a comparison, and branches */
	a = ((~a & b) | ((~a | b) & (a - b - borrowed))) >> 63;
	asm volatile("" : "+r"(a));
	return a;
}

static __always_inline __u64 not_above(__u64 start, __u64 key)
{
	return borrow(key, start, 0) ^ 1;
}

static __always_inline __u64 not_above_128(__u64 start_high, __u64 start_low, __u64 high, __u64 low)
{
	return borrow(high, start_high, borrow(low, start_low, 0)) ^ 1;
}

/*
 * The last entry whose start is not above the key, by halving steps: entry 0 starts at the lowest key, so there always is one.
 * `fits` says, in terms of `entry`, whether its start is not above the key. Leaves `position` at NO_RULE if a lookup fails.
 */
#define LAST_NOT_ABOVE(position, count, largest_step, type, fetch, half_index, fits)  \
	do {                                                                          \
		for (__u32 step = (largest_step); step; step >>= 1) {                 \
			const type *entry = fetch(half_index, (position) + step);     \
			if (!entry) {                                                 \
				(position) = NO_RULE;                                 \
				break;                                                \
			}                                                             \
			__u64 taken = borrow((position) + step, (count), 0) & (fits); \
			asm volatile("" : "+r"(taken));                               \
			(position) += step * taken;                                   \
		}                                                                     \
	} while (0)

/*
 * The searches are functions of numbers only and not static, so that the verifier looks at each once, by itself ("global functions").
 * They return a row, or NO_RULE when a lookup failed.
 */
__noinline __u32 span4_row(__u32 half_index, __u32 count, __u32 address, __u32 own)
{
	__u32 position = 0;

	LAST_NOT_ABOVE(position, count, MAX_SPANS4 / 2, struct span4, table_span4, half_index, not_above(entry->start, address));
	const struct span4 *span = table_span4(half_index, position);
	return !span ? NO_RULE : own ? span->row_own : span->row;
}

__noinline __u32 span6_row(__u32 half_index, __u32 count_own, __u64 high, __u64 low)
{
	__u32 count = count_own >> 1;
	__u32 position = 0;

	LAST_NOT_ABOVE(position, count, MAX_SPANS6 / 2, struct span6, table_span6, half_index,
		       not_above_128(entry->start_high, entry->start_low, high, low));
	const struct span6 *span = table_span6(half_index, position);
	return !span ? NO_RULE : count_own & 1 ? span->row_own : span->row;
}

__noinline __u32 port_span_row(__u32 half_index, __u32 count, __u32 key)
{
	__u32 position = 0;

	LAST_NOT_ABOVE(position, count, MAX_PORT_SPANS / 2, struct port_span, table_port_span, half_index, not_above(entry->start, key));
	const struct port_span *span = table_port_span(half_index, position);
	return span ? span->row : NO_RULE;
}

__noinline __u32 user_span_row(__u32 half_index, __u32 count, __u32 uid, __u32 row_other_user)
{
	__u32 position = 0;

	if (count == 0)
		return row_other_user;
	LAST_NOT_ABOVE(position, count, MAX_USERS / 2, struct user_row, table_user, half_index, not_above(entry->uid, uid));
	const struct user_row *user = table_user(half_index, position);
	return user && user->uid == uid ? user->row : row_other_user;
}

static __always_inline __u32 address_row(__u32 half_index, const struct half *half, const struct conn *conn)
{
	if (is_v4(conn->peer_high, conn->peer_low))
		return span4_row(half_index, half->spans4, (__u32)conn->peer_low, conn->own);
	return span6_row(half_index, half->spans6 << 1 | conn->own, conn->peer_high, conn->peer_low);
}

static __always_inline __u32 port_row(__u32 half_index, const struct half *half, const struct conn *conn)
{
	__u32 key = (__u32)conn->direction << 24 | (__u32)conn->protocol << 16 | conn->rule_port;

	return port_span_row(half_index, half->port_spans, key);
}

/* The rows whose AND is taken, by their places in the table; the second of a pair is ORed into the first. */
struct rows {
	__u32 who;
	__u32 who_else; /* unidentified: rules that deny or ask might be about this app */
	__u32 where;
	__u32 where_else; /* incoming to a multicast or broadcast address. Name rows will be ORed here as well */
	__u32 ports;
	__u32 ports_else; /* port not readable: outgoing rules that deny or ask might be about it */
	__u32 user;
};

#define LOOKUP_FAILED 0xfffffffeu

/* The first rule all rows agree on, as a bit, or NO_RULE; LOOKUP_FAILED when a row is not there. A global function, as above. */
__noinline __u32 first_rule(__u32 half_index, const struct rows *places)
{
	if (!places)
		return LOOKUP_FAILED;
	const struct row *who = table_row(half_index, places->who);
	const struct row *who_else = table_row(half_index, places->who_else);
	const struct row *where = table_row(half_index, places->where);
	const struct row *where_else = table_row(half_index, places->where_else);
	const struct row *ports = table_row(half_index, places->ports);
	const struct row *ports_else = table_row(half_index, places->ports_else);
	const struct row *user = table_row(half_index, places->user);

	if (!who || !who_else || !where || !where_else || !ports || !ports_else || !user)
		return LOOKUP_FAILED;
	__u64 summary = (who->summary | who_else->summary) & (where->summary | where_else->summary) &
			(ports->summary | ports_else->summary) & user->summary;

	for (int i = 0; i < ROW_WORDS && summary; i++) {
		__u32 w = lowest_bit(summary);
		__u64 bits = (who->words[w] | who_else->words[w]) & (where->words[w] | where_else->words[w]) &
			     (ports->words[w] | ports_else->words[w]) & user->words[w];
		if (bits)
			return w * 64 + lowest_bit(bits);
		summary &= summary - 1;
	}
	return NO_RULE;
}

/* A lookup that cannot fail failed: hold, as for anything not known. */
static __always_inline int decision_failed(struct decision *decision)
{
	decision->action = ACTION_IDENTIFY;
	decision->by = BY_UNKNOWN;
	decision->failed = 1;
	return 0;
}

/* Decides `conn` by one half of the tables. Every field of `decision` is written. Returns 0: a global function returns a number. */
__noinline int decide_in(__u32 half_index, const struct half *half, const struct conn *conn, struct decision *decision)
{
	if (!half || !conn || !decision)
		return 0;
	int unknown = conn->class == CLASS_UNKNOWN;
	int all = conn->unread == UNREAD_ALL;
	__u32 who = half->row_any_app;
	struct rows rows;

	decision->rule = 0;
	decision->bit = NO_RULE;
	decision->quiet = 0;
	decision->failed = 0;
	decision->reserved = 0;

	if (!unknown) {
		const struct class_row *entry = table_class(half_index, conn->class);
		if (entry)
			who = entry->row;
	}
	rows.who = who;
	rows.who_else = unknown ? half->row_not_allow : 0;
	rows.where = all ? half->row_anything : address_row(half_index, half, conn);
	rows.where_else = all		     ? half->row_not_allow_out :
			  conn->sent_to == 1 ? half->row_sent_multicast :
			  conn->sent_to == 2 ? half->row_sent_broadcast :
					       0;
	rows.ports = all ? half->row_anything : port_row(half_index, half, conn);
	rows.ports_else = conn->unread ? half->row_not_allow_out : 0;
	rows.user = user_span_row(half_index, half->users, conn->uid, half->row_other_user);
	__u32 bit = first_rule(half_index, &rows);

	if (bit == LOOKUP_FAILED)
		return decision_failed(decision);
	if (bit == NO_RULE) {
		decision->action = unknown && half->mode != ACTION_ALLOW ? ACTION_IDENTIFY : half->mode;
		decision->by = decision->action == ACTION_IDENTIFY ? BY_IDENTIFY : BY_MODE;
		return 0;
	}
	const struct rule_entry *rule = table_rule(half_index, bit);
	if (!rule)
		return decision_failed(decision);
	if (unknown && rule->action != ACTION_ALLOW) {
		decision->action = ACTION_IDENTIFY;
		decision->by = BY_IDENTIFY;
		return 0;
	}
	decision->action = rule->action;
	decision->by = BY_RULE;
	decision->rule = rule->id;
	decision->bit = bit;
	decision->quiet = rule->quiet;
	return 0;
}

#endif
