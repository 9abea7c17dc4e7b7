"""Which addresses are on the inside."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

PRIVATE: Final = (
    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16",
    "fc00::/7", "fe80::/10",
)  # fmt: skip
"""RFC 1918, RFC 3927, RFC 4193 and IPv6 link-local."""

NOBODY: Final = ("0.0.0.0/32", "255.255.255.255/32", "224.0.0.0/4", "::/128", "ff00::/8")
"""Unspecified, broadcast and multicast: no endpoint has these."""

Words = npt.NDArray[np.uint64]


class Networks:
    """A set of networks, for a whole column of addresses at once."""

    def __init__(self, networks: Iterable[str]) -> None:
        """Take networks in text, 192.0.2.0/24; ValueError for anything else."""
        self._halves = [_halves(ipaddress.ip_network(text)) for text in networks]

    def contains(self, addresses: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
        """Return for each row of shape (n, 16) whether it is in one of the networks."""
        words: Any = np.ascontiguousarray(addresses).view(">u8").astype(np.uint64)
        high, low = words[:, 0], words[:, 1]
        inside = np.zeros(len(addresses), bool)
        for high_prefix, high_mask, low_prefix, low_mask in self._halves:
            inside |= ((high & high_mask) == high_prefix) & ((low & low_mask) == low_prefix)
        return inside


def _halves(
    network: ipaddress.IPv4Network | ipaddress.IPv6Network,
) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    """Return prefix and mask of the high half, then of the low half."""
    prefix, length = int(network.network_address), network.prefixlen
    if network.version == 4:
        prefix, length = prefix | 0xFFFF << 32, length + 96
    mask = (1 << 128) - (1 << (128 - length))
    low = (1 << 64) - 1
    return (
        np.uint64(prefix >> 64),
        np.uint64(mask >> 64),
        np.uint64(prefix & low),
        np.uint64(mask & low),
    )
