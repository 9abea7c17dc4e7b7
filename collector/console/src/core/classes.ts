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

const PROTOCOLS: Readonly<Record<number, string>> = {
  1: "ICMP", 2: "IGMP", 6: "TCP", 17: "UDP", 47: "GRE", 50: "ESP", 51: "AH",
  58: "ICMPv6", 89: "OSPF", 112: "VRRP", 132: "SCTP",
};

/** The name of an IP protocol number, or the number itself. */
export const protocolName = (number: number): string => PROTOCOLS[number] ?? `IP ${number}`;
