/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What passes between the agent and the programs that it drives itself, and what it keeps
 * in the kernel for the next agent. Part of the seam that records.h begins.
 */
#ifndef WEIR_REPORTS_H
#define WEIR_REPORTS_H

#include "records.h"

enum weir_closing_status {
	WEIR_CLOSING_ASKED = 1,
	WEIR_CLOSING_DONE = 2, /* record holds the flow's last word */
	WEIR_CLOSING_GONE = 3, /* no such flow, or another life of its key */
};

/* One entry of the closing ring: asked for by the agent, filled by the closing program. */
struct weir_closing {
	struct weir_key key;
	__u64 id;
	__u64 sequence; /* of the batch that will report it */
	__u32 status;	/* enum weir_closing_status */
	__u32 reason;	/* why, for the agent's own use */
	__u64 record[(sizeof(struct weir_record) + 7) / 8];
};

/* A verdict on its way into a flow's record. */
struct weir_verdict {
	struct weir_key key;
	__u64 id;
	__u8 class; /* or WEIR_CLASS_KEEP: the rest is then filled in by the kernel */
	__u8 class_source;
	__u8 limit;
	__u8 padding[5];
};

/*
 * What a walk tells of one live flow. The fields marked agent's are 0 here; user space
 * turns a row into a delta in place (agent/records.py, FLOW_DELTA).
 */
struct weir_sample {
	__u64 id;
	__u64 tuple; /* hash of the key without its slot */
	__u32 source[4];
	__u32 destination[4];
	__u16 source_port;
	__u16 destination_port;
	__u16 slot;
	__u8 protocol;
	__u8 family;
	__u8 class;
	__u8 class_source;
	__u8 dscp;
	__u8 tcp_state; /* WEIR_STATE_* */
	__u8 ending;	/* agent's */
	__u8 new;	/* agent's */
	__u8 home;	/* agent's */
	__u8 key_family;
	__u16 vlan;
	__u16 padding[3];
	__u64 packets[WEIR_ORIENTATIONS]; /* agent's */
	__u64 bytes[WEIR_ORIENTATIONS];	  /* agent's */
	__u64 total_packets[WEIR_ORIENTATIONS];
	__u64 total_bytes[WEIR_ORIENTATIONS];
	__u32 retransmits[WEIR_ORIENTATIONS];
	__u64 rtt_ns; /* smoothed, 0: not measured */
	__u64 first_ns;
	__u64 last_ns;
};

/* What has been reported of a live flow, in the batch whose bookmark this is. */
struct weir_reported {
	__u64 id;
	__u64 packets[WEIR_ORIENTATIONS];
	__u64 bytes[WEIR_ORIENTATIONS];
};

/* What had been counted when a batch was closed: the outcomes' order is weir_outcome's. */
enum weir_outcome {
	WEIR_OUTCOME_SEEN,
	WEIR_OUTCOME_FLOWS,
	WEIR_OUTCOME_OVERFLOW,
	WEIR_OUTCOME_NON_IP,
	WEIR_OUTCOME_UNPARSED,
	WEIR_OUTCOME_FILTERED,
	WEIR_OUTCOMES,
};

/*
 * The bookmark of one batch: everything cumulative that it reported. Two are kept, by the
 * batch's sequence modulo 2, so that the last batch on disk always has its own.
 */
struct weir_bookmark {
	__u64 sequence;
	__u64 flows; /* entries of the reported list in use */
	struct weir_volume outcome[WEIR_SLOTS * WEIR_HOOKS][WEIR_OUTCOMES];
	struct weir_volume by_class[WEIR_SLOTS * WEIR_HOOKS][WEIR_CLASSES];
};

#define WEIR_SLOT_USED		   0x01
#define WEIR_SLOT_MADE_CLSACT	   0x02 /* the agent added the qdisc and may take it away */
#define WEIR_SLOT_MADE_PROMISCUOUS 0x04

/* Which interface a slot stands for, across restarts and after the interface is gone. */
struct weir_slot {
	char name[16];
	__u32 ifindex;
	__u32 flags; /* WEIR_SLOT_* */
};

/* One life of the maps. */
struct weir_epoch {
	__u8 boot[16]; /* random */
	__u32 layout_version;
	__u32 padding;
	__u8 program[32]; /* SHA-256 of the object or source the programs come from */
};

/* Where a TEST_RUN-driven program is in its list. */
struct weir_cursor {
	__u32 next;
	__u32 end;
};

#endif
