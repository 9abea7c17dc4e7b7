import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { clock, limits, tick } from "../core/plot.ts";
import type { Column } from "../core/stack.ts";
import { usePaintedTheme } from "../doors/theme.ts";

/** A young chart is not stretched further than this; it then grows up to its span. */
const LEAST_SPAN_S = 30;

interface ChartProps {
  /** What the picture shows, in words, for those who cannot see it. */
  readonly label: string;
  readonly times: readonly number[];
  /** Widest area first, as `core/stack.ts` makes them. */
  readonly columns: readonly Column[];
  /** A CSS colour for each column; variables are welcome. */
  readonly colours: readonly string[];
  readonly span: number;
  readonly mirrored: boolean;
  /** The index into `times` under the pointer or the keyboard's cursor. */
  readonly onCursor: (index: number | null) => void;
}

/** Stacked areas over time, drawn by uPlot; the picture follows its props without a rebuild. */
export function Chart(props: ChartProps) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const theme = usePaintedTheme();
  const latest = useRef(props);
  latest.current = props;
  const kind = `${theme} ${props.mirrored} ${props.colours.join()}`;

  useEffect(() => {
    const element = host.current;
    if (!element) return;
    const made = new uPlot(options(element, () => latest.current), [[]], element);
    plot.current = made;
    show(made, latest.current);
    const observer = new ResizeObserver(() => made.setSize(sizeOf(element)));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [kind]);

  useEffect(() => {
    if (plot.current) show(plot.current, props);
  }, [props.times, props.columns, props.span]);

  return (
    <div
      ref={host}
      class="chart"
      role="group"
      aria-roledescription="chart"
      aria-label={props.label}
      tabIndex={0}
      data-first-time={props.times[0]}
      data-last-time={props.times.at(-1)}
      onKeyDown={(event) => {
        if (plot.current && moveCursor(plot.current, event.key)) event.preventDefault();
      }}
      onBlur={() => plot.current?.setCursor({ left: -10, top: -10 })}
    />
  );
}

const sizeOf = (element: HTMLElement) => ({
  width: Math.max(120, element.clientWidth),
  height: Math.max(120, element.clientHeight),
});

function show(plot: uPlot, { times, columns, span }: ChartProps): void {
  const end = times.at(-1) ?? Math.floor(Date.now() / 1000);
  const filled = Math.max(LEAST_SPAN_S, end - (times[0] ?? end));
  plot.batch(() => {
    plot.setData([[...times], ...columns.map((column) => [...column])], false);
    plot.setScale("x", { min: end - Math.min(span, filled), max: end });
  });
}

/** Arrow keys walk along the seconds, Home and End jump, Escape leaves. */
function moveCursor(plot: uPlot, key: string): boolean {
  const times = plot.data[0];
  const last = times.length - 1;
  const now = plot.cursor.idx ?? last;
  const to = { ArrowLeft: now - 1, ArrowRight: now + 1, Home: 0, End: last, Escape: -1 }[key];
  if (to === undefined) return false;
  const time = key === "Escape" ? undefined : times[Math.min(last, Math.max(0, to))];
  const left = time === undefined ? -10 : plot.valToPos(time, "x");
  plot.setCursor({ left, top: time === undefined ? -10 : 1 });
  return true;
}

/** The colour a CSS value has right now on this element: a canvas knows no variables. */
function paint(element: HTMLElement, value: string): string {
  const probe = document.createElement("i");
  probe.style.color = value;
  element.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}

function options(element: HTMLElement, props: () => ChartProps): uPlot.Options {
  const { colours, mirrored } = props();
  const font = `11px ${getComputedStyle(element).fontFamily}`;
  const axis = {
    stroke: paint(element, "var(--text-soft)"),
    font,
    grid: { stroke: paint(element, "var(--grid)"), width: 1 },
    ticks: { show: false },
  };
  return {
    ...sizeOf(element),
    padding: [10, 26, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
    scales: { y: { range: (_plot, least, most) => limits(least, most, mirrored) } },
    axes: [
      {
        ...axis,
        size: 30,
        space: 72,
        values: (_plot, splits) => splits.map((time) => clock(time, props().span <= 300)),
      },
      { ...axis, size: 58, space: 34, values: (_plot, splits) => splits.map(tick) },
    ],
    series: [
      {},
      ...colours.map((colour) => ({
        stroke: paint(element, "var(--panel)"),
        fill: paint(element, colour),
        fillTo: 0,
        width: 1,
        points: { show: false },
      })),
    ],
    hooks: {
      draw: [(plot) => drawZero(plot, axis.stroke)],
      setCursor: [(plot) => props().onCursor(plot.cursor.idx ?? null)],
    },
  };
}

/** A line at zero, so that an idle link shows as idle and not as a picture still to come. */
function drawZero(plot: uPlot, colour: string): void {
  const { left, width } = plot.bbox;
  const zero = Math.round(plot.valToPos(0, "y", true)) + 0.5;
  plot.ctx.save();
  plot.ctx.strokeStyle = colour;
  plot.ctx.lineWidth = 1;
  plot.ctx.beginPath();
  plot.ctx.moveTo(left, zero);
  plot.ctx.lineTo(left + width, zero);
  plot.ctx.stroke();
  plot.ctx.restore();
}
