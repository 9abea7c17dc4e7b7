"""From settings to a running capture: back end, pins and interfaces."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt

from agent.capture.links import Links
from agent.capture.loader import pins
from agent.capture.loader.allocator import return_large_blocks
from agent.capture.loader.kernel import Kernel
from agent.capture.loader.pins import BackEnd, Pinned
from agent.capture.watch import Choice, Watch


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many flows live at once, and how many end between two batches."""

    flows: int
    closing: int

    def by_map(self) -> dict[str, int]:
        """Entries of the maps whose size the operator decides."""
        return {
            "flows": self.flows,
            "samples": self.flows,
            "reported": 2 * self.flows,
            "closing": self.closing,
        }


@dataclass(frozen=True, slots=True)
class Session:
    """A capture that runs."""

    pinned: Pinned
    kernel: Kernel
    links: Links
    watch: Watch
    sizes: Sizes  # as the maps were made
    loader: str

    def close(self) -> None:
        """Let go; programs and maps go on without us."""
        self.links.close()
        self.pinned.close()

    def abandon(self) -> None:
        """Let go before anything was attached; what this agent pinned goes as well."""
        if not self.pinned.adopted:
            pins.remove(self.pinned.directory)
        self.close()


def open_session(
    directory: Path,
    back_end: BackEnd,
    sizes: Sizes,
    choice: Choice,
    classes: tuple[npt.NDArray[Any], npt.NDArray[Any]],
    tests: npt.NDArray[Any],
) -> Session:
    """Bring programs and maps into the kernel, or adopt them. Raises CaptureError.

    classes: layout's port and DSCP classes. tests: the compiled capture filter.
    """
    return_large_blocks()
    pinned = pins.open_or_make(directory, back_end, sizes.by_map())
    kernel = Kernel(pinned)
    kernel.set_classes(*classes)
    kernel.set_filter(tests)
    made = kernel.sizes()
    links = Links()
    watch = Watch(pinned, kernel, links, choice)
    actual = Sizes(made["flows"], made["closing"])
    if actual != sizes:
        pinned.notes.append(
            f"maps keep their sizes ({actual.flows} flows) until: weir-agent detach"
        )
    return Session(pinned, kernel, links, watch, actual, back_end.name)
