import { endName, protocolName } from "../../core/ends.ts";
import { readFlows, type Flow } from "../../core/records.ts";
import { bytes, count, roundTrip } from "../../core/units.ts";
import { useLive } from "../../doors/live.tsx";
import { usePolled } from "../../doors/polled.ts";
import { Failed } from "../../parts/failed.tsx";
import { Address, ClassMark } from "../../parts/marks.tsx";
import { Empty, Loading, Panel } from "../../parts/panel.tsx";
import { Table, type Column } from "../../parts/table.tsx";
import { question, type FlowRank, type Section } from "./state.ts";

const EVERY_MS = 10_000;
const LIMIT = 10;

const COLUMNS: readonly Column<Flow>[] = [
  { key: "flow", label: "Flow", cell: (row) => <Ends flow={row} /> },
  { key: "protocol", label: "Proto", rank: 2, cell: (row) => <span class="whole">{protocolName(row.protocol, row.source_port)}</span> },
  { key: "class", label: "Class", rank: 2, cell: (row) => <ClassMark name={row.class} /> },
  {
    key: "bytes",
    label: "Bytes",
    numeric: true,
    ranks: "bytes",
    cell: (row) => bytes(row.bytes),
  },
  {
    key: "packets",
    label: "Packets",
    numeric: true,
    rank: 3,
    ranks: "packets",
    cell: (row) => count(row.packets),
  },
  { key: "rtt", label: "RTT", numeric: true, rank: 2, cell: (row) => roundTrip(row.rtt_ms) },
  {
    key: "retransmits",
    label: "Resent",
    numeric: true,
    rank: 3,
    ranks: "retransmits",
    cell: (row) => count(row.retransmits),
  },
  { key: "interface", label: "Interface", rank: 3, cell: (row) => row.interface },
];

function Ends({ flow }: { readonly flow: Flow }) {
  return (
    <span class="flow-ends">
      <Address text={sourceOf(flow)} />
      <span class="flow-target">
        <Address text={targetOf(flow)} />
      </span>
      <small class="narrow-only">
        <ClassMark name={flow.class} />
      </small>
    </span>
  );
}

const sourceOf = (row: Flow): string => endName(row.protocol, row.source, row.source_port);
const targetOf = (row: Flow): string => endName(row.protocol, row.destination, row.destination_port);
const flowKey = (row: Flow): string =>
  [row.agent, row.interface, row.protocol, sourceOf(row), targetOf(row)].join(" ");

/** The flows that moved most in the last hour. */
export function Flows({ state, change }: Section) {
  const { epoch } = useLive();
  const path = question("/api/flows", {
    agent: state.agent,
    interface: state.interface,
    sort: state.flows,
    limit: LIMIT,
  });
  const answer = usePolled(path, readFlows, EVERY_MS, epoch);
  const rows = answer.data?.flows;
  return (
    <Panel name="flows" title="Top flows" note="last hour">
      <Failed error={answer.error} what="flows" />
      {!rows ? (
        <Loading />
      ) : rows.length ? (
        <Table
          caption="Flows with most traffic in the last hour"
          columns={COLUMNS}
          rows={rows}
          rowKey={flowKey}
          ranked={state.flows}
          onRank={(rank) => change({ flows: rank as FlowRank })}
        />
      ) : (
        <Empty title="No flow was reported in the last hour">
          Agents report their largest flows once a minute. Send some traffic through a watched
          interface, or choose another agent or interface above.
        </Empty>
      )}
    </Panel>
  );
}
