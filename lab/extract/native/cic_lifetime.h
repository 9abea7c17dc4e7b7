/* SPDX-License-Identifier: Apache-2.0 */
/* How CICFlowMeter's flows begin and end, and what is left of one in the next. */
#ifndef WEIR_CIC_LIFETIME_H
#define WEIR_CIC_LIFETIME_H

#include "cic_flow.h"

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

#endif
