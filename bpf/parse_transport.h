/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The transport layer: TCP, UDP, SCTP, ICMP; of all others the number alone. */
#ifndef WEIR_PARSE_TRANSPORT_H
#define WEIR_PARSE_TRANSPORT_H

#include "packet.h"

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

#endif
