/** How an agent is, in words; its own figures about itself. */

import type { Agent } from "./records.ts";
import { count, duration } from "./units.ts";

export type Tone = "good" | "warn" | "bad" | "idle";

const VERDICTS: Readonly<Record<string, readonly [Tone, string]>> = {
  online: ["good", "Online"],
  degraded: ["warn", "Degraded"],
  late: ["warn", "Late"],
  offline: ["bad", "Offline"],
};

export const verdict = (agent: Agent): readonly [Tone, string] =>
  VERDICTS[agent.health] ?? ["idle", agent.health];

/** A clock further off than this puts samples and batches into the wrong second. */
const MOST_SKEW_S = 5;

/** Why an agent is not simply online, and what to look at; empty when all is well. */
export function complaints(agent: Agent, now: number): string[] {
  const found: string[] = [];
  const silent = duration(now - agent.last_seen);
  if (agent.health === "offline" || agent.health === "late")
    found.push(`Silent for ${silent}: is weir-agent running there, and can it reach this collector?`);
  if (agent.missing_batches > 0)
    found.push(`${count(agent.missing_batches)} batches never came: its spool ran full, or the disk failed.`);
  const skew = agent.clock_skew_seconds ?? 0;
  if (Math.abs(skew) > MOST_SKEW_S)
    found.push(`Its clock is ${duration(Math.abs(skew))} ${skew > 0 ? "ahead" : "behind"}: set up NTP there.`);
  return found;
}

/** A number that the agent reports about itself; null where it does not. */
export function ownNumber(agent: Agent, name: string): number | null {
  const value = agent.status[name];
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

/** How full the flow table is, 0 to 1. */
export function tableShare(agent: Agent): number | null {
  const live = ownNumber(agent, "flows_live");
  const most = ownNumber(agent, "flows_max");
  return live === null || !most ? null : live / most;
}

/** Share of one processor core that the agent took since it started, 0 to 1. */
export function coreShare(agent: Agent): number | null {
  const used = ownNumber(agent, "cpu_seconds");
  const up = ownNumber(agent, "uptime_seconds");
  return used === null || !up ? null : used / up;
}
