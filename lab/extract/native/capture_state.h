/* SPDX-License-Identifier: Apache-2.0 */
/* A frame, and how far the reading of a capture file has come. */
#ifndef WEIR_CAPTURE_STATE_H
#define WEIR_CAPTURE_STATE_H

#include "host.h"

#define WEIR_FRAME_LIMIT      (1 << 24) /* a longer packet record is damage, not data */
#define WEIR_BLOCK_LIMIT      (1 << 26) /* of pcapng blocks that hold no packet */
#define WEIR_INTERFACES_LIMIT 4096	/* of one pcapng section */

enum weir_captured { WEIR_CAPTURE_MORE = 0, WEIR_CAPTURE_FRAME = 1, WEIR_CAPTURE_BAD = -1 };

struct weir_frame {
	const __u8 *bytes;
	__u32 captured; /* bytes present */
	__u32 wire;	/* bytes the frame had */
	__u64 time_ns;
	__u16 link; /* LINKTYPE_* */
};

struct weir_capture_interface {
	__u16 link;
	__u8 resolution; /* if_tsresol */
	__u32 snap_bytes;
	__s64 offset_seconds;
};

struct weir_capture {
	const char *reason; /* why the file is bad, or how it ended early */
	int known;	    /* the format has been recognised */
	int blocks;	    /* pcapng */
	int swapped;
	__u64 skip; /* bytes of a block nobody wants, still to come */
	/* pcap */
	int nanoseconds;
	__u32 record_bytes;
	__u16 link;
	/* pcapng */
	__u32 interfaces;
	__u64 latest_ns; /* simple packet blocks carry no time */
	struct weir_capture_interface interface[WEIR_INTERFACES_LIMIT];
};

static inline int weir_capture_bad(struct weir_capture *capture, const char *reason)
{
	capture->reason = reason;
	return WEIR_CAPTURE_BAD;
}

/* The frame's length on the wire: never less than what is there, never absurd. */
static inline __u32 weir_wire_length(__u32 claimed, __u32 captured)
{
	return claimed < captured || claimed > WEIR_FRAME_LIMIT ? captured : claimed;
}

#endif
