/** Small marks inside tables and tiles: class, health, share. */

import { CLASSES, classLabel, type TrafficClass } from "../core/classes.ts";
import type { Tone } from "../core/health.ts";
import { percent } from "../core/units.ts";

export function ClassMark({ name }: { readonly name: TrafficClass }) {
  return (
    <span class="class-mark">
      <i class={`swatch class-${name}`} aria-hidden="true" />
      {classLabel(name)}
    </span>
  );
}

/** An address that breaks between its groups before it breaks inside one. */
export function Address({ text }: { readonly text: string }) {
  const groups = text.split(/(?<=:)/);
  return <span class="address">{groups.flatMap((group, place) => (place ? [<wbr />, group] : [group]))}</span>;
}

/** A state in words with its colour; the shape differs too, for eyes that see no colour. */
export function State({ tone, children }: { readonly tone: Tone; readonly children: string }) {
  return (
    <span class={`state state-${tone}`}>
      <i aria-hidden="true" />
      {children}
    </span>
  );
}

interface MeterProps {
  readonly share: number | null;
  readonly label: string;
}

/** How much of something is used. */
export function Meter({ share, label }: MeterProps) {
  const value = Math.min(1, Math.max(0, share ?? 0));
  const tone = value >= 0.9 ? "bad" : value >= 0.7 ? "warn" : "good";
  return (
    <span
      class={`meter meter-${tone}`}
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(value * 100)}
      aria-valuetext={percent(share)}
    >
      <span class="meter-fill" style={{ width: `${value * 100}%` }} />
    </span>
  );
}

interface ClassBarProps {
  readonly amounts: Readonly<Partial<Record<TrafficClass, number>>>;
  readonly write: (amount: number) => string;
}

/** The mix of classes as one bar; its words name every part. */
export function ClassBar({ amounts, write }: ClassBarProps) {
  const parts = CLASSES.map((name) => ({ name, amount: amounts[name] ?? 0 })).filter(
    (part) => part.amount > 0,
  );
  const sum = parts.reduce((all, part) => all + part.amount, 0);
  const words = parts.map((part) => `${classLabel(part.name)} ${write(part.amount)}`).join(", ");
  return (
    <span class="class-bar" role="img" aria-label={words || "No traffic"} title={words}>
      {parts.map((part) => (
        <i
          key={part.name}
          class={`class-${part.name}`}
          style={{ width: `${(part.amount / sum) * 100}%` }}
        />
      ))}
    </span>
  );
}
