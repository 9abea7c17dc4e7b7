/* SPDX-License-Identifier: Apache-2.0 */
/* A column to be written: lab/extract/text.py mirrors it. */
#ifndef WEIR_CSV_COLUMN_H
#define WEIR_CSV_COLUMN_H

#include "host.h"

enum weir_column_kind {
	WEIR_COLUMN_INTEGER = 0,  /* i64 */
	WEIR_COLUMN_REAL = 1,	  /* f64: at most six decimals, none that are zero */
	WEIR_COLUMN_JAVA = 2,	  /* f64 as Java's Double.toString; 0/0 as NaN */
	WEIR_COLUMN_ADDRESS = 3,  /* 16 bytes, IPv4 mapped */
	WEIR_COLUMN_TIME = 4,	  /* u64 ns: 2023-11-14 22:13:20.000000 */
	WEIR_COLUMN_TIME_12H = 5, /* 14/11/2023 10:13:20 PM */
	WEIR_COLUMN_TIME_ISO = 6, /* the fraction in groups of three, zero groups dropped */
	WEIR_COLUMN_TEXT = 7,	  /* i64 index into texts */
	WEIR_COLUMN_FLOW = 8, /* struct weir_ends: source-destination-port-port-protocol */
	WEIR_COLUMN_JAVA_OR_0 = 9,	/* f64; NaN stands for Java's integer 0 */
	WEIR_COLUMN_TIME_DAY = 10,	/* 14/11/2023 22:13:20 */
	WEIR_COLUMN_JAVA_OR_MINUS = 11, /* f64; NaN stands for Java's integer -1 */
};

#define WEIR_CELL_BYTES 128 /* the longest cell is a Flow ID of two IPv6 addresses */

struct weir_column {
	__u32 kind;
	__u32 padding;
	const __u8 *data;
	__s64 stride;
	const char *const *texts;
};

struct weir_ends {
	__u8 source[16];
	__u8 destination[16];
	__s64 source_port;
	__s64 destination_port;
	__s64 protocol;
};

#endif
