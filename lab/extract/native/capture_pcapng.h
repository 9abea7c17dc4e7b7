/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of pcapng: both byte orders, any number of sections and of kinds. */
#ifndef WEIR_CAPTURE_PCAPNG_H
#define WEIR_CAPTURE_PCAPNG_H

#include "capture_state.h"

static __u64 weir_block_time(const struct weir_capture_interface *interface, __u64 ticks)
{
	__u64 offset_ns = (__u64)interface->offset_seconds * 1000000000ULL;
	unsigned __int128 wide = ticks;
	int power = interface->resolution & 0x7f;

	if (interface->resolution & 0x80)
		return offset_ns +
		       (power < 64 ? (__u64)(wide * 1000000000ULL >> power) : 0);
	for (; power < 9; power++)
		wide *= 10;
	for (; power > 9; power--)
		wide /= 10;
	return offset_ns + (__u64)wide;
}

/* Only two options matter: the resolution of times and what to add to them. */
static void weir_block_options(const struct weir_capture *capture, const __u8 *bytes,
			       const __u8 *end, struct weir_capture_interface *interface)
{
	while (end - bytes >= 4) {
		__u16 code = weir_read16(bytes, capture->swapped);
		__u32 length = weir_read16(bytes + 2, capture->swapped);

		bytes += 4;
		if (code == 0 || length > (__u64)(end - bytes))
			return;
		if (code == 9 && length >= 1)
			interface->resolution = bytes[0];
		if (code == 14 && length >= 8) {
			__u64 first = weir_read32(bytes, capture->swapped);
			__u64 second = weir_read32(bytes + 4, capture->swapped);

			interface->offset_seconds =
				(__s64)(capture->swapped ? first << 32 | second
							 : second << 32 | first);
		}
		length = (length + 3) & ~3U;
		if (length > (__u64)(end - bytes))
			return;
		bytes += length;
	}
}

static int weir_block_interface(struct weir_capture *capture, const __u8 *body,
				__u32 length)
{
	struct weir_capture_interface *interface;

	if (length < 8)
		return weir_capture_bad(capture,
					"a pcapng interface block that is too short");
	if (capture->interfaces >= WEIR_INTERFACES_LIMIT)
		return weir_capture_bad(capture, "more than 4096 interfaces in a section");
	interface = &capture->interface[capture->interfaces++];
	interface->link = weir_read16(body, capture->swapped);
	interface->snap_bytes = weir_read32(body + 4, capture->swapped);
	interface->resolution = 6;
	interface->offset_seconds = 0;
	weir_block_options(capture, body + 8, body + length, interface);
	return WEIR_CAPTURE_MORE;
}

/* Enhanced packet blocks, and the obsolete packet blocks before them. */
static int weir_block_packet(struct weir_capture *capture, const __u8 *body, __u32 length,
			     __u32 type, struct weir_frame *frame)
{
	const struct weir_capture_interface *interface;
	__u64 ticks;
	__u32 number;

	if (length < 20)
		return weir_capture_bad(capture, "a pcapng packet block that is too short");
	number = type == 2 ? weir_read16(body, capture->swapped)
			   : weir_read32(body, capture->swapped);
	if (number >= capture->interfaces)
		return weir_capture_bad(capture,
					"a packet of an interface never described");
	interface = &capture->interface[number];
	ticks = (__u64)weir_read32(body + 4, capture->swapped) << 32 |
		weir_read32(body + 8, capture->swapped);
	frame->captured = weir_read32(body + 12, capture->swapped);
	if (frame->captured > length - 20)
		return weir_capture_bad(capture, "a packet longer than its pcapng block");
	frame->wire =
		weir_wire_length(weir_read32(body + 16, capture->swapped), frame->captured);
	frame->bytes = body + 20;
	frame->link = interface->link;
	frame->time_ns = capture->latest_ns = weir_block_time(interface, ticks);
	return WEIR_CAPTURE_FRAME;
}

static int weir_block_simple(struct weir_capture *capture, const __u8 *body, __u32 length,
			     struct weir_frame *frame)
{
	__u32 snap_bytes;

	if (length < 4 || !capture->interfaces)
		return weir_capture_bad(capture, "a simple packet block out of place");
	snap_bytes = capture->interface[0].snap_bytes;
	frame->wire = weir_read32(body, capture->swapped);
	frame->captured = frame->wire < length - 4 ? frame->wire : length - 4;
	if (snap_bytes && frame->captured > snap_bytes)
		frame->captured = snap_bytes;
	frame->wire = weir_wire_length(frame->wire, frame->captured);
	frame->bytes = body + 4;
	frame->link = capture->interface[0].link;
	frame->time_ns = capture->latest_ns;
	return WEIR_CAPTURE_FRAME;
}

/* A new section: its byte order, and no interfaces yet. */
static int weir_block_section(struct weir_capture *capture, const __u8 *bytes)
{
	__u32 magic = weir_read32(bytes + 8, 0);

	if (magic != 0x1a2b3c4d && magic != 0x4d3c2b1a)
		return weir_capture_bad(capture, "a pcapng section of no byte order");
	capture->swapped = magic == 0x4d3c2b1a;
	if (weir_read16(bytes + 12, capture->swapped) != 1)
		return weir_capture_bad(capture, "a pcapng version that is not understood");
	capture->interfaces = 0;
	return WEIR_CAPTURE_MORE;
}

static int weir_capture_block(struct weir_capture *capture, const __u8 **position,
			      const __u8 *end, struct weir_frame *frame)
{
	for (;;) {
		const __u8 *bytes = *position;
		__u32 type, length;
		int result = WEIR_CAPTURE_MORE;

		if (capture->skip) {
			__u64 step = (__u64)(end - bytes);

			if (step > capture->skip)
				step = capture->skip;
			capture->skip -= step;
			*position += step;
			if (capture->skip)
				return WEIR_CAPTURE_MORE;
			continue;
		}
		if (end - bytes < 12)
			return WEIR_CAPTURE_MORE;
		type = weir_read32(bytes, capture->swapped);
		if (type == 0x0a0d0d0a) {
			if (end - bytes < 16)
				return WEIR_CAPTURE_MORE;
			if (weir_block_section(capture, bytes))
				return WEIR_CAPTURE_BAD;
		}
		length = weir_read32(bytes + 4, capture->swapped);
		if (length < 12 || length > WEIR_BLOCK_LIMIT)
			return weir_capture_bad(capture,
						"a pcapng block of no sane length");
		length = (length + 3) & ~3U;
		if (type != 1 && type != 2 && type != 3 && type != 6) {
			capture->skip = length;
			continue;
		}
		if (length > WEIR_FRAME_LIMIT + 4096)
			return weir_capture_bad(capture,
						"a packet record longer than 16 MiB");
		if ((__u64)(end - bytes) < length)
			return WEIR_CAPTURE_MORE;
		if (type == 1)
			result = weir_block_interface(capture, bytes + 8, length - 12);
		else if (type == 3)
			result = weir_block_simple(capture, bytes + 8, length - 12, frame);
		else
			result = weir_block_packet(capture, bytes + 8, length - 12, type,
						   frame);
		if (result == WEIR_CAPTURE_BAD)
			return result;
		*position += length;
		if (result == WEIR_CAPTURE_FRAME)
			return result;
	}
}

#endif
