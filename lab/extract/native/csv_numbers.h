/* SPDX-License-Identifier: Apache-2.0 */
/* Whole numbers, digits of a fixed count, and reals of at most six decimals. */
#ifndef WEIR_CSV_NUMBERS_H
#define WEIR_CSV_NUMBERS_H

#include <math.h>
#include <stdio.h>

#include "host.h"

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
	int count = 6, negative = value < 0;

	if (value != value)
		return out;
	if (negative) {
		*out++ = '-';
		value = -value;
	}
	if (value > 9e12)
		return value < 9.2e18
			       ? weir_write_unsigned(out, (__u64)llrint(value))
			       : out + sprintf(out, "%.0f", value > 1e30 ? 1e30 : value);
	scaled = (__u64)llrint(value * 1e6);
	if (!scaled && negative)
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

#endif
