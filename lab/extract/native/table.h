/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table of flows: open addressing over a slab that grows by chunks. Flows are opaque
 * here but for their key, which comes first. What a sweep reads lies in an array apart.
 */
#ifndef WEIR_TABLE_H
#define WEIR_TABLE_H

#include "arena.h"

#define WEIR_CHUNK	64   /* flows a chunk */
#define WEIR_UNRELEASED 8192 /* more than the flows that a batch can begin */

struct weir_seen {
	__u64 last_ns;
	__u32 high; /* half of the hash, where its slot is found */
	__u16 used;
	__u16 closed; /* lingers after FIN or RST */
};

struct weir_table {
	__u64 *slots; /* high half: hash; low half: index + 1, 0: empty */
	__u32 mask;
	__u32 count;
	__u32 made; /* indices ever used */
	__u32 limit;
	__u32 flow_bytes;
	__u32 chunks;
	__u8 **chunk;
	struct weir_arena *arena;
	__u32 *spare; /* indices to use again */
	__u32 spares;
	struct weir_seen *seen;
};

static inline void *weir_table_flow(const struct weir_table *table, __u32 index)
{
	return table->chunk[index / WEIR_CHUNK] +
	       (size_t)(index % WEIR_CHUNK) * table->flow_bytes;
}

static int weir_table_init(struct weir_table *table, struct weir_arena *arena, __u32 limit,
			   __u32 flow_bytes)
{
	__u32 chunks = (limit + WEIR_UNRELEASED) / WEIR_CHUNK + 2;

	table->arena = arena;
	table->limit = limit;
	table->flow_bytes = flow_bytes;
	table->mask = 1023;
	table->slots = calloc(table->mask + 1, sizeof(*table->slots));
	table->chunk = calloc(chunks, sizeof(*table->chunk));
	table->spare = calloc(chunks * WEIR_CHUNK, sizeof(*table->spare));
	table->seen = calloc(chunks * WEIR_CHUNK, sizeof(*table->seen));
	return table->slots && table->chunk && table->spare && table->seen ? 0 : -1;
}

static void weir_table_free(struct weir_table *table)
{
	free(table->slots);
	free(table->chunk);
	free(table->spare);
	free(table->seen);
}

static inline int weir_key_equal(const void *a, const struct weir_key *b)
{
	const __u64 *left = a, *right = (const __u64 *)b;

	return left[0] == right[0] && left[1] == right[1] && left[2] == right[2] &&
	       left[3] == right[3] && left[4] == right[4];
}

/* Two words folded into one by a wide product. */
static inline __u64 weir_fold(__u64 a, __u64 b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (__u64)product ^ (__u64)(product >> 64);
}

/* The high half names the slot, its top four bits the table. */
static inline __u64 weir_key_hash(const struct weir_key *key)
{
	const __u64 *words = (const __u64 *)key;
	__u64 low = weir_fold(words[0] ^ 0x9e3779b97f4a7c15ULL,
			      words[1] ^ 0xbf58476d1ce4e5b9ULL);
	__u64 high = weir_fold(words[2] ^ 0x94d049bb133111ebULL,
			       words[3] ^ 0xd6e8feb86659fd93ULL);

	return weir_mix(low ^ (high << 1 | high >> 63) ^ words[4] * 0xa0761d6478bd642fULL);
}

/* Position of the key's slot, or of the empty one where it belongs. */
static inline __u32 weir_table_probe(const struct weir_table *table,
				     const struct weir_key *key, __u64 hash)
{
	__u32 high = hash >> 32, at = high & table->mask;

	for (;; at = (at + 1) & table->mask) {
		__u64 slot = table->slots[at];

		if (!(__u32)slot)
			return at;
		if (slot >> 32 == high &&
		    weir_key_equal(weir_table_flow(table, (__u32)slot - 1), key))
			return at;
	}
}

static int weir_table_grow(struct weir_table *table)
{
	__u32 mask = table->mask * 2 + 1;
	__u64 *slots = calloc((size_t)mask + 1, sizeof(*slots));

	if (!slots)
		return -1;
	for (__u32 i = 0; i <= table->mask; i++) {
		__u64 slot = table->slots[i];
		__u32 at = (slot >> 32) & mask;

		if (!(__u32)slot)
			continue;
		while ((__u32)slots[at])
			at = (at + 1) & mask;
		slots[at] = slot;
	}
	free(table->slots);
	table->slots = slots;
	table->mask = mask;
	return 0;
}

/* A zeroed flow under the key, in the empty slot at; its index, or -1: no memory. */
static __s64 weir_table_insert(struct weir_table *table, const struct weir_key *key,
			       __u64 hash, __u32 at)
{
	__u32 index;
	void *flow;

	if (table->count * 2 > table->mask) {
		if (weir_table_grow(table))
			return -1;
		at = weir_table_probe(table, key, hash);
	}
	if (table->spares) {
		index = table->spare[--table->spares];
	} else {
		index = table->made;
		if (index / WEIR_CHUNK >= table->chunks) {
			__u8 *chunk = weir_arena_take(
				table->arena, (size_t)WEIR_CHUNK * table->flow_bytes);

			if (!chunk)
				return -1;
			table->chunk[table->chunks++] = chunk;
		}
		table->made++;
	}
	flow = weir_table_flow(table, index);
	memset(flow, 0, table->flow_bytes);
	memcpy(flow, key, sizeof(*key));
	table->slots[at] = (hash >> 32) << 32 | (index + 1);
	table->count++;
	table->seen[index].high = hash >> 32;
	table->seen[index].used = 1;
	table->seen[index].closed = 0;
	return index;
}

/* Empty the slot at; what followed it in its run moves up. */
static void weir_table_clear(struct weir_table *table, __u32 at)
{
	__u32 hole = at;

	for (;;) {
		__u64 slot;
		__u32 home;

		at = (at + 1) & table->mask;
		slot = table->slots[at];
		if (!(__u32)slot)
			break;
		home = (slot >> 32) & table->mask;
		if (((at - home) & table->mask) < ((at - hole) & table->mask))
			continue;
		table->slots[hole] = slot;
		hole = at;
	}
	table->slots[hole] = 0;
}

/* The key leads here no more; the flow itself stays until it is released. */
static void weir_table_unlink(struct weir_table *table, __u32 index)
{
	__u32 at = table->seen[index].high & table->mask;

	while ((__u32)table->slots[at] != index + 1)
		at = (at + 1) & table->mask;
	weir_table_clear(table, at);
	table->seen[index].used = 0;
	table->count--;
}

static inline void weir_table_release(struct weir_table *table, __u32 index)
{
	table->spare[table->spares++] = index;
}

static int weir_compare_seen(const void *a, const void *b)
{
	__u64 left = *(const __u64 *)a, right = *(const __u64 *)b;

	return left < right ? -1 : left > right;
}

/* The time before which an eighth of the flows were last seen; 0 without memory. */
static __u64 weir_table_silent(const struct weir_table *table)
{
	__u64 *times = malloc(((size_t)table->count + 1) * sizeof(*times)), limit_ns;
	__u32 count = 0;

	if (!times)
		return 0;
	for (__u32 i = 0; i < table->made; i++)
		if (table->seen[i].used)
			times[count++] = table->seen[i].last_ns;
	qsort(times, count, sizeof(*times), weir_compare_seen);
	limit_ns = count ? times[count / 8] : 0;
	free(times);
	return limit_ns;
}

#endif
