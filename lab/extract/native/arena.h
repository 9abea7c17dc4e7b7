/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for flows, in pieces of 2 MiB that the kernel may give as one page each: a walk
 * through page tables for every packet costs more than all that is counted of it. Nothing
 * is given back before the end.
 */
#ifndef WEIR_ARENA_H
#define WEIR_ARENA_H

#include <pthread.h>
#include <sys/mman.h>

#include "host.h"

#define WEIR_PIECE_BYTES (2U << 20)

struct weir_arena {
	pthread_mutex_t lock; /* tables grow on any thread */
	__u8 **pieces;
	__u32 count;
	__u32 room;
	size_t used; /* of the last piece */
};

static __u8 *weir_arena_piece(struct weir_arena *arena)
{
	__u8 *piece;

	if (arena->count == arena->room) {
		__u32 room = arena->room ? arena->room * 2 : 64;
		__u8 **pieces = realloc(arena->pieces, room * sizeof(*pieces));

		if (!pieces)
			return 0;
		arena->pieces = pieces;
		arena->room = room;
	}
	piece = aligned_alloc(WEIR_PIECE_BYTES, WEIR_PIECE_BYTES);
	if (!piece)
		return 0;
	/* Where there are no such pages, small ones do as well. */
	(void)madvise(piece, WEIR_PIECE_BYTES, MADV_HUGEPAGE);
	arena->pieces[arena->count++] = piece;
	arena->used = 0;
	return piece;
}

/* So many bytes, at most a piece, on a cache line of their own; 0: no memory. */
static void *weir_arena_take(struct weir_arena *arena, size_t bytes)
{
	__u8 *taken = 0;

	bytes = (bytes + 63) & ~(size_t)63;
	pthread_mutex_lock(&arena->lock);
	if ((arena->count && arena->used + bytes <= WEIR_PIECE_BYTES) ||
	    weir_arena_piece(arena)) {
		taken = arena->pieces[arena->count - 1] + arena->used;
		arena->used += bytes;
	}
	pthread_mutex_unlock(&arena->lock);
	return taken;
}

static void weir_arena_free(struct weir_arena *arena)
{
	for (__u32 i = 0; i < arena->count; i++)
		free(arena->pieces[i]);
	free(arena->pieces);
	pthread_mutex_destroy(&arena->lock);
}

#endif
