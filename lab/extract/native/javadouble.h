/* SPDX-License-Identifier: Apache-2.0 */
/* Java's Double.toString: the shortest digits that read back, "1.0E7" from 10^7 up. */
#ifndef WEIR_JAVADOUBLE_H
#define WEIR_JAVADOUBLE_H

#include <stdio.h>

#include "host.h"

/* The shortest of 1 to 17 significant digits that reads back as value; their count. */
static int weir_shortest(double value, char *digits, int *exponent)
{
	char text[40];
	int count = 0;

	/* Fewer than 15 digits read back with zeros at their end. */
	for (int precision = 14; precision <= 16; precision++) {
		snprintf(text, sizeof(text), "%.*e", precision, value);
		if (precision == 16 || strtod(text, 0) == value)
			break;
	}
	for (const char *at = text; *at != 'e'; at++)
		if (*at != '.')
			digits[count++] = *at;
	*exponent = atoi(strchr(text, 'e') + 1);
	while (count > 1 && digits[count - 1] == '0')
		count--;
	return count;
}

static char *weir_java_digits(char *out, const char *digits, int count, int exponent)
{
	if (exponent >= -3 && exponent < 7) {
		int whole = exponent + 1;

		if (whole <= 0) {
			*out++ = '0';
			*out++ = '.';
			for (; whole < 0; whole++)
				*out++ = '0';
			memcpy(out, digits, count);
			return out + count;
		}
		for (int i = 0; i < whole; i++)
			*out++ = i < count ? digits[i] : '0';
		*out++ = '.';
		if (count <= whole) {
			*out++ = '0';
			return out;
		}
		memcpy(out, digits + whole, count - whole);
		return out + count - whole;
	}
	*out++ = digits[0];
	*out++ = '.';
	if (count == 1)
		*out++ = '0';
	memcpy(out, digits + 1, count - 1);
	out += count - 1;
	return out + sprintf(out, "E%d", exponent);
}

static char *weir_write_java(char *out, double value)
{
	char digits[40] = "";
	int count, exponent;

	if (value != value)
		return out + sprintf(out, "NaN");
	if (value < 0) {
		*out++ = '-';
		value = -value;
	}
	if (value > 1.7976931348623157e308)
		return out + sprintf(out, "Infinity");
	if (value == 0)
		return out + sprintf(out, "0.0");
	count = weir_shortest(value, digits, &exponent);
	return weir_java_digits(out, digits, count, exponent);
}

#endif
