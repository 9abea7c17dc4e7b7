/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's flow core, compiled for this machine. */
#ifndef WEIR_HOST_H
#define WEIR_HOST_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define WEIR_HOST 1

struct bpf_spin_lock {
	unsigned int val;
};

/* How long a silence ends an active period: the kernel's constant, here an option. */
static _Thread_local unsigned long long weir_idle_threshold_ns __attribute__((unused));

#include "../../../bpf/records.h"
#undef WEIR_IDLE_NS
#define WEIR_IDLE_NS weir_idle_threshold_ns
#include "../../../bpf/flow.h"

#define WEIR_LIKELY(x)	 __builtin_expect(!!(x), 1)
#define WEIR_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define WEIR_EXPORT	 __attribute__((visibility("default")))

static inline __u16 weir_read16(const __u8 *bytes, int swapped)
{
	__u16 value;

	memcpy(&value, bytes, sizeof(value));
	return swapped ? __builtin_bswap16(value) : value;
}

static inline __u32 weir_read32(const __u8 *bytes, int swapped)
{
	__u32 value;

	memcpy(&value, bytes, sizeof(value));
	return swapped ? __builtin_bswap32(value) : value;
}

/* Network order. */
static inline __u16 weir_wire16(const __u8 *bytes)
{
	return (__u16)(bytes[0] << 8 | bytes[1]);
}

#endif
