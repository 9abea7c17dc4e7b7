/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* What a packet does to the maps, from its first instruction to its outcome. */
#ifndef WEIR_COUNT_H
#define WEIR_COUNT_H

#include "filter.h"
#include "shape.h"

#define WEIR_PULL_BYTES 256 /* headers of a frame whose linear part is short */

static __always_inline struct weir_interface *find_interface(__u32 ifindex)
{
	__u32 index = ifindex & (WEIR_INTERFACE_ENTRIES - 1);
	struct weir_interface *interface = bpf_map_lookup_elem(&interfaces, &index);

	return interface && interface->ifindex == ifindex ? interface : 0;
}

static __always_inline struct weir_counters *
find_counters(const struct weir_interface *interface, __u32 hook)
{
	__u32 index = interface->slot * WEIR_HOOKS + hook;

	return bpf_map_lookup_elem(&counters, &index);
}

static __always_inline struct weir_record *begin_flow(struct weir_scratch *work)
{
	struct weir_record *record = (struct weir_record *)work->blank;
	struct weir_guess guess;

	guess_class(&work->key, &work->packet, &guess);
	record->class = guess.class;
	record->class_source = guess.source;
	record->limit = guess.limit;
	record->id = weir_flow_id(&work->key, work->sight.now_ns);
	/* Whoever inserts first wins; either way the record is there, or the map is full.
	 */
	bpf_map_update_elem(&flows, &work->key, work->blank, BPF_NOEXIST);
	return bpf_map_lookup_elem(&flows, &work->key);
}

#define weir_touch(field) ((void)*(volatile const __u64 *)&(field))

/*
 * Ask for cache lines that the update will write, at once and before the lock makes all
 * wait; their neighbours come with them. Without the lock the state is a hint alone.
 */
static __always_inline void fetch_record(const struct weir_record *record, __u8 from_low)
{
	__u32 orientation = (record->state & WEIR_STATE_FORWARD_IS_LOW) ^ from_low;
	const struct weir_direction *direction = &record->direction[orientation & 1];

	weir_touch(record->id);
	weir_touch(direction->first_ns);
	weir_touch(direction->gap_histogram);
	weir_touch(direction->run_last_ns);
}

/* Class of the flow that took the frame, or -1: there is no record for it. */
static __always_inline int count_flow(struct weir_scratch *work)
{
	struct weir_record *record = bpf_map_lookup_elem(&flows, &work->key);
	__u32 mark = weir_key_mark(&work->key);
	int class = -1;

	if (!record)
		record = begin_flow(work);
	if (!record)
		return -1;
	fetch_record(record, work->sight.from_low);
	bpf_spin_lock(&record->lock);
	/* A record closed since the look-up has no mark, one given to another flow another.
	 */
	if (record->id >> 32 == mark) {
		weir_flow_update(record, &work->packet, &work->sight);
		class = record->class;
		work->limit = record->limit;
	}
	bpf_spin_unlock(&record->lock);
	return class;
}

/* Kept out by the operator's filter. */
static __always_inline int is_filtered(const struct weir_interface *interface,
				       const struct weir_packet *packet)
{
	__u32 zero = 0;
	struct weir_filter *tests;

	if (!(interface->flags & WEIR_INTERFACE_FILTER))
		return 0;
	tests = bpf_map_lookup_elem(&filter, &zero);
	return tests && !weir_filter_takes(tests, packet);
}

static __always_inline int is_switched_off(const struct weir_interface *interface,
					   const struct weir_packet *packet)
{
	return interface->flags &
	       (packet->family == 4 ? WEIR_INTERFACE_NO_V4 : WEIR_INTERFACE_NO_V6);
}

/* Count the frame that work describes: as seen, and as exactly one of the outcomes. */
static __always_inline void count(const struct weir_interface *interface,
				  struct weir_counters *sums, struct weir_scratch *work,
				  int parsed)
{
	const struct weir_volume *volume = &work->sight.volume;
	__u8 group;
	int class;

	work->class = WEIR_CLASS_UNKNOWN;
	work->limit = 0;
	weir_volume_add(&sums->seen, volume);
	if (parsed != WEIR_PARSED) {
		weir_volume_add(parsed == WEIR_NON_IP ? &sums->non_ip : &sums->unparsed,
				volume);
		return;
	}
	if (is_switched_off(interface, &work->packet) ||
	    is_filtered(interface, &work->packet)) {
		work->class = WEIR_CLASSES;
		weir_volume_add(&sums->filtered, volume);
		return;
	}
	work->sight.one_way = !!(interface->flags & WEIR_INTERFACE_UNIDIRECTIONAL);
	work->sight.from_low =
		weir_flow_key(&work->packet, interface->slot,
			      interface->flags & WEIR_INTERFACE_UNIDIRECTIONAL, &work->key);
	class = count_flow(work);
	work->class = class;
	if (class < 0) {
		work->class = WEIR_CLASSES;
		class = WEIR_CLASS_UNKNOWN;
		group = weir_protocol_group(work->packet.protocol);
		weir_volume_add(&sums->overflow[group & (WEIR_PROTOCOL_GROUPS - 1)],
				volume);
	}
	weir_volume_add(&sums->by_class[class & (WEIR_CLASSES - 1)], volume);
}

static __always_inline struct weir_scratch *begin_work(__u32 hook)
{
	__u32 zero = 0;
	struct weir_scratch *work = bpf_map_lookup_elem(&scratch, &zero);

	if (!work)
		return 0;
	__builtin_memset(&work->packet, 0, sizeof(work->packet));
	work->sight.hook = hook;
	work->sight.segment_bytes = 0;
	return work;
}

static __always_inline int count_xdp(struct xdp_md *context)
{
	struct weir_interface *interface = find_interface(context->ingress_ifindex);
	struct weir_cursor_bytes cursor = {(void *)(long)context->data,
					   (void *)(long)context->data_end};
	struct weir_scratch *work = begin_work(WEIR_RX);
	struct weir_counters *sums;
	int parsed;

	if (!interface || !work)
		return XDP_PASS;
	sums = find_counters(interface, WEIR_RX);
	if (!sums)
		return XDP_PASS;
	work->sight.now_ns = bpf_ktime_get_ns();
	work->sight.volume.frames = work->sight.volume.packets = 1;
	work->sight.volume.bytes = context->data_end - context->data;
	parsed = weir_parse(&cursor, &work->packet, work->sight.volume.bytes,
			    interface->flags & WEIR_INTERFACE_LAYER3);
	count(interface, sums, work, parsed);
	return XDP_PASS;
}

static __always_inline int parse_skb(struct __sk_buff *skb, struct weir_packet *packet,
				     int layer3)
{
	struct weir_cursor_bytes cursor = {(void *)(long)skb->data,
					   (void *)(long)skb->data_end};

	/* Without a branch, which the verifier would follow through all of the parser. */
	packet->vlan = (skb->vlan_tci & 0x0fff) * skb->vlan_present;
	return weir_parse(&cursor, packet, skb->len, layer3);
}

/* Wire packets and bytes of a frame that may stand for many segments. */
static __always_inline void measure_skb(struct __sk_buff *skb,
					const struct weir_packet *packet,
					struct weir_sight *sight)
{
	__u32 segments = skb->gso_segs, size = skb->gso_size;

	/* Frames from virtual machines may carry a size without a count. */
	if (!segments && size && packet->payload_bytes)
		segments = (packet->payload_bytes + size - 1) / size;
	/* SCTP's tell none (GSO_BY_FRAGS), and a driver's may be rounded up too far. */
	if (segments > 1 && size * (segments - 1) >= packet->payload_bytes)
		size = packet->payload_bytes / segments;
	sight->volume.frames = 1;
	sight->volume.packets = segments > 1 ? segments : 1;
	sight->volume.bytes = skb->len;
	if (segments > 1) {
		sight->segment_bytes = size;
		if (sight->hook == WEIR_TX)
			sight->volume.bytes = skb->wire_len;
		else
			sight->volume.bytes += (__u64)(segments - 1) * packet->header_bytes;
	}
	sight->volume.bytes +=
		sizeof(struct weir_tag) * sight->volume.packets * skb->vlan_present;
}

/* Bring the headers of a frame with a short linear part within reach; 0 if that helped. */
static __always_inline int pull_headers(struct __sk_buff *skb)
{
	__u32 length = skb->len < WEIR_PULL_BYTES ? skb->len : WEIR_PULL_BYTES;

	if (skb->data_end - skb->data >= skb->len)
		return -1;
	return bpf_skb_pull_data(skb, length);
}

static __always_inline int count_skb(struct __sk_buff *skb, __u32 hook)
{
	struct weir_interface *interface = find_interface(skb->ifindex);
	struct weir_scratch *work = begin_work(hook);
	struct weir_counters *sums;
	int layer3;

	if (!interface || !work)
		return TC_ACT_UNSPEC;
	sums = find_counters(interface, hook);
	if (!sums)
		return TC_ACT_UNSPEC;
	layer3 = interface->flags & WEIR_INTERFACE_LAYER3;
	work->sight.now_ns = clock_from_frame ? skb->tstamp : bpf_ktime_get_ns();
	work->parsed = parse_skb(skb, &work->packet, layer3);
	if (work->parsed == WEIR_UNPARSED && !pull_headers(skb)) {
		__builtin_memset(&work->packet, 0, sizeof(work->packet));
		work->parsed = parse_skb(skb, &work->packet, layer3);
	}
	measure_skb(skb, &work->packet, &work->sight);
	/* From here on one state for the verifier, whatever way led here. */
	asm volatile("" ::: "memory");
	count(interface, sums, work, work->parsed);
	if (!(interface->flags & WEIR_INTERFACE_SHAPED))
		return TC_ACT_UNSPEC;
	asm volatile("" ::: "memory");
	return shape_skb(skb, interface, work);
}

#endif
