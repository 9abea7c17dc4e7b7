/* SPDX-License-Identifier: Apache-2.0 */
/* What CICFlowMeter's packet reader makes of a frame: IPv4 alone, and mistakes for it. */
#ifndef WEIR_CIC_READ_H
#define WEIR_CIC_READ_H

#include "cic_flow.h"

/* Protocols without ports: master calls all of them 0 (P11), the fork knows two, and SCTP.
 */
static void weir_cic_other(const struct weir_engine *engine, struct weir_cic_packet *packet)
{
	struct weir_packet *parsed = &packet->packet;
	int known = weir_cic_fixed(engine) && !parsed->fragment &&
		    (parsed->protocol == WEIR_IP_ICMP || parsed->protocol == 2);

	parsed->protocol = known ? parsed->protocol : 0;
	parsed->source_port = parsed->destination_port = 0;
	parsed->tcp_flags = 0;
	parsed->fragment = 1;
}

/* Master finds the TCP or UDP header that an ICMP error quotes (P11). */
static void weir_cic_quoted(const struct weir_frame *frame, struct weir_packet *parsed)
{
	struct weir_cursor_bytes cursor = {frame->bytes, frame->bytes + frame->captured};
	struct weir_packet quoted = {};
	__u32 offset = parsed->header_bytes;

	if (parsed->protocol != WEIR_IP_ICMP || parsed->fragment ||
	    offset >= frame->captured)
		return;
	switch (parsed->icmp_type) {
	case 3:
	case 4:
	case 5:
	case 11:
	case 12:
		break;
	default:
		return;
	}
	cursor.position += offset;
	if (weir_parse_ipv4(&cursor, &quoted, frame->captured - offset) == WEIR_NON_IP ||
	    quoted.fragment ||
	    (quoted.protocol != WEIR_IP_TCP && quoted.protocol != WEIR_IP_UDP) ||
	    !quoted.transport_bytes)
		return;
	memcpy(quoted.source, parsed->source, sizeof(quoted.source));
	memcpy(quoted.destination, parsed->destination, sizeof(quoted.destination));
	quoted.header_bytes += offset;
	*parsed = quoted;
}

/*
 * A frame without IPv4 is tried as L2TP, and then taken for an IPv4 header at the frame's
 * first byte: the destination's hardware address gives the header's length.
 */
static int weir_cic_mistaken(const struct weir_engine *engine,
			     const struct weir_frame *frame, struct weir_cic_packet *packet)
{
	struct weir_packet *parsed = &packet->packet;
	const __u8 *bytes = frame->bytes;
	__u32 header = frame->captured ? (bytes[0] & 15) * 4 : 0;

	if (header < 20 || frame->captured < 20)
		return 0;
	/* Seen in what the fork writes: such a header with a high protocol is nothing. */
	if (weir_cic_fixed(engine) && bytes[9] > 63)
		return 0;
	memset(parsed, 0, sizeof(*parsed));
	parsed->family = 4;
	parsed->protocol = bytes[9];
	parsed->fragment = (weir_wire16(bytes + 6) & 0x1fff) != 0;
	parsed->source[2] = parsed->destination[2] = weir_ntohl(0x0000ffff);
	memcpy(&parsed->source[3], bytes + 12, 4);
	memcpy(&parsed->destination[3], bytes + 16, 4);
	parsed->header_bytes = header;
	if (!parsed->fragment &&
	    (parsed->protocol == WEIR_IP_TCP || parsed->protocol == WEIR_IP_UDP)) {
		struct weir_cursor_bytes cursor = {bytes + header, bytes + frame->captured};

		packet->trailer = 1;
		if (weir_parse_transport(&cursor, parsed, frame->captured - header) !=
		    WEIR_PARSED)
			parsed->protocol = 0;
	}
	return 1;
}

/* Link types it scans as Ethernet whatever they are, but for raw IP. */
static int weir_cic_parse(const struct weir_frame *frame, struct weir_cic_packet *packet)
{
	struct weir_cursor_bytes cursor = {frame->bytes, frame->bytes + frame->captured};
	struct weir_packet *parsed = &packet->packet;
	__u32 offset = 0;
	__u16 type;
	int raw = frame->link == WEIR_LINK_RAW || frame->link == WEIR_LINK_RAW_BSD;

	packet->trailer = raw;
	if (raw)
		return weir_parse(&cursor, parsed, frame->captured, 1) == WEIR_PARSED &&
		       parsed->family == 4;
	type = weir_parse_link(&cursor, parsed, &offset);
	packet->trailer = offset != sizeof(struct weir_ethernet);
	if (type != WEIR_ETH_IPV4 || (packet->trailer && offset % 4 != 2))
		return 0;
	if (frame->captured >= 14 && weir_wire16(frame->bytes + 12) == WEIR_ETH_PPPOE)
		return 0;
	parsed->header_bytes = offset;
	return weir_parse_ipv4(&cursor, parsed, frame->captured - offset) == WEIR_PARSED;
}

/* What its packet reader makes of a frame; 0: nothing. */
static int weir_cic_read(const struct weir_engine *engine, const struct weir_frame *frame,
			 struct weir_cic_packet *packet)
{
	struct weir_packet *parsed = &packet->packet;
	__u32 transport;

	memset(packet, 0, sizeof(*packet));
	if (!weir_cic_parse(frame, packet) && !weir_cic_mistaken(engine, frame, packet))
		return 0;
	packet->time_us = frame->time_ns / 1000;
	if (!weir_cic_fixed(engine))
		weir_cic_quoted(frame, parsed);
	transport = parsed->header_bytes - parsed->transport_bytes;
	if (!parsed->fragment &&
	    (parsed->protocol == WEIR_IP_TCP || parsed->protocol == WEIR_IP_UDP ||
	     (parsed->protocol == WEIR_IP_SCTP && weir_cic_fixed(engine)))) {
		packet->header_bytes = parsed->transport_bytes;
		packet->payload_bytes = packet->trailer
						? frame->captured - parsed->header_bytes
						: parsed->payload_bytes;
		if (parsed->protocol == WEIR_IP_TCP && transport + 12 <= frame->captured)
			packet->acknowledgement =
				weir_read32(frame->bytes + transport + 8, 1);
	} else {
		weir_cic_other(engine, packet);
	}
	weir_flow_key(parsed, 0, 0, &packet->key);
	return 1;
}

#endif
