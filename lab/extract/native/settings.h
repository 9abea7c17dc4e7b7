/* SPDX-License-Identifier: Apache-2.0 */
/* What the caller chooses, and what the engine tells: lab/extract/engine.py mirrors both.
 */
#ifndef WEIR_SETTINGS_H
#define WEIR_SETTINGS_H

#include "host.h"

enum weir_mode { WEIR_MODE_WEIR = 0, WEIR_MODE_CIC = 1, WEIR_MODE_CIC_FIXED = 2 };

#define WEIR_NO_V4	     0x01
#define WEIR_NO_V6	     0x02
#define WEIR_UNIDIRECTIONAL  0x04
#define WEIR_JOIN_FRAGMENTS  0x08
#define WEIR_DROP_DUPLICATES 0x10
#define WEIR_KEEP_FLOWS	     0x20 /* no packet ends a flow: as the kernel counts */

struct weir_settings {
	__u64 idle_ns;
	__u64 active_ns;
	__u64 linger_ns;   /* a closed connection is kept for its late packets */
	__u64 activity_ns; /* a longer gap ends an active period */
	__u64 reorder_ns; /* a packet this much too early is put where it belongs; 0: off */
	__u32 flows_limit;
	__u32 flags;
	__u32 tunnels;
	__u32 mode;
	__u32 jobs;
	__u32 padding;
};

/* The agent's numbers (agent/records.py, Ending), and one more. */
enum weir_ending {
	WEIR_OPEN = 0,
	WEIR_ENDING_IDLE = 1,
	WEIR_ENDING_ACTIVE = 2,
	WEIR_ENDING_FIN = 3,
	WEIR_ENDING_RST = 4,
	WEIR_ENDING_PRESSURE = 5,
	WEIR_ENDING_SHUTDOWN = 6, /* the capture ended */
	WEIR_ENDING_REUSE = 7,	  /* a new connection took the ports */
};

/* Every frame is counted in seen and in exactly one of the rows below it. */
struct weir_tally {
	struct weir_volume seen;
	struct weir_volume flows;
	struct weir_volume non_ip;
	struct weir_volume unparsed;
	struct weir_volume filtered;
	struct weir_volume unknown_link;
	__u64 duplicates;
	__u64 late;
	__u64 evicted;
	__u64 first_ns;
	__u64 last_ns;
	__u64 live;
	__u64 ended;
	__u64 unknown_type; /* the last link type nobody knows */
};

#endif
