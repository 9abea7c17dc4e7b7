import { useMemo, useState } from "preact/hooks";
import { CLASSES, classColour } from "../../core/classes.ts";
import { clock } from "../../core/plot.ts";
import type { Stretch } from "../../core/series.ts";
import { stacked, stackedClasses } from "../../core/stack.ts";
import { bitRate, percent } from "../../core/units.ts";
import { useLive } from "../../doors/live.tsx";
import { Chart } from "../../parts/chart.tsx";
import { Segments } from "../../parts/controls.tsx";
import { ClassMark } from "../../parts/marks.tsx";
import { Empty, Panel } from "../../parts/panel.tsx";
import { SHOWN, SPANS, type Section } from "./state.ts";

/** Bits per second by class over the last minutes, one new point a second. */
export function Throughput({ state, change }: Section) {
  const { series, latest } = useLive();
  const [cursor, setCursor] = useState<number | null>(null);
  const stretch = useMemo(
    () => series.select(state, state.span),
    [series, latest, state.agent, state.interface, state.span],
  );
  const columns = useMemo(() => stacked(stretch, state.show), [stretch, state.show]);
  const colours = useMemo(() => stackedClasses(state.show).map(classColour), [state.show]);
  const at = cursor ?? stretch.times.length - 1;
  return (
    <Panel
      name="throughput"
      title="Throughput by class"
      note={cursor === null ? "bit/s, live" : `bit/s at ${clock(stretch.times[at] ?? 0, true)}`}
      actions={
        <>
          <Segments label="Direction" options={SHOWN} value={state.show} onChange={(show) => change({ show })} />
          <Segments label="Span" options={SPANS} value={state.span} onChange={(span) => change({ span })} />
        </>
      }
    >
      {latest === null || series.isEmpty ? (
        <Empty title="No live samples yet">
          They arrive every second once an agent reports to this collector: name it under{" "}
          <code>backend_url</code> in <code>/etc/weir/agent.toml</code> and start{" "}
          <code>weir-agent</code>.
        </Empty>
      ) : (
        <div class="throughput-body">
          <div class="chart-frame">
            <Chart
              label="Throughput by class over time; arrow keys read out single seconds"
              times={stretch.times}
              columns={columns}
              colours={colours}
              span={state.span}
              mirrored={state.show === "both"}
              onCursor={setCursor}
            />
            {state.show === "both" ? (
              <>
                <span class="side-mark side-up" aria-hidden="true">↓ received</span>
                <span class="side-mark side-down" aria-hidden="true">↑ sent</span>
              </>
            ) : null}
          </div>
          <Legend stretch={stretch} at={at} />
          <p class="unseen" aria-live="polite">
            {cursor === null ? "" : inWords(stretch, at)}
          </p>
        </div>
      )}
    </Panel>
  );
}

const rate = (rows: Stretch["rx"], kind: number, at: number): number => rows[kind]?.[at] ?? 0;

function inWords(stretch: Stretch, at: number): string {
  const sum = (rows: Stretch["rx"]) => CLASSES.reduce((all, _, kind) => all + rate(rows, kind, at), 0);
  const time = clock(stretch.times[at] ?? 0, true);
  return `At ${time} received ${bitRate(sum(stretch.rx))}, sent ${bitRate(sum(stretch.tx))}.`;
}

/** The picture's figures as a table: now, or under the cursor. */
function Legend({ stretch, at }: { readonly stretch: Stretch; readonly at: number }) {
  const rows = CLASSES.map((name, kind) => ({
    name,
    rx: rate(stretch.rx, kind, at),
    tx: rate(stretch.tx, kind, at),
  }));
  const received = rows.reduce((sum, row) => sum + row.rx, 0);
  const sent = rows.reduce((sum, row) => sum + row.tx, 0);
  const all = received + sent;
  return (
    <table class="legend">
      <caption class="unseen">Throughput by class</caption>
      <thead>
        <tr>
          <th scope="col">Class</th>
          <th scope="col" class="numeric">Received</th>
          <th scope="col" class="numeric">Sent</th>
          <th scope="col" class="numeric legend-share">Share</th>
        </tr>
      </thead>
      <tbody>
        {rows.map(({ name, rx, tx }) => (
          <tr key={name} data-class={name} class={rx + tx > 0 ? "" : "quiet"}>
            <th scope="row"><ClassMark name={name} /></th>
            <td class="numeric" data-value="rx">{bitRate(rx)}</td>
            <td class="numeric" data-value="tx">{bitRate(tx)}</td>
            <td class="numeric legend-share">{percent(all > 0 ? (rx + tx) / all : 0)}</td>
          </tr>
        ))}
      </tbody>
      <tfoot>
        <tr data-class="all">
          <th scope="row">All</th>
          <td class="numeric" data-value="rx">{bitRate(received)}</td>
          <td class="numeric" data-value="tx">{bitRate(sent)}</td>
          <td class="legend-share" />
        </tr>
      </tfoot>
    </table>
  );
}
