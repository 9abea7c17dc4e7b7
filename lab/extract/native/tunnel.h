/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a tunnel carries, by option: IP in IP, GRE, VXLAN, Geneve, GTP-U. The inner packet
 * takes the outer's place; bytes on the wire stay the frame's.
 */
#ifndef WEIR_TUNNEL_H
#define WEIR_TUNNEL_H

#include "link.h"

#define WEIR_TUNNEL_IPIP   0x01
#define WEIR_TUNNEL_GRE	   0x02
#define WEIR_TUNNEL_VXLAN  0x04
#define WEIR_TUNNEL_GTP	   0x08
#define WEIR_TUNNEL_GENEVE 0x10
#define WEIR_TUNNEL_DEPTH  4 /* tunnels in tunnels; deeper ones stay outer packets */

struct weir_tunnel {
	__u32 offset; /* of the inner packet in the frame */
	__u16 type;   /* its ethertype; 1: an Ethernet frame */
};

static int weir_tunnel_gre(const __u8 *bytes, __u32 present, struct weir_tunnel *inner)
{
	__u32 length = 4;
	__u16 flags, type;

	if (present < 4)
		return 0;
	flags = weir_wire16(bytes);
	type = weir_wire16(bytes + 2);
	if ((flags & 7) == 1) {
		/* PPTP: key always, sequence and acknowledgement by flag; carries PPP. */
		__u32 offset = 0;

		length = 8 + (flags & 0x1000 ? 4 : 0) + (flags & 0x0080 ? 4 : 0);
		if (present <= length)
			return 0;
		inner->type = weir_link_ppp(bytes + length, present - length, &offset);
		inner->offset += length + offset;
		return inner->type > 1;
	}
	length += (flags & 0x8000 ? 4 : 0) + (flags & 0x2000 ? 4 : 0) +
		  (flags & 0x1000 ? 4 : 0);
	if ((flags & 7) != 0 || present < length)
		return 0;
	inner->offset += length;
	inner->type = type == 0x6558 ? 1 : type;
	return inner->type == 1 || type == WEIR_ETH_IPV4 || type == WEIR_ETH_IPV6;
}

static int weir_tunnel_vxlan(const __u8 *bytes, __u32 present, struct weir_tunnel *inner)
{
	if (present < 8 || !(bytes[0] & 0x08))
		return 0;
	inner->offset += 8;
	inner->type = 1;
	return 1;
}

static int weir_tunnel_geneve(const __u8 *bytes, __u32 present, struct weir_tunnel *inner)
{
	__u32 length;
	__u16 type;

	if (present < 8 || bytes[0] >> 6)
		return 0;
	length = 8 + (bytes[0] & 0x3f) * 4;
	type = weir_wire16(bytes + 2);
	if (present < length)
		return 0;
	inner->offset += length;
	inner->type = type == 0x6558 ? 1 : type;
	return inner->type == 1 || type == WEIR_ETH_IPV4 || type == WEIR_ETH_IPV6;
}

/* GTP-U: version 1, a T-PDU, its extension headers walked. */
static int weir_tunnel_gtp(const __u8 *bytes, __u32 present, struct weir_tunnel *inner)
{
	__u32 length = 8;
	__u8 next = 0;

	if (present < 8 || bytes[0] >> 5 != 1 || !(bytes[0] & 0x10) || bytes[1] != 255)
		return 0;
	if (bytes[0] & 7) {
		if (present < 12)
			return 0;
		next = bytes[0] & 4 ? bytes[11] : 0;
		length = 12;
	}
	for (int i = 0; next && i < 8; i++) {
		__u32 step;

		if (present <= length)
			return 0;
		step = bytes[length] * 4;
		if (!step || present < length + step)
			return 0;
		next = bytes[length + step - 1];
		length += step;
	}
	if (next || present <= length)
		return 0;
	inner->offset += length;
	inner->type = bytes[length] >> 4 == 4	? WEIR_ETH_IPV4
		      : bytes[length] >> 4 == 6 ? WEIR_ETH_IPV6
						: 0;
	return inner->type != 0;
}

static int weir_tunnel_find(const struct weir_frame *frame,
			    const struct weir_packet *packet, __u32 kinds,
			    struct weir_tunnel *inner)
{
	const __u8 *bytes = frame->bytes + packet->header_bytes;
	__u32 present;

	if (packet->fragment || packet->header_bytes >= frame->captured)
		return 0;
	present = frame->captured - packet->header_bytes;
	inner->offset = packet->header_bytes;
	switch (packet->protocol) {
	case 4:
		inner->type = WEIR_ETH_IPV4;
		return (kinds & WEIR_TUNNEL_IPIP) != 0;
	case 41:
		inner->type = WEIR_ETH_IPV6;
		return (kinds & WEIR_TUNNEL_IPIP) != 0;
	case 47:
		return (kinds & WEIR_TUNNEL_GRE) && weir_tunnel_gre(bytes, present, inner);
	case WEIR_IP_UDP:
		if (packet->destination_port == 4789 && (kinds & WEIR_TUNNEL_VXLAN))
			return weir_tunnel_vxlan(bytes, present, inner);
		if (packet->destination_port == 6081 && (kinds & WEIR_TUNNEL_GENEVE))
			return weir_tunnel_geneve(bytes, present, inner);
		if ((packet->destination_port == 2152 || packet->source_port == 2152) &&
		    (kinds & WEIR_TUNNEL_GTP))
			return weir_tunnel_gtp(bytes, present, inner);
		return 0;
	default:
		return 0;
	}
}

/* Replace packet by what it carries, as deep as it goes. */
static void weir_tunnels(const struct weir_frame *frame, struct weir_packet *packet,
			 __u32 kinds)
{
	struct weir_tunnel inner;

	for (int depth = 0; depth < WEIR_TUNNEL_DEPTH; depth++) {
		struct weir_packet within;
		struct weir_cursor_bytes cursor = {frame->bytes,
						   frame->bytes + frame->captured};
		__u32 offset;
		__u16 type;

		if (!weir_tunnel_find(frame, packet, kinds, &inner) ||
		    inner.offset > frame->captured)
			return;
		offset = inner.offset;
		cursor.position += offset;
		memset(&within, 0, sizeof(within));
		within.vlan = packet->vlan;
		type = inner.type == 1 ? weir_parse_link(&cursor, &within, &offset)
				       : inner.type;
		within.header_bytes = offset;
		if (offset > frame->wire ||
		    weir_parse_network(&cursor, &within, type, frame->wire - offset) !=
			    WEIR_PARSED)
			return;
		*packet = within;
	}
}

#endif
