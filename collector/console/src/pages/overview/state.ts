/** What the address of the overview says, and what follows from it. */

import { choice, integer, text, type State } from "../../core/query.ts";

export const SCHEMA = {
  agent: text(),
  interface: text(),
  show: choice(["both", "rx", "tx"], "both"),
  span: integer(300, [60, 300, 900]),
  endpoints: choice(["bytes", "bytes_in", "bytes_out", "flows"], "bytes"),
  flows: choice(["bytes", "packets", "retransmits"], "bytes"),
} as const;

export type OverviewState = State<typeof SCHEMA>;
export type EndpointRank = OverviewState["endpoints"];
export type FlowRank = OverviewState["flows"];
export type Change = (part: Partial<OverviewState>) => void;

export interface Section {
  readonly state: OverviewState;
  readonly change: Change;
}

export const SHOWN = [
  { value: "both", label: "Both" },
  { value: "rx", label: "Received" },
  { value: "tx", label: "Sent" },
] as const;

export const SPANS = [
  { value: 60, label: "1 min" },
  { value: 300, label: "5 min" },
  { value: 900, label: "15 min" },
] as const;

/** A path with the parameters that say something. */
export function question(path: string, asked: Readonly<Record<string, string | number>>): string {
  const given = Object.entries(asked).filter(([, value]) => value !== "");
  return `${path}?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}`;
}
