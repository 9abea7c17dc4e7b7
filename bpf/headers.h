/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Packet headers as they lie on the wire, and the numbers that name them. */
#ifndef WEIR_HEADERS_H
#define WEIR_HEADERS_H

#include <linux/types.h>

/*
 * In the kernel headers are aligned as they are on the wire (NET_IP_ALIGN), so that a field
 * is one load; in a capture file they are not.
 */
#ifdef WEIR_HOST
#define WEIR_PACKED __attribute__((packed))
#else
#define WEIR_PACKED
#endif

enum weir_ethertype {
	WEIR_ETH_IPV4 = 0x0800,
	WEIR_ETH_IPV6 = 0x86dd,
	WEIR_ETH_VLAN = 0x8100,
	WEIR_ETH_QINQ = 0x88a8,
	WEIR_ETH_QINQ_OLD = 0x9100,
	WEIR_ETH_PPPOE = 0x8864,
	WEIR_ETH_CUT = 0x10000, /* no ethertype: the frame ends before it */
};

enum weir_protocol {
	WEIR_IP_HOPOPTS = 0,
	WEIR_IP_ICMP = 1,
	WEIR_IP_TCP = 6,
	WEIR_IP_UDP = 17,
	WEIR_IP_ROUTING = 43,
	WEIR_IP_FRAGMENT = 44,
	WEIR_IP_AH = 51,
	WEIR_IP_ICMPV6 = 58,
	WEIR_IP_DSTOPTS = 60,
	WEIR_IP_SCTP = 132,
	WEIR_IP_MOBILITY = 135,
	WEIR_IP_HIP = 139,
	WEIR_IP_SHIM6 = 140,
};

struct weir_ethernet {
	__u8 destination[6];
	__u8 source[6];
	__u16 type;
} WEIR_PACKED;

struct weir_tag {
	__u16 control;
	__u16 type;
} WEIR_PACKED;

struct weir_pppoe {
	__u8 version_type;
	__u8 code;
	__u16 session;
	__u16 length;
	__u16 protocol;
} WEIR_PACKED;

struct weir_ipv4 {
	__u8 version_length;
	__u8 traffic_class;
	__u16 total_length;
	__u16 identification;
	__u16 fragment_offset;
	__u8 ttl;
	__u8 protocol;
	__u16 checksum;
	__u32 source;
	__u32 destination;
} WEIR_PACKED;

struct weir_ipv6 {
	__u32 version_class_label;
	__u16 payload_length;
	__u8 next_header;
	__u8 hop_limit;
	__u32 source[4];
	__u32 destination[4];
} WEIR_PACKED;

struct weir_extension {
	__u8 next_header;
	__u8 length;
	__u16 fragment_offset; /* of a fragment header; otherwise its own */
} WEIR_PACKED;

struct weir_tcp {
	__u16 source_port;
	__u16 destination_port;
	__u32 sequence;
	__u32 acknowledgement;
	__u8 data_offset;
	__u8 flags;
	__u16 window;
	__u16 checksum;
	__u16 urgent;
} WEIR_PACKED;

struct weir_tcp_timestamp {
	__u32 kind; /* NOP NOP 8 10, as stacks write it */
	__u32 value;
	__u32 echo;
} WEIR_PACKED;

#define WEIR_TIMESTAMP_KIND 0x0101080a

struct weir_ports {
	__u16 source;
	__u16 destination;
} WEIR_PACKED;

struct weir_icmp {
	__u8 type;
	__u8 code;
	__u16 checksum;
} WEIR_PACKED;

#endif
