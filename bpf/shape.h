/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* What a counted packet gets where its interface is shaped: limit, policer, place, mark. */
#ifndef WEIR_SHAPE_H
#define WEIR_SHAPE_H

#include "classify.h"
#include "qos.h"

/* Class as an index. A compiler drops a mask where it knows better; 6.1 wants to see it. */
static __always_inline __u32 as_index(__u32 class)
{
	asm volatile("" : "+r"(class));
	return class & (WEIR_CLASSES - 1);
}

/* Class after its policer: its own, the one that excess becomes, or WEIR_DROP. */
static __always_inline __u32 police(const struct weir_shaping *row, __u32 index,
				    __u32 class, const struct weir_sight *sight)
{
	struct weir_bucket *bucket;
	int takes;

	index = index * WEIR_CLASSES + class;
	bucket = bpf_map_lookup_elem(&policers, &index);
	if (!bucket)
		return class;
	bpf_spin_lock(&bucket->lock);
	takes = weir_bucket_takes(bucket, &sight->volume, sight->now_ns);
	bpf_spin_unlock(&bucket->lock);
	return takes ? class : row->excess[as_index(class)];
}

/* Class of a packet whose flow may have only so much: its own, or what its excess becomes.
 * Packets without a record pass. */
static __always_inline __u32 limit_flow(struct weir_scratch *work, __u32 number,
					__u32 class)
{
	struct weir_limit *limit = bpf_map_lookup_elem(&flow_limits, &number);
	struct weir_record *record = bpf_map_lookup_elem(&flows, &work->key);
	struct weir_volume *sum = bpf_map_lookup_elem(&limited, &number);
	__u64 worth_ns, burst_ns;
	int takes;

	if (!limit || !record || !sum || !limit->rate_bytes_s)
		return class;
	worth_ns = work->sight.volume.bytes * WEIR_SECOND_NS / limit->rate_bytes_s;
	burst_ns = limit->burst_ns;
	bpf_spin_lock(&record->lock);
	takes = weir_limit_takes(&record->paid_ns[work->sight.hook & 1], worth_ns, burst_ns,
				 work->sight.now_ns);
	bpf_spin_unlock(&record->lock);
	if (takes)
		return class;
	weir_volume_add(sum, &work->sight.volume);
	if (limit->excess == WEIR_DROP && class == WEIR_CLASS_VOICE)
		return WEIR_CLASS_UNKNOWN;
	return limit->excess;
}

/* Class after the limit of its flow and the policer of its class, or WEIR_DROP. */
static __always_inline __u32 restrain(const struct weir_shaping *row, __u32 index,
				      __u32 class, struct weir_scratch *work)
{
	__u32 number = work->limit ? work->limit : row->limits[as_index(class)];

	if (work->class < WEIR_CLASSES && work->parsed == WEIR_PARSED && number)
		class = limit_flow(work, number, class);
	if (class < WEIR_CLASSES && row->policed >> class & 1)
		class = police(row, index, class, &work->sight);
	return class;
}

/* Of a packet that no record tells of. */
static __always_inline __u32 class_without_flow(const struct weir_interface *interface,
						struct weir_scratch *work)
{
	struct weir_guess guess;

	weir_flow_key(&work->packet, interface->slot,
		      interface->flags & WEIR_INTERFACE_UNIDIRECTIONAL, &work->key);
	guess_class(&work->key, &work->packet, &guess);
	return guess.class;
}

/* Give a counted packet its place in the tree and its code point. */
static __always_inline int shape_skb(struct __sk_buff *skb,
				     const struct weir_interface *interface,
				     struct weir_scratch *work)
{
	__u32 index = interface->slot * WEIR_HOOKS + work->sight.hook, class = work->class;
	struct weir_shaping *row = bpf_map_lookup_elem(&shaping, &index);

	if (!row || !row->root)
		return TC_ACT_UNSPEC;
	if (class >= WEIR_CLASSES)
		class = class_without_flow(interface, work);
	class &= WEIR_CLASSES - 1;
	if (work->sight.now_ns < row->deadline_ns) {
		class = restrain(row, index, class, work);
		if (class == WEIR_DROP)
			return TC_ACT_SHOT;
		class = as_index(class);
		if (work->packet.family)
			weir_mark(skb, work->packet.family, work->packet.network_offset,
				  row->marks[class], row->mode);
	}
	skb->priority = weir_priority(row, class, work->sight.now_ns);
	return TC_ACT_UNSPEC;
}

#endif
