/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The kernel seam: every structure that programs and user space share. User space mirrors
 * this file in agent/capture/layout.py; tests/bpf/test_layout.py holds the two together.
 * Times are nanoseconds of CLOCK_MONOTONIC; ports are host order; addresses are network
 * order.
 */
#ifndef WEIR_RECORDS_H
#define WEIR_RECORDS_H

#include "orders.h"

/* Raised whenever a pinned structure changes, so that a new agent never misreads old pins.
 */
#define WEIR_LAYOUT_VERSION 6

#define WEIR_SLOTS	       64 /* interfaces watched at once; a slot is an interface */
#define WEIR_INTERFACE_ENTRIES 65536 /* a power of two */
#define WEIR_LENGTH_BUCKETS                                                                \
	8 /* wire length: <=64 <=128 <=256 <=512 <=1024 <=1518 <=4096 more */
#define WEIR_GAP_BUCKETS                                                                   \
	16 /* powers of two from 2^11 ns: first <2.05 us, last >=33.6 ms                   \
	    */
#define WEIR_IDLE_NS	  5000000000ULL /* a longer gap ends an active period */
#define WEIR_SUBFLOW_NS	  1000000000ULL /* a longer gap starts a sub-flow or ends a bulk */
#define WEIR_BULK_PACKETS 4		/* data packets in a row that make a bulk */

enum weir_hook { WEIR_RX = 0, WEIR_TX = 1, WEIR_HOOKS = 2 };
enum weir_orientation { WEIR_FORWARD = 0, WEIR_BACKWARD = 1, WEIR_ORIENTATIONS = 2 };

/* TCP flag counters, in the order of the header's bits. */
enum weir_flag {
	WEIR_FIN,
	WEIR_SYN,
	WEIR_RST,
	WEIR_PSH,
	WEIR_ACK,
	WEIR_URG,
	WEIR_ECE,
	WEIR_CWR,
	WEIR_FLAGS,
};

#define WEIR_KEY_V4		4
#define WEIR_KEY_V6		6
#define WEIR_KEY_FAMILY		0x0f
#define WEIR_KEY_FRAGMENT	0x10 /* later fragments: no ports to be had */
#define WEIR_KEY_UNIDIRECTIONAL 0x20 /* low is the source, by configuration */

/*
 * A flow on one interface. The two ends are ordered, so both directions meet in one key.
 * IPv4 addresses are mapped (::ffff:a.b.c.d). ICMP: both ports hold request type << 8 |
 * code, an answer carrying its request's type.
 */
struct weir_key {
	__u32 low_address[4];
	__u32 high_address[4];
	__u16 low_port;
	__u16 high_port;
	__u16 slot;
	__u8 protocol;
	__u8 family; /* WEIR_KEY_* */
};

/* A 128-bit sum of squares. */
struct weir_square {
	__u64 low;
	__u64 high;
};

/* Count, sum, sum of squares, smallest and largest of durations. */
struct weir_periods {
	__u64 count;
	__u64 sum_ns;
	struct weir_square square_ns;
	__u64 min_ns;
	__u64 max_ns;
};

/*
 * One direction of a flow. Sums only grow; minima are valid once packets > 0. Five cache
 * lines, each of what is written together.
 */
struct weir_direction {
	__u64 first_ns;
	__u64 last_ns;
	struct weir_square gap_square_ns; /* the sum of gaps is last_ns - first_ns */
	__u64 gap_min_ns;
	__u64 gap_max_ns;
	__u64 payload_bytes; /* layer 4 payload, padding excluded */
	__u64 payload_square;

	__u64 length_square; /* of wire lengths */
	__u64 header_bytes;  /* layer 4 headers */
	__u32 payload_min;
	__u32 payload_max;
	__u32 length_min;
	__u32 length_max;
	__u32 header_min;
	__u32 data_packets; /* packets with payload */
	__u16 first_window;
	__u8 first_dscp;
	__u8 ttl_min;
	__u8 ttl_max;
	__u8 sequence_seen;  /* next_sequence holds a value */
	__u8 timestamp_seen; /* timestamp_newest holds a value */
	__u8 padding;
	__u64 run_start_ns; /* the run that may become a bulk */
	__u64 run_bytes;

	__u32 flags[WEIR_FLAGS];
	__u32 length_histogram[WEIR_LENGTH_BUCKETS];

	__u32 gap_histogram[WEIR_GAP_BUCKETS];

	/* The one line that the other direction's packets touch too. */
	__u64 run_last_ns;
	__u32 run_packets;
	__u32 next_sequence;	 /* highest TCP sequence number seen, plus one */
	__u32 timestamp_newest;	 /* highest TCP TSval seen */
	__u32 timestamp_awaited; /* TSval whose echo is awaited since timestamp_ns */
	__u64 timestamp_ns;	 /* 0: none awaited */
	__u64 bulk_bytes;
	__u64 bulk_packets;
	__u64 bulk_duration_ns;
	__u32 bulk_count;
	__u32 padding_bulk;
};

#define WEIR_STATE_FORWARD_IS_LOW 0x01
#define WEIR_STATE_FIN_FORWARD	  0x02
#define WEIR_STATE_FIN_BACKWARD	  0x04
#define WEIR_STATE_RST		  0x08
#define WEIR_STATE_MERGED 0x10 /* saw GSO/GRO frames: gaps inside a frame count as 0 */

/*
 * A flow's record. Forward is the direction of the first packet. Written by the packet
 * programs under the lock; read whole by user space (BPF_F_LOCK).
 *
 * id names this life of the key, its upper half the key alone (weir_key_mark). A program
 * that still holds a pointer to an element which has since been closed, or recycled for
 * another flow, sees under the lock that it is not its key's. It comes last, after the
 * lock, so that it is written when all else is. 0 means closed.
 */
struct weir_record {
	/* In the cache line of the key's end, which the look-up has fetched. */
	__u64 first_ns;
	__u64 last_ns;
	__u8 state; /* WEIR_STATE_* */
	__u8 class;
	__u8 class_source; /* WEIR_SOURCE_* of the verdict */
	__u8 limit;	   /* number in the map of limits, 0: what its class has */
	__u8 dscp[WEIR_ORIENTATIONS]; /* last seen */
	__u16 vlan;		      /* outermost tag of the first packet, 0: none */
	struct weir_square gap_square_ns;
	struct weir_direction direction[WEIR_ORIENTATIONS];
	/* Seldom written. */
	struct weir_periods active; /* ended active periods; the running one is not in it */
	struct weir_periods idle;
	struct weir_periods rtt[WEIR_ORIENTATIONS]; /* hook to the receiver of that
						       direction and back */
	__u64 paid_ns[WEIR_HOOKS]; /* when what passed will have been worth its limit */
	__u64 padding[2];
	__u64 active_start_ns;
	__u32 subflows; /* gaps longer than WEIR_SUBFLOW_NS, plus one */
	__u8 icmp_type; /* of the first packet */
	__u8 icmp_code;
	__u16 padding_icmp;
	__u32 retransmits[WEIR_ORIENTATIONS];
	__u64 smoothed_rtt_ns; /* of both directions, RFC 6298's gain; 0: not measured */
	/* Two lines of what every packet and every walk needs. */
	struct weir_volume volume[WEIR_HOOKS][WEIR_ORIENTATIONS];
	__u64 gap_min_ns;
	__u64 gap_max_ns;
	struct bpf_spin_lock lock;
	__u32 padding_lock;
	__u64 id;
};

/*
 * A hash element's value begins 88 bytes in: 48 of the kernel's, 40 of the key. With this
 * many, elements are whole cache lines and the lines above are the machine's.
 */
#define WEIR_RECORD_BYTES 1064

enum weir_source {
	WEIR_SOURCE_NONE = 0,
	WEIR_SOURCE_DSCP = 1,
	WEIR_SOURCE_PORT = 2,
	WEIR_SOURCE_BEHAVIOUR = 3,
	WEIR_SOURCE_DPI = 4,
	WEIR_SOURCE_RULE = 5,
};

/* Overflow is kept by protocol: resolution is lost, never bytes. */
enum weir_protocol_group {
	WEIR_TCP,
	WEIR_UDP,
	WEIR_ICMP,
	WEIR_OTHER,
	WEIR_PROTOCOL_GROUPS
};

/*
 * Per interface, hook and CPU. In all three units
 * seen == flows (live) + ended + overflow + non_ip + unparsed + filtered.
 */
struct weir_counters {
	struct weir_volume seen; /* at the program's first instruction */
	struct weir_volume non_ip;
	struct weir_volume unparsed;
	struct weir_volume filtered; /* kept out by the operator's filter or switches */
	struct weir_volume ended;    /* closed records, added as they close */
	struct weir_volume overflow[WEIR_PROTOCOL_GROUPS];
	struct weir_volume by_class[WEIR_CLASSES]; /* what flows and overflow carried */
};

#define WEIR_INTERFACE_NO_V4	      0x01
#define WEIR_INTERFACE_NO_V6	      0x02
#define WEIR_INTERFACE_UNIDIRECTIONAL 0x04
#define WEIR_INTERFACE_LAYER3	      0x08 /* no link layer header: tun, WireGuard, PPP */
#define WEIR_INTERFACE_FILTER	      0x10 /* the capture filter applies */
#define WEIR_INTERFACE_SHAPED	      0x20 /* a row of the shaping map may apply */

/* Found by ifindex modulo the map's size; ifindex tells a stranger by. */
struct weir_interface {
	__u32 ifindex;
	__u16 slot;
	__u8 flags; /* WEIR_INTERFACE_* */
	__u8 padding;
};

#ifdef WEIR_CHECK_SIZES
_Static_assert(sizeof(struct weir_key) == 40, "weir_key");
_Static_assert(sizeof(struct weir_volume) == 24, "weir_volume");
_Static_assert(sizeof(struct weir_direction) == 5 * 64, "weir_direction");
_Static_assert(sizeof(struct weir_record) == WEIR_RECORD_BYTES, "weir_record");
_Static_assert(sizeof(struct weir_interface) == 8, "weir_interface");
#endif
#endif
