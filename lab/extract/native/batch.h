/* SPDX-License-Identifier: Apache-2.0 */
/* A batch counted, packets for the next one kept back, and what ended put in order. */
#ifndef WEIR_BATCH_H
#define WEIR_BATCH_H

#include "workers.h"

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

/*
 * The time that silence is measured by: of the last two packets counted and the first one
 * kept back the earliest, for a single packet may be of a clock that was wrong. At the end
 * the last one's, for then all flows end.
 */
static __u64 weir_engine_now(const struct weir_engine *engine)
{
	const __u64 *times = &engine->order_ns[engine->ready];
	__u64 now_ns = engine->ready ? times[-1] : engine->now_ns;

	if (engine->eof)
		return now_ns;
	if (engine->ready > 1 && times[-2] < now_ns)
		now_ns = times[-2];
	return engine->filled > engine->ready && times[0] < now_ns ? times[0] : now_ns;
}

/* Count the batch, but for the packets kept back. */
static void weir_engine_batch(struct weir_engine *engine)
{
	__u32 held = engine->eof || !engine->settings.reorder_ns ? 0 : WEIR_HELD;

	engine->ready = engine->filled > held ? engine->filled - held : 0;
	held = engine->filled - engine->ready;
	engine->now_ns = weir_engine_now(engine);
	engine->sweeping = ++engine->batches >= WEIR_SWEEP || engine->eof;
	if (engine->sweeping)
		engine->batches = 0;
	if (engine->jobs > 1)
		pthread_barrier_wait(&engine->begin);
	weir_engine_share(engine, 0);
	if (engine->jobs > 1)
		pthread_barrier_wait(&engine->end);
	/* Those kept back come first; the items that were counted are free again. */
	memcpy(engine->spare, engine->order, engine->ready * sizeof(*engine->order));
	memmove(engine->order, engine->order + engine->ready,
		held * sizeof(*engine->order));
	memcpy(engine->order + held, engine->spare, engine->ready * sizeof(*engine->order));
	memmove(engine->order_ns, engine->order_ns + engine->ready,
		held * sizeof(*engine->order_ns));
	engine->filled = held;
}

#endif
