// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * Count every packet of the watched interfaces by flow: XDP returns PASS, tc returns UNSPEC
 * so that other programs still run. Where QoS is on, tc also gives a packet its class and
 * code point, and a policer that is told to may drop it; else nothing is rewritten.
 *
 * flow.bcc.c has the same programs in bcc's dialect.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

/* Tests drive time through the frame's timestamp. */
const volatile __u8 clock_from_frame = 0;

#define WEIR_CHECK_SIZES
#include "count.h"
#include "lists.h"
#include "walk.h"

SEC("xdp")
int weir_xdp(struct xdp_md *context)
{
	return count_xdp(context);
}

SEC("tc")
int weir_ingress(struct __sk_buff *skb)
{
	return count_skb(skb, WEIR_RX);
}

SEC("tc")
int weir_egress(struct __sk_buff *skb)
{
	return count_skb(skb, WEIR_TX);
}

/* The rest no packet runs: the agent drives them over its lists by BPF_PROG_TEST_RUN. */
SEC("tc")
int weir_close(struct __sk_buff *skb __attribute__((unused)))
{
	return close_next();
}

SEC("tc")
int weir_verdict(struct __sk_buff *skb __attribute__((unused)))
{
	return carry_verdict();
}

static long sample_entry(void *map __attribute__((unused)), struct weir_key *key,
			 void *value __attribute__((unused)),
			 void *context __attribute__((unused)))
{
	return sample_flow(key);
}

/* Not a tc program: the kernel runs those with bottom halves off, and for as long as the
 * walk takes no packet would pass this CPU. */
SEC("flow_dissector")
int weir_walk(struct __sk_buff *skb __attribute__((unused)))
{
	return walk_flows(sample_entry);
}

char _license[] SEC("license") = "GPL";
