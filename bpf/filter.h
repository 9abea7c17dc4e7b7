/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The operator's capture filter. No helper calls: agent/capture/filter.py compiles it. */
#ifndef WEIR_FILTER_H
#define WEIR_FILTER_H

#include "parse.h"

static __always_inline int weir_in_net(const __u32 *address, const struct weir_test *test)
{
	return (address[0] & test->mask[0]) == test->address[0] &&
	       (address[1] & test->mask[1]) == test->address[1] &&
	       (address[2] & test->mask[2]) == test->address[2] &&
	       (address[3] & test->mask[3]) == test->address[3];
}

static __always_inline int weir_test_ports(const struct weir_packet *packet,
					   const struct weir_test *test)
{
	if (packet->fragment ||
	    (packet->protocol != WEIR_IP_TCP && packet->protocol != WEIR_IP_UDP &&
	     packet->protocol != WEIR_IP_SCTP))
		return 0;
	if (test->ends & WEIR_END_SOURCE && packet->source_port >= test->low &&
	    packet->source_port <= test->high)
		return 1;
	return test->ends & WEIR_END_OTHER && packet->destination_port >= test->low &&
	       packet->destination_port <= test->high;
}

static __always_inline int weir_test_net(const struct weir_packet *packet,
					 const struct weir_test *test)
{
	if (packet->family != test->low)
		return 0;
	if (test->ends & WEIR_END_SOURCE && weir_in_net(packet->source, test))
		return 1;
	return test->ends & WEIR_END_OTHER && weir_in_net(packet->destination, test);
}

static __always_inline int weir_test_passes(const struct weir_packet *packet,
					    const struct weir_test *test)
{
	switch (test->kind) {
	case WEIR_TEST_FAMILY:
		return packet->family == test->low;
	case WEIR_TEST_PROTOCOL:
		return packet->protocol == test->low;
	case WEIR_TEST_NET:
		return weir_test_net(packet, test);
	case WEIR_TEST_PORT:
		return weir_test_ports(packet, test);
	default:
		return 0;
	}
}

/* Whether the filter lets a packet be counted by flow. */
static __always_inline int weir_filter_takes(const struct weir_filter *filter,
					     const struct weir_packet *packet)
{
	__u32 next = 0;

	if (!filter->count)
		return 1;
#pragma clang loop unroll(disable)
	for (int i = 0; i < WEIR_TESTS; i++) {
		const struct weir_test *test = &filter->tests[next & (WEIR_TESTS - 1)];

		next = weir_test_passes(packet, test) ? test->yes : test->no;
		if (next >= WEIR_TESTS)
			break;
	}
	return next == WEIR_FILTER_TAKE;
}

#endif
