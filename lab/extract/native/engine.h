/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's state, and what its meters share: Weir's own (meter.h), CIC's (cic.h). */
#ifndef WEIR_ENGINE_H
#define WEIR_ENGINE_H

#include <pthread.h>

#include "fragments.h"
#include "track.h"
#include "tunnel.h"

#define WEIR_TABLES	16   /* shards: fixed, so that any number of threads agrees */
#define WEIR_BATCH	3840 /* frames read before they are counted: the cache holds them */
#define WEIR_HELD	1024 /* packets kept back, for late ones to be put before */
#define WEIR_SWEEP	4    /* batches between two sweeps */
#define WEIR_TAKEN	4096 /* flows handed out at once */
#define WEIR_JOBS_LIMIT 64
#define WEIR_AHEAD	8 /* packets between two steps of fetching a flow */

struct weir_engine {
	struct weir_settings settings;
	struct weir_capture *capture;
	struct weir_tally tally;
	struct weir_arena arena;
	struct weir_table table[WEIR_TABLES];
	struct weir_ended_list ended[WEIR_TABLES];
	struct weir_ended_list queue; /* of all tables, sorted; handed out from next on */
	size_t next;
	struct weir_item *items;
	__u32 *order; /* of the items, by time; behind those in use, the unused */
	__u32 *spare; /* room to turn the order in */
	__u64 *order_ns;
	__u32 filled;
	__u32 ready;	    /* positions of order to be counted now */
	__u64 number;	    /* of the next frame */
	__u64 batch_number; /* of the batch's first frame */
	__u32 batches;	    /* since the last sweep */
	int sweeping;	    /* this batch ends with one */
	__u64 now_ns;
	struct weir_fragment_slot *fragments;
	void *taken;
	size_t flow_bytes;
	int failed; /* out of memory */
	int eof;
	/* threads */
	__u32 jobs;
	int stopping;
	pthread_mutex_t gate;
	pthread_t thread[WEIR_JOBS_LIMIT];
	pthread_barrier_t begin;
	pthread_barrier_t end;
};

static inline void weir_tally_add(struct weir_volume *volume, __u32 bytes)
{
	volume->frames++;
	volume->packets++;
	volume->bytes += bytes;
}

/* Queue a flow that ended; its memory is released when it has been handed out. */
static void weir_engine_end(struct weir_engine *engine, __u32 number, __u32 index,
			    __u64 first_packet, __u64 end_packet)
{
	struct weir_ended entry = {end_packet, first_packet, number, index};

	if (weir_ended_add(&engine->ended[number], &entry))
		engine->failed = 1;
	weir_table_unlink(&engine->table[number], index);
}

#endif
