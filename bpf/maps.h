/* SPDX-License-Identifier: GPL-2.0 */
/* The maps, and the table lookups decide.h asks for. Every map has a bound and a stated outcome when it is full. */
#ifndef HOLDFAST_MAPS_H
#define HOLDFAST_MAPS_H

#include "core.h"
#include "flow_state.h"

#define ARRAY_MAP(map_name, value_type, entries)   \
	struct {                                   \
		__uint(type, BPF_MAP_TYPE_ARRAY);  \
		__uint(map_flags, BPF_F_MMAPABLE); \
		__uint(max_entries, entries);      \
		__type(key, __u32);                \
		__type(value, value_type);         \
	} map_name SEC(".maps")

/* Both halves as one value: one lookup a search instead of one a step. The bytes are the same. */
#define SEARCHED_MAP(map_name, value_type, limit) \
	struct map_name##_halves {                \
		value_type entries[2 * (limit)];  \
	};                                        \
	ARRAY_MAP(map_name, struct map_name##_halves, 1)

/* Down: written by the daemon through shared memory; two halves each (tables.h). */
ARRAY_MAP(policy, struct policy, 1);
ARRAY_MAP(rows, struct row, 2 * MAX_ROWS);
SEARCHED_MAP(spans4, struct span4, MAX_SPANS4);
SEARCHED_MAP(spans6, struct span6, MAX_SPANS6);
SEARCHED_MAP(port_spans, struct port_span, MAX_PORT_SPANS);
SEARCHED_MAP(users, struct user_row, MAX_USERS);
ARRAY_MAP(rules, struct rule_entry, 2 * MAX_RULES);
ARRAY_MAP(class_rows, struct class_row, 2 * MAX_CLASSES);
ARRAY_MAP(name_buckets, struct name_bucket, 2 * MAX_NAME_BUCKETS);
ARRAY_MAP(name_rows, struct name_rows, 2 * MAX_NAME_ROWS);
ARRAY_MAP(list_rows, struct name_rows, 2 * MAX_LIST_CLASSES);
ARRAY_MAP(name_keys, struct name_key, 1);

/* The tables of lists, each as large as its lists need: the daemon makes a new one for each change of them. Entry: half.list_set. */
#define BPF_F_INNER_MAP_ (1u << 12) /* tables of other sizes may take its place; Linux 5.10 (4a8f87e60f6d) */
#define LIST_MAP(map_name, value_type)                                                    \
	struct map_name##_inner {                                                         \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                         \
		__uint(map_flags, BPF_F_INNER_MAP_ | BPF_F_MMAPABLE);                     \
		__uint(max_entries, 1);                                                   \
		__uint(key_size, sizeof(__u32));                                          \
		__uint(value_size, sizeof(value_type));                                   \
	};                                                                                \
	struct {                                                                          \
		__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);                                 \
		__uint(max_entries, LIST_SETS);                                           \
		__type(key, __u32);                                                       \
		__array(values, struct map_name##_inner);                                 \
	} map_name SEC(".maps");                                                          \
	static __always_inline const value_type *table_##map_name(__u32 set, __u32 index) \
	{                                                                                 \
		void *table = bpf_map_lookup_elem(&map_name, &set);                       \
		return table ? bpf_map_lookup_elem(table, &index) : NULL;                 \
	}

LIST_MAP(list_buckets, struct name_bucket)
LIST_MAP(list_spans4, struct list_span4)
LIST_MAP(list_spans6, struct list_span6)

/* Image -> class. Full: the image stays unknown, and what it sends is held or refused. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, struct image_key);
	__type(value, struct image);
} images SEC(".maps");

/* The namespaces' own addresses. Full: an address of one's own is judged like any other. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, struct own_key);
	__type(value, __u8);
} own_addresses SEC(".maps");

/* "Once" answers, as long as the socket lives. Full: the answer is refused with a sentence. Value: enum action. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, struct once_key);
	__type(value, __u32);
} once SEC(".maps");

/* Process -> image. Full: the image is built from the task at each connection (counted). */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, struct process);
} processes SEC(".maps");

/* What we know of each socket lives and dies with it, so this cannot overflow. A listener's is cloned into what it accepts. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, struct socket_state);
} sockets SEC(".maps");

/* The peers of sockets that talk to more than one. The least recently used is forgotten: its next packet is judged anew. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct peer_key);
	__type(value, struct peer_state);
} peers SEC(".maps");

/* What an address was asked for by, learnt from a configured resolver's answers (names.h). The least recently used is forgotten: its address has no name then. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct named_key);
	__type(value, struct address_names);
} names SEC(".maps");

/* The names those ids stand for. One that was forgotten is as if it had not been heard. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct candidate);
} candidates SEC(".maps");

/* The same as others than a configured resolver say: any program, and anybody on the link. They can crowd out each other, and nothing else. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct named_key);
	__type(value, struct address_names);
} claimed_names SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, struct candidate);
} claimed_candidates SEC(".maps");

/* The same from /etc/hosts, for every namespace (cookie 0). Written by the daemon. Full: what is further down in the file has no effect. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 8192);
	__type(key, struct named_key);
	__type(value, struct address_names);
} fixed_names SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct candidate);
} fixed_candidates SEC(".maps");

/* DNS questions on their way. The least recently used is forgotten: its answer teaches nothing. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct question_key);
	__type(value, __u8);
} questions SEC(".maps");

/* Namespaces (cookies) whose devices have filters. Written by the daemon. Full: whoever opens a packet socket in another stays stopped. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, __u8);
} guarded SEC(".maps");

/* Who waits for filters: value, the process's start (CLOCK_BOOTTIME), or 0 when it was not stopped. Full: the process is ended. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 4096);
	__type(key, struct stopped_key);
	__type(value, __u64);
} stopped SEC(".maps");

/*
 * What the daemon's numbers of classes and apps stand for, as texts in parts. Only the daemon reads them: whoever takes these tables over
 * must know the numbers that stand in them. Key: number of the text << 16 | part. Full: the program stays unknown, and held.
 */
struct text_part {
	__u16 length;
	__u8 bytes[254];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 131072);
	__type(key, __u64);
	__type(value, struct text_part);
} registry SEC(".maps");

/* Up. */
#define EVENTS_BYTES (2 * 1024 * 1024)

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, EVENTS_BYTES);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1024 * 1024);
} held SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, COUNTERS);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

static __always_inline void count(enum counter counter)
{
	__u32 key = counter;
	__u64 *value = bpf_map_lookup_elem(&counters, &key);

	if (value)
		*value += 1;
}

/*
 * How a record of the ring `events` is handed in. Waking the daemon costs a connection some 9 us. Woken, it looks again every LOOK_NS for as
 * long as it finds something (linux.ts): until then a record that nobody waits for wakes nobody, unless an eighth of the ring is full.
 */
#define LOOK_NS 100000000ull
#define URGENT BPF_RB_FORCE_WAKEUP

__u64 woken_ns;

static __always_inline __u64 unhurried(__u64 now)
{
	if (now - woken_ns < LOOK_NS && bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) < EVENTS_BYTES / 8)
		return BPF_RB_NO_WAKEUP;
	woken_ns = now;
	return BPF_RB_FORCE_WAKEUP;
}

static __always_inline struct policy *the_policy(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&policy, &zero);
}

static __always_inline const struct name_bucket *name_bucket(__u32 source, __u32 index)
{
	__u32 key = (source & 1) * MAX_NAME_BUCKETS + index;

	if (source & SOURCE_LISTS)
		return table_list_buckets(source & 1, index);
	return index < MAX_NAME_BUCKETS ? bpf_map_lookup_elem(&name_buckets, &key) : NULL;
}

static __always_inline const struct candidate *table_candidate(__u64 id)
{
	const struct candidate *candidate =
		id & CANDIDATE_TRUSTED ? bpf_map_lookup_elem(&candidates, &id) : bpf_map_lookup_elem(&claimed_candidates, &id);

	return candidate ? candidate : bpf_map_lookup_elem(&fixed_candidates, &id);
}

#define TABLE_LOOKUP(function, map_name, value_type, limit)                              \
	static __always_inline const value_type *function(__u32 half_index, __u32 index) \
	{                                                                                \
		__u32 key = half_index * (limit) + index;                                \
		return index < (limit) ? bpf_map_lookup_elem(&map_name, &key) : NULL;    \
	}

/* The first entry of a half; `limit` is a power of two, and whoever adds an index cuts it to that. */
#define TABLE_OF_HALF(function, map_name, value_type, limit)                                  \
	_Static_assert(((limit) & ((limit) - 1)) == 0, #limit);                               \
	static __always_inline const value_type *function(__u32 half_index)                   \
	{                                                                                     \
		__u32 zero = 0;                                                               \
		const struct map_name##_halves *both = bpf_map_lookup_elem(&map_name, &zero); \
		return both ? &both->entries[(half_index & 1) * (limit)] : NULL;              \
	}

TABLE_LOOKUP(table_row, rows, struct row, MAX_ROWS)
TABLE_LOOKUP(table_rule, rules, struct rule_entry, MAX_RULES)
TABLE_LOOKUP(table_class, class_rows, struct class_row, MAX_CLASSES)
TABLE_OF_HALF(table_spans4, spans4, struct span4, MAX_SPANS4)
TABLE_OF_HALF(table_spans6, spans6, struct span6, MAX_SPANS6)
TABLE_OF_HALF(table_port_spans, port_spans, struct port_span, MAX_PORT_SPANS)
TABLE_OF_HALF(table_users, users, struct user_row, MAX_USERS)
TABLE_LOOKUP(table_name_rows, name_rows, struct name_rows, MAX_NAME_ROWS)
TABLE_LOOKUP(table_list_rows, list_rows, struct name_rows, MAX_LIST_CLASSES)

#endif
