/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Sums, squares, extremes and histograms, without floating point. */
#ifndef WEIR_MOMENTS_H
#define WEIR_MOMENTS_H

#include "parse.h"

/* sum += value * value, in 128 bits; value < 2^63. */
static __always_inline void weir_square_add(struct weir_square *sum, __u64 value)
{
	__u64 low = value & 0xffffffff, high = value >> 32;
	__u64 product = low * low, middle = low * high;
	__u64 added = product + (middle << 33);

	sum->high += high * high + (middle >> 31) + (added < product);
	sum->low += added;
	sum->high += sum->low < added;
}

static __always_inline void weir_periods_add(struct weir_periods *periods, __u64 value_ns)
{
	if (!periods->count || value_ns < periods->min_ns)
		periods->min_ns = value_ns;
	if (value_ns > periods->max_ns)
		periods->max_ns = value_ns;
	periods->count++;
	periods->sum_ns += value_ns;
	weir_square_add(&periods->square_ns, value_ns);
}

static __always_inline __u32 weir_length_bucket(__u32 bytes)
{
	if (bytes <= 256)
		return bytes <= 64 ? 0 : bytes <= 128 ? 1 : 2;
	if (bytes <= 1024)
		return bytes <= 512 ? 3 : 4;
	return bytes <= 1518 ? 5 : bytes <= 4096 ? 6 : 7;
}

static __always_inline __u32 weir_gap_bucket(__u64 gap_ns)
{
	__u32 rest = gap_ns >> 11, bucket = 0;

	if (gap_ns >> 25)
		return WEIR_GAP_BUCKETS - 1;
	if (rest >> 8) {
		rest >>= 8;
		bucket += 8;
	}
	if (rest >> 4) {
		rest >>= 4;
		bucket += 4;
	}
	if (rest >> 2) {
		rest >>= 2;
		bucket += 2;
	}
	return bucket + (rest >> 1) + (rest ? 1 : 0);
}

#endif
