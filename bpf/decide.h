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
#include "name_hash.h"

/* What a decision is made from. Addresses: 128-bit numbers in host order, v4 as ::ffff:a.b.c.d. */
struct conn {
	__u64 peer_high;
	__u64 peer_low;
	__u32 class;	 /* CLASS_UNKNOWN: not identified yet */
	__u32 uid;	 /* real uid at the connection */
	__u16 rule_port; /* host order; outgoing: the peer's, incoming: ours; 0 without ports */
	__u8 protocol;
	__u8 direction;			      /* enum direction */
	__u8 own;			      /* the peer's address is one of the namespace's own */
	__u8 sent_to;			      /* incoming: 0 unicast, 1 multicast, 2 broadcast */
	__u8 unread;			      /* UNREAD_*: what of an outgoing packet could not be read */
	__u8 more;			      /* the address has more candidates than these */
	__u64 candidates[DECIDED_CANDIDATES]; /* ids, in the order of rules.md, then 0 */
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
	__u8 failed;	/* a lookup failed that cannot fail: the caller counts it */
	__u8 ambiguous; /* the names come to different verdicts, or there are more of them than are decided */
	__u8 running;	/* the caller's: the flow was allowed before, and goes on where its rule asks */
	__u16 reserved;
};

/* What BPF_PROG_RUN hands to `decide_once` and gets back. */
struct decide_call {
	struct conn conn;
	struct decision decision;
	__u64 netns; /* not 0: the candidates are those of process `tgid` in this namespace, instead of conn's */
	__u32 tgid;
	__u32 reserved;
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
 * Comparisons without branches: 1 or 0. A search that branched at every step would make the verifier follow each of 2^15 ways through it.
 * Of numbers below 2^63 the sign of the difference is the answer; of longer ones, its borrow (Hacker's Delight, 2-13).
 */
static __always_inline __u64 not_above(__u32 start, __u32 key)
{
	__u64 above = (__u64)key - start;

	asm volatile("" : "+r"(above)); /* or the compiler sees a comparison, and branches */
	above >>= 63;
	asm volatile("" : "+r"(above));
	return above ^ 1;
}

static __always_inline __u64 borrow(__u64 a, __u64 b, __u64 borrowed)
{
	asm volatile("" : "+r"(a), "+r"(b));
	a = ((~a & b) | ((~a | b) & (a - b - borrowed))) >> 63;
	asm volatile("" : "+r"(a));
	return a;
}

static __always_inline __u64 not_above_128(__u64 start_high, __u64 start_low, __u64 high, __u64 low)
{
	return borrow(high, start_high, borrow(low, start_low, 0)) ^ 1;
}

/*
 * The last entry whose start is not above the key, by halving: it is one of `left` entries from `at` on. Entry 0 starts at the lowest key,
 * so there always is one. A step touches entries in use only: those behind them are memory that nobody else keeps in the cache.
 * `fits` says, in terms of `entry`, whether its start is not above the key.
 */
#define STEPS 15 /* the largest table's: 2^15 entries */
#define HALVE(at, left, entries, limit, fits)                                                         \
	do {                                                                                          \
		__typeof__(&(entries)[0]) entry = &(entries)[((at) + ((left) >> 1)) & ((limit) - 1)]; \
		(at) += ((left) >> 1) & -(fits);                                                      \
		(left) -= (left) >> 1;                                                                \
	} while (0)

_Static_assert(MAX_SPANS4 <= 1 << STEPS && MAX_SPANS6 <= 1 << STEPS && MAX_PORT_SPANS <= 1 << STEPS && MAX_USERS <= 1 << STEPS, "STEPS");

/*
 * The searches are functions of numbers only and not static, so that the verifier looks at each once, by itself ("global functions").
 * They return a row, or NO_RULE when a lookup failed.
 *
 * An IPv4 address and a port, for which most decisions are, are searched for side by side: each step of one waits for its memory, and the
 * other's goes on meanwhile. `counts`: entries of spans4, and of port_spans << 32. Returns the address's row << 32 | the port's.
 */
__noinline __u64 span4_and_port_row(__u64 half_and_own, __u64 counts, __u64 address, __u64 port)
{
	const struct span4 *spans = table_spans4(half_and_own >> 1);
	const struct port_span *ports = table_port_spans(half_and_own >> 1);
	__u64 span_at = 0, port_at = 0, spans_left = (__u32)counts, ports_left = counts >> 32;

	if (!spans || !ports)
		return ~0ull;
	for (int i = 0; i < STEPS && (spans_left | ports_left) > 1; i++) {
		HALVE(span_at, spans_left, spans, MAX_SPANS4, not_above(entry->start, address));
		HALVE(port_at, ports_left, ports, MAX_PORT_SPANS, not_above(entry->start, port));
	}
	const struct span4 *span = &spans[span_at & (MAX_SPANS4 - 1)];
	return (__u64)(half_and_own & 1 ? span->row_own : span->row) << 32 | ports[port_at & (MAX_PORT_SPANS - 1)].row;
}

__noinline __u32 span6_row(__u32 half_index, __u32 count_own, __u64 high, __u64 low)
{
	const struct span6 *spans = table_spans6(half_index);
	__u64 at = 0, left = count_own >> 1;

	if (!spans)
		return NO_RULE;
	for (int i = 0; i < STEPS && left > 1; i++)
		HALVE(at, left, spans, MAX_SPANS6, not_above_128(entry->start_high, entry->start_low, high, low));
	const struct span6 *span = &spans[at & (MAX_SPANS6 - 1)];
	return count_own & 1 ? span->row_own : span->row;
}

__noinline __u32 port_span_row(__u32 half_index, __u32 count, __u32 key)
{
	const struct port_span *ports = table_port_spans(half_index);
	__u64 at = 0, left = count;

	if (!ports)
		return NO_RULE;
	for (int i = 0; i < STEPS && left > 1; i++)
		HALVE(at, left, ports, MAX_PORT_SPANS, not_above(entry->start, key));
	return ports[at & (MAX_PORT_SPANS - 1)].row;
}

__noinline __u32 user_span_row(__u32 half_index, __u32 count, __u32 uid, __u32 row_other_user)
{
	const struct user_row *users = table_users(half_index);
	__u64 at = 0, left = count;

	if (!users)
		return NO_RULE;
	for (int i = 0; i < STEPS && left > 1; i++)
		HALVE(at, left, users, MAX_USERS, not_above(entry->uid, uid));
	const struct user_row *user = &users[at & (MAX_USERS - 1)];
	return count && user->uid == uid ? user->row : row_other_user;
}

/* The rows of the peer's address and of the port. */
static __always_inline void address_and_port_rows(__u32 half_index, const struct half *half, const struct conn *conn, __u32 *where,
						  __u32 *ports)
{
	__u32 key = (__u32)conn->direction << 24 | (__u32)conn->protocol << 16 | conn->rule_port;

	if (is_v4(conn->peer_high, conn->peer_low)) {
		__u64 both = span4_and_port_row((__u64)half_index << 1 | (conn->own & 1), (__u64)half->port_spans << 32 | half->spans4,
						(__u32)conn->peer_low, key);

		*where = both >> 32;
		*ports = (__u32)both;
		return;
	}
	*where = span6_row(half_index, half->spans6 << 1 | (conn->own & 1), conn->peer_high, conn->peer_low);
	*ports = port_span_row(half_index, half->port_spans, key);
}

/* The rows whose AND is taken, by their places in the table; the second of a pair is ORed into the first. */
struct rows {
	__u32 who;
	__u32 who_else; /* unidentified: rules that deny or ask might be about this app */
	__u32 where;
	__u32 where_else; /* incoming to a multicast or broadcast address */
	__u32 ports;
	__u32 ports_else; /* port not readable: outgoing rules that deny or ask might be about it */
	__u32 user;
};

#define LOOKUP_FAILED 0xfffffffeu

#define GUESSES 2

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
	/*
	 * Addresses have the most rows, and theirs is the one that is hardly ever in the cache. The others say which words of it to look at
	 * first, so that these and its summary are waited for together; from the third on, its summary counts too.
	 */
	__u64 summary = (who->summary | who_else->summary) & (ports->summary | ports_else->summary) & user->summary;

	for (int i = 0; i < ROW_WORDS && summary; i++) {
		__u32 w = lowest_bit(summary);
		__u64 bits = (where->words[w] | where_else->words[w]) & (who->words[w] | who_else->words[w]) &
			     (ports->words[w] | ports_else->words[w]) & user->words[w];
		if (bits)
			return w * 64 + lowest_bit(bits);
		summary &= summary - 1;
		if (i >= GUESSES - 1)
			summary &= where->summary | where_else->summary;
	}
	return NO_RULE;
}

/* How a name is looked up: bits. */
#define NAME_WHOLE 1u	/* it is the whole name, and not one above it */
#define NAME_TRUSTED 2u /* another than the program itself tells it */
#define NAME_LISTED 4u	/* among those on lists, and not among those that rules name */

/* The class of a name; NAME_NO_CLASS for one that no rule names, or that is on no list. */
__noinline __u32 name_class(__u32 half_index, const struct half *half, __u32 how, __u64 sum, __u32 labels)
{
	if (!half)
		return NAME_NO_CLASS;
	if (how & NAME_LISTED)
		return name_find(&half->lists, SOURCE_LISTS | half->list_set, sum, labels);
	return name_find(&half->names, half_index, sum, labels);
}

#define LAST_SUFFIX (1ull << 32)

/* The row of a name's class, 0 when no rule is for it. With LAST_SUFFIX: and none is for a shorter suffix. */
__noinline __u64 name_row(__u32 half_index, __u32 class, __u32 how)
{
	const struct name_rows *entry = how & NAME_LISTED ? table_list_rows(half_index, class) : table_name_rows(half_index, class);

	if (!entry)
		return NO_RULE;
	__u64 last = entry->final ? LAST_SUFFIX : 0;

	if (how & NAME_TRUSTED)
		return last | (how & NAME_WHOLE ? entry->self : entry->below);
	return last | (how & NAME_WHOLE ? entry->self_forged : entry->below_forged);
}

/* The id of no candidate: what was to be read was overwritten meanwhile. A decision by it fails, so the packet is held and tried again. */
#define NO_CANDIDATE (~0ull)

/*
 * A table that forgets gives an entry's memory to another at once, also while it is read. What is written first stands first in it: whoever
 * finds the old id there after reading has read nothing of the new entry. But for the bit that says who is believed, which is in ids only.
 */
static __always_inline int is_still(const __u64 *id_there, __u64 id)
{
	asm volatile("" ::: "memory"); /* all other reading is done */
	__u64 there = *(const volatile __u64 *)id_there;

	return (there | CANDIDATE_TRUSTED) == (id | CANDIDATE_TRUSTED);
}

/*
 * The first rule for a connection by the names of one candidate alone, without its address; NO_RULE and LOOKUP_FAILED as above. A rule that
 * matches any name matches the candidate, so the first of all is the first of each. Every eight bytes of its stack count (first_rule).
 */
__noinline __u32 first_rule_named(__u32 half_index, const struct half *half, struct rows *rows, __u64 id, __u32 how)
{
	const struct candidate *candidate = table_candidate(id);
	__u32 first = NO_RULE;
	__u64 row = 0;

	if (!half || !rows)
		return LOOKUP_FAILED;
	if (!candidate)
		return id == NO_CANDIDATE ? LOOKUP_FAILED : NO_RULE;
	rows->where_else = 0;
	how |= id & CANDIDATE_TRUSTED ? NAME_TRUSTED : 0;
	for (__u32 i = 0; i < CANDIDATE_SUFFIXES && i < candidate->count; i++) {
		how = (how & ~NAME_WHOLE) | (candidate->wholes >> i & NAME_WHOLE);
		if (row & LAST_SUFFIX && !(how & NAME_WHOLE))
			continue;
		__u32 class = name_class(half_index, half, how, candidate->sums[i], candidate->labels[i]);

		row = class == NAME_NO_CLASS ? 0 : name_row(half_index, class, how);
		rows->where = row;
		if (!rows->where)
			continue;
		__u32 bit = first_rule(half_index, rows);

		if (bit == LOOKUP_FAILED)
			return LOOKUP_FAILED;
		if (bit < first)
			first = bit;
	}
	return is_still(&candidate->id, id) ? first : LOOKUP_FAILED;
}

#define LIST_STEPS 25 /* 2^25 spans: more than the ranges of any lists */

/* The class of an address; NAME_NO_CLASS for one that is on no list. */
__noinline __u32 listed4(__u32 set, __u32 count, __u32 address)
{
	__u64 at = 0, left = count;

	for (int i = 0; i < LIST_STEPS && left > 1; i++) {
		const struct list_span4 *entry = table_list_spans4(set, at + (left >> 1));

		if (!entry)
			return NAME_FAILED;
		at += (left >> 1) & -not_above(entry->start, address);
		left -= left >> 1;
	}
	const struct list_span4 *span = table_list_spans4(set, at);
	return span ? span->class : NAME_FAILED;
}

__noinline __u32 listed6(__u32 set, __u32 count, __u64 high, __u64 low)
{
	__u64 at = 0, left = count;

	for (int i = 0; i < LIST_STEPS && left > 1; i++) {
		const struct list_span6 *entry = table_list_spans6(set, at + (left >> 1));

		if (!entry)
			return NAME_FAILED;
		at += (left >> 1) & -not_above_128(entry->start_high, entry->start_low, high, low);
		left -= left >> 1;
	}
	const struct list_span6 *span = table_list_spans6(set, at);
	return span ? span->class : NAME_FAILED;
}

/* The first rule for a connection by the lists its peer's address is on; as above. */
__noinline __u32 first_rule_listed(__u32 half_index, const struct half *half, struct rows *rows, __u64 high, __u64 low)
{
	__u32 class;

	if (!half || !rows)
		return LOOKUP_FAILED;
	if (is_v4(high, low))
		class = half->list_spans4 ? listed4(half->list_set, half->list_spans4, (__u32)low) : NAME_NO_CLASS;
	else
		class = half->list_spans6 ? listed6(half->list_set, half->list_spans6, high, low) : NAME_NO_CLASS;
	if (class == NAME_NO_CLASS)
		return NO_RULE;
	/* A list names the address itself, whoever says so. */
	rows->where = name_row(half_index, class, NAME_LISTED | NAME_TRUSTED | NAME_WHOLE);
	rows->where_else = 0;
	return rows->where ? first_rule(half_index, rows) : NO_RULE;
}

/* The earlier of two first rules; a lookup that failed is neither's to hide. */
static __always_inline __u32 earlier(__u32 bit, __u32 other)
{
	if (bit == LOOKUP_FAILED || other == LOOKUP_FAILED)
		return LOOKUP_FAILED;
	return bit < other ? bit : other;
}

/* What it means that `bit` is the first rule, or NO_RULE: enum action; ACTION_NONE when a lookup failed. */
__noinline __u32 action_of(__u32 half_index, const struct half *half, __u32 unknown, __u32 bit)
{
	__u32 action;

	if (!half || bit == LOOKUP_FAILED)
		return ACTION_NONE;
	if (bit == NO_RULE) {
		action = half->mode;
	} else {
		const struct rule_entry *rule = table_rule(half_index, bit);

		if (!rule)
			return ACTION_NONE;
		action = rule->action;
	}
	return unknown && action != ACTION_ALLOW ? ACTION_IDENTIFY : action;
}

/* Less is more restrictive: deny, ask, identify, allow. */
static __always_inline __u32 leniency(__u32 action)
{
	return action == ACTION_ALLOW ? ACTION_IDENTIFY + 1 : action;
}

/* Decides `conn` by one half of the tables. Every field of `decision` is written. */
static __always_inline int decide_in(__u32 half_index, const struct half *half, const struct conn *conn, struct decision *decision)
{
	if (!half || !conn || !decision)
		return 0;
	int unknown = conn->class == CLASS_UNKNOWN;
	int all = conn->unread == UNREAD_ALL;
	__u32 who = half->row_any_app;
	struct rows rows;

	decision->rule = 0;
	decision->quiet = 0;
	decision->failed = 0;
	decision->ambiguous = 0;
	decision->running = 0;
	decision->reserved = 0;

	if (!unknown) {
		const struct class_row *entry = table_class(half_index, conn->class);
		if (entry)
			who = entry->row;
	}
	rows.who = who;
	rows.who_else = unknown ? half->row_not_allow : 0;
	if (all)
		rows.where = rows.ports = half->row_anything;
	else
		address_and_port_rows(half_index, half, conn, &rows.where, &rows.ports);
	rows.where_else = all		     ? half->row_not_allow_out :
			  conn->sent_to == 1 ? half->row_sent_multicast :
			  conn->sent_to == 2 ? half->row_sent_broadcast :
					       0;
	rows.ports_else = conn->unread ? half->row_not_allow_out : 0;
	rows.user = half->users ? user_span_row(half_index, half->users, conn->uid, half->row_other_user) : half->row_other_user;

	/* By the address alone, and by each candidate; the most restrictive counts. Where another than the program itself tells a name,
	 * the address alone does not count. */
	__u32 bit = first_rule(half_index, &rows);

	if (!all && (half->list_spans4 | half->list_spans6))
		bit = earlier(bit, first_rule_listed(half_index, half, &rows, conn->peer_high, conn->peer_low));
	__u32 action = action_of(half_index, half, unknown, bit);
	__u32 by_address = bit;
	__u32 first_action = ACTION_NONE;

	if (action && !all && (half->names.buckets | half->lists.buckets)) {
		int named = 0;

		for (int i = 0; i < DECIDED_CANDIDATES; i++)
			named |= conn->candidates[i] & CANDIDATE_TRUSTED;
		for (int i = 0; i < DECIDED_CANDIDATES && conn->candidates[i]; i++) {
			__u32 bit_named = by_address;

			if (half->names.buckets)
				bit_named = earlier(bit_named, first_rule_named(half_index, half, &rows, conn->candidates[i], 0));
			if (half->lists.buckets)
				bit_named = earlier(bit_named, first_rule_named(half_index, half, &rows, conn->candidates[i], NAME_LISTED));
			__u32 action_named = action_of(half_index, half, unknown, bit_named);

			if (i == 0)
				first_action = action_named;
			if (action_named != first_action)
				decision->ambiguous = 1;
			if ((i == 0 && named) || leniency(action_named) < leniency(action)) {
				bit = bit_named;
				action = action_named;
			}
		}
		if (conn->more)
			decision->ambiguous = 1;
	}
	decision->bit = bit;
	decision->action = action;
	if (!action) {
		/* A lookup that cannot fail failed: hold, as for anything not known. */
		decision->action = ACTION_IDENTIFY;
		decision->by = BY_UNKNOWN;
		decision->failed = 1;
		return 0;
	}
	decision->by = action == ACTION_IDENTIFY ? BY_IDENTIFY : bit == NO_RULE ? BY_MODE : BY_RULE;
	if (decision->by != BY_RULE) {
		decision->bit = NO_RULE;
		return 0;
	}
	const struct rule_entry *rule = table_rule(half_index, bit);

	if (rule) {
		decision->rule = rule->id;
		decision->quiet = rule->quiet;
	}
	return 0;
}

#endif
