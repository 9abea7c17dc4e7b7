import type { ComponentChildren } from "preact";
import { busiest, type InterfaceNow } from "../../core/lanes.ts";
import { ownNumber } from "../../core/health.ts";
import type { Agent } from "../../core/records.ts";
import { bitRate, count, percent, scaled } from "../../core/units.ts";
import { useLive } from "../../doors/live.tsx";
import { Meter, State } from "../../parts/marks.tsx";
import type { OverviewState } from "./state.ts";

interface TilesProps {
  readonly agents: readonly Agent[] | null;
  readonly rows: readonly InterfaceNow[];
  readonly state: OverviewState;
}

/** The four figures that answer "is anything wrong?". */
export function Tiles({ agents, rows, state }: TilesProps) {
  const { latest } = useLive();
  const chosen = agents?.filter((one) => !state.agent || one.name === state.agent);
  const flows = chosen?.reduce((sum, one) => sum + (ownNumber(one, "flows_live") ?? 0), 0);
  const online = agents?.filter((one) => one.health !== "offline").length;
  const asleep = (agents?.length ?? 0) - (online ?? 0);
  return (
    <ul class="tiles" aria-label="Key figures">
      <Bandwidth rows={rows} live={latest !== null} />
      <Used rows={rows} />
      <Tile name="active-flows" title="Active flows" value={flows === undefined ? "–" : count(flows)}>
        in the flow tables, as of each agent's last report
      </Tile>
      <Tile
        name="agents-online"
        title="Agents online"
        value={online === undefined ? "–" : String(online)}
        unit={agents ? `of ${agents.length}` : ""}
      >
        {agents?.length === 0 ? (
          "none has reported yet"
        ) : asleep > 0 ? (
          <State tone="bad">{`${asleep} silent, see below`}</State>
        ) : (
          "all report in time"
        )}
      </Tile>
    </ul>
  );
}

/** Both directions side by side: their sum would count twice what a router passes on. */
function Bandwidth({ rows, live }: { readonly rows: readonly InterfaceNow[]; readonly live: boolean }) {
  const sums = [
    { name: "rx", arrow: "↓", words: "received", bps: rows.reduce((sum, row) => sum + row.rx_bps, 0) },
    { name: "tx", arrow: "↑", words: "sent", bps: rows.reduce((sum, row) => sum + row.tx_bps, 0) },
  ];
  return (
    <li class="tile" data-tile="bandwidth">
      <h2>Bandwidth now</h2>
      <p class="tile-value tile-pair">
        {sums.map(({ name, arrow, words, bps }) => {
          const { value, unit } = live ? scaled(bps, "bit/s") : { value: "–", unit: "" };
          return (
            <span key={name}>
              <i aria-hidden="true">{arrow} </i>
              <span data-value={name}>
                {value} <small>{unit}</small>
              </span>
              <span class="unseen"> {words}</span>
            </span>
          );
        })}
      </p>
      <p class="tile-note">
        received and sent on {rows.length === 1 ? "1 interface" : `${rows.length} interfaces`}
      </p>
    </li>
  );
}

function Used({ rows }: { readonly rows: readonly InterfaceNow[] }) {
  const top = busiest(rows);
  if (!top)
    return (
      <Tile name="used" title="Link used" value="–">
        no interface here reports its speed
      </Tile>
    );
  return (
    <Tile name="used" title="Link used" value={percent(top.used)}>
      <Meter share={top.used} label={`Used share of ${top.interface}`} />
      <span>
        {top.interface} on {top.agent}, of {bitRate(top.speed_bps)}
      </span>
    </Tile>
  );
}

interface TileProps {
  readonly name: string;
  readonly title: string;
  readonly value: string;
  readonly unit?: string;
  readonly children: ComponentChildren;
}

function Tile({ name, title, value, unit, children }: TileProps) {
  return (
    <li class="tile" data-tile={name}>
      <h2>{title}</h2>
      <p class="tile-value">
        <span data-value="main">{value}</span>
        {unit ? <small> {unit}</small> : null}
      </p>
      <p class="tile-note">{children}</p>
    </li>
  );
}
