// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* One packet, one mark: what to do comes in skb->mark, the class handle leaves in priority.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#include "qos.h"

SEC("tc")
int mark(struct __sk_buff *skb)
{
	struct weir_cursor_bytes cursor = {(void *)(long)skb->data,
					   (void *)(long)skb->data_end};
	struct weir_packet packet = {0};
	__u8 dscp = skb->mark & 0x3f, mode = skb->mark >> 8 & 3,
	     layer3 = skb->mark >> 16 & 1;
	__u32 offset = 0, type = WEIR_ETH_IPV4;

	if (!layer3)
		type = weir_parse_link(&cursor, &packet, &offset);
	else if (cursor.position + 1 <= cursor.end && *cursor.position >> 4 == 6)
		type = WEIR_ETH_IPV6;
	skb->priority = weir_priority(0x57450000, skb->mark >> 24, 1, skb->mark >> 17 & 2);
	if (type == WEIR_ETH_IPV4)
		return weir_mark(skb, 4, offset, dscp, mode) ? TC_ACT_SHOT : TC_ACT_UNSPEC;
	if (type == WEIR_ETH_IPV6)
		return weir_mark(skb, 6, offset, dscp, mode) ? TC_ACT_SHOT : TC_ACT_UNSPEC;
	return TC_ACT_UNSPEC;
}

char _license[] SEC("license") = "GPL";
