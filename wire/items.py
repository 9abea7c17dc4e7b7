"""Canonical items: the texts that sketches hash, the same at every agent and collector."""

from __future__ import annotations

import ipaddress
from typing import Any, Final

import numpy as np
import numpy.typing as npt

ICMP: Final = 1
ICMPV6: Final = 58

PROTOCOL_NAMES: Final = {
    ICMP: "icmp",
    6: "tcp",
    17: "udp",
    33: "dccp",
    ICMPV6: "icmpv6",
    132: "sctp",
    136: "udplite",
}
"""Protocols whose items are name/port; the rest are ip/number."""

SERVICES: Final = {
    20: "ftp-data", 21: "ftp", 22: "ssh", 23: "telnet", 25: "smtp", 53: "domain",
    67: "dhcp", 68: "dhcp", 80: "http", 88: "kerberos", 110: "pop3", 123: "ntp",
    137: "netbios", 138: "netbios", 139: "netbios", 143: "imap", 161: "snmp", 162: "snmp",
    179: "bgp", 389: "ldap", 443: "https", 445: "smb", 465: "smtps", 500: "isakmp",
    514: "syslog", 546: "dhcpv6", 547: "dhcpv6", 554: "rtsp", 587: "submission",
    636: "ldaps", 853: "dns-tls", 873: "rsync", 993: "imaps", 995: "pop3s", 1194: "openvpn",
    1433: "mssql", 1521: "oracle", 1883: "mqtt", 1900: "ssdp", 1935: "rtmp", 2049: "nfs",
    3128: "proxy", 3306: "mysql", 3389: "rdp", 3478: "stun", 4500: "ipsec-nat", 5060: "sip",
    5061: "sips", 5201: "iperf", 5222: "xmpp", 5353: "mdns", 5355: "llmnr",
    5432: "postgresql", 5900: "vnc", 6379: "redis", 6881: "bittorrent", 8080: "http-alt",
    8443: "https-alt", 8883: "mqtts", 9092: "kafka", 9200: "elasticsearch",
    19302: "stun", 27017: "mongodb", 51820: "wireguard",
}  # fmt: skip
"""Names of well-known ports, for TCP, UDP and SCTP alike."""

_GROUPS: Final = ":".join(["{:x}"] * 8).format
_MAPPED: Final = bytes(10) + b"\xff\xff"


def address_text(address: bytes) -> str:
    """Return 16 bytes as RFC 5952 text, an IPv4-mapped address as dotted text."""
    if address[:12] == _MAPPED:
        return ".".join(map(str, address[12:]))
    return str(ipaddress.IPv6Address(address))


def address_bytes(text: str) -> bytes:
    """Return the 16 bytes of an address in text, IPv4 mapped; else ValueError."""
    address = ipaddress.ip_address(text)
    return address.packed if address.version == 6 else _MAPPED + address.packed


def address_texts(addresses: npt.NDArray[np.uint8]) -> list[str]:
    """Return address_text of every row of shape (n, 16), most of them without a call."""
    groups = np.ascontiguousarray(addresses).view(">u2").astype(np.uint16)
    mapped = (addresses[:, :12] == np.frombuffer(_MAPPED, "u1")).all(axis=1)
    # RFC 5952 shortens runs of two zeros and more; without one there is nothing to decide.
    plain = ((groups == 0).sum(axis=1) < 2) & ~mapped
    texts = np.empty(len(addresses), object)
    texts[mapped] = [f"{a}.{b}.{c}.{d}" for a, b, c, d in addresses[mapped, 12:].tolist()]
    texts[plain] = [_GROUPS(*row) for row in groups[plain].tolist()]
    rest = ~(mapped | plain)
    texts[rest] = [address_text(row.tobytes()) for row in addresses[rest]]
    found: list[str] = texts.tolist()
    return found


def port_item(protocol: int, port: int) -> str:
    """Return `tcp/443`; for ICMP, whose port is type << 8 | code, `icmp/<type>`."""
    name = PROTOCOL_NAMES.get(protocol)
    if name is None:
        return f"ip/{protocol}"
    return f"{name}/{port >> 8 if protocol in (ICMP, ICMPV6) else port}"


def port_key(protocol: npt.NDArray[Any], port: npt.NDArray[Any]) -> npt.NDArray[np.uint32]:
    """Return protocol << 16 | port a row, equal where port_item is equal."""
    known = np.zeros(256, bool)
    known[list(PROTOCOL_NAMES)] = True
    is_icmp = (protocol == ICMP) | (protocol == ICMPV6)
    significant = np.where(is_icmp, port & 0xFF00, np.where(known[protocol], port, 0))
    return (protocol.astype(np.uint32) << np.uint32(16)) | significant.astype(np.uint32)


def service(protocol: int, port: int) -> str:
    """Return the service's name: by port, else `tcp-other`, `icmp`, `ip-47`."""
    name = PROTOCOL_NAMES.get(protocol)
    if name is None:
        return f"ip-{protocol}"
    if protocol in (ICMP, ICMPV6):
        return name
    return SERVICES.get(port, f"{name}-other")
