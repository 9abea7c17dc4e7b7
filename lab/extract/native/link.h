/* SPDX-License-Identifier: Apache-2.0 */
/* The link layers of capture files, down to the network layer that parse.h walks. */
#ifndef WEIR_LINK_H
#define WEIR_LINK_H

#include "capture.h"

enum weir_linktype {
	WEIR_LINK_NULL = 0,
	WEIR_LINK_ETHERNET = 1,
	WEIR_LINK_PPP = 9,
	WEIR_LINK_RAW_BSD = 12,
	WEIR_LINK_RAW_OPENBSD = 14,
	WEIR_LINK_PPP_HDLC = 50,
	WEIR_LINK_PPP_ETHERNET = 51,
	WEIR_LINK_RAW = 101,
	WEIR_LINK_C_HDLC = 104,
	WEIR_LINK_LOOP = 108,
	WEIR_LINK_SLL = 113,
	WEIR_LINK_IPV4 = 228,
	WEIR_LINK_IPV6 = 229,
	WEIR_LINK_SLL2 = 276,
};

static inline int weir_link_known(__u16 link)
{
	switch (link) {
	case WEIR_LINK_NULL:
	case WEIR_LINK_ETHERNET:
	case WEIR_LINK_PPP:
	case WEIR_LINK_RAW_BSD:
	case WEIR_LINK_RAW_OPENBSD:
	case WEIR_LINK_PPP_HDLC:
	case WEIR_LINK_PPP_ETHERNET:
	case WEIR_LINK_RAW:
	case WEIR_LINK_C_HDLC:
	case WEIR_LINK_LOOP:
	case WEIR_LINK_SLL:
	case WEIR_LINK_IPV4:
	case WEIR_LINK_IPV6:
	case WEIR_LINK_SLL2:
		return 1;
	default:
		return 0;
	}
}

static inline __u16 weir_ppp_type(__u16 protocol)
{
	return protocol == 0x0021 ? WEIR_ETH_IPV4 : protocol == 0x0057 ? WEIR_ETH_IPV6 : 1;
}

/* PPP, with or without address and control bytes, its protocol in one byte or two. */
static __u16 weir_link_ppp(const __u8 *bytes, __u32 captured, __u32 *offset)
{
	__u32 at = 0;

	if (captured >= 2 && bytes[0] == 0xff && bytes[1] == 0x03)
		at = 2;
	if (captured < at + 2)
		return 0;
	*offset = at + (bytes[at] & 1 ? 1 : 2);
	return weir_ppp_type(bytes[at] & 1 ? bytes[at] : weir_wire16(bytes + at));
}

/* BSD loopback: a protocol family in the byte order of whoever captured. */
static __u16 weir_link_null(const __u8 *bytes, __u32 captured, __u32 *offset)
{
	__u32 family;

	if (captured < 4)
		return 0;
	family = weir_read32(bytes, 0);
	if (family > 0xffff)
		family = __builtin_bswap32(family);
	*offset = 4;
	switch (family) {
	case 2:
		return WEIR_ETH_IPV4;
	case 10:
	case 24:
	case 28:
	case 30:
		return WEIR_ETH_IPV6;
	default:
		return 1;
	}
}

/* Ethertype and offset of what follows a link header; 0: cut off. 1: not IP. */
static __u16 weir_link_type(const struct weir_frame *frame, __u32 *offset)
{
	const __u8 *bytes = frame->bytes;

	switch (frame->link) {
	case WEIR_LINK_NULL:
	case WEIR_LINK_LOOP:
		return weir_link_null(bytes, frame->captured, offset);
	case WEIR_LINK_PPP:
	case WEIR_LINK_PPP_HDLC:
		return weir_link_ppp(bytes, frame->captured, offset);
	case WEIR_LINK_PPP_ETHERNET:
		*offset = 8;
		return frame->captured < 8 ? 0 : weir_ppp_type(weir_wire16(bytes + 6));
	case WEIR_LINK_C_HDLC:
		*offset = 4;
		return frame->captured < 4 ? 0 : weir_wire16(bytes + 2);
	case WEIR_LINK_SLL:
		*offset = 16;
		return frame->captured < 16 ? 0 : weir_wire16(bytes + 14);
	case WEIR_LINK_SLL2:
		*offset = 20;
		return frame->captured < 20 ? 0 : weir_wire16(bytes);
	default:
		return 1;
	}
}

/* VLAN tags and PPPoE behind a link header that is not Ethernet's. */
static __u16 weir_link_tags(struct weir_cursor_bytes *cursor, struct weir_packet *packet,
			    __u16 type, __u32 *offset)
{
	for (int i = 0; i < WEIR_TAGS && weir_is_tag(type); i++) {
		const struct weir_tag *tag = weir_take(cursor, struct weir_tag);

		if (!tag)
			return 0;
		if (!packet->vlan)
			packet->vlan = weir_ntohs(tag->control) & 0x0fff;
		type = weir_ntohs(tag->type);
		*offset += sizeof(*tag);
	}
	return type == WEIR_ETH_PPPOE ? weir_parse_pppoe(cursor, offset) : type;
}

static int weir_parse_network(struct weir_cursor_bytes *cursor, struct weir_packet *packet,
			      __u16 type, __u32 present)
{
	if (!type)
		return WEIR_UNPARSED;
	if (type == WEIR_ETH_IPV4)
		return weir_parse_ipv4(cursor, packet, present);
	if (type == WEIR_ETH_IPV6)
		return weir_parse_ipv6(cursor, packet, present);
	return WEIR_NON_IP;
}

/* One frame of any known link type; packet must be zeroed. */
static int weir_parse_frame(const struct weir_frame *frame, struct weir_packet *packet)
{
	struct weir_cursor_bytes cursor = {frame->bytes, frame->bytes + frame->captured};
	__u32 offset = 0;
	__u16 type;

	switch (frame->link) {
	case WEIR_LINK_ETHERNET:
		return weir_parse(&cursor, packet, frame->wire, 0);
	case WEIR_LINK_RAW_BSD:
	case WEIR_LINK_RAW_OPENBSD:
	case WEIR_LINK_RAW:
	case WEIR_LINK_IPV4:
	case WEIR_LINK_IPV6:
		return weir_parse(&cursor, packet, frame->wire, 1);
	default:
		break;
	}
	type = weir_link_type(frame, &offset);
	if (!type)
		return WEIR_UNPARSED;
	cursor.position += offset;
	type = weir_link_tags(&cursor, packet, type, &offset);
	packet->header_bytes = offset;
	if (offset > frame->wire)
		return WEIR_UNPARSED;
	return weir_parse_network(&cursor, packet, type, frame->wire - offset);
}

#endif
