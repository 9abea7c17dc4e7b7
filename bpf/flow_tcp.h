/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* What TCP's own header adds to a flow's record. The caller holds the lock. */
#ifndef WEIR_FLOW_TCP_H
#define WEIR_FLOW_TCP_H

#include "moments.h"

/* One frame at a hook. */
struct weir_sight {
	__u64 now_ns;
	struct weir_volume volume; /* what it adds: one frame, its wire packets and bytes */
	__u32 segment_bytes;	   /* payload of a full segment, 0: not merged */
	__u8 hook;		   /* enum weir_hook */
	__u8 from_low;		   /* the source is the key's low end */
	__u8 one_way;		   /* the key holds one direction: nothing to orient */
};

/* A merged frame's header stands for all its segments, but FIN, PSH and RST sit in the
 * last. */
static __always_inline void weir_flow_flags(struct weir_direction *direction, __u8 flags,
					    __u32 count)
{
	direction->flags[WEIR_ACK] += flags >> WEIR_ACK & 1 ? count : 0;
	if (flags == 1 << WEIR_ACK)
		return;
	direction->flags[WEIR_FIN] += flags >> WEIR_FIN & 1;
	direction->flags[WEIR_SYN] += flags >> WEIR_SYN & 1;
	direction->flags[WEIR_RST] += flags >> WEIR_RST & 1;
	direction->flags[WEIR_PSH] += flags >> WEIR_PSH & 1;
	direction->flags[WEIR_CWR] += flags >> WEIR_CWR & 1;
	direction->flags[WEIR_URG] += flags >> WEIR_URG & 1 ? count : 0;
	direction->flags[WEIR_ECE] += flags >> WEIR_ECE & 1 ? count : 0;
}

/* Segments that end at or before the highest sequence number seen were sent before. */
static __always_inline void weir_flow_sequence(struct weir_record *record,
					       __u32 orientation,
					       const struct weir_packet *packet,
					       __u32 count)
{
	struct weir_direction *direction = &record->direction[orientation & 1];
	__u32 taken = packet->payload_bytes + (packet->tcp_flags >> WEIR_SYN & 1) +
		      (packet->tcp_flags >> WEIR_FIN & 1);
	__u32 end = packet->sequence + taken;

	if (!taken)
		return;
	if (direction->sequence_seen && (__s32)(end - direction->next_sequence) <= 0) {
		record->retransmits[orientation & 1] += count;
		return;
	}
	direction->sequence_seen = 1;
	direction->next_sequence = end;
}

static __always_inline void weir_rtt_add(struct weir_record *record, __u32 orientation,
					 __u64 rtt_ns)
{
	__u64 smoothed_ns = record->smoothed_rtt_ns;

	weir_periods_add(&record->rtt[orientation & 1], rtt_ns);
	record->smoothed_rtt_ns =
		smoothed_ns ? smoothed_ns - (smoothed_ns >> 3) + (rtt_ns >> 3) : rtt_ns;
}

/* RFC 7323 timestamps: from a segment with a new TSval to the first echo of that value. */
static __always_inline void weir_flow_rtt(struct weir_record *record, __u32 orientation,
					  const struct weir_packet *packet, __u64 now_ns)
{
	struct weir_direction *direction = &record->direction[orientation & 1];
	__u32 back = (orientation & 1) ^ 1;
	struct weir_direction *other = &record->direction[back & 1];
	__s32 age = packet->timestamp_echo - other->timestamp_awaited;

	if (other->timestamp_ns && packet->tcp_flags >> WEIR_ACK & 1 && age >= 0) {
		if (age == 0 && now_ns >= other->timestamp_ns)
			weir_rtt_add(record, back, now_ns - other->timestamp_ns);
		other->timestamp_ns = 0;
	}
	if (direction->timestamp_seen &&
	    (__s32)(packet->timestamp_value - direction->timestamp_newest) <= 0)
		return;
	direction->timestamp_seen = 1;
	direction->timestamp_newest = packet->timestamp_value;
	if (!direction->timestamp_ns &&
	    (packet->payload_bytes || packet->tcp_flags >> WEIR_SYN & 1)) {
		direction->timestamp_awaited = packet->timestamp_value;
		direction->timestamp_ns = now_ns;
	}
}

static __always_inline void weir_flow_tcp(struct weir_record *record, __u32 orientation,
					  const struct weir_packet *packet,
					  const struct weir_sight *sight, int first)
{
	struct weir_direction *direction = &record->direction[orientation & 1];

	if (first)
		direction->first_window = packet->window;
	if (packet->tcp_flags >> WEIR_FIN & 1)
		record->state |=
			orientation & 1 ? WEIR_STATE_FIN_BACKWARD : WEIR_STATE_FIN_FORWARD;
	if (packet->tcp_flags >> WEIR_RST & 1)
		record->state |= WEIR_STATE_RST;
	weir_flow_flags(direction, packet->tcp_flags, sight->volume.packets);
	weir_flow_sequence(record, orientation, packet, sight->volume.packets);
	if (packet->has_timestamp)
		weir_flow_rtt(record, orientation, packet, sight->now_ns);
}

#endif
