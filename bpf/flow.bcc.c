// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * The programs of flow.bpf.c in bcc's dialect. bcc is the compiler alone: the loader makes
 * the maps, puts their fds where WEIR_MAP's marks stand, joins the walk's callback to its
 * caller, and loads (agent/capture/loader/bcc.py).
 *
 * The file stands alone on purpose: bcc takes functions from the main file only, one
 * argument each.
 */
#include <linux/pkt_cls.h>

#define WEIR_BCC
#include "reports.h"
#include "filter.h"

/* Marks for the loader; the numbers are the maps' order in agent/capture/layout.py. */
#define WEIR_MAP(number)   (*(char *)bpf_pseudo_fd(1, number))
#define WEIR_CALLBACK_MARK ((void *)bpf_pseudo_fd(4, 0))

#define flows	     WEIR_MAP(0)
#define interfaces   WEIR_MAP(1)
#define counters     WEIR_MAP(2)
#define port_classes WEIR_MAP(3)
#define dscp_classes WEIR_MAP(4)
#define filter	     WEIR_MAP(5)
#define scratch	     WEIR_MAP(6)
#define closing	     WEIR_MAP(7)
#define verdicts     WEIR_MAP(8)
#define samples	     WEIR_MAP(9)
#define walked	     WEIR_MAP(10)
#define shaping	     WEIR_MAP(11)
#define policers     WEIR_MAP(12)
#define matches	     WEIR_MAP(13)
#define flow_limits  WEIR_MAP(14)
#define limited	     WEIR_MAP(15)
#define cursors	     WEIR_MAP(16)

#include "count.h"
#include "lists.h"
#include "walk.h"

int weir_xdp(struct xdp_md *context)
{
	return count_xdp(context);
}

int weir_ingress(struct __sk_buff *skb)
{
	return count_skb(skb, WEIR_RX);
}

int weir_egress(struct __sk_buff *skb)
{
	return count_skb(skb, WEIR_TX);
}

int weir_close(struct __sk_buff *skb)
{
	return close_next();
}

int weir_verdict(struct __sk_buff *skb)
{
	return carry_verdict();
}

/* The kernel passes the key second; the loader puts the move in front. */
int sample_entry(struct weir_key *key)
{
	return sample_flow(key);
}

int weir_walk(struct __sk_buff *skb)
{
	return walk_flows(WEIR_CALLBACK_MARK);
}
