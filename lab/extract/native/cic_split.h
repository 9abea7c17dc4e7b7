/* SPDX-License-Identifier: Apache-2.0 */
/* Which packet ends a flow: by the rules of master, and by those of the fork. */
#ifndef WEIR_CIC_SPLIT_H
#define WEIR_CIC_SPLIT_H

#include "cic_lifetime.h"
#include "cic_measure.h"

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

#endif
