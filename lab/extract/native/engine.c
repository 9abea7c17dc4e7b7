/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of a capture in, ended flows out. Frames are parsed in order into a batch of a
 * fixed count; tables then take their packets, on as many threads as asked for; what ended
 * is sorted by when it ended. So the outcome depends on the capture alone.
 */
#include <stddef.h>

#include "cic.h"
#include "engine.h"

/* What every packet of a flow touches: all up to the active and idle periods. */
#define WEIR_HOT_BYTES offsetof(struct weir_flow, record.active)

struct weir_worker {
	struct weir_engine *engine;
	__u32 number;
};

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
	struct weir_item *item = &engine->items[engine->filled];
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
	if (item->now_ns > engine->latest_ns)
		engine->latest_ns = item->now_ns;
	weir_place(engine, engine->filled);
}

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

static inline void weir_prefetch_slot(const struct weir_engine *engine, __u32 position)
{
	const struct weir_item *item = &engine->items[engine->order[position]];
	const struct weir_table *table = &engine->table[item->hash >> 60];

	__builtin_prefetch(&table->slots[(__u32)(item->hash >> 32) & table->mask]);
	__builtin_prefetch(&item->packet);
}

static inline void weir_prefetch_flow(const struct weir_engine *engine, __u32 position)
{
	const struct weir_item *item = &engine->items[engine->order[position]];
	const struct weir_table *table = &engine->table[item->hash >> 60];
	__u64 slot = table->slots[(__u32)(item->hash >> 32) & table->mask];
	const __u8 *flow;

	if (!(__u32)slot)
		return;
	flow = weir_table_flow(table, (__u32)slot - 1);
	for (unsigned int line = 0; line < WEIR_HOT_BYTES; line += 64)
		__builtin_prefetch(flow + line, 1);
	__builtin_prefetch(flow + offsetof(struct weir_flow, extra), 1);
	__builtin_prefetch(flow + offsetof(struct weir_flow, extra) + 64, 1);
}

/* One worker's tables over the whole batch. */
static void weir_engine_share(struct weir_engine *engine, __u32 worker)
{
	weir_idle_threshold_ns = engine->settings.activity_ns;
	for (__u32 i = 0; i < engine->ready; i++) {
		const struct weir_item *item = &engine->items[engine->order[i]];
		__u32 number = item->hash >> 60;

		if (i + WEIR_AHEAD * 2 < engine->ready)
			weir_prefetch_slot(engine, i + WEIR_AHEAD * 2);
		if (engine->jobs > 1 && number % engine->jobs != worker)
			continue;
		if (i + WEIR_AHEAD < engine->ready)
			weir_prefetch_flow(engine, i + WEIR_AHEAD);
		weir_table_take(engine, number, item);
	}
	for (__u32 number = worker; number < WEIR_TABLES; number += engine->jobs)
		weir_table_sweep(engine, number);
}

static void *weir_engine_thread(void *argument)
{
	struct weir_worker worker = *(struct weir_worker *)argument;

	free(argument);
	for (;;) {
		pthread_barrier_wait(&worker.engine->begin);
		if (worker.engine->stopping)
			return 0;
		weir_engine_share(worker.engine, worker.number);
		pthread_barrier_wait(&worker.engine->end);
	}
}

static int weir_compare_ended(const void *a, const void *b)
{
	const struct weir_ended *left = a, *right = b;

	if (left->end_packet != right->end_packet)
		return left->end_packet < right->end_packet ? -1 : 1;
	return left->first_packet < right->first_packet
		       ? -1
		       : left->first_packet > right->first_packet;
}

/* What ended in this batch, of all tables, in the order it ended. */
static void weir_engine_gather(struct weir_engine *engine)
{
	engine->queue.count = 0;
	engine->next = 0;
	for (__u32 number = 0; number < WEIR_TABLES; number++) {
		struct weir_ended_list *list = &engine->ended[number];

		for (size_t i = 0; i < list->count; i++)
			if (weir_ended_add(&engine->queue, &list->entries[i]))
				engine->failed = 1;
		list->count = 0;
	}
	if (engine->queue.count)
		qsort(engine->queue.entries, engine->queue.count,
		      sizeof(*engine->queue.entries), weir_compare_ended);
}

static void weir_engine_finish(struct weir_engine *engine)
{
	int own = engine->settings.mode == WEIR_MODE_WEIR;

	for (__u32 number = 0; number < WEIR_TABLES; number++)
		for (__u32 i = 0; i < engine->table[number].made; i++) {
			if (!engine->table[number].seen[i].used)
				continue;
			if (own)
				weir_table_end(engine, number, i, WEIR_ENDING_SHUTDOWN,
					       ~0ULL);
			else
				weir_cic_end(engine, number, i, ~0ULL);
		}
}

/* Count the batch, but for the packets kept back. */
static void weir_engine_batch(struct weir_engine *engine)
{
	__u32 held = engine->eof || !engine->settings.reorder_ns ? 0 : WEIR_HELD;

	engine->ready = engine->filled > held ? engine->filled - held : 0;
	held = engine->filled - engine->ready;
	engine->now_ns = engine->latest_ns;
	if (held && engine->order_ns[engine->ready] < engine->now_ns)
		engine->now_ns = engine->order_ns[engine->ready];
	if (engine->jobs > 1)
		pthread_barrier_wait(&engine->begin);
	weir_engine_share(engine, 0);
	if (engine->jobs > 1)
		pthread_barrier_wait(&engine->end);
	/* Items may lie anywhere: out to the spare room behind the batch, and back. */
	for (__u32 i = 0; i < held; i++)
		engine->items[WEIR_BATCH + i] =
			engine->items[engine->order[engine->ready + i]];
	memcpy(engine->items, engine->items + WEIR_BATCH, held * sizeof(*engine->items));
	for (__u32 i = 0; i < held; i++) {
		engine->order[i] = i;
		engine->order_ns[i] = engine->items[i].now_ns;
	}
	engine->filled = held;
}

static void weir_engine_stranger(struct weir_tally *tally, const struct weir_frame *frame)
{
	weir_tally_add(&tally->unknown_link, frame->wire);
	tally->unknown_type = frame->link;
}

/* Every frame is seen; those of a link type nobody knows end here. */
static inline void weir_engine_see(struct weir_engine *engine,
				   const struct weir_frame *frame)
{
	struct weir_tally *tally = &engine->tally;

	weir_tally_add(&tally->seen, frame->wire);
	if (!tally->first_ns || frame->time_ns < tally->first_ns)
		tally->first_ns = frame->time_ns;
	if (frame->time_ns > tally->last_ns)
		tally->last_ns = frame->time_ns;
	if (WEIR_UNLIKELY(!weir_link_known(frame->link)))
		weir_engine_stranger(tally, frame);
	else if (engine->settings.mode == WEIR_MODE_WEIR)
		weir_engine_frame(engine, frame);
	else
		weir_cic_frame(engine, frame);
	engine->number++;
}

static void weir_engine_close_batch(struct weir_engine *engine)
{
	if (engine->settings.mode == WEIR_MODE_WEIR)
		weir_engine_batch(engine);
	if (engine->eof)
		weir_engine_finish(engine);
	weir_engine_gather(engine);
	engine->batch_number = engine->number;
}

/*
 * Read frames from the bytes. 1: a batch is counted, take what ended and call again with
 * the rest. 0: more bytes are needed. -1: the capture is damaged from here on, or memory
 * ran out (weir_engine_reason tells); what was read before stays good.
 */
WEIR_EXPORT int weir_engine_feed(struct weir_engine *engine, const __u8 *bytes, __u64 size,
				 __u64 *consumed)
{
	const __u8 *position = bytes, *end = bytes + size;
	struct weir_frame frame;
	int result = WEIR_CAPTURE_FRAME;

	while (engine->number - engine->batch_number < WEIR_BATCH - WEIR_HELD) {
		result = weir_capture_next(engine->capture, &position, end, &frame);
		if (result != WEIR_CAPTURE_FRAME)
			break;
		/* The next frame's headers come while this one is parsed. */
		__builtin_prefetch(position + 64);
		__builtin_prefetch(position + 1600);
		weir_engine_see(engine, &frame);
	}
	*consumed = position - bytes;
	if (result == WEIR_CAPTURE_FRAME)
		weir_engine_close_batch(engine);
	if (engine->failed)
		return weir_capture_bad(engine->capture, "out of memory");
	return result;
}

/* A frame that came by another way than a file; counted as feed's are. 1: take what ended.
 */
WEIR_EXPORT int weir_engine_push(struct weir_engine *engine, const __u8 *bytes,
				 __u32 captured, __u32 wire, __u64 time_ns, __u16 link)
{
	struct weir_frame frame = {bytes, captured, weir_wire_length(wire, captured),
				   time_ns, link};

	weir_engine_see(engine, &frame);
	if (engine->number - engine->batch_number < WEIR_BATCH - WEIR_HELD)
		return WEIR_CAPTURE_MORE;
	weir_engine_close_batch(engine);
	return WEIR_CAPTURE_FRAME;
}

/* Count what is waiting. ending: the capture is over, and every flow with it. */
WEIR_EXPORT void weir_engine_flush(struct weir_engine *engine, int ending)
{
	engine->eof = ending;
	weir_engine_close_batch(engine);
}

/* The next flows that ended, in order; their number, 0: none are left. */
WEIR_EXPORT __u64 weir_engine_take(struct weir_engine *engine, void **flows)
{
	__u64 count = engine->queue.count - engine->next;

	count = count < WEIR_TAKEN ? count : WEIR_TAKEN;
	for (__u64 i = 0; i < count; i++) {
		const struct weir_ended *entry = &engine->queue.entries[engine->next + i];
		struct weir_table *table = &engine->table[entry->table];

		memcpy((__u8 *)engine->taken + i * engine->flow_bytes,
		       weir_table_flow(table, entry->index), engine->flow_bytes);
		weir_table_release(table, entry->index);
	}
	engine->next += count;
	engine->tally.ended += count;
	*flows = engine->taken;
	return count;
}

/* Copies of the live flows that had packets since the last time asked. Begin with *at 0. */
WEIR_EXPORT __u64 weir_engine_touched(struct weir_engine *engine, __u64 *at, void **flows)
{
	__u64 count = 0;

	*flows = engine->taken;
	for (; *at >> 32 < WEIR_TABLES; *at = ((*at >> 32) + 1) << 32) {
		struct weir_table *table = &engine->table[*at >> 32];

		for (; (__u32)*at < table->made; ++*at) {
			struct weir_flow *flow = weir_table_flow(table, (__u32)*at);

			if (!table->seen[(__u32)*at].used || !flow->extra.touched)
				continue;
			if (count == WEIR_TAKEN)
				return count;
			/* The copy says whether listeners knew of it before. */
			memcpy((__u8 *)engine->taken + count++ * engine->flow_bytes, flow,
			       engine->flow_bytes);
			flow->extra.touched = 0;
			flow->extra.told = 1;
		}
	}
	return count;
}

WEIR_EXPORT const char *weir_engine_reason(const struct weir_engine *engine)
{
	return engine->capture->reason;
}

WEIR_EXPORT void weir_engine_tally(struct weir_engine *engine, struct weir_tally *tally)
{
	engine->tally.live = 0;
	for (__u32 i = 0; i < WEIR_TABLES; i++)
		engine->tally.live += engine->table[i].count;
	*tally = engine->tally;
}

/* The sizes the caller's mirrors must have. */
WEIR_EXPORT void weir_sizes(__u64 *sizes)
{
	sizes[0] = sizeof(struct weir_settings);
	sizes[1] = sizeof(struct weir_tally);
	sizes[2] = sizeof(struct weir_flow);
	sizes[3] = sizeof(struct weir_cic_flow);
}

WEIR_EXPORT void weir_engine_free(struct weir_engine *engine)
{
	if (!engine)
		return;
	if (engine->jobs > 1) {
		engine->stopping = 1;
		pthread_barrier_wait(&engine->begin);
		for (__u32 i = 1; i < engine->jobs; i++)
			pthread_join(engine->thread[i], 0);
		pthread_barrier_destroy(&engine->begin);
		pthread_barrier_destroy(&engine->end);
	}
	for (__u32 i = 0; i < WEIR_TABLES; i++) {
		if (engine->settings.mode != WEIR_MODE_WEIR)
			weir_cic_clear(&engine->table[i]);
		weir_table_free(&engine->table[i]);
		free(engine->ended[i].entries);
	}
	free(engine->queue.entries);
	free(engine->items);
	free(engine->order);
	free(engine->order_ns);
	free(engine->fragments);
	free(engine->taken);
	free(engine->capture);
	free(engine);
}

/* Threads beside the caller's own; fewer where the machine gives no more. */
static void weir_engine_threads(struct weir_engine *engine)
{
	__u32 jobs = engine->settings.jobs;

	jobs = jobs < WEIR_TABLES ? jobs : WEIR_TABLES;
	if (engine->settings.mode != WEIR_MODE_WEIR || jobs < 2)
		return;
	pthread_barrier_init(&engine->begin, 0, jobs);
	pthread_barrier_init(&engine->end, 0, jobs);
	engine->jobs = jobs;
	for (__u32 i = 1; i < jobs; i++) {
		struct weir_worker *worker = malloc(sizeof(*worker));

		if (!worker)
			abort();
		*worker = (struct weir_worker){engine, i};
		if (pthread_create(&engine->thread[i], 0, weir_engine_thread, worker))
			abort();
	}
}

WEIR_EXPORT struct weir_engine *weir_engine_new(const struct weir_settings *settings)
{
	struct weir_engine *engine = calloc(1, sizeof(*engine));
	__u32 room = WEIR_BATCH + WEIR_HELD, failed = 0;

	if (!engine)
		return 0;
	engine->settings = *settings;
	engine->flow_bytes = settings->mode == WEIR_MODE_WEIR
				     ? sizeof(struct weir_flow)
				     : sizeof(struct weir_cic_flow);
	engine->capture = calloc(1, sizeof(*engine->capture));
	engine->items = calloc(room, sizeof(*engine->items));
	engine->order = calloc(room, sizeof(*engine->order));
	engine->order_ns = calloc(room, sizeof(*engine->order_ns));
	engine->fragments = calloc(WEIR_FRAGMENT_SLOTS, sizeof(*engine->fragments));
	engine->taken = malloc(WEIR_TAKEN * engine->flow_bytes);
	engine->jobs = 1;
	for (__u32 i = 0; i < WEIR_TABLES; i++)
		failed |= weir_table_init(&engine->table[i],
					  settings->flows_limit / WEIR_TABLES + 1,
					  engine->flow_bytes) != 0;
	if (failed || !engine->capture || !engine->items || !engine->order ||
	    !engine->order_ns || !engine->fragments || !engine->taken) {
		weir_engine_free(engine);
		return 0;
	}
	weir_engine_threads(engine);
	return engine;
}
