/** The last minutes of live throughput, kept per lane and summed on demand.
 *
 * A lane is one direction of one interface of one agent. Memory is bounded: `capacity` seconds
 * of one number a class for each lane, and MOST_LANES lanes.
 */

import { CLASSES, type TrafficClass } from "./classes.ts";

export type Direction = "rx" | "tx";

/** One second of one lane; rates in bits per second by class, absent classes are 0. */
export interface LaneRates {
  readonly agent: string;
  readonly interface: string;
  readonly direction: Direction;
  readonly rates: Readonly<Partial<Record<TrafficClass, number>>>;
}

export interface Sample {
  /** Unix seconds by the collector's clock. */
  readonly time: number;
  readonly lanes: readonly LaneRates[];
}

export interface Selection {
  /** Empty: all of them. */
  readonly agent: string;
  readonly interface: string;
}

/** One row of numbers a class, in the order of CLASSES; null where nothing was heard. */
export interface Stretch {
  readonly times: readonly number[];
  readonly rx: readonly (readonly (number | null)[])[];
  readonly tx: readonly (readonly (number | null)[])[];
}

/** Two directions of 256 interfaces; beyond that a browser draws no useful chart. */
export const MOST_LANES = 512;

/** Samples may arrive this late without meaning that the collector's clock was set back. */
const CLOCK_SLACK_S = 10;

/** A second without a sample shows the one before: samples drift against whole seconds. */
const BRIDGED_S = 2;

interface Lane {
  readonly agent: string;
  readonly interface: string;
  readonly direction: Direction;
  readonly values: Float64Array;
}

const EMPTY_ROW: readonly number[] = CLASSES.map(() => 0);

export class Series {
  readonly #capacity: number;
  #times: number[] = [];
  readonly #lanes = new Map<string, Lane>();

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get latest(): number | null {
    return this.#times.at(-1) ?? null;
  }

  /** Whether any interface was ever heard of. */
  get isEmpty(): boolean {
    return this.#lanes.size === 0;
  }

  /** Takes one sample; a second already held is ignored, a clock set back starts anew. */
  push(sample: Sample): boolean {
    const second = Math.floor(sample.time);
    const latest = this.latest;
    if (latest !== null && second < latest - CLOCK_SLACK_S) this.clear();
    else if (latest !== null && second <= latest) return false;
    this.#times.push(second);
    const oldest = second - this.#capacity;
    while ((this.#times[0] ?? second) <= oldest) this.#times.shift();
    this.#write(second, sample.lanes);
    return true;
  }

  /** Takes what the collector remembers of seconds that this page has not heard itself. */
  fill(samples: readonly Sample[]): void {
    for (const sample of samples) {
      const second = Math.floor(sample.time);
      const latest = this.latest;
      if (latest === null || second > latest) {
        this.push(sample);
      } else if (second > latest - this.#capacity && !this.#times.includes(second)) {
        this.#times.push(second);
        this.#times.sort((one, other) => one - other);
        this.#write(second, sample.lanes);
      }
    }
  }

  #write(second: number, lanes: readonly LaneRates[]): void {
    const at = (second % this.#capacity) * CLASSES.length;
    for (const lane of this.#lanes.values()) lane.values.fill(Number.NaN, at, at + CLASSES.length);
    for (const heard of lanes) this.#store(heard, at);
  }

  clear(): void {
    this.#times = [];
    this.#lanes.clear();
  }

  /** Sums the selected lanes over the `span` seconds that end at the latest sample. */
  select(selection: Selection, span: number): Stretch {
    const end = this.latest;
    if (end === null) return { times: [], rx: CLASSES.map(() => []), tx: CLASSES.map(() => []) };
    const heard = this.#heard();
    const first = Math.max(end - Math.min(span, this.#capacity - 1), this.#times[0] ?? end);
    const times = Array.from({ length: end - first + 1 }, (_, index) => first + index);
    const sums = (direction: Direction) => {
      const rows = times.map((time) => (heard.has(time) ? [...EMPTY_ROW] : null));
      for (const lane of this.#chosen(selection, direction)) this.#add(lane, times, heard, rows);
      return CLASSES.map((_, index) => rows.map((row) => row?.[index] ?? null));
    };
    return { times, rx: sums("rx"), tx: sums("tx") };
  }

  #chosen(selection: Selection, direction: Direction): Lane[] {
    return [...this.#lanes.values()].filter(
      (lane) =>
        lane.direction === direction &&
        (selection.agent === "" || lane.agent === selection.agent) &&
        (selection.interface === "" || lane.interface === selection.interface),
    );
  }

  /** Second on the axis → second whose sample stands there. */
  #heard(): ReadonlyMap<number, number> {
    const heard = new Map<number, number>();
    for (const time of this.#times)
      for (let later = 0; later <= BRIDGED_S; later += 1) heard.set(time + later, time);
    return heard;
  }

  #add(
    lane: Lane, times: readonly number[], heard: ReadonlyMap<number, number>,
    rows: readonly (number[] | null)[],
  ): void {
    times.forEach((time, index) => {
      const row = rows[index];
      const source = heard.get(time);
      if (!row || source === undefined) return;
      const at = (source % this.#capacity) * CLASSES.length;
      for (let kind = 0; kind < row.length; kind += 1) {
        const value = lane.values[at + kind] ?? Number.NaN;
        if (!Number.isNaN(value)) row[kind] = (row[kind] ?? 0) + value;
      }
    });
  }

  #store(heard: LaneRates, at: number): void {
    const key = `${heard.agent}\n${heard.interface}\n${heard.direction}`;
    let lane = this.#lanes.get(key);
    if (!lane) {
      if (this.#lanes.size >= MOST_LANES) return;
      const values = new Float64Array(this.#capacity * CLASSES.length).fill(Number.NaN);
      lane = { agent: heard.agent, interface: heard.interface, direction: heard.direction, values };
      this.#lanes.set(key, lane);
    }
    CLASSES.forEach((name, index) => {
      lane.values[at + index] = heard.rates[name] ?? 0;
    });
  }
}

/** Sums over all classes of one lane's rates. */
export const total = (rates: LaneRates["rates"]): number =>
  CLASSES.reduce((sum, name) => sum + (rates[name] ?? 0), 0);
