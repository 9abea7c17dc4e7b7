/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of both families, and the Flow ID made of two. */
#ifndef WEIR_CSV_ADDRESSES_H
#define WEIR_CSV_ADDRESSES_H

#include "csv_column.h"
#include "csv_numbers.h"

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

#endif
