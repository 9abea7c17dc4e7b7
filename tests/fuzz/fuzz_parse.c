/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Invariant: weir_parse() reads only the frame, returns one of its outcomes, and what it
 * says of lengths fits in the frame; weir_flow_update() then counts it exactly once.
 */
#include "../../lab/extract/native/link.h"

static void check(int holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const __u8 *data, size_t size)
{
	struct weir_cursor_bytes cursor = {data, data + size};
	struct weir_packet packet = {};
	struct weir_record record = {};
	struct weir_key key __attribute__((aligned(8))) = {};
	struct weir_sight sight = {.now_ns = 1, .volume = {1, 1, size}, .hook = WEIR_RX};
	int parsed;

	if (size < 2)
		return 0;
	weir_idle_threshold_ns = 5000000000ULL;
	cursor.position++;
	parsed = weir_parse(&cursor, &packet, size - 1, data[0] & 1);
	check(parsed == WEIR_PARSED || parsed == WEIR_NON_IP || parsed == WEIR_UNPARSED);
	if (parsed != WEIR_PARSED)
		return 0;
	check(packet.header_bytes + packet.payload_bytes <= size - 1);
	check(packet.family == 4 || packet.family == 6);
	sight.from_low = weir_flow_key(&packet, 0, data[0] & 2, &key);
	sight.one_way = !!(data[0] & 2);
	for (int i = 0; i < 3; i++) {
		weir_flow_update(&record, &packet, &sight);
		sight.now_ns += 3000000000ULL;
	}
	check(record.volume[WEIR_RX][0].packets + record.volume[WEIR_RX][1].packets == 3);
	check(record.direction[0].payload_bytes + record.direction[1].payload_bytes ==
	      3ULL * packet.payload_bytes);
	return 0;
}
