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

#include "headers.h"
#include "records.h"

/* The kernel's user-space headers make this a mere hint. */
#undef __always_inline
#define __always_inline inline __attribute__((always_inline))

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define weir_ntohs(x) __builtin_bswap16(x)
#define weir_ntohl(x) __builtin_bswap32(x)
#else
#define weir_ntohs(x) (x)
#define weir_ntohl(x) (x)
#endif

#define WEIR_EXTENSIONS 8 /* IPv6 extension headers walked; more are called unparsed */
#define WEIR_TAGS	2

struct weir_cursor_bytes {
	const __u8 *position;
	const __u8 *end;
};

enum weir_parsed { WEIR_PARSED, WEIR_NON_IP, WEIR_UNPARSED };

/* What the headers say. Lengths are the frame's own: a GSO frame's payload is whole. */
struct weir_packet {
	__u32 source[4];
	__u32 destination[4];
	__u16 source_port;
	__u16 destination_port;
	__u16 vlan;
	__u16 window;
	__u32 sequence;
	__u32 timestamp_value;
	__u32 timestamp_echo;
	__u32 network_offset;  /* of the IP header */
	__u32 header_bytes;    /* from the frame's first byte up to the layer 4 payload */
	__u32 transport_bytes; /* the layer 4 header alone */
	__u32 payload_bytes;
	__u32 step_bytes; /* see weir_forget */
	__u8 family;	  /* 4 or 6 */
	__u8 protocol;
	__u8 fragment; /* a later fragment: no transport header */
	__u8 traffic_class;
	__u8 ttl;
	__u8 tcp_flags;
	__u8 icmp_type;
	__u8 icmp_code;
	__u8 has_timestamp;
};

/* The next header of its size, or NULL where the frame is too short for it. */
#define weir_take(cursor, type)                                                            \
	({                                                                                 \
		const type *taken = (const type *)(cursor)->position;                      \
		if ((cursor)->position + sizeof(type) > (cursor)->end)                     \
			taken = 0;                                                         \
		else                                                                       \
			(cursor)->position += sizeof(type);                                \
		taken;                                                                     \
	})

/* Past a header of variable length; the compiler must not derive two pointers from one. */
static __always_inline void weir_skip(struct weir_cursor_bytes *cursor, __u32 bytes)
{
	cursor->position += bytes;
	asm volatile("" : "+r"(cursor->position));
}

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

static __always_inline int weir_parse_tcp(struct weir_cursor_bytes *cursor,
					  struct weir_packet *packet)
{
	const struct weir_tcp *tcp = weir_take(cursor, struct weir_tcp);
	const struct weir_tcp_timestamp *timestamp;

	if (!tcp || (tcp->data_offset >> 4) < 5)
		return WEIR_UNPARSED;
	packet->source_port = weir_ntohs(tcp->source_port);
	packet->destination_port = weir_ntohs(tcp->destination_port);
	packet->sequence = weir_ntohl(tcp->sequence);
	packet->tcp_flags = tcp->flags;
	packet->window = weir_ntohs(tcp->window);
	packet->transport_bytes = (tcp->data_offset >> 4) * 4;
	if (packet->transport_bytes < sizeof(*tcp) + sizeof(*timestamp))
		return WEIR_PARSED;
	timestamp = weir_take(cursor, struct weir_tcp_timestamp);
	if (timestamp && timestamp->kind == weir_ntohl(WEIR_TIMESTAMP_KIND)) {
		packet->has_timestamp = 1;
		packet->timestamp_value = weir_ntohl(timestamp->value);
		packet->timestamp_echo = weir_ntohl(timestamp->echo);
	}
	return WEIR_PARSED;
}

static __always_inline int weir_parse_icmp(struct weir_cursor_bytes *cursor,
					   struct weir_packet *packet)
{
	const struct weir_icmp *icmp = weir_take(cursor, struct weir_icmp);

	if (!icmp)
		return WEIR_UNPARSED;
	packet->icmp_type = icmp->type;
	packet->icmp_code = icmp->code;
	packet->transport_bytes = 8;
	return WEIR_PARSED;
}

static __always_inline int weir_parse_ports(struct weir_cursor_bytes *cursor,
					    struct weir_packet *packet, __u32 header_bytes)
{
	const struct weir_ports *ports = weir_take(cursor, struct weir_ports);

	if (!ports)
		return WEIR_UNPARSED;
	packet->source_port = weir_ntohs(ports->source);
	packet->destination_port = weir_ntohs(ports->destination);
	packet->transport_bytes = header_bytes;
	return WEIR_PARSED;
}

/* rest: bytes from here to the end of the network layer's packet. */
static __always_inline int weir_parse_transport(struct weir_cursor_bytes *cursor,
						struct weir_packet *packet, __u32 rest)
{
	int parsed = WEIR_PARSED;

	if (!packet->fragment) {
		if (packet->protocol == WEIR_IP_TCP)
			parsed = weir_parse_tcp(cursor, packet);
		else if (packet->protocol == WEIR_IP_UDP)
			parsed = weir_parse_ports(cursor, packet, 8);
		else if (packet->protocol == WEIR_IP_SCTP)
			parsed = weir_parse_ports(cursor, packet, 12);
		else if (packet->protocol == WEIR_IP_ICMP && packet->family == 4)
			parsed = weir_parse_icmp(cursor, packet);
		else if (packet->protocol == WEIR_IP_ICMPV6 && packet->family == 6)
			parsed = weir_parse_icmp(cursor, packet);
	}
	if (packet->transport_bytes > rest)
		packet->transport_bytes = rest;
	packet->payload_bytes = rest - packet->transport_bytes;
	packet->header_bytes += packet->transport_bytes;
	return parsed;
}

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
