/** The traffic classes, in the order in which they are stacked and listed. */

export const CLASSES = [
  "voice",
  "video",
  "interactive",
  "web",
  "file",
  "background",
  "unknown",
] as const;

export type TrafficClass = (typeof CLASSES)[number];

const LABELS: Readonly<Record<TrafficClass, string>> = {
  voice: "Voice",
  video: "Video",
  interactive: "Interactive",
  web: "Web",
  file: "File",
  background: "Background",
  unknown: "Unclassified",
};

/** A name from the collector; one it invents later counts as unknown. */
export function asClass(name: string): TrafficClass {
  return CLASSES.find((known) => known === name) ?? "unknown";
}

export const classLabel = (name: TrafficClass): string => LABELS[name];

/** The CSS variable that carries the colour of a class in both themes. */
export const classColour = (name: TrafficClass): string => `var(--class-${name})`;
