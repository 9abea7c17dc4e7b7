/* SPDX-License-Identifier: Apache-2.0 */
/* Times as dates in UTC, in each dialect's way. */
#ifndef WEIR_CSV_TIMES_H
#define WEIR_CSV_TIMES_H

#include "csv_column.h"
#include "csv_numbers.h"

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

#endif
