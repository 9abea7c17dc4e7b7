import assert from "node:assert/strict";
import { test } from "node:test";
import { age, bitRate, bytes, count, duration, percent, roundTrip, scaled } from "../src/core/units.ts";

/** Units stay with their value by a no-break space; here any space will do. */
const plain = (text: string) => text.replaceAll("\u00a0", " ");

const table = <T>(name: string, write: (value: T) => string, rows: readonly (readonly [T, string])[]) =>
  test(name, () => {
    for (const [given, wanted] of rows) assert.equal(plain(write(given)), wanted, `${name} of ${String(given)}`);
  });

table("bit rates are SI with three digits", bitRate, [
  [0, "0 bit/s"],
  [1, "1 bit/s"],
  [999, "999 bit/s"],
  [999.6, "1.00 kbit/s"],
  [1500, "1.50 kbit/s"],
  [94_200_000, "94.2 Mbit/s"],
  [999_499, "999 kbit/s"],
  [999_500, "1.00 Mbit/s"],
  [1e9, "1.00 Gbit/s"],
  [-2500, "-2.50 kbit/s"],
  [Number.NaN, "–"],
]);

table("bytes are SI", bytes, [
  [0, "0 B"],
  [1023, "1.02 kB"],
  [1_500_000, "1.50 MB"],
  [71_000_000, "71.0 MB"],
  [2 ** 53, "9.01 PB"],
]);

table("counts are grouped, large ones shortened", count, [
  [0, "0"],
  [1234.4, "1,234"],
  [99_999, "99,999"],
  [1_250_000, "1.25 M"],
]);

table("shares are per cent, unknown is a dash", percent, [
  [null, "–"],
  [0, "0.0 %"],
  [0.0004, "<0.1 %"],
  [0.062, "6.2 %"],
  [0.47, "47 %"],
  [1, "100 %"],
]);

table("durations show two units", duration, [
  [0, "0 s"],
  [59.9, "59 s"],
  [60, "1 min"],
  [250, "4 min 10 s"],
  [3600, "1 h"],
  [273_000, "3 d 3 h"],
]);

table("ages are coarse", age, [
  [-3, "now"],
  [1.9, "now"],
  [59, "59 s ago"],
  [60, "1 min ago"],
  [7200, "2 h ago"],
  [172_800, "2 d ago"],
]);

table("round trips", roundTrip, [
  [null, "–"],
  [0.25, "250 µs"],
  [3.3, "3.3 ms"],
  [12.4, "12 ms"],
]);

test("a quantity keeps value and unit apart", () => {
  assert.deepEqual(scaled(177e6, "bit/s"), { value: "177", unit: "Mbit/s" });
});
