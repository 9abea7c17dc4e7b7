// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * The least a flow counter can do, for the packet path to be measured against: parse, look
 * the 5-tuple up in a HASH, read the clock, add packets and bytes under the entry's lock.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/types.h>
#include <bpf/bpf_helpers.h>

struct tuple {
	__u32 source[4];
	__u32 destination[4];
	__u16 ports[2];
	__u32 protocol;
};

struct entry {
	__u64 packets;
	__u64 bytes;
	__u64 last_ns;
	struct bpf_spin_lock lock;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 131072);
	__type(key, struct tuple);
	__type(value, struct entry);
} entries SEC(".maps");

static __always_inline int parse(void *data, void *end, struct tuple *tuple)
{
	struct ethhdr *ethernet = data;
	__u16 *ports;

	if ((void *)(ethernet + 1) > end)
		return -1;
	if (ethernet->h_proto == __builtin_bswap16(ETH_P_IP)) {
		struct iphdr *ip = (void *)(ethernet + 1);

		if ((void *)(ip + 1) > end)
			return -1;
		tuple->source[3] = ip->saddr;
		tuple->destination[3] = ip->daddr;
		tuple->protocol = ip->protocol;
		ports = (void *)ip + ip->ihl * 4;
	} else if (ethernet->h_proto == __builtin_bswap16(ETH_P_IPV6)) {
		struct ipv6hdr *ip = (void *)(ethernet + 1);

		if ((void *)(ip + 1) > end)
			return -1;
		__builtin_memcpy(tuple->source, &ip->saddr, 16);
		__builtin_memcpy(tuple->destination, &ip->daddr, 16);
		tuple->protocol = ip->nexthdr;
		ports = (void *)(ip + 1);
	} else {
		return -1;
	}
	if (tuple->protocol != IPPROTO_TCP && tuple->protocol != IPPROTO_UDP)
		return 0;
	if ((void *)(ports + 2) > end)
		return -1;
	tuple->ports[0] = ports[0];
	tuple->ports[1] = ports[1];
	return 0;
}

static __always_inline void add(void *data, void *end, __u32 bytes)
{
	struct tuple tuple = {};
	struct entry *entry;
	__u64 now_ns = bpf_ktime_get_ns();

	if (parse(data, end, &tuple) < 0)
		return;
	entry = bpf_map_lookup_elem(&entries, &tuple);
	if (!entry) {
		struct entry fresh = {};

		bpf_map_update_elem(&entries, &tuple, &fresh, BPF_NOEXIST);
		entry = bpf_map_lookup_elem(&entries, &tuple);
		if (!entry)
			return;
	}
	bpf_spin_lock(&entry->lock);
	entry->packets++;
	entry->bytes += bytes;
	entry->last_ns = now_ns;
	bpf_spin_unlock(&entry->lock);
}

SEC("xdp")
int peer_xdp(struct xdp_md *context)
{
	add((void *)(long)context->data, (void *)(long)context->data_end,
	    context->data_end - context->data);
	return XDP_PASS;
}

SEC("tc")
int peer_tc(struct __sk_buff *skb)
{
	add((void *)(long)skb->data, (void *)(long)skb->data_end, skb->len);
	return TC_ACT_UNSPEC;
}

/* Many flows from one frame: each run writes the next source, then runs slot 0. */
#define FLOWS 65536

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} next_xdp SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} next_tc SEC(".maps");

__u32 turn;

/* The next of all sources in an order that no prefetcher knows. */
static __always_inline void renumber(void *data, void *end)
{
	struct iphdr *ip = data + sizeof(struct ethhdr);
	__u32 number = turn++;

	if ((void *)(ip + 1) > end)
		return;
	number = number * 40503 + 12345;
	number ^= (number & (FLOWS - 1)) >> 7;
	ip->saddr = 10 | (number & (FLOWS - 1)) << 16;
}

SEC("xdp")
int vary_xdp(struct xdp_md *context)
{
	renumber((void *)(long)context->data, (void *)(long)context->data_end);
	bpf_tail_call(context, &next_xdp, 0);
	return XDP_PASS;
}

SEC("tc")
int vary_tc(struct __sk_buff *skb)
{
	renumber((void *)(long)skb->data, (void *)(long)skb->data_end);
	bpf_tail_call(skb, &next_tc, 0);
	return TC_ACT_UNSPEC;
}

/* A frame of another code point each time, so that a program that marks has to write. */
SEC("tc")
int unmark_tc(struct __sk_buff *skb)
{
	const __u32 at = sizeof(struct ethhdr);
	__u16 before = 0, after;
	__u8 head[2];

	if (bpf_skb_load_bytes(skb, at, head, sizeof(head)))
		return TC_ACT_UNSPEC;
	__builtin_memcpy(&before, head, sizeof(before));
	head[1] = 0;
	__builtin_memcpy(&after, head, sizeof(after));
	bpf_l3_csum_replace(skb, at + 10, before, after, sizeof(after));
	bpf_skb_store_bytes(skb, at, head, sizeof(head), 0);
	bpf_tail_call(skb, &next_tc, 0);
	return TC_ACT_UNSPEC;
}

SEC("xdp")
int empty_xdp(struct xdp_md *context __attribute__((unused)))
{
	return XDP_PASS;
}

SEC("tc")
int empty_tc(struct __sk_buff *skb __attribute__((unused)))
{
	return TC_ACT_UNSPEC;
}

char _license[] SEC("license") = "GPL";
