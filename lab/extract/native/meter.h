/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Weir's own meter: a packet into its flow, a new flow where there is none, and the end of
 * those that are full, silent or closed. When a flow ends is decided in track.h.
 */
#ifndef WEIR_METER_H
#define WEIR_METER_H

#include "engine.h"

static void weir_table_end(struct weir_engine *engine, __u32 number, __u32 index,
			   __u8 ending, __u64 end_packet)
{
	struct weir_table *table = &engine->table[number];
	struct weir_flow *flow = weir_table_flow(table, index);

	flow->extra.ending = ending;
	flow->extra.end_packet = end_packet;
	weir_engine_end(engine, number, index, flow->extra.first_packet, end_packet);
}

/* The table is full: the eighth of its flows that has been silent longest ends now. */
static void weir_table_relieve(struct weir_engine *engine, __u32 number, __u64 end_packet)
{
	struct weir_table *table = &engine->table[number];
	__u64 limit_ns = weir_table_silent(table);

	for (__u32 i = 0; i < table->made; i++)
		if (table->seen[i].used && table->seen[i].last_ns <= limit_ns) {
			weir_table_end(engine, number, i, WEIR_ENDING_PRESSURE, end_packet);
			__atomic_add_fetch(&engine->tally.evicted, 1, __ATOMIC_RELAXED);
		}
}

static void weir_table_take(struct weir_engine *engine, __u32 number,
			    const struct weir_item *item)
{
	struct weir_table *table = &engine->table[number];
	__u32 at = weir_table_probe(table, &item->key, item->hash), index;
	int forward_is_low = -1, continued = 0;
	struct weir_flow *flow;
	__s64 fresh;

	if ((__u32)table->slots[at]) {
		enum weir_ending ending;

		index = (__u32)table->slots[at] - 1;
		flow = weir_table_flow(table, index);
		ending = weir_flow_ending(&engine->settings, flow, item);
		if (WEIR_LIKELY(ending == WEIR_OPEN)) {
			weir_flow_count(&engine->settings, flow, item, -1);
			table->seen[index].last_ns = flow->record.last_ns;
			table->seen[index].closed = weir_closed(&flow->record);
			return;
		}
		if (ending == WEIR_ENDING_ACTIVE) {
			forward_is_low = flow->record.state & WEIR_STATE_FORWARD_IS_LOW;
			continued = 1;
		}
		weir_table_end(engine, number, index, ending, item->number);
		at = weir_table_probe(table, &item->key, item->hash);
	}
	if (WEIR_UNLIKELY(table->count >= table->limit)) {
		weir_table_relieve(engine, number, item->number);
		at = weir_table_probe(table, &item->key, item->hash);
	}
	fresh = weir_table_insert(table, &item->key, item->hash, at);
	if (fresh < 0) {
		engine->failed = 1;
		return;
	}
	flow = weir_table_flow(table, fresh);
	flow->record.id = weir_flow_id(&item->key, item->now_ns);
	flow->extra.first_packet = item->number;
	flow->extra.continued = continued;
	weir_flow_count(&engine->settings, flow, item, forward_is_low);
	table->seen[fresh].last_ns = flow->record.last_ns;
	table->seen[fresh].closed = weir_closed(&flow->record);
}

/* End what time has ended. */
static void weir_table_sweep(struct weir_engine *engine, __u32 number)
{
	const struct weir_settings *settings = &engine->settings;
	struct weir_table *table = &engine->table[number];

	for (__u32 i = 0; i < table->made; i++) {
		const struct weir_seen *seen = &table->seen[i];
		const struct weir_flow *flow;
		__u64 gap_ns;

		if (!seen->used || engine->now_ns <= seen->last_ns)
			continue;
		gap_ns = engine->now_ns - seen->last_ns;
		if (gap_ns <= settings->idle_ns &&
		    (!seen->closed || gap_ns <= settings->linger_ns))
			continue;
		flow = weir_table_flow(table, i);
		weir_table_end(engine, number, i,
			       !seen->closed || settings->linger_ns > settings->idle_ns
				       ? WEIR_ENDING_IDLE
			       : flow->record.state & WEIR_STATE_RST ? WEIR_ENDING_RST
								     : WEIR_ENDING_FIN,
			       ~0ULL);
	}
}

#endif
