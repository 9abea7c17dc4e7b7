/** Names of the two ends of a flow, and of endpoints. */

/** Protocols whose port fields hold type and code instead. */
const ICMP: readonly number[] = [1, 58];

const PROTOCOLS: Readonly<Record<number, string>> = {
  1: "ICMP", 2: "IGMP", 6: "TCP", 17: "UDP", 47: "GRE", 50: "ESP", 51: "AH",
  58: "ICMPv6", 89: "OSPF", 112: "VRRP", 132: "SCTP",
};

/** The protocol's name or number; for ICMP with the type, which travels in the port field. */
export function protocolName(protocol: number, port: number): string {
  const name = PROTOCOLS[protocol] ?? `IP ${protocol}`;
  return ICMP.includes(protocol) ? `${name} ${port >> 8}/${port & 255}` : name;
}

/** An address with its port, where the protocol has ports; IPv6 in brackets. */
export function endName(protocol: number, address: string, port: number): string {
  if (!port || ICMP.includes(protocol)) return address;
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

/** The agent's name for all endpoints beyond those that it keeps apart. */
const OTHER = "other";

export const endpointName = (id: string): string => (id === OTHER ? "all others" : id);
