/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of a capture in, ended flows out: the functions that lab/extract/engine.py calls.
 * Frames are parsed in order into a batch of a fixed count (arrive.h); tables then take
 * their packets (meter.h), on as many threads as asked for (workers.h); what ended is
 * sorted by when it ended (batch.h). So the outcome depends on the capture alone. In the
 * modes of CICFlowMeter, cic.h takes each frame at once.
 */
#include "arrive.h"
#include "batch.h"
#include "cic.h"

_Static_assert(WEIR_BATCH + WEIR_HELD <= WEIR_UNRELEASED, "room for a batch of flows");

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

static int weir_engine_outcome(struct weir_engine *engine, int result)
{
	return engine->failed ? weir_capture_bad(engine->capture, "out of memory") : result;
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

	while (engine->number - engine->batch_number < WEIR_BATCH) {
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
	return weir_engine_outcome(engine, result);
}

/* A frame that came by another way than a file; counted as feed's are. 1: take what ended;
 * -1: memory ran out. */
WEIR_EXPORT int weir_engine_push(struct weir_engine *engine, const __u8 *bytes,
				 __u32 captured, __u32 wire, __u64 time_ns, __u16 link)
{
	struct weir_frame frame = {bytes, captured, weir_wire_length(wire, captured),
				   time_ns, link};

	weir_engine_see(engine, &frame);
	if (engine->number - engine->batch_number < WEIR_BATCH)
		return WEIR_CAPTURE_MORE;
	weir_engine_close_batch(engine);
	return weir_engine_outcome(engine, WEIR_CAPTURE_FRAME);
}

/* Count what is waiting. ending: the capture is over, and every flow with it. -1: memory
 * ran out. */
WEIR_EXPORT int weir_engine_flush(struct weir_engine *engine, int ending)
{
	engine->eof = ending;
	weir_engine_close_batch(engine);
	return weir_engine_outcome(engine, WEIR_CAPTURE_MORE);
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

/*
 * Copies of the live flows that had packets since the last time asked; none between sweeps,
 * for it looks at every flow. Begin with *at 0.
 */
WEIR_EXPORT __u64 weir_engine_touched(struct weir_engine *engine, __u64 *at, void **flows)
{
	__u64 count = 0;

	*flows = engine->taken;
	if (!engine->sweeping)
		return 0;
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
	weir_engine_join(engine);
	for (__u32 i = 0; i < WEIR_TABLES; i++) {
		if (engine->settings.mode != WEIR_MODE_WEIR)
			weir_cic_clear(&engine->table[i]);
		weir_table_free(&engine->table[i]);
		free(engine->ended[i].entries);
	}
	free(engine->queue.entries);
	free(engine->items);
	weir_arena_free(&engine->arena);
	free(engine->order);
	free(engine->spare);
	free(engine->order_ns);
	free(engine->fragments);
	free(engine->taken);
	free(engine->capture);
	free(engine);
}

WEIR_EXPORT struct weir_engine *weir_engine_new(const struct weir_settings *settings)
{
	struct weir_engine *engine = calloc(1, sizeof(*engine));
	__u32 room = WEIR_BATCH + WEIR_HELD, failed = 0;

	if (!engine)
		return 0;
	engine->settings = *settings;
	pthread_mutex_init(&engine->arena.lock, 0);
	pthread_mutex_init(&engine->gate, 0);
	engine->flow_bytes = settings->mode == WEIR_MODE_WEIR
				     ? sizeof(struct weir_flow)
				     : sizeof(struct weir_cic_flow);
	engine->capture = calloc(1, sizeof(*engine->capture));
	engine->items = calloc(room, sizeof(*engine->items));
	engine->order = calloc(room, sizeof(*engine->order));
	engine->spare = calloc(room, sizeof(*engine->spare));
	engine->order_ns = calloc(room, sizeof(*engine->order_ns));
	engine->fragments = calloc(WEIR_FRAGMENT_SLOTS, sizeof(*engine->fragments));
	engine->taken = malloc(WEIR_TAKEN * engine->flow_bytes);
	engine->jobs = 1;
	for (__u32 i = 0; i < WEIR_TABLES; i++)
		failed |= weir_table_init(&engine->table[i], &engine->arena,
					  settings->flows_limit / WEIR_TABLES + 1,
					  engine->flow_bytes) != 0;
	if (failed || !engine->capture || !engine->items || !engine->order ||
	    !engine->spare || !engine->order_ns || !engine->fragments || !engine->taken) {
		weir_engine_free(engine);
		return 0;
	}
	for (__u32 i = 0; i < room; i++)
		engine->order[i] = i;
	weir_engine_threads(engine);
	return engine;
}
