/** Turns rates by class into the columns of a stacked chart: received up, sent down. */

import { CLASSES } from "./classes.ts";
import type { Stretch } from "./series.ts";

export type Shown = "both" | "rx" | "tx";
export type Column = (number | null)[];

/** Running sums from the first class on, so that the last column is the total. */
function runningSums(rows: Stretch["rx"], sign: 1 | -1): Column[] {
  const length = rows[0]?.length ?? 0;
  const below: number[] = new Array<number>(length).fill(0);
  return rows.map((row) =>
    row.map((value, index) => {
      if (value === null) return null;
      below[index] = (below[index] ?? 0) + value;
      return sign * (below[index] ?? 0);
    }),
  );
}

/** The widest sum first, because each area covers the ones drawn before it. */
export function stacked(stretch: Stretch, shown: Shown): Column[] {
  const up = shown === "tx" ? [] : runningSums(stretch.rx, 1);
  const down = shown === "rx" ? [] : runningSums(stretch.tx, shown === "tx" ? 1 : -1);
  return [...up.reverse(), ...down.reverse()];
}

/** Which class each column of `stacked` stands for. */
export function stackedClasses(shown: Shown): (typeof CLASSES)[number][] {
  const order = [...CLASSES].reverse();
  return shown === "both" ? [...order, ...order] : order;
}
