/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What the agent tells packet programs: the capture filter, classes of flows, what becomes
 * of a class. Part of the kernel seam of records.h; agent/capture/orders.py mirrors it.
 */
#ifndef WEIR_ORDERS_H
#define WEIR_ORDERS_H

#if !defined(WEIR_HOST) && !defined(WEIR_BCC)
#include <linux/bpf.h>
#endif
#include <linux/types.h>

enum weir_class {
	WEIR_CLASS_UNKNOWN = 0,
	WEIR_CLASS_VOICE = 1,
	WEIR_CLASS_VIDEO = 2,
	WEIR_CLASS_INTERACTIVE = 3,
	WEIR_CLASS_WEB = 4,
	WEIR_CLASS_FILE = 5,
	WEIR_CLASS_BACKGROUND = 6,
	WEIR_CLASSES = 8,
};

/* What a hook or a flow carried: frames as the stack saw them, packets and bytes as on the
 * wire. */
struct weir_volume {
	__u64 frames;
	__u64 packets;
	__u64 bytes;
};

/* The capture filter: a chain of tests, each telling which comes next. */
enum weir_test_kind {
	WEIR_TEST_FAMILY = 1,	/* low: 4 or 6 */
	WEIR_TEST_PROTOCOL = 2, /* low: its number */
	WEIR_TEST_NET = 3,	/* low: the family, address and mask: the network */
	WEIR_TEST_PORT = 4,	/* low to high; false where there are no ports */
};

#define WEIR_TESTS	   32 /* a power of two */
#define WEIR_FILTER_TAKE   254
#define WEIR_FILTER_REFUSE 255
#define WEIR_END_SOURCE	   1
#define WEIR_END_OTHER	   2

struct weir_test {
	__u8 kind; /* enum weir_test_kind */
	__u8 ends; /* WEIR_END_*: either suffices where both are set */
	__u8 yes;  /* the next test, always a later one, or WEIR_FILTER_* */
	__u8 no;
	__u16 low;
	__u16 high;
	__u32 address[4];
	__u32 mask[4];
};

struct weir_filter {
	__u32 count; /* 0: every frame is taken */
	__u32 padding;
	struct weir_test tests[WEIR_TESTS];
};

/*
 * What the operator says of flows: the first entry that fits gives a flow its class and its
 * limit. Either end of the entry may be either end of the flow, so that address translation
 * and the direction of the first packet make no difference.
 */
#define WEIR_MATCHES	64    /* a power of two */
#define WEIR_NO_PORT	65536 /* of a flow without ports: only an end that takes any fits */
#define WEIR_CLASS_KEEP 255   /* of an entry: no class. Of a verdict: what the table says */

struct weir_end {
	__u32 address[4];
	__u32 mask[4];
	__u32 low_port;
	__u32 high_port;
};

struct weir_match {
	__u64 slots;	   /* a bit for each interface */
	__u64 code_points; /* a bit for each, of the first packet */
	struct weir_end ends[2];
	__u8 protocol;
	__u8 protocol_mask;
	__u8 family; /* WEIR_KEY_V4 or V6: ::/0 holds mapped addresses too */
	__u8 family_mask;
	__u8 class; /* or WEIR_CLASS_KEEP */
	__u8 limit;
	__u8 padding[2];
};

struct weir_matches {
	__u32 count;
	__u32 padding;
	struct weir_match entries[WEIR_MATCHES];
};

/*
 * The table in force and the next one. The agent writes the next whole, then the one word
 * that says which is in force, so that no flow meets a table half written. A program is
 * done with a table in a microsecond; the agent writes over it a tick later.
 */
struct weir_match_tables {
	__u32 current;
	__u32 padding;
	struct weir_matches tables[2];
};

/*
 * What becomes of a packet whose class is known, by slot * WEIR_HOOKS + hook. Past the
 * deadline the agent is taken for dead: packets go the baseline branch of the tree, or past
 * all of it, unmarked and unpoliced.
 */
struct weir_shaping {
	__u64 deadline_ns;
	__u32 root;   /* major << 16 of the tree that follows; 0: not shaped */
	__u8 mode;    /* enum weir_mark_mode */
	__u8 policed; /* a bit for each class that has a policer */
	__u8 dead;    /* enum weir_dead */
	__u8 padding;
	__u8 marks[WEIR_CLASSES];  /* code points */
	__u8 excess[WEIR_CLASSES]; /* class that a policer's excess becomes, or WEIR_DROP */
	__u8 limits[WEIR_CLASSES]; /* of each flow of the class, where it has none itself */
};

#define WEIR_DROP 255

/* Where packets go past the deadline. */
enum weir_dead {
	WEIR_DEAD_BASELINE = 0,
	WEIR_DEAD_UNSHAPED = 1, /* past the tree, as fast as the device may */
};

/*
 * What each flow that has this number may have in each direction; what it has had stands in
 * its record. Written by the agent alone.
 */
#define WEIR_LIMITS 64 /* number 0: none */

struct weir_limit {
	__u64 rate_bytes_s; /* 0: no limit */
	__u64 burst_ns;
	__u8 excess; /* class that the excess becomes, or WEIR_DROP; voice is never dropped
		      */
	__u8 padding[7];
};

/*
 * A policer. Credit is time: it grows with the clock up to burst_ns and shrinks by what the
 * packet would take at the rate. A packet passes while there is no debt, and may leave one:
 * a merged frame counts for all its segments without being dropped for its size, and the
 * rate holds over time all the same.
 *
 * Written by packet programs under the lock; rate, burst and expiry by the agent. Past
 * expires_ns the throttle is forgotten, so that none outlives the agent.
 */
struct weir_bucket {
	__u64 rate_bytes_s; /* 0: no limit */
	__u64 burst_ns;
	__u64 expires_ns;
	__u64 last_ns;
	__s64 credit_ns;
	struct weir_volume over; /* what found a debt */
	struct bpf_spin_lock lock;
	__u32 padding;
};

#endif
