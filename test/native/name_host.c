// SPDX-License-Identifier: Apache-2.0
/*
 * bpf/name_hash.h on the host. Reads from standard input
 *   struct name_key; struct name_table; its buckets; then until the end: u32 length, so many bytes of a name
 * and writes for each name: u32 suffixes; for each suffix, shortest first: u64 sum, u32 class, u32 0.
 */
#include <stdio.h>
#include <stdlib.h>

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif
#include <linux/types.h>

struct name_bucket;
static const struct name_bucket *name_bucket(__u32 source, __u32 index);

#include "name_hash.h"

#define MAX_NAME 253

struct found {
	__u64 sum;
	__u32 class;
	__u32 reserved;
};

static struct name_key key;
static struct name_table table;
static struct name_bucket *buckets;

static const struct name_bucket *name_bucket(__u32 source, __u32 index)
{
	(void)source;
	return index < table.buckets ? &buckets[index] : NULL;
}

static void need(void *to, size_t bytes, const char *what)
{
	if (fread(to, bytes, 1, stdin) != 1) {
		fprintf(stderr, "Cannot read %s: expected %zu bytes more\n", what, bytes);
		exit(2);
	}
}

static void look_up(const char *name, __u32 length)
{
	struct found found[MAX_NAME];
	__u64 sum = name_sum_start(&key);
	__u32 count = 0;

	for (__u32 place = 1; place <= length + 1; place++) {
		if (place > length || name[length - place] == '.') {
			found[count].sum = sum;
			found[count].class = name_find(&table, 0, sum, count + 1);
			found[count++].reserved = 0;
		}
		if (place <= length)
			sum = name_sum_add(&key, sum, place, name[length - place]);
	}
	fwrite(&count, sizeof(count), 1, stdout);
	fwrite(found, sizeof(found[0]), count, stdout);
}

int main(void)
{
	__u32 length;

	need(&key, sizeof(key), "key");
	need(&table, sizeof(table), "table");
	buckets = calloc(table.buckets, sizeof(*buckets));
	if (!buckets)
		return 3;
	need(buckets, (size_t)table.buckets * sizeof(*buckets), "buckets");
	while (fread(&length, sizeof(length), 1, stdin) == 1) {
		char name[MAX_NAME];

		if (length == 0 || length > MAX_NAME)
			return 4;
		need(name, length, "name");
		look_up(name, length);
	}
	return fflush(stdout) == 0 ? 0 : 1;
}
