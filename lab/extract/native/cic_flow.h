/* SPDX-License-Identifier: Apache-2.0 */
/* What CICFlowMeter holds of a flow, and its running mean in double precision. */
#ifndef WEIR_CIC_FLOW_H
#define WEIR_CIC_FLOW_H

#include "engine.h"

/* Count, sum, extremes, running mean and sum of squared deviations. */
struct weir_statistics {
	__u64 count;
	double sum;
	double min;
	double max;
	double mean;
	double deviations;
};

struct weir_cic_bulk {
	__s64 start_us; /* 0: no run */
	__s64 last_us;
	__u64 run_packets;
	__u64 run_bytes;
	__u64 count;
	__u64 packets;
	__u64 bytes;
	__s64 duration_us;
};

enum weir_cic_state {
	WEIR_CIC_OPEN,
	WEIR_CIC_FIRST_FIN,
	WEIR_CIC_SECOND_FIN,
	WEIR_CIC_READY
};

/* TCP segments seen before, by hash; open addressing. */
struct weir_cic_segments {
	__u64 *hashes;
	__u32 mask;
	__u32 count;
};

#define WEIR_CIC_SEGMENTS_LIMIT (1 << 20) /* a flow; beyond, repeats are not told (R14) */

struct weir_cic_flow {
	struct weir_key key;
	__u8 source[16];
	__u8 destination[16];
	__u16 source_port;
	__u16 destination_port;
	__u8 protocol;
	__u8 family;
	__u8 state;
	__u8 reversed; /* Flow ID names the ends the other way round */
	__u64 first_packet;
	__s64 start_us;
	__s64 last_us;
	__s64 side_last_us[2];
	__s64 active_start_us;
	__s64 active_end_us;
	__s64 subflow_last_us;
	__u64 subflows;
	__u64 packets[2];
	__u64 header_bytes[2];
	__u64 payload_bytes[2];
	__u64 header_min[2];
	__u64 data_packets[2];
	__u64 flags[8]; /* in header order */
	__u64 side_flags[2][8];
	__u64 fins[2];
	__u64 window[2];
	__u64 retransmits[2];
	__s64 connection_us;
	__s32 icmp_type;
	__s32 icmp_code;
	struct weir_statistics length;
	struct weir_statistics side_length[2];
	struct weir_statistics gap;
	struct weir_statistics side_gap[2];
	struct weir_statistics active;
	struct weir_statistics idle;
	struct weir_cic_bulk bulk[2];
	struct weir_cic_segments segments;
};

struct weir_cic_packet {
	struct weir_packet packet;
	struct weir_key key __attribute__((aligned(8)));
	__s64 time_us;
	__u32 acknowledgement;
	__u32 header_bytes;
	__u32 payload_bytes;
	int trailer; /* not Ethernet then IP: what trails the packet counts as payload */
};

static void weir_statistics_add(struct weir_statistics *statistics, double value)
{
	double deviation = value - statistics->mean, step;

	statistics->count++;
	step = deviation / (double)statistics->count;
	statistics->mean += step;
	statistics->deviations += ((double)statistics->count - 1) * deviation * step;
	statistics->sum += value;
	if (statistics->count == 1 || value < statistics->min)
		statistics->min = value;
	if (statistics->count == 1 || value > statistics->max)
		statistics->max = value;
}

static int weir_cic_fixed(const struct weir_engine *engine)
{
	return engine->settings.mode == WEIR_MODE_CIC_FIXED;
}

/* The direction is told by the source address alone (R6). */
static int weir_cic_side(const struct weir_cic_flow *flow,
			 const struct weir_cic_packet *packet)
{
	return memcmp(flow->source, packet->packet.source, 16) != 0;
}

static int weir_cic_flag(const struct weir_cic_packet *packet, enum weir_flag flag)
{
	return packet->packet.tcp_flags >> flag & 1;
}

#endif
