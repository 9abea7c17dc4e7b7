/* SPDX-License-Identifier: Apache-2.0 */
/* Packet records of pcap: micro- and nanoseconds, both byte orders, the "modified" kind. */
#ifndef WEIR_CAPTURE_PCAP_H
#define WEIR_CAPTURE_PCAP_H

#include "capture_state.h"

static int weir_capture_pcap(struct weir_capture *capture, const __u8 **position,
			     const __u8 *end, struct weir_frame *frame)
{
	const __u8 *bytes = *position;
	__u32 captured, header = capture->record_bytes;
	__u64 fraction;

	if ((__u64)(end - bytes) < header)
		return WEIR_CAPTURE_MORE;
	captured = weir_read32(bytes + 8, capture->swapped);
	if (captured > WEIR_FRAME_LIMIT)
		return weir_capture_bad(capture, "a packet record longer than 16 MiB");
	if ((__u64)(end - bytes) < (__u64)header + captured)
		return WEIR_CAPTURE_MORE;
	fraction = weir_read32(bytes + 4, capture->swapped);
	frame->time_ns = weir_read32(bytes, capture->swapped) * 1000000000ULL +
			 fraction * (capture->nanoseconds ? 1 : 1000);
	frame->bytes = bytes + header;
	frame->captured = captured;
	frame->wire = weir_wire_length(weir_read32(bytes + 12, capture->swapped), captured);
	frame->link = capture->link;
	*position += header + captured;
	return WEIR_CAPTURE_FRAME;
}

#endif
