"""What went over the wire, as the programs at both ends saw it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from lab.traffic.services import CLASSES


@dataclass
class Count:
    """Sums of one class: payload bytes, not wire bytes."""

    sessions: int = 0
    sent_bytes: int = 0
    received_bytes: int = 0
    messages: int = 0  # datagrams sent, or requests
    errors: int = 0


@dataclass
class Tally:
    """One count for every class."""

    counts: dict[str, Count] = field(
        default_factory=lambda: {name: Count() for name in CLASSES}
    )

    def __getitem__(self, traffic_class: str) -> Count:
        return self.counts[traffic_class]

    def report(self) -> dict[str, Any]:
        """Return plain numbers by class."""
        return {name: asdict(count) for name, count in self.counts.items()}

    def moved_bytes(self) -> int:
        """Return all payload, both ways."""
        return sum(
            count.sent_bytes + count.received_bytes for count in self.counts.values()
        )
