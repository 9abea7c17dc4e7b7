/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Programs that no packet runs: the agent drives them over its lists by BPF_PROG_TEST_RUN.
 */
#ifndef WEIR_LISTS_H
#define WEIR_LISTS_H

#include "classify.h"

/* The lists that the agent has a program go through, one entry a run. */
enum weir_list { WEIR_LIST_CLOSING, WEIR_LIST_VERDICTS, WEIR_LIST_SAMPLES };

static __always_inline __u32 next_in_list(__u32 list)
{
	struct weir_cursor *cursor = bpf_map_lookup_elem(&cursors, &list);

	if (!cursor || cursor->next >= cursor->end)
		return ~0U;
	return cursor->next++;
}

/* All words but the lock's. */
static __always_inline void copy_record(__u64 *to, const struct weir_record *record)
{
	const __u64 *from = (const __u64 *)record;
	const unsigned int lock = __builtin_offsetof(struct weir_record, lock) / 8;

#pragma clang loop unroll(full)
	for (unsigned int i = 0; i < lock; i++)
		to[i] = from[i];
	to[lock] = 0;
	to[lock + 1] = record->id;
}

static __always_inline void add_ended(const struct weir_key *key,
				      const struct weir_record *record)
{
#pragma clang loop unroll(full)
	for (__u32 hook = 0; hook < WEIR_HOOKS; hook++) {
		__u32 index = key->slot * WEIR_HOOKS + hook;
		struct weir_counters *sums = bpf_map_lookup_elem(&counters, &index);

		if (!sums)
			return;
		weir_volume_add(&sums->ended, &record->volume[hook][WEIR_FORWARD]);
		weir_volume_add(&sums->ended, &record->volume[hook][WEIR_BACKWARD]);
	}
}

/*
 * Close the next flow of the closing ring: last word out, record marked, key deleted, all
 * so that a packet on another CPU is either in the copy or meets id 0. Run by the agent, as
 * many times as the list has entries (BPF_PROG_TEST_RUN, repeat).
 */
static __always_inline int close_next(void)
{
	__u32 index = next_in_list(WEIR_LIST_CLOSING);
	struct weir_closing *entry = bpf_map_lookup_elem(&closing, &index);
	struct weir_record *record;

	if (!entry || entry->status != WEIR_CLOSING_ASKED)
		return 0;
	entry->status = WEIR_CLOSING_GONE;
	record = bpf_map_lookup_elem(&flows, &entry->key);
	if (!record)
		return 0;
	bpf_spin_lock(&record->lock);
	if (record->id == entry->id) {
		copy_record(entry->record, record);
		record->id = 0;
		entry->status = WEIR_CLOSING_DONE;
	}
	bpf_spin_unlock(&record->lock);
	if (entry->status != WEIR_CLOSING_DONE)
		return 0;
	add_ended(&entry->key, (struct weir_record *)entry->record);
	bpf_map_delete_elem(&flows, &entry->key);
	return 0;
}

/* Carry the next verdict into its flow's record, where tc finds it with the flow. */
static __always_inline int carry_verdict(void)
{
	__u32 index = next_in_list(WEIR_LIST_VERDICTS);
	struct weir_verdict *verdict = bpf_map_lookup_elem(&verdicts, &index);
	struct weir_guess guess;
	struct weir_record *record;

	if (!verdict)
		return 0;
	record = bpf_map_lookup_elem(&flows, &verdict->key);
	if (!record)
		return 0;
	guess.class = verdict->class;
	guess.source = verdict->class_source;
	guess.limit = verdict->limit;
	if (guess.class == WEIR_CLASS_KEEP)
		guess_again(&verdict->key, record, &guess);
	bpf_spin_lock(&record->lock);
	if (record->id == verdict->id) {
		record->class = guess.class;
		record->class_source = guess.source;
		record->limit = guess.limit;
	}
	bpf_spin_unlock(&record->lock);
	return 0;
}

#endif
