/* SPDX-License-Identifier: Apache-2.0 */
/* What CICFlowMeter adds up of a packet: what it counts twice, and what never. */
#ifndef WEIR_CIC_MEASURE_H
#define WEIR_CIC_MEASURE_H

#include "cic_repeats.h"

/* Active and idle periods; the last active period is never added (R4). */
static void weir_cic_activity(const struct weir_engine *engine, struct weir_cic_flow *flow,
			      __s64 time_us)
{
	__s64 threshold_us = engine->settings.activity_ns / 1000;

	if (time_us - flow->active_end_us > threshold_us) {
		if (flow->active_end_us - flow->active_start_us > 0)
			weir_statistics_add(&flow->active, (double)(flow->active_end_us -
								    flow->active_start_us));
		weir_statistics_add(&flow->idle, (double)(time_us - flow->active_end_us));
		flow->active_start_us = time_us;
	}
	flow->active_end_us = time_us;
}

/* Gaps above 1 s; the count starts at 0 (R1). */
static void weir_cic_subflow(const struct weir_engine *engine, struct weir_cic_flow *flow,
			     __s64 time_us)
{
	if ((double)(time_us - flow->subflow_last_us) / 1000000 > 1.0) {
		flow->subflows++;
		weir_cic_activity(engine, flow, time_us);
	}
	flow->subflow_last_us = time_us;
}

/* Master compares addresses by reference, so that every packet is a backward one (P5). */
static void weir_cic_bulk(const struct weir_engine *engine, struct weir_cic_flow *flow,
			  const struct weir_cic_packet *packet, int side)
{
	struct weir_cic_bulk *bulk, *other;
	__s64 time_us = packet->time_us;
	__u32 bytes = packet->payload_bytes;

	side = weir_cic_fixed(engine) ? side : 1;
	bulk = &flow->bulk[side];
	other = &flow->bulk[!side];
	if (other->last_us > bulk->start_us)
		bulk->start_us = 0;
	if (!bytes)
		return;
	if (!bulk->start_us || (double)(time_us - bulk->last_us) / 1000000 > 1.0) {
		bulk->start_us = time_us;
		bulk->last_us = time_us;
		bulk->run_packets = 1;
		bulk->run_bytes = bytes;
		return;
	}
	bulk->run_packets++;
	bulk->run_bytes += bytes;
	if (bulk->run_packets == 4) {
		bulk->count++;
		bulk->packets += 4;
		bulk->bytes += bulk->run_bytes;
		bulk->duration_us += time_us - bulk->start_us;
	} else if (bulk->run_packets > 4) {
		bulk->packets++;
		bulk->bytes += bytes;
		bulk->duration_us += time_us - bulk->last_us;
	}
	bulk->last_us = time_us;
}

/* by_side: master looks at the first packet alone (P4). */
static void weir_cic_flags(struct weir_cic_flow *flow, const struct weir_cic_packet *packet,
			   int side, int by_side)
{
	for (int flag = 0; flag < WEIR_FLAGS; flag++) {
		int set = packet->packet.tcp_flags >> flag & 1;

		flow->flags[flag] += set;
		flow->side_flags[side][flag] += by_side ? set : 0;
	}
}

static void weir_cic_side_add(struct weir_cic_flow *flow,
			      const struct weir_cic_packet *packet, int side)
{
	if (flow->packets[side])
		weir_statistics_add(&flow->side_gap[side],
				    (double)(packet->time_us - flow->side_last_us[side]));
	flow->packets[side]++;
	flow->side_last_us[side] = packet->time_us;
	flow->header_bytes[side] += packet->header_bytes;
	flow->payload_bytes[side] += packet->payload_bytes;
	weir_statistics_add(&flow->side_length[side], packet->payload_bytes);
}

static void weir_cic_first(const struct weir_engine *engine, struct weir_cic_flow *flow,
			   const struct weir_cic_packet *packet)
{
	int fixed = weir_cic_fixed(engine);
	/* Master has not set the ends yet: whatever comes first is forward (P13). */
	int side = fixed ? weir_cic_side(flow, packet) : 0;

	flow->start_us = flow->last_us = packet->time_us;
	flow->active_start_us = flow->active_end_us = packet->time_us;
	flow->subflow_last_us = packet->time_us;
	weir_cic_bulk(engine, flow, packet, side);
	weir_cic_flags(flow, packet, side, 1);
	/* Master counts the first packet's length twice (P6). */
	weir_statistics_add(&flow->length, packet->payload_bytes);
	if (!fixed)
		weir_statistics_add(&flow->length, packet->payload_bytes);
	weir_cic_side_add(flow, packet, side);
	flow->window[side] = packet->packet.window;
	if (!side)
		flow->header_min[0] = packet->header_bytes;
	if (fixed && side)
		flow->header_min[1] = packet->header_bytes;
	/* Master counts data packets from the second on. */
	if (fixed && packet->payload_bytes)
		flow->data_packets[side]++;
	if (fixed && packet->packet.protocol == WEIR_IP_TCP)
		flow->retransmits[side] +=
			weir_segments_add(&flow->segments, weir_segment_hash(packet));
}

static void weir_cic_add(const struct weir_engine *engine, struct weir_cic_flow *flow,
			 const struct weir_cic_packet *packet)
{
	int side = weir_cic_side(flow, packet), fixed = weir_cic_fixed(engine);

	weir_cic_bulk(engine, flow, packet, side);
	weir_cic_subflow(engine, flow, packet->time_us);
	weir_cic_flags(flow, packet, side, fixed);
	weir_statistics_add(&flow->length, packet->payload_bytes);
	if (packet->payload_bytes)
		flow->data_packets[side]++;
	weir_cic_side_add(flow, packet, side);
	/* Backward, 0 is never left again unless the first packet was backward (R2). */
	if (packet->header_bytes < flow->header_min[side])
		flow->header_min[side] = packet->header_bytes;
	/* Master keeps the window of the last backward packet (P8). */
	if (side && (!fixed || !flow->window[1]))
		flow->window[1] = packet->packet.window;
	weir_statistics_add(&flow->gap, (double)(packet->time_us - flow->last_us));
	flow->last_us = packet->time_us;
	if (fixed && packet->packet.protocol == WEIR_IP_TCP)
		flow->retransmits[side] +=
			weir_segments_add(&flow->segments, weir_segment_hash(packet));
}

#endif
