/* SPDX-License-Identifier: Apache-2.0 */
/* TCP segments that came before: the fork's count of retransmissions. */
#ifndef WEIR_CIC_REPEATS_H
#define WEIR_CIC_REPEATS_H

#include "cic_flow.h"

/* 1 if the segment was there already. */
static int weir_segments_add(struct weir_cic_segments *segments, __u64 hash)
{
	__u32 at;

	if (segments->count * 2 >= segments->mask) {
		struct weir_cic_segments larger = {
			0, segments->mask ? segments->mask * 2 + 1 : 15, segments->count};

		if (larger.mask >= WEIR_CIC_SEGMENTS_LIMIT)
			return 0;
		larger.hashes = calloc((size_t)larger.mask + 1, sizeof(*larger.hashes));
		if (!larger.hashes)
			return 0;
		for (__u32 i = 0; segments->mask && i <= segments->mask; i++) {
			if (!segments->hashes[i])
				continue;
			at = (__u32)segments->hashes[i] & larger.mask;
			while (larger.hashes[at])
				at = (at + 1) & larger.mask;
			larger.hashes[at] = segments->hashes[i];
		}
		free(segments->hashes);
		*segments = larger;
	}
	for (at = (__u32)hash & segments->mask; segments->hashes[at];
	     at = (at + 1) & segments->mask)
		if (segments->hashes[at] == hash)
			return 1;
	segments->hashes[at] = hash;
	segments->count++;
	return 0;
}

static __u64 weir_segment_hash(const struct weir_cic_packet *packet)
{
	__u64 hash = packet->packet.source[3];

	hash = weir_mix(hash << 32 ^ packet->packet.sequence);
	hash = weir_mix(hash ^
			((__u64)packet->acknowledgement << 32 | packet->payload_bytes));
	return weir_mix(hash ^ packet->packet.window) | 1;
}

#endif
