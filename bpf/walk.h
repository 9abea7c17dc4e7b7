/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The walk over live flows, in the kernel: a row of a few columns for each. */
#ifndef WEIR_WALK_H
#define WEIR_WALK_H

#include "lists.h"

static __always_inline __u64 sample_tuple(const struct weir_key *key)
{
	const __u64 *words = (const __u64 *)key;
	const struct weir_key slot_only = {.slot = 0xffff};
	__u64 mask = ~((const __u64 *)&slot_only)[4];
	__u64 tuple = words[4] & mask;

#pragma clang loop unroll(full)
	for (int i = 0; i < 4; i++)
		tuple = weir_mix(tuple ^ words[i]);
	return tuple;
}

static __always_inline void sample_key(struct weir_sample *row, const struct weir_key *key,
				       int forward_is_low)
{
#pragma clang loop unroll(full)
	for (int i = 0; i < 4; i++) {
		row->source[i] =
			forward_is_low ? key->low_address[i] : key->high_address[i];
		row->destination[i] =
			forward_is_low ? key->high_address[i] : key->low_address[i];
	}
	row->source_port = forward_is_low ? key->low_port : key->high_port;
	row->destination_port = forward_is_low ? key->high_port : key->low_port;
	row->slot = key->slot;
	row->protocol = key->protocol;
	row->family = key->family & WEIR_KEY_FAMILY;
	row->key_family = key->family;
	row->tuple = sample_tuple(key);
}

/* Under the lock. */
static __always_inline void sample_record(struct weir_sample *row,
					  const struct weir_record *record,
					  struct weir_volume *sums)
{
	row->id = record->id;
	row->class = record->class;
	row->class_source = record->class_source;
	row->tcp_state = record->state;
	row->dscp = record->dscp[WEIR_FORWARD];
	row->vlan = record->vlan;
	row->first_ns = record->first_ns;
	row->last_ns = record->last_ns;
#pragma clang loop unroll(full)
	for (int i = 0; i < WEIR_ORIENTATIONS; i++) {
		row->total_packets[i] = record->volume[WEIR_RX][i].packets +
					record->volume[WEIR_TX][i].packets;
		row->total_bytes[i] =
			record->volume[WEIR_RX][i].bytes + record->volume[WEIR_TX][i].bytes;
		row->retransmits[i] = record->retransmits[i];
		weir_volume_add(&sums[WEIR_RX], &record->volume[WEIR_RX][i]);
		weir_volume_add(&sums[WEIR_TX], &record->volume[WEIR_TX][i]);
	}
	row->rtt_ns = record->smoothed_rtt_ns;
}

static __always_inline void add_walked(__u32 slot, const struct weir_volume *sums)
{
#pragma clang loop unroll(full)
	for (__u32 hook = 0; hook < WEIR_HOOKS; hook++) {
		__u32 index = slot * WEIR_HOOKS + hook;
		struct weir_volume *sum = bpf_map_lookup_elem(&walked, &index);

		if (sum)
			weir_volume_add(sum, &sums[hook]);
	}
}

/*
 * A row for one flow, where the list's cursor stands. The record is looked up again: 6.1
 * locks no callback's own argument. Returns 1 when the list is full.
 */
static __always_inline int sample_flow(struct weir_key *key)
{
	__u32 list = WEIR_LIST_SAMPLES;
	struct weir_cursor *cursor = bpf_map_lookup_elem(&cursors, &list);
	struct weir_volume sums[WEIR_HOOKS] = {};
	struct weir_record *record;
	struct weir_sample *row;
	int forward_is_low;
	__u32 index;

	if (!cursor)
		return 1;
	index = cursor->next;
	row = bpf_map_lookup_elem(&samples, &index);
	if (!row)
		return 1;
	record = bpf_map_lookup_elem(&flows, key);
	if (!record)
		return 0;
	bpf_spin_lock(&record->lock);
	sample_record(row, record, sums);
	forward_is_low = record->state & WEIR_STATE_FORWARD_IS_LOW;
	bpf_spin_unlock(&record->lock);
	/* Inserted, but its first packet is still on its way in. */
	if (!row->first_ns)
		return 0;
	sample_key(row, key, forward_is_low);
	add_walked(key->slot, sums);
	cursor->next = index + 1;
	return 0;
}

/* Write a row for every live flow; the cursor tells how many. */
static __always_inline int walk_flows(void *callback)
{
	__u32 list = WEIR_LIST_SAMPLES;
	struct weir_cursor *cursor = bpf_map_lookup_elem(&cursors, &list);

	if (!cursor)
		return 0;
	cursor->next = 0;
	bpf_for_each_map_elem(&flows, callback, 0, 0);
	return 0;
}

#endif
