// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* The policer's arithmetic for the host. */
#include <linux/bpf.h>

#define WEIR_HOST
#include "qos.h"

int takes(struct weir_bucket *bucket, __u64 packets, __u64 bytes, __u64 now_ns)
{
	const struct weir_volume volume = {1, packets, bytes};

	return weir_bucket_takes(bucket, &volume, now_ns);
}

unsigned long bucket_bytes(void)
{
	return sizeof(struct weir_bucket);
}
