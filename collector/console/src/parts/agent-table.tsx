import { coreShare, ownNumber, tableShare, verdict } from "../core/health.ts";
import type { Agent } from "../core/records.ts";
import { age, bytes, count, duration, percent } from "../core/units.ts";
import { useNow } from "../doors/clock.ts";
import { Meter, State } from "./marks.tsx";
import { Empty, Loading } from "./panel.tsx";
import { Table, type Column } from "./table.tsx";

const own = (row: Agent, name: string, write: (value: number) => string): string => {
  const value = ownNumber(row, name);
  return value === null ? "–" : write(value);
};

const columns = (now: number): readonly Column<Agent>[] => [
  {
    key: "agent",
    label: "Agent",
    cell: (row) => (
      <span class="two-lines">
        <a href={`/agents?agent=${encodeURIComponent(row.name)}`}>{row.name}</a>
        <small>{row.hostname}</small>
      </span>
    ),
  },
  {
    key: "health",
    label: "Health",
    cell: (row) => {
      const [tone, words] = verdict(row);
      return <State tone={tone}>{words}</State>;
    },
  },
  { key: "seen", label: "Last seen", numeric: true, cell: (row) => age(now - row.last_seen) },
  {
    key: "flows",
    label: "Flow table",
    numeric: true,
    rank: 2,
    cell: (row) => (
      <span class="used">
        <Meter share={tableShare(row)} label={`Filled share of the flow table of ${row.name}`} />
        <b>{own(row, "flows_live", count)}</b>
      </span>
    ),
  },
  { key: "processor", label: "Processor", numeric: true, rank: 2, cell: (row) => percent(coreShare(row)) },
  { key: "memory", label: "Memory", numeric: true, rank: 2, cell: (row) => own(row, "rss_bytes", bytes) },
  { key: "spool", label: "Unsent", numeric: true, rank: 3, cell: (row) => own(row, "spool_bytes", bytes) },
  { key: "uptime", label: "Up for", numeric: true, rank: 3, cell: (row) => own(row, "uptime_seconds", duration) },
  { key: "version", label: "Version", numeric: true, rank: 3, cell: (row) => row.version || "–" },
];

interface AgentTableProps {
  readonly agents: readonly Agent[] | null;
  /** The one that the page shows in full. */
  readonly chosen?: string;
}

/** Agents with their health; says how to add the first one while there is none. */
export function AgentTable({ agents, chosen = "" }: AgentTableProps) {
  const now = useNow();
  if (!agents) return <Loading />;
  if (!agents.length)
    return (
      <Empty title="No agent has reported yet">
        Install <code>weir-agent</code> on a router, make its token here with{" "}
        <code>weir-collector token add --agent NAME</code>, put both into{" "}
        <code>/etc/weir/agent.toml</code> and start it. It appears here by itself.
      </Empty>
    );
  return (
    <Table
      caption="Agents and their health"
      columns={columns(now)}
      rows={agents}
      rowKey={(row) => row.name}
      chosen={chosen}
    />
  );
}
