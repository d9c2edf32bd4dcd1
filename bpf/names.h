/* SPDX-License-Identifier: GPL-2.0 */
/* What an address is called: the questions whose answers named it, and which of them a connection is decided by (rules.md, Names). */
#ifndef HOLDFAST_NAMES_H
#define HOLDFAST_NAMES_H

#include "process.h"
#include "decide.h" /* after maps.h, which has the lookups it asks for */

/*
 * Where a candidate stands: trusted before others, one's own before those of others, newer before older. 0: it does not count, or is
 * there already. A global function, like those of decide.h.
 */
__noinline __u64 candidate_rank(const struct candidate_ref *ref, const struct conn *conn, __u32 tgid, __u64 now)
{
	if (!ref || !conn || !ref->id)
		return 0;
	for (int i = 0; i < DECIDED_CANDIDATES; i++)
		if (conn->candidates[i] == ref->id)
			return 0;
	__u64 trusted = ref->id & CANDIDATE_TRUSTED;
	__u64 own = ref->tgid && ref->tgid == tgid;

	/* What one program may have made up says nothing about another's connection; and what others were told grows old. */
	if (!own && (!trusted || now > ref->until_ns))
		return 0;
	return trusted << 63 | own << 62 | (ref->learnt_ns + 1);
}

/* Of the questions that named an address, the best by its rank: `best` and `id` where none is better. */
static __always_inline void take_best(const struct address_names *heard, const struct conn *conn, __u32 tgid, __u64 now, __u64 *best,
				      __u64 *id)
{
	for (int i = 0; heard && i < ADDRESS_NAMES; i++) {
		__u64 rank = candidate_rank(&heard->refs[i], conn, tgid, now);
		__u64 better = -borrow(*best, rank, 0); /* all bits, or none */

		*best = (rank & better) | (*best & ~better);
		*id = (heard->refs[i].id & better) | (*id & ~better);
	}
}

/* Whether what was read is this address's. */
static __always_inline int names_of(const struct address_names *heard, const struct named_key *key)
{
	const volatile struct named_key *there = &heard->key;

	asm volatile("" ::: "memory"); /* all other reading is done */
	return there->netns == key->netns && there->address_high == key->address_high && there->address_low == key->address_low;
}

/*
 * The next candidate of the connection, or 0. One that had to make room for others while an address still has its name (more questions than
 * are kept) is counted: rules by that name pass it by.
 */
__noinline __u64 next_candidate(const struct conn *conn, __u64 netns, __u32 tgid, __u64 now)
{
	__u64 best = 0;
	__u64 id = 0;

	if (!conn)
		return 0;
	struct named_key key = { .netns = netns, .address_high = conn->peer_high, .address_low = conn->peer_low };

	const struct address_names *heard = bpf_map_lookup_elem(&names, &key);

	take_best(heard, conn, tgid, now, &best, &id);
	/* Another address's by now (is_still): it is looked up again with the next packet. */
	if (heard && !names_of(heard, &key))
		return NO_CANDIDATE;
	heard = bpf_map_lookup_elem(&claimed_names, &key);
	take_best(heard, conn, tgid, now, &best, &id);
	if (heard && !names_of(heard, &key))
		return NO_CANDIDATE;
	key.netns = 0;
	heard = bpf_map_lookup_elem(&fixed_names, &key);
	take_best(heard, conn, tgid, now, &best, &id);
	if (heard && !names_of(heard, &key))
		return NO_CANDIDATE;
	if (id && !table_candidate(id))
		count(COUNTER_NAMES_LOST);
	return id;
}

/* Finds the candidates of a connection of process `tgid` in a namespace. */
static __always_inline void gather(struct conn *conn, __u64 netns, __u32 tgid)
{
	__u64 now = bpf_ktime_get_boot_ns();

	for (int i = 0; i < DECIDED_CANDIDATES; i++) {
		conn->candidates[i] = next_candidate(conn, netns, tgid, now);
		if (!conn->candidates[i])
			return;
	}
	conn->more = next_candidate(conn, netns, tgid, now) != 0;
}

#endif
