/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CICFlowMeter as it measures, mistakes included: how it splits flows, what it counts
 * twice, its running means in double precision. Nothing here is used by Weir's own
 * features; the file and its twin lab/extract/cic.py can be dropped alone.
 *
 * WEIR_MODE_CIC is ahlashkari's master, WEIR_MODE_CIC_FIXED is GintsEngelen's fork. The
 * numbers P1-P20 and R1-R14 of docs/features.md name what differs from the truth.
 */
#ifndef WEIR_CIC_H
#define WEIR_CIC_H

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

/* 1 if the segment was there already. */
static int weir_segments_add(struct weir_cic_segments *segments, __u64 hash)
{
	__u32 at;

	if (segments->count * 2 >= segments->mask) {
		struct weir_cic_segments larger = {
			0, segments->mask ? segments->mask * 2 + 1 : 15, segments->count};

		if (larger.mask >= WEIR_CIC_SEGMENTS_LIMIT)
			return 0;
		larger.hashes = calloc((size_t)larger.mask + 1, sizeof(*larger.hashes));
		if (!larger.hashes)
			return 0;
		for (__u32 i = 0; segments->mask && i <= segments->mask; i++) {
			if (!segments->hashes[i])
				continue;
			at = (__u32)segments->hashes[i] & larger.mask;
			while (larger.hashes[at])
				at = (at + 1) & larger.mask;
			larger.hashes[at] = segments->hashes[i];
		}
		free(segments->hashes);
		*segments = larger;
	}
	for (at = (__u32)hash & segments->mask; segments->hashes[at];
	     at = (at + 1) & segments->mask)
		if (segments->hashes[at] == hash)
			return 1;
	segments->hashes[at] = hash;
	segments->count++;
	return 0;
}

static __u64 weir_segment_hash(const struct weir_cic_packet *packet)
{
	__u64 hash = packet->packet.source[3];

	hash = weir_mix(hash << 32 ^ packet->packet.sequence);
	hash = weir_mix(hash ^
			((__u64)packet->acknowledgement << 32 | packet->payload_bytes));
	return weir_mix(hash ^ packet->packet.window) | 1;
}

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

/* The direction is told by the source address alone (R6). */
static int weir_cic_side(const struct weir_cic_flow *flow,
			 const struct weir_cic_packet *packet)
{
	return memcmp(flow->source, packet->packet.source, 16) != 0;
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

static void weir_cic_clear(struct weir_table *table)
{
	for (__u32 i = 0; i < table->made; i++)
		if (table->seen[i].used) {
			struct weir_cic_flow *flow = weir_table_flow(table, i);

			free(flow->segments.hashes);
		}
}

static void weir_cic_end(struct weir_engine *engine, __u32 number, __u32 index,
			 __u64 end_packet)
{
	struct weir_cic_flow *flow = weir_table_flow(&engine->table[number], index);

	free(flow->segments.hashes);
	memset(&flow->segments, 0, sizeof(flow->segments));
	if (flow->protocol == WEIR_IP_TCP || flow->protocol == WEIR_IP_UDP)
		flow->connection_us += flow->last_us - flow->start_us;
	if (!weir_cic_fixed(engine) && flow->packets[0] + flow->packets[1] < 2) {
		/* Master drops flows of one packet (P9). */
		weir_table_unlink(&engine->table[number], index);
		weir_table_release(&engine->table[number], index);
		return;
	}
	weir_engine_end(engine, number, index, flow->first_packet, end_packet);
}

/* Neither version lets go of a flow that nobody touches (R3); memory has an end all the
 * same. */
static void weir_cic_relieve(struct weir_engine *engine, __u32 number)
{
	struct weir_table *table = &engine->table[number];
	__u64 limit = weir_table_silent(table);

	for (__u32 i = 0; i < table->made; i++)
		if (table->seen[i].used && table->seen[i].last_ns <= limit) {
			weir_cic_end(engine, number, i, engine->number);
			engine->tally.evicted++;
		}
}

/* A new flow that begins with the packet; ends as given, or the packet's own. */
static struct weir_cic_flow *weir_cic_begin(struct weir_engine *engine,
					    const struct weir_cic_packet *packet,
					    const struct weir_cic_flow *ends)
{
	__u64 hash = weir_key_hash(&packet->key);
	__u32 number = hash >> 60;
	struct weir_table *table = &engine->table[number];
	struct weir_cic_flow before, *flow;
	__s64 index;

	if (ends)
		before = *ends;
	if (table->count >= table->limit)
		weir_cic_relieve(engine, number);
	index = weir_table_insert(table, &packet->key, hash,
				  weir_table_probe(table, &packet->key, hash));
	if (index < 0) {
		engine->failed = 1;
		return 0;
	}
	flow = weir_table_flow(table, index);
	table->seen[index].last_ns = packet->time_us;
	flow->protocol = packet->packet.protocol;
	flow->family = packet->packet.family;
	flow->icmp_type = flow->icmp_code = -1;
	if (packet->packet.protocol == WEIR_IP_ICMP) {
		flow->icmp_type = packet->packet.icmp_type;
		flow->icmp_code = packet->packet.icmp_code;
	}
	flow->first_packet = engine->number;
	if (ends) {
		memcpy(flow->source, before.source, 32);
		flow->source_port = before.source_port;
		flow->destination_port = before.destination_port;
		flow->reversed = before.reversed;
	} else {
		memcpy(flow->source, packet->packet.source, 16);
		memcpy(flow->destination, packet->packet.destination, 16);
		flow->source_port = packet->packet.source_port;
		flow->destination_port = packet->packet.destination_port;
	}
	return flow;
}

/* The ends of a packet that answers: its flow's source is its destination. */
static void weir_cic_turned(const struct weir_cic_packet *packet,
			    struct weir_cic_flow *ends)
{
	memcpy(ends->source, packet->packet.destination, 16);
	memcpy(ends->destination, packet->packet.source, 16);
	ends->source_port = packet->packet.destination_port;
	ends->destination_port = packet->packet.source_port;
	ends->reversed = 0;
}

static int weir_cic_flag(const struct weir_cic_packet *packet, enum weir_flag flag)
{
	return packet->packet.tcp_flags >> flag & 1;
}

/* Master: P1, P2, P9, P13. */
static void weir_cic_master(struct weir_engine *engine,
			    const struct weir_cic_packet *packet,
			    struct weir_cic_flow *flow, __u32 number, __u32 index)
{
	int side = weir_cic_side(flow, packet);

	if (packet->time_us - flow->start_us > (__s64)(engine->settings.active_ns / 1000)) {
		struct weir_cic_flow ends = *flow;

		weir_cic_end(engine, number, index, engine->number);
		flow = weir_cic_begin(engine, packet, &ends);
		if (flow)
			weir_cic_first(engine, flow, packet);
		return;
	}
	if (weir_cic_flag(packet, WEIR_FIN)) {
		if (++flow->fins[side] != 1)
			return;
		/* The first backward FIN always closes: it is added to itself (P1). */
		if (side || flow->fins[1] == 1) {
			weir_cic_add(engine, flow, packet);
			weir_cic_end(engine, number, index, engine->number);
			return;
		}
	} else if (weir_cic_flag(packet, WEIR_RST)) {
		weir_cic_add(engine, flow, packet);
		weir_cic_end(engine, number, index, engine->number);
		return;
	} else if (flow->fins[side] && flow->fins[1]) {
		return;
	}
	weir_cic_activity(engine, flow, packet->time_us);
	weir_cic_add(engine, flow, packet);
}

/* R8: type and code must both differ. */
static int weir_cic_other_icmp(const struct weir_cic_flow *flow,
			       const struct weir_cic_packet *packet)
{
	return flow->protocol == WEIR_IP_ICMP &&
	       flow->icmp_type != packet->packet.icmp_type &&
	       flow->icmp_code != packet->packet.icmp_code;
}

static void weir_cic_renew(struct weir_engine *engine, const struct weir_cic_packet *packet,
			   struct weir_cic_flow *flow, __u32 number, __u32 index)
{
	int ready = (flow->state == WEIR_CIC_READY && weir_cic_flag(packet, WEIR_SYN)) ||
		    (flow->protocol == WEIR_IP_UDP &&
		     packet->time_us - flow->last_us >
			     (__s64)(engine->settings.active_ns / 1000)) ||
		    weir_cic_other_icmp(flow, packet);
	struct weir_cic_flow ends = *flow;
	int ported = flow->protocol == WEIR_IP_TCP || flow->protocol == WEIR_IP_UDP;
	__s64 connection_us =
		ported ? flow->connection_us + packet->time_us - flow->start_us : 0;

	if (!ready)
		memset(&flow->segments, 0, sizeof(flow->segments));
	weir_cic_end(engine, number, index, engine->number);
	if (ready) {
		int was_reversed = ends.reversed;
		int same = !memcmp(ends.source, packet->packet.source, 16) &&
			   ends.source_port == packet->packet.source_port;

		if (weir_cic_flag(packet, WEIR_SYN) && weir_cic_flag(packet, WEIR_ACK)) {
			weir_cic_turned(packet, &ends);
			same = !same;
			flow = weir_cic_begin(engine, packet, &ends);
		} else {
			flow = weir_cic_begin(engine, packet, 0);
		}
		/* The Flow ID stays that of the map's key. */
		if (flow)
			flow->reversed = same ? was_reversed : !was_reversed;
	} else {
		flow = weir_cic_begin(engine, packet, &ends);
		if (flow) {
			flow->connection_us = connection_us;
			flow->segments = ends.segments;
		} else {
			free(ends.segments.hashes);
		}
	}
	if (flow)
		weir_cic_first(engine, flow, packet);
}

/* The fork: a connection is written when a SYN re-uses it, by time, or at the end (R3). */
static void weir_cic_fork(struct weir_engine *engine, const struct weir_cic_packet *packet,
			  struct weir_cic_flow *flow, __u32 number, __u32 index)
{
	if (packet->time_us - flow->start_us > (__s64)(engine->settings.active_ns / 1000) ||
	    (flow->state == WEIR_CIC_READY && weir_cic_flag(packet, WEIR_SYN)) ||
	    weir_cic_other_icmp(flow, packet)) {
		weir_cic_renew(engine, packet, flow, number, index);
		return;
	}
	if (weir_cic_flag(packet, WEIR_RST)) {
		weir_cic_add(engine, flow, packet);
		flow->state = WEIR_CIC_READY;
		return;
	}
	if (weir_cic_flag(packet, WEIR_FIN)) {
		flow->fins[weir_cic_side(flow, packet)]++;
		if (flow->state == WEIR_CIC_OPEN)
			flow->state = WEIR_CIC_FIRST_FIN;
		else if (flow->state == WEIR_CIC_FIRST_FIN && flow->fins[0] &&
			 flow->fins[1])
			flow->state = WEIR_CIC_SECOND_FIN;
	} else if (weir_cic_flag(packet, WEIR_ACK) && flow->state == WEIR_CIC_SECOND_FIN) {
		flow->state = WEIR_CIC_READY;
	}
	weir_cic_activity(engine, flow, packet->time_us);
	weir_cic_add(engine, flow, packet);
}

/* Protocols without ports: master calls all of them 0 (P11), the fork knows two, and SCTP.
 */
static void weir_cic_other(const struct weir_engine *engine, struct weir_cic_packet *packet)
{
	struct weir_packet *parsed = &packet->packet;
	int known = weir_cic_fixed(engine) && !parsed->fragment &&
		    (parsed->protocol == WEIR_IP_ICMP || parsed->protocol == 2);

	parsed->protocol = known ? parsed->protocol : 0;
	parsed->source_port = parsed->destination_port = 0;
	parsed->tcp_flags = 0;
	parsed->fragment = 1;
}

/* Master finds the TCP or UDP header that an ICMP error quotes (P11). */
static void weir_cic_quoted(const struct weir_frame *frame, struct weir_packet *parsed)
{
	struct weir_cursor_bytes cursor = {frame->bytes, frame->bytes + frame->captured};
	struct weir_packet quoted = {};
	__u32 offset = parsed->header_bytes;

	if (parsed->protocol != WEIR_IP_ICMP || parsed->fragment ||
	    offset >= frame->captured)
		return;
	switch (parsed->icmp_type) {
	case 3:
	case 4:
	case 5:
	case 11:
	case 12:
		break;
	default:
		return;
	}
	cursor.position += offset;
	if (weir_parse_ipv4(&cursor, &quoted, frame->captured - offset) == WEIR_NON_IP ||
	    quoted.fragment ||
	    (quoted.protocol != WEIR_IP_TCP && quoted.protocol != WEIR_IP_UDP) ||
	    !quoted.transport_bytes)
		return;
	memcpy(quoted.source, parsed->source, sizeof(quoted.source));
	memcpy(quoted.destination, parsed->destination, sizeof(quoted.destination));
	quoted.header_bytes += offset;
	*parsed = quoted;
}

/*
 * A frame without IPv4 is tried as L2TP, and then taken for an IPv4 header at the frame's
 * first byte: the destination's hardware address gives the header's length.
 */
static int weir_cic_mistaken(const struct weir_engine *engine,
			     const struct weir_frame *frame, struct weir_cic_packet *packet)
{
	struct weir_packet *parsed = &packet->packet;
	const __u8 *bytes = frame->bytes;
	__u32 header = frame->captured ? (bytes[0] & 15) * 4 : 0;

	if (header < 20 || frame->captured < 20)
		return 0;
	/* Seen in what the fork writes: such a header with a high protocol is nothing. */
	if (weir_cic_fixed(engine) && bytes[9] > 63)
		return 0;
	memset(parsed, 0, sizeof(*parsed));
	parsed->family = 4;
	parsed->protocol = bytes[9];
	parsed->fragment = (weir_wire16(bytes + 6) & 0x1fff) != 0;
	parsed->source[2] = parsed->destination[2] = weir_ntohl(0x0000ffff);
	memcpy(&parsed->source[3], bytes + 12, 4);
	memcpy(&parsed->destination[3], bytes + 16, 4);
	parsed->header_bytes = header;
	if (!parsed->fragment &&
	    (parsed->protocol == WEIR_IP_TCP || parsed->protocol == WEIR_IP_UDP)) {
		struct weir_cursor_bytes cursor = {bytes + header, bytes + frame->captured};

		packet->trailer = 1;
		if (weir_parse_transport(&cursor, parsed, frame->captured - header) !=
		    WEIR_PARSED)
			parsed->protocol = 0;
	}
	return 1;
}

/* Link types it scans as Ethernet whatever they are, but for raw IP. */
static int weir_cic_parse(const struct weir_frame *frame, struct weir_cic_packet *packet)
{
	struct weir_cursor_bytes cursor = {frame->bytes, frame->bytes + frame->captured};
	struct weir_packet *parsed = &packet->packet;
	__u32 offset = 0;
	__u16 type;
	int raw = frame->link == WEIR_LINK_RAW || frame->link == WEIR_LINK_RAW_BSD;

	packet->trailer = raw;
	if (raw)
		return weir_parse(&cursor, parsed, frame->captured, 1) == WEIR_PARSED &&
		       parsed->family == 4;
	type = weir_parse_link(&cursor, parsed, &offset);
	packet->trailer = offset != sizeof(struct weir_ethernet);
	if (type != WEIR_ETH_IPV4 || (packet->trailer && offset % 4 != 2))
		return 0;
	if (frame->captured >= 14 && weir_wire16(frame->bytes + 12) == WEIR_ETH_PPPOE)
		return 0;
	parsed->header_bytes = offset;
	return weir_parse_ipv4(&cursor, parsed, frame->captured - offset) == WEIR_PARSED;
}

/* What its packet reader makes of a frame; 0: nothing. */
static int weir_cic_read(const struct weir_engine *engine, const struct weir_frame *frame,
			 struct weir_cic_packet *packet)
{
	struct weir_packet *parsed = &packet->packet;
	__u32 transport;

	memset(packet, 0, sizeof(*packet));
	if (!weir_cic_parse(frame, packet) && !weir_cic_mistaken(engine, frame, packet))
		return 0;
	packet->time_us = frame->time_ns / 1000;
	if (!weir_cic_fixed(engine))
		weir_cic_quoted(frame, parsed);
	transport = parsed->header_bytes - parsed->transport_bytes;
	if (!parsed->fragment &&
	    (parsed->protocol == WEIR_IP_TCP || parsed->protocol == WEIR_IP_UDP ||
	     (parsed->protocol == WEIR_IP_SCTP && weir_cic_fixed(engine)))) {
		packet->header_bytes = parsed->transport_bytes;
		packet->payload_bytes = packet->trailer
						? frame->captured - parsed->header_bytes
						: parsed->payload_bytes;
		if (parsed->protocol == WEIR_IP_TCP && transport + 12 <= frame->captured)
			packet->acknowledgement =
				weir_read32(frame->bytes + transport + 8, 1);
	} else {
		weir_cic_other(engine, packet);
	}
	weir_flow_key(parsed, 0, 0, &packet->key);
	return 1;
}

static void weir_cic_frame(struct weir_engine *engine, const struct weir_frame *frame)
{
	struct weir_cic_packet packet;
	struct weir_cic_flow *flow, ends;
	struct weir_table *table;
	__u32 number, at;
	__u64 hash;

	if (!weir_cic_read(engine, frame, &packet)) {
		weir_tally_add(&engine->tally.unparsed, frame->wire);
		return;
	}
	weir_tally_add(&engine->tally.flows, frame->wire);
	hash = weir_key_hash(&packet.key);
	number = hash >> 60;
	table = &engine->table[number];
	at = weir_table_probe(table, &packet.key, hash);
	if ((__u32)table->slots[at]) {
		__u32 index = (__u32)table->slots[at] - 1;

		flow = weir_table_flow(table, index);
		table->seen[index].last_ns = packet.time_us;
		if (weir_cic_fixed(engine))
			weir_cic_fork(engine, &packet, flow, number, index);
		else
			weir_cic_master(engine, &packet, flow, number, index);
		return;
	}
	if (weir_cic_fixed(engine) && weir_cic_flag(&packet, WEIR_SYN) &&
	    weir_cic_flag(&packet, WEIR_ACK)) {
		weir_cic_turned(&packet, &ends);
		flow = weir_cic_begin(engine, &packet, &ends);
	} else {
		flow = weir_cic_begin(engine, &packet, 0);
	}
	if (flow)
		weir_cic_first(engine, flow, &packet);
}

#endif
