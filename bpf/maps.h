/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Every map: who writes, who reads, what happens when it is full. Sizes are defaults; the
 * loader sets what the configuration asks for. All are pinned, so counting survives the
 * agent.
 */
#ifndef WEIR_MAPS_H
#define WEIR_MAPS_H

#include "flow.h"
#include "reports.h"

/* A program's working memory, too large for its stack. One a CPU: programs of both hooks
 * run with bottom halves off, so none interrupts another. */
struct weir_scratch {
	struct weir_packet packet;
	struct weir_sight sight;
	__u32 parsed; /* enum weir_parsed */
	__u32 class;  /* WEIR_CLASSES: no record tells it */
	__u32 limit;  /* of the flow, 0: none of its own */
	struct weir_key key;
	__u64 blank[sizeof(struct weir_record) /
		    8]; /* zero but for what a new flow begins with */
};

#ifndef WEIR_BCC /* whose loader makes the maps itself */

/* Packet programs insert and update; the closing program deletes; the agent reads whole
 * records under the lock. Full: new flows go to the overflow counters. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, struct weir_key);
	__type(value, struct weir_record);
} flows SEC(".maps");

/* Agent writes, programs read. By ifindex modulo the size; a stranger is not counted. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WEIR_INTERFACE_ENTRIES);
	__type(key, __u32);
	__type(value, struct weir_interface);
} interfaces SEC(".maps");

/* Programs write their own CPU's row, the agent sums. By slot * WEIR_HOOKS + hook; fixed.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, WEIR_SLOTS *WEIR_HOOKS);
	__type(key, __u32);
	__type(value, struct weir_counters);
} counters SEC(".maps");

/* Agent writes, programs read when a flow begins: class by port, tried before the DSCP's.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, __u8);
} port_classes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u8);
} dscp_classes SEC(".maps");

/* Agent writes, programs read where an interface has WEIR_INTERFACE_FILTER. A frame that
 * meets it half written is counted all the same, as taken or as filtered. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct weir_filter);
} filter SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct weir_scratch);
} scratch SEC(".maps");

/* The agent asks, the closing program answers. A ring: entries stay until the batch that
 * reports them is on disk. Full: the agent closes its batch early. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, struct weir_closing);
} closing SEC(".maps");

/* The agent writes, the verdict program carries them into records. Written over each time.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct weir_verdict);
} verdicts SEC(".maps");

/* The walking program writes, the agent reads. As long as the flow map. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, struct weir_sample);
} samples SEC(".maps");

/* What the live flows of one walk hold, by slot * WEIR_HOOKS + hook. The agent zeroes it.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WEIR_SLOTS *WEIR_HOOKS);
	__type(key, __u32);
	__type(value, struct weir_volume);
} walked SEC(".maps");

/* Agent writes, tc programs read where an interface has WEIR_INTERFACE_SHAPED. By slot *
 * WEIR_HOOKS + hook. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WEIR_SLOTS *WEIR_HOOKS);
	__type(key, __u32);
	__type(value, struct weir_shaping);
} shaping SEC(".maps");

/* Agent sets rates, tc programs spend. By (slot * WEIR_HOOKS + hook) * WEIR_CLASSES +
 * class.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WEIR_SLOTS * WEIR_HOOKS * WEIR_CLASSES);
	__type(key, __u32);
	__type(value, struct weir_bucket);
} policers SEC(".maps");

/* Agent writes, programs read when a flow begins, and the verdict program for flows that
 * live: the agent has it look at them anew after each change. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct weir_match_tables);
} matches SEC(".maps");

/* Agent writes, tc programs read for flows that have the number. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WEIR_LIMITS);
	__type(key, __u32);
	__type(value, struct weir_limit);
} flow_limits SEC(".maps");

/* What each limit found too much, in all. Programs write their own CPU's row, the agent
 * sums.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, WEIR_LIMITS);
	__type(key, __u32);
	__type(value, struct weir_volume);
} limited SEC(".maps");

/* Where the closing, the verdict and the walking program are in their lists. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 3);
	__type(key, __u32);
	__type(value, struct weir_cursor);
} cursors SEC(".maps");

/* The agent's own memory, here so that it outlives the agent. No program touches it. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct weir_epoch);
} epoch SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WEIR_SLOTS);
	__type(key, __u32);
	__type(value, struct weir_slot);
} slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct weir_bookmark);
} bookmarks SEC(".maps");

/* Twice as long as the flow map: one half a bookmark. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * 65536);
	__type(key, __u32);
	__type(value, struct weir_reported);
} reported SEC(".maps");

#endif
#endif
