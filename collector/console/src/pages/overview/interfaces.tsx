import type { InterfaceNow } from "../../core/lanes.ts";
import { bitRate, percent } from "../../core/units.ts";
import { ClassBar, Meter } from "../../parts/marks.tsx";
import { Empty, Loading, Panel } from "../../parts/panel.tsx";
import { Table, type Column } from "../../parts/table.tsx";

const COLUMNS: readonly Column<InterfaceNow>[] = [
  {
    key: "interface",
    label: "Interface",
    cell: (row) => (
      <span class="two-lines">
        <b>{row.interface}</b>
        <small>{row.agent}</small>
      </span>
    ),
  },
  { key: "rx", label: "Received", numeric: true, cell: (row) => bitRate(row.rx_bps) },
  { key: "tx", label: "Sent", numeric: true, cell: (row) => bitRate(row.tx_bps) },
  { key: "mix", label: "Classes", rank: 2, cell: (row) => <ClassBar amounts={row.mix} write={bitRate} /> },
  {
    key: "used",
    label: "Used",
    numeric: true,
    cell: (row) => (
      <span class="used">
        <Meter share={row.used} label={`Used share of ${row.interface}`} />
        <b>{percent(row.used)}</b>
      </span>
    ),
  },
];

interface InterfacesProps {
  readonly rows: readonly InterfaceNow[];
  readonly waiting: boolean;
}

/** Every watched interface in this second. */
export function Interfaces({ rows, waiting }: InterfacesProps) {
  return (
    <Panel name="interfaces" title="Interfaces" note={rows.length ? "this second" : ""}>
      {rows.length ? (
        <Table
          caption="Throughput of each interface in this second"
          columns={COLUMNS}
          rows={rows}
          rowKey={(row) => `${row.agent}/${row.interface}`}
        />
      ) : waiting ? (
        <Loading />
      ) : (
        <Empty title="No interface is watched">
          Name one under <code>interfaces</code> in <code>/etc/weir/agent.toml</code>, for instance{" "}
          <code>["eth*"]</code>.
        </Empty>
      )}
    </Panel>
  );
}
