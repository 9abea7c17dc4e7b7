"""The sketches of one endpoint, of an interval or merged over many."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Self

from wire.schema import ENDPOINT_SKETCHES
from wire.sketches import (
    ENDPOINT_KLL_K,
    FREQUENT_LG_SIZE,
    Distinct,
    Frequency,
    Frequent,
    Quantiles,
)

STORED_LG_SIZE: Final = 6
"""Frequent items kept on the agent: 48 exactly, then within 5.5 % of the total."""


class EndpointSketches:
    """One sketch for each name of wire.schema.ENDPOINT_SKETCHES."""

    __slots__ = tuple(ENDPOINT_SKETCHES)

    def __init__(self, lg_size: int = FREQUENT_LG_SIZE) -> None:
        self.unique_peers = Distinct()
        self.unique_ports = Distinct()
        self.unique_services = Distinct()
        self.port_frequency = Frequency()
        self.service_frequency = Frequency()
        self.top_ports = Frequent(lg_size)
        self.top_peers = Frequent(lg_size)
        self.packet_length = Quantiles(ENDPOINT_KLL_K)
        self.flow_duration = Quantiles(ENDPOINT_KLL_K)
        self.throughput = Quantiles(ENDPOINT_KLL_K)

    def merge(self, other: Self) -> None:
        """Merge every sketch."""
        for name in ENDPOINT_SKETCHES:
            getattr(self, name).merge(getattr(other, name))

    def images(self) -> dict[str, bytes]:
        """Return every sketch's image."""
        return {name: getattr(self, name).to_bytes() for name in ENDPOINT_SKETCHES}

    @classmethod
    def stored(cls, images: Mapping[str, bytes] | None = None) -> Self:
        """Return sketches to merge into, from images if given; Malformed if one is none."""
        made = cls(STORED_LG_SIZE)
        for name, image in (images or {}).items():
            kept = getattr(made, name)
            kept.merge(type(kept).from_bytes(image))
        return made
