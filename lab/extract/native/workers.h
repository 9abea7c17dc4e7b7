/* SPDX-License-Identifier: Apache-2.0 */
/* A batch shared out by table among threads, each table always to the same one. */
#ifndef WEIR_WORKERS_H
#define WEIR_WORKERS_H

#include <stddef.h>

#include "meter.h"

struct weir_worker {
	struct weir_engine *engine;
	__u32 number;
};

/*
 * A packet's flow comes in three steps, each one's memory asked for by the one before: the
 * slot, the flow's beginning, and what its direction and the flow as a whole write.
 */
static inline void weir_fetch_slot(const struct weir_engine *engine, __u32 position)
{
	const struct weir_item *item = &engine->items[engine->order[position]];
	const struct weir_table *table = &engine->table[item->hash >> 60];

	__builtin_prefetch(&table->slots[(__u32)(item->hash >> 32) & table->mask]);
}

static inline struct weir_flow *weir_fetched(const struct weir_engine *engine,
					     const struct weir_item *item)
{
	const struct weir_table *table = &engine->table[item->hash >> 60];
	__u64 slot = table->slots[(__u32)(item->hash >> 32) & table->mask];

	return (__u32)slot ? weir_table_flow(table, (__u32)slot - 1) : 0;
}

static inline void weir_fetch_lines(const void *from, size_t bytes)
{
	for (size_t line = 0; line < bytes; line += 64)
		__builtin_prefetch((const __u8 *)from + line, 1);
}

static inline void weir_fetch_begin(const struct weir_engine *engine, __u32 position)
{
	const struct weir_item *item = &engine->items[engine->order[position]];
	const struct weir_flow *flow = weir_fetched(engine, item);

	if (flow)
		weir_fetch_lines(flow, offsetof(struct weir_flow, record.direction));
}

static inline void weir_fetch_rest(const struct weir_engine *engine, __u32 position)
{
	const struct weir_item *item = &engine->items[engine->order[position]];
	const struct weir_flow *flow = weir_fetched(engine, item);
	const struct weir_record *record;
	__u32 orientation;

	if (!flow)
		return;
	record = &flow->record;
	orientation = (record->state & WEIR_STATE_FORWARD_IS_LOW) ^ item->from_low;
	weir_fetch_lines(&record->direction[orientation], sizeof(struct weir_direction));
	__builtin_prefetch(&record->direction[!orientation].run_last_ns, 1);
	weir_fetch_lines(&record->volume,
			 sizeof(*flow) - offsetof(struct weir_flow, record.volume));
}

/* One worker's tables over the whole batch. */
static void weir_engine_share(struct weir_engine *engine, __u32 worker)
{
	weir_idle_threshold_ns = engine->settings.activity_ns;
	for (__u32 i = 0; i < engine->ready; i++) {
		const struct weir_item *item = &engine->items[engine->order[i]];
		__u32 number = item->hash >> 60;

		if (i + WEIR_AHEAD * 3 < engine->ready)
			weir_fetch_slot(engine, i + WEIR_AHEAD * 3);
		if (engine->jobs > 1 && number % engine->jobs != worker)
			continue;
		if (i + WEIR_AHEAD * 2 < engine->ready)
			weir_fetch_begin(engine, i + WEIR_AHEAD * 2);
		if (i + WEIR_AHEAD < engine->ready)
			weir_fetch_rest(engine, i + WEIR_AHEAD);
		weir_table_take(engine, number, item);
	}
	for (__u32 number = worker; engine->sweeping && number < WEIR_TABLES;
	     number += engine->jobs)
		weir_table_sweep(engine, number);
}

static void *weir_engine_thread(void *argument)
{
	struct weir_worker worker = *(struct weir_worker *)argument;

	free(argument);
	pthread_mutex_lock(&worker.engine->gate);
	pthread_mutex_unlock(&worker.engine->gate);
	for (;;) {
		pthread_barrier_wait(&worker.engine->begin);
		if (worker.engine->stopping)
			return 0;
		weir_engine_share(worker.engine, worker.number);
		pthread_barrier_wait(&worker.engine->end);
	}
}

static int weir_engine_start(struct weir_engine *engine, __u32 number)
{
	struct weir_worker *worker = malloc(sizeof(*worker));

	if (!worker)
		return -1;
	*worker = (struct weir_worker){engine, number};
	if (!pthread_create(&engine->thread[number], 0, weir_engine_thread, worker))
		return 0;
	free(worker);
	return -1;
}

/*
 * Threads beside the caller's own; fewer where the machine gives no more. They wait at the
 * gate until it is known how many there are.
 */
static void weir_engine_threads(struct weir_engine *engine)
{
	__u32 jobs = engine->settings.jobs;

	jobs = jobs < WEIR_TABLES ? jobs : WEIR_TABLES;
	if (engine->settings.mode != WEIR_MODE_WEIR || jobs < 2)
		return;
	pthread_mutex_lock(&engine->gate);
	while (engine->jobs < jobs && !weir_engine_start(engine, engine->jobs))
		engine->jobs++;
	pthread_barrier_init(&engine->begin, 0, engine->jobs);
	pthread_barrier_init(&engine->end, 0, engine->jobs);
	pthread_mutex_unlock(&engine->gate);
}

/* Let the threads go. */
static void weir_engine_join(struct weir_engine *engine)
{
	if (engine->jobs < 2)
		return;
	engine->stopping = 1;
	pthread_barrier_wait(&engine->begin);
	for (__u32 i = 1; i < engine->jobs; i++)
		pthread_join(engine->thread[i], 0);
	pthread_barrier_destroy(&engine->begin);
	pthread_barrier_destroy(&engine->end);
}

#endif
