import { readEndpoints, type Endpoint } from "../../core/records.ts";
import { endpointName } from "../../core/ends.ts";
import { bytes, count } from "../../core/units.ts";
import { useLive } from "../../doors/live.tsx";
import { usePolled } from "../../doors/polled.ts";
import { Failed } from "../../parts/failed.tsx";
import { Address, ClassBar } from "../../parts/marks.tsx";
import { Empty, Loading, Panel } from "../../parts/panel.tsx";
import { Table, type Column } from "../../parts/table.tsx";
import { question, type Section, type EndpointRank } from "./state.ts";

const EVERY_MS = 10_000;
/** As tall as ten flows of two lines each beside it. */
const LIMIT = 15;

const COLUMNS: readonly Column<Endpoint>[] = [
  { key: "endpoint", label: "Endpoint", cell: (row) => <Address text={endpointName(row.endpoint_id)} /> },
  {
    key: "bytes",
    label: "Total",
    numeric: true,
    ranks: "bytes",
    cell: (row) => bytes(row.bytes_in + row.bytes_out),
  },
  { key: "in", label: "In", numeric: true, rank: 2, ranks: "bytes_in", cell: (row) => bytes(row.bytes_in) },
  { key: "out", label: "Out", numeric: true, rank: 2, ranks: "bytes_out", cell: (row) => bytes(row.bytes_out) },
  {
    key: "classes",
    label: "Classes",
    rank: 3,
    cell: (row) => <ClassBar amounts={row.class_bytes} write={bytes} />,
  },
  { key: "peers", label: "Peers", numeric: true, cell: (row) => count(row.unique_peers) },
  { key: "flows", label: "Flows", numeric: true, rank: 3, ranks: "flows", cell: (row) => count(row.flow_count) },
];

/** The endpoints that moved most in the last hour. */
export function Endpoints({ state, change }: Section) {
  const { epoch } = useLive();
  const path = question("/api/endpoints", { agents: state.agent, sort: state.endpoints, limit: LIMIT });
  const answer = usePolled(path, readEndpoints, EVERY_MS, epoch);
  const rows = answer.data?.endpoints;
  return (
    <Panel name="endpoints" title="Top endpoints" note="last hour">
      <Failed error={answer.error} what="endpoints" />
      {!rows ? (
        <Loading />
      ) : rows.length ? (
        <Table
          caption="Endpoints with most traffic in the last hour"
          columns={COLUMNS}
          rows={rows}
          rowKey={(row) => row.endpoint_id}
          ranked={state.endpoints}
          onRank={(rank) => change({ endpoints: rank as EndpointRank })}
        />
      ) : (
        <Empty title="No endpoint was reported in the last hour">
          Agents report endpoints once a minute. If an agent is online and this stays empty, look at
          its log with <code>journalctl -u weir-agent</code>.
        </Empty>
      )}
    </Panel>
  );
}
