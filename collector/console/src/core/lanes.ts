/** Figures of this second, made from the lanes of one live sample. */

import type { TrafficClass } from "./classes.ts";
import type { Interface } from "./records.ts";
import { total, type LaneRates, type Selection } from "./series.ts";

export interface InterfaceNow {
  readonly agent: string;
  readonly interface: string;
  readonly rx_bps: number;
  readonly tx_bps: number;
  /** 0: unknown. */
  readonly speed_bps: number;
  /** The busier direction's share of the speed; null where that is unknown. */
  readonly used: number | null;
  readonly mix: Readonly<Partial<Record<TrafficClass, number>>>;
}

interface KnownAgent {
  readonly name: string;
  readonly interfaces: readonly Interface[];
}

export const chosen = (lanes: readonly LaneRates[], { agent, interface: name }: Selection) =>
  lanes.filter((lane) => (!agent || lane.agent === agent) && (!name || lane.interface === name));

/** One row an interface, those without traffic included when an agent names them. */
export function interfacesNow(
  lanes: readonly LaneRates[], agents: readonly KnownAgent[], selection: Selection,
): InterfaceNow[] {
  const rows = new Map<string, InterfaceNow>();
  const key = (agent: string, name: string) => `${agent}/${name}`;
  for (const { name: agent, interfaces } of agents)
    for (const { name, speed_bps } of interfaces)
      rows.set(key(agent, name), {
        agent, interface: name, rx_bps: 0, tx_bps: 0, speed_bps, used: null, mix: {},
      });
  for (const lane of lanes) {
    const at = key(lane.agent, lane.interface);
    const before = rows.get(at) ?? {
      agent: lane.agent, interface: lane.interface,
      rx_bps: 0, tx_bps: 0, speed_bps: 0, used: null, mix: {},
    };
    const sum = total(lane.rates);
    rows.set(at, {
      ...before,
      rx_bps: before.rx_bps + (lane.direction === "rx" ? sum : 0),
      tx_bps: before.tx_bps + (lane.direction === "tx" ? sum : 0),
      mix: added(before.mix, lane.rates),
    });
  }
  return [...rows.values()]
    .filter((row) => (!selection.agent || row.agent === selection.agent)
      && (!selection.interface || row.interface === selection.interface))
    .map((row) => ({ ...row, used: usedShare(row) }));
}

const usedShare = (row: InterfaceNow): number | null =>
  row.speed_bps > 0 ? Math.max(row.rx_bps, row.tx_bps) / row.speed_bps : null;

function added(left: InterfaceNow["mix"], right: LaneRates["rates"]): InterfaceNow["mix"] {
  const sum: Partial<Record<TrafficClass, number>> = { ...left };
  for (const [name, bps] of Object.entries(right) as [TrafficClass, number][])
    sum[name] = (sum[name] ?? 0) + bps;
  return sum;
}

/** The interface nearest to its limit; null while no speed is known. */
export function busiest(rows: readonly InterfaceNow[]): InterfaceNow | null {
  const known = rows.filter((row) => row.used !== null);
  return known.reduce<InterfaceNow | null>(
    (best, row) => (best === null || (row.used ?? 0) > (best.used ?? 0) ? row : best), null,
  );
}
