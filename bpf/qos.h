/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What QoS does to a packet whose class is known: its place in the tree and its code point.
 * ECN bits and everything else in the header stay as they were.
 */
#ifndef WEIR_QOS_H
#define WEIR_QOS_H

#include "flow.h"

#define WEIR_QOS_ACTIVE	  0x10 /* minor of a leaf: branch plus class (agent/qos/htb.py) */
#define WEIR_QOS_BASELINE 0x20

enum weir_mark_mode {
	WEIR_MARK_OFF = 0,
	WEIR_MARK_KEEP = 1, /* a code point that the packet brings wins */
	WEIR_MARK_SET = 2,
};

/* Class handle for skb->priority. Past the deadline the agent is taken for dead, and
 * nothing that it moved holds the packet any more; the root's own handle is HTB's word for
 * a packet that it is not to hold at all. */
static __always_inline __u32 weir_priority(const struct weir_shaping *row, __u32 class,
					   __u64 now_ns)
{
	if (now_ns < row->deadline_ns)
		return row->root | WEIR_QOS_ACTIVE | (class & (WEIR_CLASSES - 1));
	if (row->dead == WEIR_DEAD_UNSHAPED)
		return row->root;
	return row->root | WEIR_QOS_BASELINE | (class & (WEIR_CLASSES - 1));
}

/* Traffic class with another code point; the two ECN bits are the packet's own. */
static __always_inline __u8 weir_marked(__u8 traffic_class, __u8 dscp, __u32 mode)
{
	if (mode == WEIR_MARK_OFF || (mode == WEIR_MARK_KEEP && traffic_class >> 2))
		return traffic_class;
	return (__u8)(dscp << 2) | (traffic_class & 3);
}

#define WEIR_SECOND_NS 1000000000ULL

/* 1: within the rate. Under the lock. volume: on the wire, all segments. */
static __always_inline int weir_bucket_takes(struct weir_bucket *bucket,
					     const struct weir_volume *volume, __u64 now_ns)
{
	__s64 elapsed = now_ns - bucket->last_ns, credit = bucket->credit_ns;

	if (!bucket->rate_bytes_s || now_ns >= bucket->expires_ns)
		return 1;
	/* The clocks of two CPUs may cross by a little: then no time has passed. */
	if (elapsed > 0) {
		bucket->last_ns = now_ns;
		credit += elapsed;
		if (credit > (__s64)bucket->burst_ns)
			credit = bucket->burst_ns;
	}
	if (credit < 0) {
		bucket->credit_ns = credit;
		weir_volume_add(&bucket->over, volume);
		return 0;
	}
	bucket->credit_ns = credit - volume->bytes * WEIR_SECOND_NS / bucket->rate_bytes_s;
	return 1;
}

/*
 * 1: what passed before has been worth the time since. The same rule as a bucket's, kept in
 * one number: up to burst_ns are saved, and a packet may leave a debt. Under the lock.
 */
static __always_inline int weir_limit_takes(__u64 *paid_ns, __u64 worth_ns, __u64 burst_ns,
					    __u64 now_ns)
{
	__u64 paid = *paid_ns;

	if (paid > now_ns)
		return 0;
	if (paid + burst_ns < now_ns)
		paid = now_ns - burst_ns;
	*paid_ns = paid + worth_ns;
	return 1;
}

#ifndef WEIR_HOST

/* The first two bytes of an IPv4 header: version and length, then the traffic class. */
static __always_inline long weir_mark_v4(struct __sk_buff *skb, __u32 offset, __u8 dscp,
					 __u32 mode)
{
	const __u32 checksum = offset + __builtin_offsetof(struct weir_ipv4, checksum);
	__u8 before[2], after[2];
	__u16 from, to;
	long error;

	error = bpf_skb_load_bytes(skb, offset, before, sizeof(before));
	if (error)
		return error;
	after[0] = before[0];
	after[1] = weir_marked(before[1], dscp, mode);
	if (after[1] == before[1])
		return 0;
	__builtin_memcpy(&from, before, sizeof(from));
	__builtin_memcpy(&to, after, sizeof(to));
	/* The header's sum stays the same, so a sum over the whole packet does too. */
	error = bpf_l3_csum_replace(skb, checksum, from, to, sizeof(to));
	return error ? error : bpf_skb_store_bytes(skb, offset, after, sizeof(after), 0);
}

/* IPv6: four bits of version, eight of traffic class, then the flow label. */
static __always_inline long weir_mark_v6(struct __sk_buff *skb, __u32 offset, __u8 dscp,
					 __u32 mode)
{
	__u8 bytes[2], before, after;
	long error;

	error = bpf_skb_load_bytes(skb, offset, bytes, sizeof(bytes));
	if (error)
		return error;
	before = (__u8)(bytes[0] << 4) | bytes[1] >> 4;
	after = weir_marked(before, dscp, mode);
	if (after == before)
		return 0;
	bytes[0] = (bytes[0] & 0xf0) | after >> 4;
	bytes[1] = (__u8)(after << 4) | (bytes[1] & 0x0f);
	/* No header sum absorbs the change, so the packet's own has to be told. */
	return bpf_skb_store_bytes(skb, offset, bytes, sizeof(bytes), BPF_F_RECOMPUTE_CSUM);
}

/* Give a packet its code point. offset: of the network header. 0, or why it was not done.
 */
static __always_inline long weir_mark(struct __sk_buff *skb, __u8 family, __u32 offset,
				      __u8 dscp, __u32 mode)
{
	if (mode == WEIR_MARK_OFF)
		return 0;
	return family == WEIR_KEY_V4 ? weir_mark_v4(skb, offset, dscp, mode)
				     : weir_mark_v6(skb, offset, dscp, mode);
}

#endif
#endif
