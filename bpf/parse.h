/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * From a frame's bytes to its addresses, ports and lengths. No helper calls, no floating
 * point: kernel programs, the host library and the fuzzer compile this same file.
 *
 * Whatever the bytes, weir_parse() reads only [cursor->position, cursor->end) and returns
 * one of enum weir_parsed.
 */
#ifndef WEIR_PARSE_H
#define WEIR_PARSE_H

#include "parse_link.h"
#include "parse_transport.h"

#define WEIR_EXTENSIONS 8 /* IPv6 extension headers walked; more are called unparsed */

/*
 * Network length by header, or what the frame holds where the header's field is 0
 * (segmentation offload, BIG TCP) or claims more than there is.
 */
static __always_inline __u32 weir_network_bytes(__u32 claimed, __u32 present)
{
	return claimed == 0 || claimed > present ? present : claimed;
}

static __always_inline int weir_parse_ipv4(struct weir_cursor_bytes *cursor,
					   struct weir_packet *packet, __u32 present)
{
	const struct weir_ipv4 *ip = weir_take(cursor, struct weir_ipv4);
	__u32 header_bytes, network_bytes;

	if (!ip || ip->version_length >> 4 != 4)
		return WEIR_UNPARSED;
	header_bytes = (ip->version_length & 0x0f) * 4;
	network_bytes = weir_network_bytes(weir_ntohs(ip->total_length), present);
	if (header_bytes < sizeof(*ip) || network_bytes < header_bytes)
		return WEIR_UNPARSED;
	packet->family = 4;
	packet->source[2] = packet->destination[2] = weir_ntohl(0x0000ffff);
	packet->source[3] = ip->source;
	packet->destination[3] = ip->destination;
	packet->protocol = ip->protocol;
	packet->traffic_class = ip->traffic_class;
	packet->ttl = ip->ttl;
	packet->fragment = (weir_ntohs(ip->fragment_offset) & 0x1fff) != 0;
	packet->header_bytes += header_bytes;
	weir_skip(cursor, header_bytes - sizeof(*ip));
	return weir_parse_transport(cursor, packet, network_bytes - header_bytes);
}

static __always_inline int weir_is_extension(__u8 protocol)
{
	switch (protocol) {
	case WEIR_IP_HOPOPTS:
	case WEIR_IP_ROUTING:
	case WEIR_IP_FRAGMENT:
	case WEIR_IP_AH:
	case WEIR_IP_DSTOPTS:
	case WEIR_IP_MOBILITY:
	case WEIR_IP_HIP:
	case WEIR_IP_SHIM6:
		return 1;
	default:
		return 0;
	}
}

/*
 * The same value, by way of memory. The verifier follows every register's history, and
 * eight headers of three kinds have too many; a value read from a map has none.
 */
static __always_inline __u32 weir_forget(struct weir_packet *packet, __u32 value,
					 __u32 mask)
{
	*(volatile __u32 *)&packet->step_bytes = value;
	return *(volatile __u32 *)&packet->step_bytes & mask;
}

/* One extension header behind us; its length, 0 where it is cut off. */
static __always_inline __u32 weir_parse_extension(struct weir_cursor_bytes *cursor,
						  struct weir_packet *packet)
{
	const struct weir_extension *extension = weir_take(cursor, struct weir_extension);
	__u8 protocol = packet->protocol;
	__u32 bytes;

	if (!extension)
		return 0;
	if (protocol == WEIR_IP_FRAGMENT) {
		bytes = 8;
		packet->fragment = (weir_ntohs(extension->fragment_offset) & 0xfff8) != 0;
	} else if (protocol == WEIR_IP_AH) {
		bytes = ((__u32)extension->length + 2) * 4;
	} else {
		bytes = ((__u32)extension->length + 1) * 8;
	}
	packet->protocol = extension->next_header;
	bytes = weir_forget(packet, bytes - sizeof(*extension), 0x7fc);
	weir_skip(cursor, bytes);
	return bytes + sizeof(*extension);
}

static __always_inline int weir_parse_ipv6(struct weir_cursor_bytes *cursor,
					   struct weir_packet *packet, __u32 present)
{
	const struct weir_ipv6 *ip = weir_take(cursor, struct weir_ipv6);
	__u32 header_bytes = sizeof(*ip), network_bytes, word;

	if (!ip)
		return WEIR_UNPARSED;
	word = weir_ntohl(ip->version_class_label);
	if (word >> 28 != 6)
		return WEIR_UNPARSED;
	network_bytes = weir_ntohs(ip->payload_length);
	if (network_bytes)
		network_bytes += sizeof(*ip);
	network_bytes = weir_network_bytes(network_bytes, present);
	packet->family = 6;
	__builtin_memcpy(packet->source, ip->source, sizeof(packet->source));
	__builtin_memcpy(packet->destination, ip->destination, sizeof(packet->destination));
	packet->protocol = ip->next_header;
	packet->traffic_class = word >> 20;
	packet->ttl = ip->hop_limit;
#pragma clang loop unroll(full)
	for (int i = 0; i < WEIR_EXTENSIONS; i++) {
		__u32 bytes;

		if (packet->fragment || !weir_is_extension(packet->protocol))
			break;
		bytes = weir_parse_extension(cursor, packet);
		if (!bytes)
			return WEIR_UNPARSED;
		header_bytes += bytes;
	}
	if (!packet->fragment && weir_is_extension(packet->protocol))
		return WEIR_UNPARSED;
	if (network_bytes < header_bytes)
		return WEIR_UNPARSED;
	packet->header_bytes += header_bytes;
	return weir_parse_transport(cursor, packet, network_bytes - header_bytes);
}

/*
 * Walk a frame of frame_bytes (on the wire; the cursor may hold less). packet must be
 * zeroed, but for vlan, where a tag travels beside the frame. layer3: the frame starts at
 * its IP header.
 */
static __always_inline int weir_parse(struct weir_cursor_bytes *cursor,
				      struct weir_packet *packet, __u32 frame_bytes,
				      int layer3)
{
	__u32 offset = 0, type;

	if (layer3) {
		if (cursor->position + 1 > cursor->end)
			return WEIR_UNPARSED;
		type = *cursor->position >> 4 == 6 ? WEIR_ETH_IPV6 : WEIR_ETH_IPV4;
	} else {
		type = weir_parse_link(cursor, packet, &offset);
	}
	packet->header_bytes = packet->network_offset = offset;
	if (type == WEIR_ETH_CUT || offset > frame_bytes)
		return WEIR_UNPARSED;
	if (type == WEIR_ETH_IPV4)
		return weir_parse_ipv4(cursor, packet, frame_bytes - offset);
	if (type == WEIR_ETH_IPV6)
		return weir_parse_ipv6(cursor, packet, frame_bytes - offset);
	return WEIR_NON_IP;
}

#endif
