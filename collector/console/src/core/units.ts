/** Numbers as people read them. Pure; every function gives text without markup. */

export interface Quantity {
  readonly value: string;
  readonly unit: string;
}

const STEPS = ["", "k", "M", "G", "T", "P", "E"] as const;
const MISSING = "–";
/** Between value and unit, which must not part at the end of a line. */
const GAP = "\u00a0";
const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** Three significant digits: 0.5, 9.42, 94.2, 942. */
function threeDigits(value: number): string {
  if (value === 0) return "0";
  const decimals = value < 10 ? 2 : value < 100 ? 1 : 0;
  return value.toFixed(decimals);
}

/** Scales by powers of 1,000. A value that would round up to 1,000 moves to the next prefix. */
export function scaled(value: number, unit: string): Quantity {
  if (!Number.isFinite(value)) return { value: MISSING, unit: "" };
  const sign = value < 0 ? "-" : "";
  let size = Math.abs(value);
  let step = 0;
  while (size >= 999.5 && step < STEPS.length - 1) {
    size /= 1000;
    step += 1;
  }
  const text = step === 0 ? String(Math.round(size)) : threeDigits(size);
  return { value: sign + text, unit: `${STEPS[step] ?? ""}${unit}` };
}

const joined = ({ value, unit }: Quantity): string => (unit ? `${value}${GAP}${unit}` : value);

/** Bits per second, SI: 94_200_000 is "94.2 Mbit/s". */
export const bitRate = (bps: number): string => joined(scaled(bps, "bit/s"));

/** Bytes, SI: 1_500_000 is "1.50 MB". */
export const bytes = (count: number): string => joined(scaled(count, "B"));

/** A whole number; grouped up to 99,999, then shortened: "1.25 M". */
export function count(value: number): string {
  if (!Number.isFinite(value)) return MISSING;
  return Math.abs(value) < 100_000 ? grouped.format(value) : joined(scaled(value, ""));
}

/** A share from 0 to 1 in per cent; null is unknown. */
export function percent(share: number | null): string {
  if (share === null || !Number.isFinite(share)) return MISSING;
  const value = share * 100;
  if (value > 0 && value < 0.1) return `<0.1${GAP}%`;
  return `${value < 10 ? value.toFixed(1) : value.toFixed(0)}${GAP}%`;
}

/** A span of time in its two largest units: "4 min 10 s". */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return MISSING;
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole}${GAP}s`;
  const units = [["d", 86_400], ["h", 3600], ["min", 60], ["s", 1]] as const;
  const first = units.findIndex(([, size]) => whole >= size);
  const [name, size] = units[first] ?? units[3];
  const next = units[first + 1];
  const rest = next ? Math.floor((whole % size) / next[1]) : 0;
  return `${Math.floor(whole / size)}${GAP}${name}${next && rest ? ` ${rest}${GAP}${next[0]}` : ""}`;
}

/** How long ago, coarse on purpose so that it does not flicker. */
export function age(seconds: number): string {
  if (!Number.isFinite(seconds)) return MISSING;
  if (seconds < 2) return "now";
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}

/** A round-trip time in milliseconds; null means not measured. */
export function roundTrip(ms: number | null): string {
  if (ms === null || !(ms > 0)) return MISSING;
  return ms < 1 ? `${(ms * 1000).toFixed(0)}${GAP}µs` : `${ms < 10 ? ms.toFixed(1) : ms.toFixed(0)}${GAP}ms`;
}
