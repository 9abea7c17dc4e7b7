/** Messages of /api/live; kinds that this console does not use come out as null. */

import { asClass, type TrafficClass } from "./classes.ts";
import type { Direction, LaneRates, Sample } from "./series.ts";
import { list, map, maybe, number, record, text, type Read } from "./shape.ts";

interface OneWay {
  readonly bps: number;
  readonly classes: Readonly<Record<string, { readonly bps: number }>>;
}

interface InterfaceRates {
  readonly agent: string;
  readonly interface: string;
  readonly rx: OneWay;
  readonly tx: OneWay;
}

const oneWay: Read<OneWay> = record<OneWay>({
  bps: number,
  classes: map(record<{ bps: number }>({ bps: number })),
});

const throughput = record<{ timestamp: number; interfaces: InterfaceRates[] }>({
  timestamp: number,
  interfaces: list(record<InterfaceRates>({ agent: text, interface: text, rx: oneWay, tx: oneWay })),
});

const kind = record<{ type: string }>({ type: text });

/** Reads one text message. Throws Malformed, or SyntaxError, on what is no message at all. */
export function readMessage(data: unknown): Sample | null {
  const value: unknown = JSON.parse(text(data, "message"));
  if (kind(value, "message").type !== "throughput") return null;
  const { timestamp, interfaces } = throughput(value, "message");
  return { time: timestamp, lanes: interfaces.flatMap((one) => [lane(one, "rx"), lane(one, "tx")]) };
}

function lane(one: InterfaceRates, direction: Direction): LaneRates {
  const { agent, interface: name } = one;
  return { agent, interface: name, direction, rates: ratesOf(one[direction]) };
}

/** Rates by class that add up to all traffic: what carries no class counts as unknown. */
function ratesOf({ bps, classes }: OneWay): LaneRates["rates"] {
  const rates: Partial<Record<TrafficClass, number>> = {};
  let rest = bps;
  for (const [name, one] of Object.entries(classes)) {
    const known = asClass(name);
    rates[known] = (rates[known] ?? 0) + one.bps;
    rest -= one.bps;
  }
  if (rest > 0) rates.unknown = (rates.unknown ?? 0) + rest;
  return rates;
}

interface OneWayHistory {
  readonly bps: readonly (number | null)[];
  readonly classes: Readonly<Record<string, readonly (number | null)[]>>;
}

interface InterfaceHistory {
  readonly agent: string;
  readonly interface: string;
  readonly rx: OneWayHistory;
  readonly tx: OneWayHistory;
}

const column: Read<(number | null)[]> = list(maybe<number | null>(number, null));
const oneWayHistory: Read<OneWayHistory> = record<OneWayHistory>({ bps: column, classes: map(column) });
const past = record<{ times: number[]; interfaces: InterfaceHistory[] }>({
  times: list(number),
  interfaces: list(
    record<InterfaceHistory>({ agent: text, interface: text, rx: oneWayHistory, tx: oneWayHistory }),
  ),
});

/** Reads /api/live/history: one sample a second, without the interfaces that were silent then. */
export const readHistory: Read<Sample[]> = (value, where) => {
  const { times, interfaces } = past(value, where);
  return times.map((time, index) => ({
    time,
    lanes: interfaces.flatMap((one) =>
      (["rx", "tx"] as const).flatMap((direction) => {
        const second = secondOf(one[direction], index);
        return second
          ? [{ agent: one.agent, interface: one.interface, direction, rates: ratesOf(second) }]
          : [];
      }),
    ),
  }));
};

function secondOf(way: OneWayHistory, index: number): OneWay | null {
  const bps = way.bps[index];
  if (bps === undefined || bps === null) return null;
  const classes = Object.entries(way.classes).map(
    ([name, values]) => [name, { bps: values[index] ?? 0 }] as const,
  );
  return { bps, classes: Object.fromEntries(classes) };
}
