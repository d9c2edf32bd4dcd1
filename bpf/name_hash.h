/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Names of lists: the hash of a name's suffixes from the right, and the table they are looked up in. src/lists/hash.ts and table.ts write
 * these bytes; why they are so, and how improbable a wrong answer is, stands there.
 *
 * Plain C without helpers. Whoever includes this defines, as maps.h and test/native/name_host.c do for other tables,
 *   const struct name_bucket *name_bucket(__u32 source, __u32 index);
 * an array lookup, NULL beyond the end. `source` says which table's buckets.
 *
 * A name in lower case without its final dot, the last character first, place counted from 1:
 *   sum = name_sum_start(key);
 *   for each character: at a dot, and after the first character, the suffix to the right is name_find(table, source, sum, labels);
 *                       sum = name_sum_add(key, sum, place, character);
 */
#ifndef HOLDFAST_NAME_HASH_H
#define HOLDFAST_NAME_HASH_H

#include "tables.h"

#define NAME_FAILED (~0u) /* a bucket or span is not there: a class that has no rows, so that the decision fails */

static __always_inline __u64 name_sum_start(const struct name_key *key)
{
	return key->words[0];
}

/* `place`: 1 for the last character of the name, at most 253. */
static __always_inline __u64 name_sum_add(const struct name_key *key, __u64 sum, __u32 place, __u8 character)
{
	return sum + key->words[place & (NAME_KEYS - 1)] * character;
}

/* A number below `range`, by multiplication (Lemire, "Fast random integer generation in an interval", 2019). */
static __always_inline __u32 name_reduce(__u32 number, __u32 range)
{
	return (__u64)number * range >> 32;
}

/* 57 bits of the sum, none lost: 32 choose the first bucket, the others and 15 of these are the fingerprint. */
static __always_inline __u64 name_fingerprint(__u64 sum, __u32 buckets, __u32 *bucket)
{
	__u32 wide = sum >> 32;
	__u32 narrow = (__u32)sum >> 7;

	wide = (wide ^ wide >> 16) * 0x85ebca6bu;
	narrow ^= (wide * 0xc2b2ae35u) >> 7;
	wide ^= narrow * 0xcc9e2d51u;
	wide = (wide ^ wide >> 15) * 0x9e3779b1u;
	wide ^= wide >> 16;
	*bucket = name_reduce(wide, buckets);
	return (__u64)narrow << 15 | (wide & 0x7fff);
}

/* The other bucket of a fingerprint; from that one it leads back. */
static __always_inline __u32 name_other_bucket(__u64 fingerprint, __u32 bucket, __u32 buckets)
{
	__u32 mixed = ((__u32)(fingerprint >> 8) ^ (__u32)(fingerprint & 0xff) * 0xcc9e2d51u) * 0xc2b2ae35u;
	__u32 both = name_reduce(mixed ^ mixed >> 16, buckets);

	return both < bucket ? both + buckets - bucket : both - bucket;
}

static __always_inline __u32 name_class_in(const struct name_bucket *bucket, __u64 fingerprint)
{
	__u32 found = NAME_NO_CLASS;

	if (!bucket)
		return NAME_FAILED;
	/* All eight, without a way out: one cache line, and no paths for the verifier. */
	for (int i = 0; i < NAME_SLOTS; i++) {
		__u64 slot = bucket->slots[i];

		if (slot >> NAME_CLASS_BITS == fingerprint)
			found |= slot & ((1u << NAME_CLASS_BITS) - 1);
	}
	return found;
}

/* The class of the suffix with this sum and so many labels; NAME_NO_CLASS when it is on no list. */
static __always_inline __u32 name_find(const struct name_table *table, __u32 source, __u64 sum, __u32 labels)
{
	__u32 depth = labels < NAME_DEPTHS ? labels : NAME_DEPTHS - 1;
	__u64 fingerprint;
	__u32 bucket;
	__u32 found;

	if (!(table->depths >> depth & 1))
		return NAME_NO_CLASS;
	fingerprint = name_fingerprint(sum, table->buckets, &bucket);
	found = name_class_in(name_bucket(source, bucket), fingerprint);
	if (found == NAME_NO_CLASS)
		found = name_class_in(name_bucket(source, name_other_bucket(fingerprint, bucket, table->buckets)), fingerprint);
	return found;
}

#endif
