/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Capture files to frames, without input or output: the caller hands over bytes as they
 * come and keeps what was not consumed. pcap (micro- and nanoseconds, both byte orders,
 * the "modified" kind) and pcapng (both byte orders, any number of sections).
 *
 * Whatever the bytes, weir_capture_next() reads only [*position, end), and either gives a
 * frame inside it, asks for more, or refuses the file with a reason.
 */
#ifndef WEIR_CAPTURE_H
#define WEIR_CAPTURE_H

#include "capture_pcap.h"
#include "capture_pcapng.h"

static int weir_capture_begin(struct weir_capture *capture, const __u8 **position,
			      const __u8 *end)
{
	const __u8 *bytes = *position;
	__u32 magic;

	if (end - bytes < 24)
		return WEIR_CAPTURE_MORE;
	magic = weir_read32(bytes, 0);
	if (magic == 0x0a0d0d0a) {
		capture->blocks = 1;
		capture->known = 1;
		return WEIR_CAPTURE_FRAME;
	}
	capture->swapped =
		magic == 0xd4c3b2a1 || magic == 0x4d3cb2a1 || magic == 0x34cdb2a1;
	magic = weir_read32(bytes, capture->swapped);
	capture->record_bytes = 16;
	if (magic == 0xa1b23c4d)
		capture->nanoseconds = 1;
	else if (magic == 0xa1b2cd34)
		capture->record_bytes = 24;
	else if (magic != 0xa1b2c3d4)
		return weir_capture_bad(capture, "neither pcap nor pcapng");
	if (weir_read16(bytes + 4, capture->swapped) != 2)
		return weir_capture_bad(capture, "a pcap version that is not understood");
	capture->link = weir_read32(bytes + 20, capture->swapped) & 0xffff;
	capture->known = 1;
	*position += 24;
	return WEIR_CAPTURE_FRAME;
}

static int weir_capture_next(struct weir_capture *capture, const __u8 **position,
			     const __u8 *end, struct weir_frame *frame)
{
	if (WEIR_UNLIKELY(!capture->known)) {
		int begun = weir_capture_begin(capture, position, end);

		if (begun != WEIR_CAPTURE_FRAME)
			return begun;
	}
	if (capture->blocks)
		return weir_capture_block(capture, position, end, frame);
	return weir_capture_pcap(capture, position, end, frame);
}

#endif
