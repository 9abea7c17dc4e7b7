/* SPDX-License-Identifier: Apache-2.0 */
/* Columns to CSV text: the one place where numbers become characters. */
#include "csv_addresses.h"
#include "csv_times.h"
#include "javadouble.h"

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
		if (room - (__u64)(position - out) <
		    (__u64)count * (WEIR_CELL_BYTES + 1))
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
