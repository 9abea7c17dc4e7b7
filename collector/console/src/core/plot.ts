/** Axis text and limits of a throughput chart. */

import { scaled } from "./units.ts";

/** The smallest full scale: an idle link shows a flat line, not magnified noise. */
const LEAST_BPS = 1000;
const HEADROOM = 1.08;

/** Limits that include zero; `mirrored` charts show sent traffic below it. */
export function limits(least: number | null, most: number | null, mirrored: boolean): [number, number] {
  const top = Math.max(most ?? 0, LEAST_BPS) * HEADROOM;
  return [mirrored ? Math.min(least ?? 0, -LEAST_BPS) * HEADROOM : 0, top];
}

/** "250 M" for a tick of 250,000,000; the sign is shown by the side of the axis. */
export function tick(value: number): string {
  const { value: text, unit } = scaled(Math.abs(value), "");
  return `${text.replace(/\.?0+$/, (zeros) => (text.includes(".") ? "" : zeros))}${unit ? ` ${unit}` : ""}`;
}

/** The wall clock of a unix time in seconds: "14:05" or "14:05:09". */
export function clock(time: number, withSeconds: boolean): string {
  const date = new Date(time * 1000);
  const parts = [date.getHours(), date.getMinutes(), ...(withSeconds ? [date.getSeconds()] : [])];
  return parts.map((part) => String(part).padStart(2, "0")).join(":");
}
