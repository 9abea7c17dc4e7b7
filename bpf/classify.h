/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Class and limit of a flow, before anything is known of its content: what the operator
 * says of such flows, else its ports, else its code point. */
#ifndef WEIR_CLASSIFY_H
#define WEIR_CLASSIFY_H

#include "maps.h"

struct weir_guess {
	__u8 class;
	__u8 source; /* enum weir_source */
	__u8 limit;
};

static __always_inline int weir_has_ports(const struct weir_key *key)
{
	return !(key->family & WEIR_KEY_FRAGMENT) &&
	       (key->protocol == WEIR_IP_TCP || key->protocol == WEIR_IP_UDP ||
		key->protocol == WEIR_IP_SCTP);
}

/* The two ends of a flow as a match sees them. */
struct weir_view {
	const struct weir_key *key;
	__u32 low_port;
	__u32 high_port;
	__u8 dscp; /* of the first packet */
};

static __always_inline struct weir_view weir_view_of(const struct weir_key *key, __u8 dscp)
{
	struct weir_view view = {key, WEIR_NO_PORT, WEIR_NO_PORT, dscp & 63};

	if (weir_has_ports(key)) {
		view.low_port = key->low_port;
		view.high_port = key->high_port;
	}
	return view;
}

/* 0: it fits. No branches, each of which the verifier would follow in every round. */
static __always_inline __u32 weir_end_misfit(const struct weir_end *end,
					     const __u32 *address, __u32 port)
{
	return ((address[0] & end->mask[0]) ^ end->address[0]) |
	       ((address[1] & end->mask[1]) ^ end->address[1]) |
	       ((address[2] & end->mask[2]) ^ end->address[2]) |
	       ((address[3] & end->mask[3]) ^ end->address[3]) |
	       ((port - end->low_port) | (end->high_port - port)) >> 31;
}

static __always_inline int weir_match_fits(const struct weir_match *match,
					   const struct weir_view *view)
{
	const struct weir_key *key = view->key;
	const struct weir_end *one = &match->ends[0], *other = &match->ends[1];
	__u32 misfit = ((key->protocol & match->protocol_mask) ^ match->protocol) |
		       ((key->family & match->family_mask) ^ match->family) |
		       (~(match->slots >> (key->slot & (WEIR_SLOTS - 1))) & 1) |
		       (~(match->code_points >> view->dscp) & 1);

	if (!(misfit | weir_end_misfit(one, key->low_address, view->low_port) |
	      weir_end_misfit(other, key->high_address, view->high_port)))
		return 1;
	return !(misfit | weir_end_misfit(one, key->high_address, view->high_port) |
		 weir_end_misfit(other, key->low_address, view->low_port));
}

/* What the first entry that fits says; 1 if it names a class. dscp: of the first packet. */
static __always_inline int find_match(const struct weir_key *key, __u8 dscp,
				      struct weir_guess *guess)
{
	__u32 zero = 0;
	const struct weir_match_tables *both = bpf_map_lookup_elem(&matches, &zero);
	const struct weir_view view = weir_view_of(key, dscp);
	const struct weir_matches *table;

	guess->limit = 0;
	if (!both)
		return 0;
	table = &both->tables[*(volatile const __u32 *)&both->current & 1];
#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < WEIR_MATCHES; i++) {
		const struct weir_match *match = &table->entries[i];

		if (i >= table->count)
			break;
		if (!weir_match_fits(match, &view))
			continue;
		guess->limit = match->limit;
		if (match->class == WEIR_CLASS_KEEP)
			break;
		guess->class = match->class;
		guess->source = WEIR_SOURCE_RULE;
		return 1;
	}
	return 0;
}

/* Destination port, source port, code point. */
static __always_inline void guess_by_ports(__u32 destination_port, __u32 source_port,
					   __u8 dscp, struct weir_guess *guess)
{
	__u32 index = destination_port;
	__u8 *class = bpf_map_lookup_elem(&port_classes, &index);

	guess->source = WEIR_SOURCE_PORT;
	if (class && !*class) {
		index = source_port;
		class = bpf_map_lookup_elem(&port_classes, &index);
	}
	if (class && !*class) {
		index = dscp & 63;
		class = bpf_map_lookup_elem(&dscp_classes, &index);
		guess->source = WEIR_SOURCE_DSCP;
	}
	guess->class = class ? *class : WEIR_CLASS_UNKNOWN;
	if (guess->class == WEIR_CLASS_UNKNOWN)
		guess->source = WEIR_SOURCE_NONE;
}

/* Of a flow that begins with this packet. */
static __always_inline void guess_class(const struct weir_key *key,
					const struct weir_packet *packet,
					struct weir_guess *guess)
{
	__u8 dscp = packet->traffic_class >> 2;

	if (!find_match(key, dscp, guess))
		guess_by_ports(packet->destination_port, packet->source_port, dscp, guess);
}

/*
 * Of a flow that lives, after the table has changed. What something better than ports found
 * out stays where no entry names a class; what an entry said that is gone does not.
 */
static __always_inline void guess_again(const struct weir_key *key,
					const struct weir_record *record,
					struct weir_guess *guess)
{
	const __u32 begun = record->direction[WEIR_FORWARD].first_ns == record->first_ns
				    ? WEIR_FORWARD
				    : WEIR_BACKWARD;
	__u8 dscp = record->direction[begun & 1].first_dscp;
	__u32 low_port = 0, high_port = 0;

	if (find_match(key, dscp, guess))
		return;
	guess->class = record->class;
	guess->source = record->class_source;
	if (record->class_source != WEIR_SOURCE_RULE)
		return;
	if (weir_has_ports(key)) {
		low_port = key->low_port;
		high_port = key->high_port;
	}
	if (record->state & WEIR_STATE_FORWARD_IS_LOW)
		guess_by_ports(high_port, low_port, dscp, guess);
	else
		guess_by_ports(low_port, high_port, dscp, guess);
}

#endif
