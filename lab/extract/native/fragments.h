/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Later fragments find their first fragment's ports, so that a datagram in pieces is one
 * flow. A small table that forgets: collisions cost a fragment its ports, never more.
 */
#ifndef WEIR_FRAGMENTS_H
#define WEIR_FRAGMENTS_H

#include "link.h"

#define WEIR_FRAGMENT_SLOTS 4096
#define WEIR_FRAGMENT_NS    30000000000ULL /* RFC 791's upper bound for reassembly */

struct weir_fragment_slot {
	__u64 name;
	__u64 time_ns;
	__u16 source_port;
	__u16 destination_port;
};

struct weir_fragment {
	__u32 identification;
	int more; /* a first fragment of several */
};

/* Where the network header lies; 0xffffffff where it cannot be told. */
static __u32 weir_network_offset(const struct weir_frame *frame)
{
	struct weir_cursor_bytes cursor = {frame->bytes, frame->bytes + frame->captured};
	struct weir_packet scratch = {};
	__u32 offset = 0;
	__u16 type;

	switch (frame->link) {
	case WEIR_LINK_ETHERNET:
		type = weir_parse_link(&cursor, &scratch, &offset);
		return type ? offset : ~0U;
	case WEIR_LINK_RAW_BSD:
	case WEIR_LINK_RAW_OPENBSD:
	case WEIR_LINK_RAW:
	case WEIR_LINK_IPV4:
	case WEIR_LINK_IPV6:
		return 0;
	default:
		type = weir_link_type(frame, &offset);
		cursor.position += type ? offset : 0;
		type = type ? weir_link_tags(&cursor, &scratch, type, &offset) : 0;
		return type ? offset : ~0U;
	}
}

/* Identification of a fragmented packet, 0: not one. IPv6: fragment header first only. */
static int weir_fragment_of(const struct weir_frame *frame, struct weir_fragment *fragment)
{
	__u32 offset = weir_network_offset(frame);
	const __u8 *ip;
	__u16 place;

	if (offset == ~0U || offset + 20 > frame->captured)
		return 0;
	ip = frame->bytes + offset;
	if (ip[0] >> 4 == 4) {
		place = weir_wire16(ip + 6);
		fragment->identification = weir_wire16(ip + 4);
		fragment->more = (place & 0x2000) && !(place & 0x1fff);
		return (place & 0x3fff) != 0;
	}
	if (ip[0] >> 4 != 6 || ip[6] != WEIR_IP_FRAGMENT || offset + 48 > frame->captured)
		return 0;
	place = weir_wire16(ip + 42);
	fragment->identification = weir_read32(ip + 44, 0);
	fragment->more = (place & 1) && !(place & 0xfff8);
	return (place & 0xfff9) != 0;
}

static __u64 weir_fragment_name(const struct weir_packet *packet, __u32 identification)
{
	__u64 name = (__u64)identification << 8 | packet->protocol;

	for (int i = 0; i < 4; i++)
		name = weir_mix(name ^
				((__u64)packet->source[i] << 32 | packet->destination[i]));
	return name | 1;
}

/* Remember a first fragment; give a later one its ports. Returns 1 if it was found. */
static int weir_fragment_join(struct weir_fragment_slot *slots,
			      const struct weir_frame *frame, struct weir_packet *packet)
{
	struct weir_fragment_slot *slot;
	struct weir_fragment fragment;
	__u64 name;

	if (!weir_fragment_of(frame, &fragment) || (!fragment.more && !packet->fragment))
		return 0;
	name = weir_fragment_name(packet, fragment.identification);
	slot = &slots[name >> 8 & (WEIR_FRAGMENT_SLOTS - 1)];
	if (!packet->fragment) {
		slot->name = name;
		slot->time_ns = frame->time_ns;
		slot->source_port = packet->source_port;
		slot->destination_port = packet->destination_port;
		return 0;
	}
	if (slot->name != name || frame->time_ns - slot->time_ns > WEIR_FRAGMENT_NS)
		return 0;
	packet->source_port = slot->source_port;
	packet->destination_port = slot->destination_port;
	return 1;
}

#endif
