/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A frame arrives: parsed, named, and put into the batch where its time belongs. Those that
 * no flow wants are counted here and go no further.
 */
#ifndef WEIR_ARRIVE_H
#define WEIR_ARRIVE_H

#include "engine.h"

static inline __u64 weir_load64(const __u8 *bytes)
{
	__u64 value;

	memcpy(&value, bytes, sizeof(value));
	return value;
}

/* A name for the packet's own bytes, without what routers change (TTL, checksum, DSCP). */
static inline __u32 weir_sameness(const struct weir_frame *frame,
				  const struct weir_packet *packet)
{
	__u32 transport = packet->header_bytes - packet->transport_bytes;
	__u64 hash = (__u64)packet->payload_bytes << 16 | packet->protocol;

	if (transport >= 16 && transport + 24 <= frame->captured) {
		const __u8 *bytes = frame->bytes + transport;

		if (packet->family == 4)
			hash ^= (__u64)weir_read32(bytes - 16, 0) << 32;
		hash = weir_mix(hash ^ weir_load64(bytes));
		hash ^= weir_load64(bytes + 8) * 0x9e3779b97f4a7c15ULL;
		hash ^= weir_load64(bytes + 16) * 0xc2b2ae3d27d4eb4fULL;
		return (__u32)(weir_mix(hash) >> 32);
	}
	return (__u32)(weir_mix(hash ^ frame->time_ns) >> 32);
}

/* Where in time's order the item belongs: near the end, unless it is late. */
static void weir_place(struct weir_engine *engine, __u32 item)
{
	__u32 at = engine->filled, lowest = at > WEIR_HELD ? at - WEIR_HELD : 0;
	__u64 now_ns = engine->items[item].now_ns;

	if (engine->settings.reorder_ns) {
		while (at > lowest && engine->order_ns[at - 1] > now_ns &&
		       engine->order_ns[at - 1] - now_ns <= engine->settings.reorder_ns) {
			engine->order[at] = engine->order[at - 1];
			engine->order_ns[at] = engine->order_ns[at - 1];
			at--;
		}
	}
	if (at != engine->filled) {
		engine->items[item].late = 1;
		engine->tally.late++;
	}
	engine->order[at] = item;
	engine->order_ns[at] = now_ns;
	engine->filled++;
}

static inline int weir_filtered(const struct weir_settings *settings, __u8 family)
{
	return settings->flags & (family == 4 ? WEIR_NO_V4 : WEIR_NO_V6);
}

/* One frame into the batch, unless it is none of ours. */
static inline void weir_engine_frame(struct weir_engine *engine,
				     const struct weir_frame *frame)
{
	__u32 index = engine->order[engine->filled];
	struct weir_item *item = &engine->items[index];
	const struct weir_settings *settings = &engine->settings;
	struct weir_tally *tally = &engine->tally;
	int parsed, joined = 0;

	item->number = engine->number;
	memset(&item->packet, 0, sizeof(item->packet));
	parsed = weir_parse_frame(frame, &item->packet);
	if (WEIR_UNLIKELY(parsed != WEIR_PARSED)) {
		weir_tally_add(parsed == WEIR_NON_IP ? &tally->non_ip : &tally->unparsed,
			       frame->wire);
		return;
	}
	if (settings->tunnels)
		weir_tunnels(frame, &item->packet, settings->tunnels);
	if (WEIR_UNLIKELY(weir_filtered(settings, item->packet.family))) {
		weir_tally_add(&tally->filtered, frame->wire);
		return;
	}
	weir_tally_add(&tally->flows, frame->wire);
	if ((settings->flags & WEIR_JOIN_FRAGMENTS) &&
	    (item->packet.fragment || item->packet.protocol == WEIR_IP_UDP ||
	     item->packet.protocol == WEIR_IP_TCP))
		joined = weir_fragment_join(engine->fragments, frame, &item->packet);
	/* A time of 0 would mean a record that has not begun. */
	item->now_ns = frame->time_ns ? frame->time_ns : 1;
	item->wire_bytes = frame->wire;
	item->late = 0;
	item->sameness = weir_sameness(frame, &item->packet);
	item->from_low = weir_flow_key(&item->packet, 0,
				       settings->flags & WEIR_UNIDIRECTIONAL, &item->key);
	if (joined)
		item->key.family &= ~WEIR_KEY_FRAGMENT;
	item->hash = weir_key_hash(&item->key);
	weir_place(engine, index);
}

#endif
