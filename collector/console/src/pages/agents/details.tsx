import { complaints, coreShare, ownNumber, tableShare, verdict } from "../../core/health.ts";
import type { Agent, Interface } from "../../core/records.ts";
import { age, bitRate, bytes, count, duration, percent } from "../../core/units.ts";
import { useNow } from "../../doors/clock.ts";
import { Address, State } from "../../parts/marks.tsx";
import { Empty, Panel } from "../../parts/panel.tsx";
import { Table, type Column } from "../../parts/table.tsx";

const COLUMNS: readonly Column<Interface>[] = [
  { key: "name", label: "Interface", cell: (row) => <b>{row.name}</b> },
  {
    key: "up",
    label: "Link",
    cell: (row) => <State tone={row.is_up ? "good" : "bad"}>{row.is_up ? "Up" : "Down"}</State>,
  },
  { key: "speed", label: "Speed", numeric: true, cell: (row) => (row.speed_bps ? bitRate(row.speed_bps) : "–") },
  { key: "mtu", label: "MTU", numeric: true, rank: 2, cell: (row) => row.mtu || "–" },
  { key: "hooks", label: "Counted at", rank: 2, cell: (row) => `${row.rx_mode || "–"} / ${row.tx_mode || "–"}` },
  { key: "mac", label: "MAC", rank: 3, cell: (row) => <code>{row.mac || "–"}</code> },
  {
    key: "addresses",
    label: "Addresses",
    rank: 3,
    cell: (row) => <Address text={row.addresses.join(", ") || "–"} />,
  },
];

/** One agent in full: what is wrong with it, its own figures, its interfaces. */
export function Details({ agent }: { readonly agent: Agent }) {
  const now = useNow();
  const [tone, words] = verdict(agent);
  return (
    <Panel
      name="details"
      title={agent.name}
      note={agent.hostname}
      actions={<a href={`/?agent=${encodeURIComponent(agent.name)}`}>Its traffic</a>}
    >
      <div class="details-head">
        <State tone={tone}>{words}</State>
        <ul class="complaints">
          {complaints(agent, now).map((line) => (
            <li key={line}>{line}</li>
          ))}
        </ul>
      </div>
      <dl class="facts">
        {facts(agent, now).map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {agent.interfaces.length ? (
        <Table
          caption={`Interfaces of ${agent.name}`}
          columns={COLUMNS}
          rows={agent.interfaces}
          rowKey={(row) => row.name}
        />
      ) : (
        <Empty title="No interface reported yet">
          They come with the first batch, a minute after the start. If none does, look at{" "}
          <code>weir-agent status</code> on that machine.
        </Empty>
      )}
    </Panel>
  );
}

type Fact = readonly [name: string, value: string];

function facts(agent: Agent, now: number): Fact[] {
  const own = (name: string, write: (value: number) => string): string => {
    const value = ownNumber(agent, name);
    return value === null ? "–" : write(value);
  };
  return [
    ["Last seen", age(now - agent.last_seen)],
    ["Last batch", agent.last_batch ? age(now - agent.last_batch) : "none yet"],
    ["Batches", count(agent.batches)],
    ["Batches missing", count(agent.missing_batches)],
    ["Received from it", bytes(agent.bytes)],
    ["Delivery lag", duration(agent.lag_seconds)],
    ["Clock", agent.clock_skew_seconds === null ? "–" : `${agent.clock_skew_seconds.toFixed(2)} s`],
    ["Up for", own("uptime_seconds", duration)],
    ["Flow table", `${own("flows_live", count)} of ${own("flows_max", count)} (${percent(tableShare(agent))})`],
    ["Processor", coreShare(agent) === null ? "–" : `${percent(coreShare(agent))} of one core`],
    ["Memory", own("rss_bytes", bytes)],
    ["Unsent", own("spool_bytes", bytes)],
    ["Version", agent.version || "–"],
  ];
}
