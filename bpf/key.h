/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Which flow a packet belongs to. */
#ifndef WEIR_KEY_H
#define WEIR_KEY_H

#include "parse.h"

static __always_inline int weir_address_compare(const __u32 *a, const __u32 *b)
{
#pragma clang loop unroll(full)
	for (int i = 0; i < 4; i++) {
		if (a[i] != b[i])
			return a[i] < b[i] ? -1 : 1;
	}
	return 0;
}

/* An ICMP answer is told by its request's type, so that both directions share a key. */
static __always_inline __u8 weir_icmp_request(__u8 family, __u8 type)
{
	if (family == 6)
		return type == 129 ? 128 : type;
	switch (type) {
	case 0:
		return 8;
	case 14:
		return 13;
	case 16:
		return 15;
	case 18:
		return 17;
	default:
		return type;
	}
}

static __always_inline int weir_is_icmp(const struct weir_packet *packet)
{
	return packet->protocol == (packet->family == 4 ? WEIR_IP_ICMP : WEIR_IP_ICMPV6);
}

/* Fill the key; returns 1 if the packet's source is its low end. */
static __always_inline __u8 weir_flow_key(const struct weir_packet *packet, __u16 slot,
					  int unidirectional, struct weir_key *key)
{
	int order = weir_address_compare(packet->source, packet->destination);
	__u16 source_port = packet->source_port,
	      destination_port = packet->destination_port;
	__u8 from_low;

	if (weir_is_icmp(packet) && !packet->fragment) {
		source_port = weir_icmp_request(packet->family, packet->icmp_type) << 8 |
			      packet->icmp_code;
		destination_port = source_port;
	}
	from_low = unidirectional || order < 0 ||
		   (order == 0 && source_port <= destination_port);
#pragma clang loop unroll(full)
	for (int i = 0; i < 4; i++) {
		key->low_address[i] = from_low ? packet->source[i] : packet->destination[i];
		key->high_address[i] =
			from_low ? packet->destination[i] : packet->source[i];
	}
	key->low_port = from_low ? source_port : destination_port;
	key->high_port = from_low ? destination_port : source_port;
	key->slot = slot;
	key->protocol = packet->protocol;
	key->family = packet->family | (packet->fragment ? WEIR_KEY_FRAGMENT : 0) |
		      (unidirectional ? WEIR_KEY_UNIDIRECTIONAL : 0);
	return from_low;
}

static __always_inline __u64 weir_mix(__u64 x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9ULL;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

/* The key in 31 bits, and one that is set. Quick: every packet takes it. */
static __always_inline __u32 weir_key_mark(const struct weir_key *key)
{
	const __u64 *words = (const __u64 *)key;
	__u64 sum = words[0] * 0x9e3779b97f4a7c15ULL + words[1] * 0xbf58476d1ce4e5b9ULL +
		    words[2] * 0x94d049bb133111ebULL + words[3] * 0xd6e8feb86659fd93ULL +
		    words[4] * 0xa0761d6478bd642fULL;

	return sum >> 32 | 1;
}

/* The name of one life of a key, never 0: the key's mark, and what tells its lives. */
static __always_inline __u64 weir_flow_id(const struct weir_key *key, __u64 now_ns)
{
	const __u64 *words = (const __u64 *)key;
	__u64 id = now_ns;

#pragma clang loop unroll(full)
	for (unsigned int i = 0; i < sizeof(*key) / sizeof(*words); i++)
		id = weir_mix(id ^ words[i]);
	return (__u64)weir_key_mark(key) << 32 | id >> 32;
}

static __always_inline __u8 weir_protocol_group(__u8 protocol)
{
	switch (protocol) {
	case WEIR_IP_TCP:
		return WEIR_TCP;
	case WEIR_IP_UDP:
		return WEIR_UDP;
	case WEIR_IP_ICMP:
	case WEIR_IP_ICMPV6:
		return WEIR_ICMP;
	default:
		return WEIR_OTHER;
	}
}

#endif
