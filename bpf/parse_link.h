/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The link layer: Ethernet, VLAN tags, PPPoE. */
#ifndef WEIR_PARSE_LINK_H
#define WEIR_PARSE_LINK_H

#include "packet.h"

#define WEIR_TAGS 2

static __always_inline int weir_is_tag(__u16 type)
{
	return type == WEIR_ETH_VLAN || type == WEIR_ETH_QINQ || type == WEIR_ETH_QINQ_OLD;
}

/* Ethertype of the network layer; WEIR_ETH_CUT where a header is cut off. */
static __always_inline __u32 weir_parse_pppoe(struct weir_cursor_bytes *cursor,
					      __u32 *offset)
{
	const struct weir_pppoe *session = weir_take(cursor, struct weir_pppoe);

	if (!session)
		return WEIR_ETH_CUT;
	*offset += sizeof(*session);
	switch (weir_ntohs(session->protocol)) {
	case 0x0021:
		return WEIR_ETH_IPV4;
	case 0x0057:
		return WEIR_ETH_IPV6;
	default:
		return WEIR_ETH_PPPOE;
	}
}

static __always_inline __u32 weir_parse_link(struct weir_cursor_bytes *cursor,
					     struct weir_packet *packet, __u32 *offset)
{
	const struct weir_ethernet *ethernet = weir_take(cursor, struct weir_ethernet);
	__u16 type;

	if (!ethernet)
		return WEIR_ETH_CUT;
	type = weir_ntohs(ethernet->type);
	*offset += sizeof(*ethernet);
#pragma clang loop unroll(full)
	for (int i = 0; i < WEIR_TAGS; i++) {
		const struct weir_tag *tag;

		if (!weir_is_tag(type))
			break;
		tag = weir_take(cursor, struct weir_tag);
		if (!tag)
			return WEIR_ETH_CUT;
		if (!packet->vlan)
			packet->vlan = weir_ntohs(tag->control) & 0x0fff;
		type = weir_ntohs(tag->type);
		*offset += sizeof(*tag);
	}
	if (type == WEIR_ETH_PPPOE)
		return weir_parse_pppoe(cursor, offset);
	return type;
}

#endif
