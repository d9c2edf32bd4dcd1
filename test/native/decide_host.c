// SPDX-License-Identifier: Apache-2.0
/*
 * bpf/decide.h on the host. Reads policies and connections from standard input, as often as they come:
 *   fourteen u32: bytes of rows, spans4, spans6, port_spans, users, rules, class_rows, name_buckets, name_rows, candidates, list_rows,
 *   list_buckets, list_spans4, list_spans6; struct half; these tables; u32 n; n struct conn
 * An id of a candidate is its place in the table of candidates, from 1, twice; an odd one is trusted.
 * and writes n struct decision for each.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif
#define __noinline __attribute__((noinline))

#include "tables.h"

/* Older entries stay behind the ones in use, as they do in the kernel's maps. */
#define TABLE(lookup, array, type, limit)                                        \
	static type array[limit];                                                \
	static __always_inline const type *lookup(__u32 half_index, __u32 index) \
	{                                                                        \
		(void)half_index;                                                \
		return index < (limit) ? &array[index] : NULL;                   \
	}

TABLE(table_row, rows, struct row, MAX_ROWS)
TABLE(table_rule, rules, struct rule_entry, MAX_RULES)
TABLE(table_class, class_rows, struct class_row, MAX_CLASSES)
TABLE(table_name_bucket, name_buckets, struct name_bucket, MAX_NAME_BUCKETS)
TABLE(table_name_rows, name_rows, struct name_rows, MAX_NAME_ROWS)

TABLE(table_list_rows, list_rows, struct name_rows, MAX_LIST_CLASSES)
TABLE(table_list_buckets, list_buckets, struct name_bucket, 1024)
TABLE(table_list_spans4, list_spans4, struct list_span4, 1024)
TABLE(table_list_spans6, list_spans6, struct list_span6, 1024)

static __always_inline const struct name_bucket *name_bucket(__u32 source, __u32 index)
{
	return source & SOURCE_LISTS ? table_list_buckets(source & 1, index) : table_name_bucket(source, index);
}

#define MAX_CANDIDATES 65536

static struct candidate candidates[MAX_CANDIDATES];

static __always_inline const struct candidate *table_candidate(__u64 id)
{
	return id / 2 < MAX_CANDIDATES ? &candidates[id / 2] : NULL;
}

#define SEARCHED(lookup, array, type, limit)                        \
	static type array[limit];                                   \
	static __always_inline const type *lookup(__u32 half_index) \
	{                                                           \
		(void)half_index;                                   \
		return array;                                       \
	}

SEARCHED(table_spans4, spans4, struct span4, MAX_SPANS4)
SEARCHED(table_spans6, spans6, struct span6, MAX_SPANS6)
SEARCHED(table_port_spans, port_spans, struct port_span, MAX_PORT_SPANS)
SEARCHED(table_users, users, struct user_row, MAX_USERS)

#include "decide.h"

static void need(void *to, size_t bytes, const char *what)
{
	if (bytes && fread(to, bytes, 1, stdin) != 1) {
		fprintf(stderr, "Cannot read %s: expected %zu bytes more\n", what, bytes);
		exit(2);
	}
}

static void need_table(void *to, __u32 bytes, size_t room, const char *what)
{
	if (bytes > room) {
		fprintf(stderr, "Cannot read %s: %u bytes, the limit is %zu\n", what, bytes, room);
		exit(2);
	}
	need(to, bytes, what);
}

static void read_policy(const __u32 *bytes, struct half *half)
{
	need(half, sizeof(*half), "half");
	need_table(rows, bytes[0], sizeof(rows), "rows");
	need_table(spans4, bytes[1], sizeof(spans4), "spans4");
	need_table(spans6, bytes[2], sizeof(spans6), "spans6");
	need_table(port_spans, bytes[3], sizeof(port_spans), "port_spans");
	need_table(users, bytes[4], sizeof(users), "users");
	need_table(rules, bytes[5], sizeof(rules), "rules");
	need_table(class_rows, bytes[6], sizeof(class_rows), "class_rows");
	need_table(name_buckets, bytes[7], sizeof(name_buckets), "name_buckets");
	need_table(name_rows, bytes[8], sizeof(name_rows), "name_rows");
	need_table(candidates + 1, bytes[9], sizeof(candidates) - sizeof(candidates[0]), "candidates");
	need_table(list_rows, bytes[10], sizeof(list_rows), "list_rows");
	need_table(list_buckets, bytes[11], sizeof(list_buckets), "list_buckets");
	need_table(list_spans4, bytes[12], sizeof(list_spans4), "list_spans4");
	need_table(list_spans6, bytes[13], sizeof(list_spans6), "list_spans6");
	/* Classes beyond the table have only the rules for every app, as kernel/tables.ts writes them. */
	for (__u32 i = bytes[6] / sizeof(class_rows[0]); i < MAX_CLASSES; i++)
		class_rows[i].row = half->row_any_app;
}

int main(void)
{
	__u32 bytes[14];
	struct half half;

	while (fread(bytes, sizeof(bytes), 1, stdin) == 1) {
		__u32 count;

		read_policy(bytes, &half);
		need(&count, sizeof(count), "count");
		for (__u32 i = 0; i < count; i++) {
			struct conn conn;
			struct decision decision;

			memset(&decision, 0xa5, sizeof(decision));
			need(&conn, sizeof(conn), "connection");
			decide_in(0, &half, &conn, &decision);
			fwrite(&decision, sizeof(decision), 1, stdout);
		}
	}
	return fflush(stdout) == 0 ? 0 : 1;
}
