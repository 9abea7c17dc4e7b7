/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * From a parsed packet to its flow's record. No helper calls, no floating point: kernel
 * programs, the host library and the fuzzer compile this same file. The caller holds the
 * lock.
 */
#ifndef WEIR_FLOW_H
#define WEIR_FLOW_H

#include "flow_tcp.h"
#include "key.h"

static __always_inline void weir_volume_add(struct weir_volume *sum,
					    const struct weir_volume *volume)
{
	sum->frames += volume->frames;
	sum->packets += volume->packets;
	sum->bytes += volume->bytes;
}

/* Payload and wire lengths of count equal segments. */
static __always_inline void weir_lengths_add(struct weir_direction *direction, __u32 count,
					     __u32 payload_bytes, __u32 header_bytes)
{
	__u32 length = payload_bytes + header_bytes;

	direction->payload_square += (__u64)payload_bytes * payload_bytes * count;
	direction->length_square += (__u64)length * length * count;
	if (payload_bytes < direction->payload_min)
		direction->payload_min = payload_bytes;
	if (payload_bytes > direction->payload_max)
		direction->payload_max = payload_bytes;
	if (length < direction->length_min)
		direction->length_min = length;
	if (length > direction->length_max)
		direction->length_max = length;
	if (payload_bytes)
		direction->data_packets += count;
	direction->length_histogram[weir_length_bucket(length) &
				    (WEIR_LENGTH_BUCKETS - 1)] += count;
}

static __always_inline void weir_flow_lengths(struct weir_direction *direction,
					      const struct weir_packet *packet,
					      const struct weir_sight *sight)
{
	__u32 count = sight->volume.packets, last = packet->payload_bytes;
	__u32 header_bytes = sight->volume.bytes - last;

	direction->payload_bytes += packet->payload_bytes;
	direction->header_bytes += (__u64)packet->transport_bytes * count;
	if (packet->transport_bytes < direction->header_min)
		direction->header_min = packet->transport_bytes;
	if (count > 1) {
		header_bytes = packet->header_bytes;
		last -= sight->segment_bytes * (count - 1);
		weir_lengths_add(direction, count - 1, sight->segment_bytes, header_bytes);
	}
	weir_lengths_add(direction, 1, last, header_bytes);
}

/* Gaps of one direction. Segments merged into a frame came at once: gaps of 0. */
static __always_inline void weir_direction_gaps(struct weir_direction *direction,
						__u64 now_ns, __u32 count, int first)
{
	__u64 gap_ns = now_ns > direction->last_ns ? now_ns - direction->last_ns : 0;

	if (first) {
		direction->first_ns = direction->last_ns = now_ns;
		direction->gap_min_ns = ~0ULL;
	} else {
		weir_square_add(&direction->gap_square_ns, gap_ns);
		if (gap_ns < direction->gap_min_ns)
			direction->gap_min_ns = gap_ns;
		if (gap_ns > direction->gap_max_ns)
			direction->gap_max_ns = gap_ns;
		direction->last_ns += gap_ns;
		direction
			->gap_histogram[weir_gap_bucket(gap_ns) & (WEIR_GAP_BUCKETS - 1)]++;
	}
	if (count > 1) {
		direction->gap_min_ns = 0;
		direction->gap_histogram[0] += count - 1;
	}
}

/* Gaps of the whole flow, and the active, idle and sub-flow periods they delimit. */
static __always_inline void weir_flow_gaps(struct weir_record *record, __u64 now_ns,
					   __u32 count)
{
	__u64 gap_ns = now_ns > record->last_ns ? now_ns - record->last_ns : 0;

	weir_square_add(&record->gap_square_ns, gap_ns);
	if (gap_ns < record->gap_min_ns)
		record->gap_min_ns = gap_ns;
	if (gap_ns > record->gap_max_ns)
		record->gap_max_ns = gap_ns;
	if (count > 1)
		record->gap_min_ns = 0;
	if (gap_ns > WEIR_SUBFLOW_NS) {
		record->subflows++;
		if (gap_ns > WEIR_IDLE_NS) {
			if (record->last_ns > record->active_start_ns)
				weir_periods_add(&record->active,
						 record->last_ns - record->active_start_ns);
			weir_periods_add(&record->idle, gap_ns);
			record->active_start_ns = now_ns;
		}
	}
	record->last_ns += gap_ns;
}

/* Runs of data packets in one direction, not interrupted by the other's data. */
static __always_inline void weir_flow_bulk(struct weir_direction *direction,
					   struct weir_direction *other, __u64 now_ns,
					   __u32 count, __u32 payload_bytes)
{
	__u32 before = direction->run_packets;
	__u64 gap_ns =
		now_ns > direction->run_last_ns ? now_ns - direction->run_last_ns : 0;

	other->run_packets = 0;
	if (!before || gap_ns > WEIR_SUBFLOW_NS) {
		before = 0;
		gap_ns = 0;
		direction->run_start_ns = now_ns;
		direction->run_last_ns = now_ns;
		direction->run_bytes = 0;
	}
	direction->run_packets = before + count;
	direction->run_bytes += payload_bytes;
	direction->run_last_ns += gap_ns;
	if (before >= WEIR_BULK_PACKETS) {
		direction->bulk_packets += count;
		direction->bulk_bytes += payload_bytes;
		direction->bulk_duration_ns += gap_ns;
	} else if (direction->run_packets >= WEIR_BULK_PACKETS) {
		direction->bulk_count++;
		direction->bulk_packets += direction->run_packets;
		direction->bulk_bytes += direction->run_bytes;
		direction->bulk_duration_ns +=
			direction->run_last_ns - direction->run_start_ns;
	}
}

/* Forward is the first packet's direction, unless that packet is the answer to a SYN. */
static __always_inline __u8 weir_forward_is_low(const struct weir_packet *packet,
						const struct weir_sight *sight)
{
	__u8 answer = 1 << WEIR_SYN | 1 << WEIR_ACK;

	if (!sight->one_way && (packet->tcp_flags & answer) == answer)
		return !sight->from_low;
	return sight->from_low;
}

static __always_inline void weir_flow_begin(struct weir_record *record,
					    const struct weir_packet *packet,
					    const struct weir_sight *sight)
{
	record->first_ns = record->last_ns = sight->now_ns;
	record->active_start_ns = sight->now_ns;
	record->gap_min_ns = sight->volume.packets > 1 ? 0 : ~0ULL;
	record->subflows = 1;
	record->vlan = packet->vlan;
	record->icmp_type = packet->icmp_type;
	record->icmp_code = packet->icmp_code;
	record->state |= weir_forward_is_low(packet, sight) ? WEIR_STATE_FORWARD_IS_LOW : 0;
}

static __always_inline void weir_direction_begin(struct weir_direction *direction,
						 const struct weir_packet *packet)
{
	direction->payload_min = direction->length_min = direction->header_min = ~0U;
	direction->first_dscp = packet->traffic_class >> 2;
	direction->ttl_min = 255;
}

/* Count one frame into the record of its flow; the record begins zeroed but for id and
 * class. */
static __always_inline void weir_flow_update(struct weir_record *record,
					     const struct weir_packet *packet,
					     const struct weir_sight *sight)
{
	__u32 count = sight->volume.packets, orientation;
	struct weir_direction *direction;
	int first;

	if (!record->first_ns)
		weir_flow_begin(record, packet, sight);
	else
		weir_flow_gaps(record, sight->now_ns, count);
	orientation = (record->state & WEIR_STATE_FORWARD_IS_LOW) ^ sight->from_low;
	direction = &record->direction[orientation & 1];
	weir_volume_add(&record->volume[sight->hook & 1][orientation & 1], &sight->volume);
	first = !direction->first_ns;
	if (first)
		weir_direction_begin(direction, packet);
	weir_direction_gaps(direction, sight->now_ns, count, first);
	weir_flow_lengths(direction, packet, sight);
	record->dscp[orientation & 1] = packet->traffic_class >> 2;
	if (packet->ttl < direction->ttl_min)
		direction->ttl_min = packet->ttl;
	if (packet->ttl > direction->ttl_max)
		direction->ttl_max = packet->ttl;
	if (count > 1)
		record->state |= WEIR_STATE_MERGED;
	if (packet->payload_bytes)
		weir_flow_bulk(direction, &record->direction[(orientation & 1) ^ 1],
			       sight->now_ns, count, packet->payload_bytes);
	if (packet->protocol == WEIR_IP_TCP && !packet->fragment)
		weir_flow_tcp(record, orientation, packet, sight, first);
}

#endif
