/** What the collector's API answers, as docs/http-api.md describes it. */

import { asClass, type TrafficClass } from "./classes.ts";
import { anything, flag, list, map, maybe, number, record, text, type Read } from "./shape.ts";

export interface Interface {
  readonly name: string;
  /** 0: unknown. */
  readonly speed_bps: number;
  readonly mtu: number;
  readonly mac: string;
  readonly is_up: boolean;
  readonly addresses: readonly string[];
  /** The hook that counts: xdp-native, tcx, … */
  readonly rx_mode: string;
  readonly tx_mode: string;
}

export interface Agent {
  readonly name: string;
  /** online, degraded, late or offline: the collector's verdict. */
  readonly health: string;
  readonly hostname: string;
  readonly version: string;
  readonly missing_batches: number;
  readonly batches: number;
  /** What its batches weighed, in bytes. */
  readonly bytes: number;
  /** Unix seconds; 0: never. */
  readonly last_seen: number;
  readonly last_batch: number;
  readonly lag_seconds: number;
  /** How far its clock is ahead; null: not known. */
  readonly clock_skew_seconds: number | null;
  readonly interfaces: readonly Interface[];
  /** What the agent says about itself: uptime_seconds, flows_live, rss_bytes, … */
  readonly status: Readonly<Record<string, unknown>>;
}

export interface Endpoint {
  readonly endpoint_id: string;
  readonly unique_peers: number;
  readonly bytes_in: number;
  readonly bytes_out: number;
  readonly flow_count: number;
  readonly class_bytes: Readonly<Partial<Record<TrafficClass, number>>>;
}

export interface Flow {
  readonly agent: string;
  readonly interface: string;
  readonly source: string;
  readonly destination: string;
  readonly source_port: number;
  readonly destination_port: number;
  readonly protocol: number;
  readonly class: TrafficClass;
  readonly bytes: number;
  readonly packets: number;
  /** Null: not measured. */
  readonly rtt_ms: number | null;
  readonly retransmits: number;
}

/** Who is signed in at this browser. */
export interface Person {
  readonly signed_in: boolean;
  readonly username: string;
  readonly role: string;
  /** session, or open where the collector asks nobody to sign in. */
  readonly by: string;
  readonly csrf: string;
}

const trafficClass: Read<TrafficClass> = (value, where) => asClass(text(value, where));
const byClass: Read<Partial<Record<TrafficClass, number>>> = (value, where) => {
  const sums: Partial<Record<TrafficClass, number>> = {};
  for (const [name, amount] of Object.entries(map(number)(value, where))) {
    const known = asClass(name);
    sums[known] = (sums[known] ?? 0) + amount;
  }
  return sums;
};
const maybeNumber: Read<number | null> = maybe<number | null>(number, null);

const anInterface = record<Interface>({
  name: text,
  speed_bps: maybe(number, 0),
  mtu: maybe(number, 0),
  mac: maybe(text, ""),
  is_up: maybe(flag, true),
  addresses: maybe(list(text), []),
  rx_mode: maybe(text, ""),
  tx_mode: maybe(text, ""),
});

const agent = record<Agent>({
  name: text,
  health: text,
  hostname: text,
  version: text,
  missing_batches: number,
  batches: number,
  bytes: number,
  last_seen: number,
  last_batch: number,
  lag_seconds: number,
  clock_skew_seconds: maybeNumber,
  interfaces: list(anInterface),
  status: map(anything),
});

const endpoint = record<Endpoint>({
  endpoint_id: text,
  unique_peers: number,
  bytes_in: number,
  bytes_out: number,
  flow_count: number,
  class_bytes: byClass,
});

const flow = record<Flow>({
  agent: text,
  interface: text,
  source: text,
  destination: text,
  source_port: number,
  destination_port: number,
  protocol: number,
  class: trafficClass,
  bytes: number,
  packets: number,
  rtt_ms: maybeNumber,
  retransmits: number,
});

export const readAgents = record<{ agents: Agent[] }>({ agents: list(agent) });
export const readEndpoints = record<{ endpoints: Endpoint[] }>({ endpoints: list(endpoint) });
export const readFlows = record<{ flows: Flow[] }>({ flows: list(flow) });
export const readPerson = record<Person>({
  signed_in: flag,
  username: maybe(text, ""),
  role: maybe(text, ""),
  by: maybe(text, ""),
  csrf: maybe(text, ""),
});
