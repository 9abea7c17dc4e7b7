"""Interfaces that come and go, each with a slot of counters while it is watched."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from agent.capture.layout import (
    INTERFACE_FILTER,
    INTERFACE_LAYER3,
    INTERFACE_NO_V4,
    INTERFACE_NO_V6,
    INTERFACE_SHAPED,
    INTERFACE_UNIDIRECTIONAL,
    SLOT_MADE_CLSACT,
    SLOT_MADE_PROMISCUOUS,
    SLOT_USED,
    SLOTS,
)
from agent.capture.links import Link, Links, gone, matching
from agent.capture.loader.attach import Attached, Wanted, attach, detach
from agent.capture.loader.kernel import Kernel
from agent.capture.loader.pins import CaptureError, Pinned
from agent.records import HOOKS, Interface

RETRY_TICKS: Final = 10
"""Ticks until an interface that refused is tried again."""

NOT_ATTACHED: Final = Attached("none", "none", made_clsact=False)

SILENT_FRAMES: Final = 100
"""Frames that an interface carries before a hook that saw none is suspect."""


@dataclass(frozen=True, slots=True)
class Override:
    """What differs for interfaces of one name or glob."""

    name: str
    ipv4: bool = True
    ipv6: bool = True
    bidirectional: bool = True


@dataclass(frozen=True, slots=True)
class Choice:
    """Which interfaces to watch, and how."""

    patterns: tuple[str, ...]
    overrides: tuple[Override, ...] = ()
    wanted: Wanted = Wanted()
    promiscuous: bool = False
    filtered: bool = False
    shaped: frozenset[str] = frozenset()  # names of interfaces with QoS
    shaped_rx: frozenset[str] = frozenset()  # and of those where it takes in what arrives


@dataclass(slots=True)
class _Slot:
    link: Link
    attached: Attached
    flags: int
    left: bool = False  # detached; its flows and counts are still to be reported


@dataclass(slots=True)
class Watch:
    """The watched interfaces, by slot."""

    pinned: Pinned
    kernel: Kernel
    links: Links
    choice: Choice
    _slots: dict[int, _Slot] = field(default_factory=dict)
    _adopted: dict[int, tuple[str, int, int]] = field(default_factory=dict)
    _failed: dict[int, str] = field(default_factory=dict)  # ifindex: why
    _absent: list[str] = field(default_factory=list)
    _ticks: int = 0
    _first: bool = True
    _waiting: bool = False  # an interface is back before its last counts are reported

    def __post_init__(self) -> None:
        for slot, row in enumerate(self.kernel.slots()):
            if row["flags"] & SLOT_USED:
                name = row["name"].decode(errors="replace")
                self._adopted[slot] = (name, int(row["ifindex"]), int(row["flags"]))

    def choose(self, choice: Choice) -> None:
        """Watch these from the next refresh on."""
        self.choice = choice
        self._first = True
        for slot, held in self._slots.items():
            if not held.left:
                self.kernel.set_interface(held.link.ifindex, slot, self._flags(held.link))

    def refresh(self) -> list[str]:
        """Follow the links as they are now. Returns what an operator should know."""
        self._ticks += 1
        retry = bool(self._failed) and self._ticks % RETRY_TICKS == 0
        if not (self.links.changed() or self._first or retry or self._waiting):
            return []
        listed = matching(self.links.list(), self.choice.patterns)
        self._absent = self._missing(listed)
        notes = list(self._absent) if self._first else []
        self._first = False
        present = {(link.name, link.ifindex): link for link in listed}
        for slot in list(self._adopted):
            notes += self._adopt(slot, present)
        for slot, held in self._slots.items():
            if held.left:
                continue
            found = present.pop((held.link.name, held.link.ifindex), None)
            if found is not None:
                held.link = replace(found, statistics=held.link.statistics)
            else:
                notes += self._leave(slot)
        held_indexes = {held.link.ifindex for held in self._slots.values()}
        self._waiting = any(link.ifindex in held_indexes for link in present.values())
        for link in present.values():
            if link.ifindex not in held_indexes:
                notes += self._enter(link)
        self._failed = {i: why for i, why in self._failed.items() if self._has(listed, i)}
        return notes

    def _has(self, listed: list[Link], ifindex: int) -> bool:
        return any(link.ifindex == ifindex for link in listed)

    def _missing(self, listed: list[Link]) -> list[str]:
        return [
            f"{pattern}: no such interface; it is watched as soon as it appears"
            for pattern in self.choice.patterns
            if not matching(listed, (pattern,))
        ]

    def _adopt(self, slot: int, present: dict[tuple[str, int], Link]) -> list[str]:
        name, ifindex, flags = self._adopted.pop(slot)
        link = present.get((name, ifindex))
        if link is not None:
            return self._attach(slot, link, flags)
        self._slots[slot] = _Slot(gone(name, ifindex), NOT_ATTACHED, flags)
        return self._leave(slot)

    def _enter(self, link: Link) -> list[str]:
        used = self._slots.keys() | self._adopted.keys()
        slot = next((free for free in range(SLOTS) if free not in used), None)
        if slot is None:
            return self._fail(link, f"{link.name}: {SLOTS} interfaces are watched already")
        self.kernel.clear_counters(slot)
        return self._attach(slot, link, 0)

    def _attach(self, slot: int, link: Link, before: int) -> list[str]:
        self.kernel.set_slot(slot, link.name, link.ifindex, before | SLOT_USED)
        wanted = self.choice.wanted
        if link.layer3 or link.name in self.choice.shaped_rx:
            # XDP neither takes frames without a link layer nor gives them a class.
            wanted = replace(wanted, xdp="off")
        try:
            attached = attach(self.pinned, link.ifindex, link.name, wanted)
        except CaptureError as error:
            return self._fail(link, str(error)) + self._refused(slot, link, before)
        flags = before | SLOT_USED | (SLOT_MADE_CLSACT if attached.made_clsact else 0)
        makes_promiscuous = self.choice.promiscuous and not link.is_promiscuous
        flags |= SLOT_MADE_PROMISCUOUS if makes_promiscuous else 0
        self.kernel.set_slot(slot, link.name, link.ifindex, flags)
        if makes_promiscuous:
            self.links.set_promiscuous(link.ifindex, on=True)
        # Only now does anything count: where a hook was refused there are no flows.
        self.kernel.set_interface(link.ifindex, slot, self._flags(link))
        self._slots[slot] = _Slot(link, attached, flags)
        self._failed.pop(link.ifindex, None)
        return [f"{link.name}: watched, rx {attached.rx_mode}, tx {attached.tx_mode}"]

    def _refused(self, slot: int, link: Link, before: int) -> list[str]:
        if not before:
            self.kernel.set_slot(slot, "", 0, 0)
            return []
        # A former agent counted here: that is still to be reported.
        self._slots[slot] = _Slot(link, NOT_ATTACHED, before)
        return self._leave(slot)

    def _fail(self, link: Link, why: str) -> list[str]:
        known = self._failed.get(link.ifindex)
        self._failed[link.ifindex] = why
        return [] if known == why else [why]

    def _flags(self, link: Link) -> int:
        flags = INTERFACE_LAYER3 if link.layer3 else 0
        flags |= INTERFACE_FILTER if self.choice.filtered else 0
        flags |= INTERFACE_SHAPED if link.name in self.choice.shaped else 0
        for override in self.choice.overrides:
            if fnmatch.fnmatchcase(link.name, override.name):
                flags |= 0 if override.ipv4 else INTERFACE_NO_V4
                flags |= 0 if override.ipv6 else INTERFACE_NO_V6
                flags |= 0 if override.bidirectional else INTERFACE_UNIDIRECTIONAL
        return flags

    def _leave(self, slot: int) -> list[str]:
        held = self._slots[slot]
        held.left = True
        self._take_off(held)
        return [f"{held.link.name}: gone; its last flows are being reported"]

    def _take_off(self, held: _Slot) -> None:
        ifindex = held.link.ifindex
        detach(self.pinned.directory, ifindex)
        self.kernel.clear_interface(ifindex)
        if held.flags & SLOT_MADE_CLSACT:
            self.links.remove_empty_clsact(ifindex)
        if held.flags & SLOT_MADE_PROMISCUOUS:
            self.links.set_promiscuous(ifindex, on=False)

    def left(self) -> list[int]:
        """Slots whose interface is gone and whose counts are not yet reported."""
        return [slot for slot, held in self._slots.items() if held.left]

    def free(self, slot: int) -> None:
        """Give a slot back, once all it counted has been reported."""
        self.kernel.clear_counters(slot)
        self.kernel.set_slot(slot, "", 0, 0)
        del self._slots[slot]

    def used(self) -> list[int]:
        """Slots that count, or have counted and are still to be reported."""
        return sorted(self._slots)

    def wants(self, name: str) -> bool:
        """Whether an interface of this name is watched as soon as it is there."""
        return any(fnmatch.fnmatchcase(name, one) for one in self.choice.patterns)

    def interfaces(self) -> tuple[Interface, ...]:
        """The interfaces behind the slots in use, in the slots' order."""
        return tuple(
            Interface(
                name=held.link.name,
                ifindex=held.link.ifindex,
                slot=slot,
                mac=held.link.mac,
                mtu=held.link.mtu,
                speed_bps=held.link.speed_bps,
                addresses=held.link.addresses,
                is_up=held.link.is_up and not held.left,
                rx_mode=held.attached.rx_mode,
                tx_mode=held.attached.tx_mode,
            )
            for slot, held in sorted(self._slots.items())
        )

    def silent(self, seen: npt.NDArray[np.uint64]) -> list[str]:
        """Hooks that are attached and yet see nothing of what the interface carries.

        seen: uint64 (SLOTS, HOOKS, 3). An attachment can succeed and never run: another
        program may take every packet before it.
        """
        quiet = {
            held.link.ifindex: (slot, held)
            for slot, held in self._slots.items()
            if not held.left and not seen[slot, :, 0].all()
        }
        notes = []
        for ifindex, counts in self.links.statistics(list(quiet)).items():
            slot, held = quiet[ifindex]
            grown = counts[:, 0] - held.link.statistics[:, 0]
            for hook, name in enumerate(HOOKS):
                if not seen[slot, hook, 0] and grown[hook] > SILENT_FRAMES:
                    notes.append(
                        f"{held.link.name}: the {name} hook sees nothing of "
                        f"{int(grown[hook])} frames; look for programs before it: "
                        f"bpftool net show dev {held.link.name}"
                    )
        return notes

    def failures(self) -> list[str]:
        """Why interfaces that should be watched are not."""
        return [*self._absent, *self._failed.values()]

    def statistics(self) -> dict[str, npt.NDArray[np.uint64]]:
        """The kernel's own counts by interface: uint64 (rx, tx) x records.UNITS."""
        names = {
            held.link.ifindex: held.link.name
            for held in self._slots.values()
            if not held.left
        }
        found = self.links.statistics(list(names))
        return {names[ifindex]: counts for ifindex, counts in found.items()}
