/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a flow begins and ends, by packet time: idle and active timeouts, FIN and RST with a
 * linger, re-use of ports. What the kernel leaves to the agent, the capture tool does here.
 */
#ifndef WEIR_TRACK_H
#define WEIR_TRACK_H

#include "settings.h"
#include "table.h"

#define WEIR_RECENT 4 /* packets a direction remembers to know a copy */
#define WEIR_DUPLICATE_NS                                                                  \
	10000000ULL /* a copy comes within this, a retransmission later                    \
		     */

/* What a capture tells beyond the kernel's record. */
struct weir_extra {
	__u64 first_packet; /* number in the capture, from 0 */
	__u64 last_packet;
	__u64 end_packet; /* at which the end was noticed; ~0: by a sweep */
	__u32 initial_sequence[WEIR_ORIENTATIONS];
	__u32 duplicates[WEIR_ORIENTATIONS];
	__u32 late[WEIR_ORIENTATIONS]; /* put back in order */
	__u32 recent[WEIR_ORIENTATIONS][WEIR_RECENT];
	__u8 syn_seen[WEIR_ORIENTATIONS];
	__u8 ending; /* enum weir_ending */
	__u8 told;   /* listeners know of it */
	__u8 touched;
	__u8 recent_at[WEIR_ORIENTATIONS];
	__u8 continued; /* begun by an active timeout */
};

struct weir_flow {
	struct weir_key key;
	struct weir_record record;
	struct weir_extra extra;
};

/* A packet on its way to its flow. */
struct weir_item {
	__u64 now_ns;
	__u64 hash;
	__u64 number;
	__u32 wire_bytes;
	__u32 sameness; /* equal for copies of one packet */
	__u8 from_low;
	__u8 late;
	struct weir_key key __attribute__((aligned(8))); /* compared by words */
	struct weir_packet packet;
};

struct weir_ended {
	__u64 end_packet;
	__u64 first_packet;
	__u32 table;
	__u32 index;
};

struct weir_ended_list {
	struct weir_ended *entries;
	size_t count;
	size_t room;
};

static int weir_ended_add(struct weir_ended_list *list, const struct weir_ended *entry)
{
	if (list->count == list->room) {
		size_t room = list->room ? list->room * 2 : 1024;
		struct weir_ended *entries =
			realloc(list->entries, room * sizeof(*entries));

		if (!entries)
			return -1;
		list->entries = entries;
		list->room = room;
	}
	list->entries[list->count++] = *entry;
	return 0;
}

static inline int weir_closed(const struct weir_record *record)
{
	return (record->state & WEIR_STATE_RST) ||
	       (record->state & (WEIR_STATE_FIN_FORWARD | WEIR_STATE_FIN_BACKWARD)) ==
		       (WEIR_STATE_FIN_FORWARD | WEIR_STATE_FIN_BACKWARD);
}

/* A SYN that cannot belong to the connection on record: the ports are used again. */
static int weir_reused(const struct weir_flow *flow, const struct weir_packet *packet,
		       __u32 orientation)
{
	const struct weir_extra *extra = &flow->extra;

	if (weir_closed(&flow->record))
		return !extra->syn_seen[orientation] ||
		       extra->initial_sequence[orientation] != packet->sequence;
	if (packet->tcp_flags >> WEIR_ACK & 1)
		return 0;
	if (extra->syn_seen[orientation])
		return extra->initial_sequence[orientation] != packet->sequence;
	/* A second end that opens too is a simultaneous open, unless it has spoken before.
	 */
	return flow->record.direction[orientation].first_ns != 0;
}

/* How the flow ends before this packet; WEIR_OPEN: it does not. */
static enum weir_ending weir_flow_ending(const struct weir_settings *settings,
					 const struct weir_flow *flow,
					 const struct weir_item *item)
{
	const struct weir_record *record = &flow->record;
	__u64 now_ns = item->now_ns;
	int tcp = item->packet.protocol == WEIR_IP_TCP && !item->packet.fragment;

	if (WEIR_UNLIKELY(settings->flags & WEIR_KEEP_FLOWS))
		return WEIR_OPEN;

	if (now_ns > record->last_ns) {
		__u64 gap_ns = now_ns - record->last_ns;

		if (WEIR_UNLIKELY(gap_ns > settings->linger_ns && weir_closed(record)))
			return record->state & WEIR_STATE_RST ? WEIR_ENDING_RST
							      : WEIR_ENDING_FIN;
		if (WEIR_UNLIKELY(gap_ns > settings->idle_ns))
			return WEIR_ENDING_IDLE;
		if (WEIR_UNLIKELY(now_ns - record->first_ns > settings->active_ns))
			return WEIR_ENDING_ACTIVE;
	}
	if (tcp && WEIR_UNLIKELY(item->packet.tcp_flags >> WEIR_SYN & 1)) {
		__u32 orientation =
			(record->state & WEIR_STATE_FORWARD_IS_LOW) ^ item->from_low;

		if (weir_reused(flow, &item->packet, orientation))
			return record->state & WEIR_STATE_RST ? WEIR_ENDING_RST
			       : weir_closed(record)	      ? WEIR_ENDING_FIN
							      : WEIR_ENDING_REUSE;
	}
	return WEIR_OPEN;
}

/* 1 if one of the direction's last packets was the same. */
static int weir_is_copy(struct weir_extra *extra, const struct weir_direction *direction,
			const struct weir_item *item, __u32 orientation)
{
	__u32 *recent = extra->recent[orientation];
	int copy = 0;

	if (item->now_ns - direction->last_ns <= WEIR_DUPLICATE_NS)
		for (int i = 0; i < WEIR_RECENT; i++)
			copy |= recent[i] == item->sameness;
	if (!copy) {
		recent[extra->recent_at[orientation] & (WEIR_RECENT - 1)] = item->sameness;
		extra->recent_at[orientation]++;
	}
	return copy;
}

/* Count one packet into its flow. forward_is_low: as the flow that was cut had it, or -1.
 */
static void weir_flow_count(const struct weir_settings *settings, struct weir_flow *flow,
			    const struct weir_item *item, int forward_is_low)
{
	struct weir_record *record = &flow->record;
	struct weir_extra *extra = &flow->extra;
	struct weir_sight sight = {
		.now_ns = item->now_ns,
		.volume = {1, 1, item->wire_bytes},
		.hook = WEIR_RX,
		.from_low = item->from_low,
		.one_way = !!(settings->flags & WEIR_UNIDIRECTIONAL),
	};
	int begins = !record->first_ns;
	__u32 orientation;

	if (WEIR_UNLIKELY(begins && forward_is_low >= 0)) {
		sight.from_low = forward_is_low;
		weir_flow_begin(record, &item->packet, &sight);
		record->state &= ~WEIR_STATE_FORWARD_IS_LOW;
		record->state |= forward_is_low ? WEIR_STATE_FORWARD_IS_LOW : 0;
		sight.from_low = item->from_low;
	}
	if (!begins) {
		orientation = (record->state & WEIR_STATE_FORWARD_IS_LOW) ^ item->from_low;
		if (weir_is_copy(extra, &record->direction[orientation], item,
				 orientation)) {
			extra->duplicates[orientation]++;
			if (settings->flags & WEIR_DROP_DUPLICATES)
				return;
		}
	}
	weir_flow_update(record, &item->packet, &sight);
	if (WEIR_UNLIKELY(begins && forward_is_low >= 0))
		record->gap_min_ns = ~0ULL;
	orientation = (record->state & WEIR_STATE_FORWARD_IS_LOW) ^ item->from_low;
	if (begins) {
		extra->recent[orientation][0] = item->sameness;
		extra->recent_at[orientation] = 1;
	}
	extra->late[orientation] += item->late;
	extra->last_packet = item->number;
	extra->touched = 1;
	if (WEIR_UNLIKELY(item->packet.tcp_flags >> WEIR_SYN & 1) &&
	    !extra->syn_seen[orientation]) {
		extra->syn_seen[orientation] = 1;
		extra->initial_sequence[orientation] = item->packet.sequence;
	}
}

#endif
