/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Invariant: whatever the bytes, the engine reads only them, ends, and every frame it saw
 * is in exactly one row of its tally. The first byte chooses how it is set up.
 */
#include "../../lab/extract/native/engine.c"

static void check(int holds)
{
	if (!holds)
		abort();
}

static __u64 drain(struct weir_engine *engine)
{
	__u64 packets = 0, count;
	void *flows;

	while ((count = weir_engine_take(engine, &flows)))
		for (__u64 i = 0; i < count && engine->settings.mode == WEIR_MODE_WEIR; i++) {
			const struct weir_flow *flow = (const struct weir_flow *)flows + i;

			packets += flow->record.volume[0][0].packets +
				   flow->record.volume[0][1].packets;
		}
	return packets;
}

int LLVMFuzzerTestOneInput(const __u8 *data, size_t size)
{
	struct weir_settings settings = {
		.idle_ns = 120000000000ULL,
		.active_ns = 1800000000000ULL,
		.linger_ns = 15000000000ULL,
		.activity_ns = 5000000000ULL,
		.reorder_ns = 1000000000ULL,
		.flows_limit = 64,
		.jobs = 1,
	};
	struct weir_engine *engine;
	struct weir_tally tally;
	__u64 used = 0, at = 1, packets = 0;
	int result;

	if (!size)
		return 0;
	settings.mode = data[0] % 3;
	settings.tunnels = data[0] & 4 ? 31 : 0;
	settings.flags = data[0] & 8 ? WEIR_JOIN_FRAGMENTS : WEIR_UNIDIRECTIONAL;
	engine = weir_engine_new(&settings);
	check(engine != 0);
	do {
		result = weir_engine_feed(engine, data + at, size - at, &used);
		at += used;
		check(at <= size);
		packets += drain(engine);
	} while (result == WEIR_CAPTURE_FRAME);
	check(result != WEIR_CAPTURE_BAD || engine->capture->reason);
	weir_engine_flush(engine, 1);
	packets += drain(engine);
	weir_engine_tally(engine, &tally);
	check(tally.seen.frames == tally.flows.frames + tally.non_ip.frames +
					   tally.unparsed.frames + tally.filtered.frames +
					   tally.unknown_link.frames);
	check(tally.live == 0);
	check(settings.mode != WEIR_MODE_WEIR || packets == tally.flows.packets);
	weir_engine_free(engine);
	return 0;
}
