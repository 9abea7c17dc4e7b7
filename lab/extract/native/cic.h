/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CICFlowMeter as it measures, mistakes included: how it reads frames (cic_read.h), splits
 * flows (cic_split.h), and what it counts (cic_measure.h). Nothing here is used by Weir's
 * own features; the cic files and their twin lab/extract/cic.py can be dropped alone.
 *
 * WEIR_MODE_CIC is ahlashkari's master, WEIR_MODE_CIC_FIXED is GintsEngelen's fork. The
 * numbers P1-P20 and R1-R14 of docs/features.md name what differs from the truth.
 */
#ifndef WEIR_CIC_H
#define WEIR_CIC_H

#include "cic_read.h"
#include "cic_split.h"

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
