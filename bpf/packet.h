/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* What a frame's headers are read into, and how they are read: never past the end. */
#ifndef WEIR_PACKET_H
#define WEIR_PACKET_H

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

#endif
