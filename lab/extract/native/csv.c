/* SPDX-License-Identifier: Apache-2.0 */
/* Columns to CSV text: the one place where numbers become characters. */
#include <math.h>
#include <stdio.h>

#include "javadouble.h"

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

static const char weir_pairs[] =
	"00010203040506070809101112131415161718192021222324252627282930"
	"31323334353637383940414243444546474849505152535455565758596061"
	"62636465666768697071727374757677787980818283848586878889909192"
	"93949596979899";

static inline char *weir_write_unsigned(char *out, __u64 value)
{
	char digits[20];
	int at = 20;

	while (value >= 100) {
		at -= 2;
		memcpy(digits + at, weir_pairs + value % 100 * 2, 2);
		value /= 100;
	}
	if (value >= 10) {
		at -= 2;
		memcpy(digits + at, weir_pairs + value * 2, 2);
	} else {
		digits[--at] = '0' + value;
	}
	memcpy(out, digits + at, 20 - at);
	return out + 20 - at;
}

static inline char *weir_write_integer(char *out, __s64 value)
{
	if (value < 0)
		*out++ = '-';
	return weir_write_unsigned(out, value < 0 ? -(__u64)value : (__u64)value);
}

/* Exactly count digits. */
static inline char *weir_write_fixed(char *out, __u32 value, int count)
{
	for (int i = count - 1; i >= 0; i--) {
		out[i] = '0' + value % 10;
		value /= 10;
	}
	return out + count;
}

/* Rounded to six decimals, half to even; beyond 9e12 to a whole number. NaN is empty. */
static char *weir_write_real(char *out, double value)
{
	__u64 scaled;
	__u32 fraction;
	int count = 6;

	if (value != value)
		return out;
	if (value < 0) {
		*out++ = '-';
		value = -value;
	}
	if (value > 9e12)
		return value < 9.2e18
			       ? weir_write_unsigned(out, (__u64)llrint(value))
			       : out + sprintf(out, "%.0f", value > 1e30 ? 1e30 : value);
	scaled = (__u64)llrint(value * 1e6);
	if (!scaled && out[-1] == '-')
		out--;
	out = weir_write_unsigned(out, scaled / 1000000);
	fraction = scaled % 1000000;
	if (!fraction)
		return out;
	while (fraction % 10 == 0) {
		fraction /= 10;
		count--;
	}
	*out++ = '.';
	return weir_write_fixed(out, fraction, count);
}

static char *weir_write_v4(char *out, const __u8 *bytes)
{
	for (int i = 0; i < 4; i++) {
		if (i)
			*out++ = '.';
		out = weir_write_unsigned(out, bytes[i]);
	}
	return out;
}

/* RFC 5952: the first longest run of zero groups is "::". */
static char *weir_write_v6(char *out, const __u8 *bytes)
{
	static const char hex[] = "0123456789abcdef";
	int best = -1, best_length = 1;

	for (int i = 0; i < 8;) {
		int length = 0;

		while (i + length < 8 && !bytes[(i + length) * 2] &&
		       !bytes[(i + length) * 2 + 1])
			length++;
		if (length > best_length) {
			best = i;
			best_length = length;
		}
		i += length ? length : 1;
	}
	for (int i = 0; i < 8; i++) {
		__u32 group = bytes[i * 2] << 8 | bytes[i * 2 + 1];
		int shift = 12;

		if (i == best) {
			*out++ = ':';
			if (i + best_length == 8)
				*out++ = ':';
			i += best_length - 1;
			continue;
		}
		if (i)
			*out++ = ':';
		while (shift && !(group >> shift))
			shift -= 4;
		for (; shift >= 0; shift -= 4)
			*out++ = hex[group >> shift & 15];
	}
	return out;
}

static char *weir_write_address(char *out, const __u8 *bytes)
{
	static const __u8 mapped[12] = {[10] = 0xff, [11] = 0xff};

	return memcmp(bytes, mapped, sizeof(mapped)) ? weir_write_v6(out, bytes)
						     : weir_write_v4(out, bytes + 12);
}

static char *weir_write_flow(char *out, const struct weir_ends *ends)
{
	out = weir_write_address(out, ends->source);
	*out++ = '-';
	out = weir_write_address(out, ends->destination);
	*out++ = '-';
	out = weir_write_integer(out, ends->source_port);
	*out++ = '-';
	out = weir_write_integer(out, ends->destination_port);
	*out++ = '-';
	return weir_write_integer(out, ends->protocol);
}

struct weir_civil {
	__u32 year, month, day, hour, minute, second;
};

/* The proleptic Gregorian date of a Unix time, in UTC. */
static void weir_civil_from(__u64 seconds, struct weir_civil *civil)
{
	__u64 days = seconds / 86400 + 719468;
	__u32 rest = seconds % 86400, era = days / 146097, of_era = days % 146097;
	__u32 year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	__u32 of_year = of_era - (365 * year + year / 4 - year / 100);
	__u32 month = (5 * of_year + 2) / 153;

	civil->day = of_year - (153 * month + 2) / 5 + 1;
	civil->month = month < 10 ? month + 3 : month - 9;
	civil->year = era * 400 + year + (civil->month <= 2);
	civil->hour = rest / 3600;
	civil->minute = rest / 60 % 60;
	civil->second = rest % 60;
}

static char *weir_write_clock(char *out, __u32 hour, const struct weir_civil *civil)
{
	out = weir_write_fixed(out, hour, 2);
	*out++ = ':';
	out = weir_write_fixed(out, civil->minute, 2);
	*out++ = ':';
	return weir_write_fixed(out, civil->second, 2);
}

static char *weir_write_time(char *out, __u64 time_ns, __u32 kind)
{
	struct weir_civil civil;
	__u32 micros = time_ns / 1000 % 1000000;

	weir_civil_from(time_ns / 1000000000ULL, &civil);
	if (kind == WEIR_COLUMN_TIME_12H || kind == WEIR_COLUMN_TIME_DAY) {
		int half = kind == WEIR_COLUMN_TIME_12H;

		out = weir_write_fixed(out, civil.day, 2);
		*out++ = '/';
		out = weir_write_fixed(out, civil.month, 2);
		*out++ = '/';
		out = weir_write_fixed(out, civil.year, 4);
		*out++ = ' ';
		out = weir_write_clock(out, half ? (civil.hour + 11) % 12 + 1 : civil.hour,
				       &civil);
		if (half)
			memcpy(out, civil.hour < 12 ? " AM" : " PM", 3);
		return out + (half ? 3 : 0);
	}
	out = weir_write_fixed(out, civil.year, 4);
	*out++ = '-';
	out = weir_write_fixed(out, civil.month, 2);
	*out++ = '-';
	out = weir_write_fixed(out, civil.day, 2);
	*out++ = ' ';
	out = weir_write_clock(out, civil.hour, &civil);
	if (kind == WEIR_COLUMN_TIME_ISO && !micros)
		return out;
	*out++ = '.';
	if (kind == WEIR_COLUMN_TIME_ISO && micros % 1000 == 0)
		return weir_write_fixed(out, micros / 1000, 3);
	return weir_write_fixed(out, micros, 6);
}

static char *weir_write_text(char *out, const char *text)
{
	size_t length = strlen(text);

	length = length < WEIR_CELL_BYTES ? length : WEIR_CELL_BYTES;
	memcpy(out, text, length);
	return out + length;
}

static inline double weir_as_double(const __u8 *data)
{
	double value;

	memcpy(&value, data, sizeof(value));
	return value;
}

static inline __s64 weir_as_integer(const __u8 *data)
{
	__s64 value;

	memcpy(&value, data, sizeof(value));
	return value;
}

static char *weir_write_cell(char *out, const struct weir_column *column, const __u8 *data)
{
	switch (column->kind) {
	case WEIR_COLUMN_INTEGER:
		return weir_write_integer(out, weir_as_integer(data));
	case WEIR_COLUMN_REAL:
		return weir_write_real(out, weir_as_double(data));
	case WEIR_COLUMN_JAVA_OR_0:
	case WEIR_COLUMN_JAVA_OR_MINUS:
		if (weir_as_double(data) != weir_as_double(data))
			return weir_write_integer(
				out, column->kind == WEIR_COLUMN_JAVA_OR_MINUS ? -1 : 0);
		return weir_write_java(out, weir_as_double(data));
	case WEIR_COLUMN_JAVA:
		return weir_write_java(out, weir_as_double(data));
	case WEIR_COLUMN_ADDRESS:
		return weir_write_address(out, data);
	case WEIR_COLUMN_TEXT:
		return weir_write_text(out, column->texts[weir_as_integer(data)]);
	case WEIR_COLUMN_FLOW:
		return weir_write_flow(out, (const struct weir_ends *)data);
	default:
		return weir_write_time(out, (__u64)weir_as_integer(data), column->kind);
	}
}

/* Rows [first, rows) of the columns as CSV lines into out; how many fitted, and bytes. */
WEIR_EXPORT __u64 weir_csv(const struct weir_column *columns, __u32 count, __u64 first,
			   __u64 rows, char *out, __u64 room, __u64 *bytes)
{
	char *position = out;
	__u64 row = first;

	for (; row < rows; row++) {
		if (room - (__u64)(position - out) < (__u64)count * WEIR_CELL_BYTES)
			break;
		for (__u32 i = 0; i < count; i++) {
			const struct weir_column *column = &columns[i];

			position =
				weir_write_cell(position, column,
						column->data + (__s64)row * column->stride);
			*position++ = i + 1 == count ? '\n' : ',';
		}
	}
	*bytes = position - out;
	return row - first;
}
