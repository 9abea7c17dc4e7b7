"""Qdisc trees as plain values: what is, and what ought to be.

Every number is one that the kernel gives back unchanged, so that what was read and what was
planned compare with ==. What is not in a state is the kernel's own default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

ROOT: Final = 0xFFFFFFFF  # TC_H_ROOT
HOOK: Final = 0xFFFFFFF1  # where clsact sits: no queue, a place for filters
HOOK_HANDLE: Final = 0xFFFF0000
TICK_NS: Final = 64  # the kernel keeps bursts in ticks of 64 ns
RATE_STEP_BPS: Final = 8  # and rates in bytes a second

EGRESS_MAJOR: Final = 0x5745
INGRESS_MAJOR: Final = (
    0x5749  # on the IFB; differs, so that a class is never taken for another
)
LEAF_MAJOR: Final = 0x6000  # plus the minor of the class
IFB_PREFIX: Final = "wi-"

# What a qdisc cannot change while it lives: other values mean building it anew.
FIXED_OPTIONS: Final[Mapping[str, frozenset[str]]] = {
    "htb": frozenset({"default", "r2q", "direct_packets"}),
    "fq_codel": frozenset({"flows"}),
}

Options = tuple[tuple[str, int], ...]
Key = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class Link:
    """A device: one that was found, or (kind set) one that Weir made."""

    device: str
    kind: str = ""
    gso_max_bytes: int = 65536
    gro_max_bytes: int = 65536

    @property
    def key(self) -> Key:
        """Where the item stands in a state."""
        return (self.device, "link", 0)


@dataclass(frozen=True, slots=True)
class Qdisc:
    """A qdisc in its slot. raw: a stranger's options as the kernel gave them."""

    device: str
    parent: int  # ROOT or a class
    handle: int  # major << 16
    kind: str
    options: Options = ()
    raw: str = ""  # hexadecimal

    @property
    def key(self) -> Key:
        """Where the item stands in a state."""
        return (self.device, "qdisc", self.parent)

    @property
    def is_ours(self) -> bool:
        """True when the handle is of the range that Weir keeps for itself."""
        return is_our_handle(self.handle)


@dataclass(frozen=True, slots=True)
class Class:
    """An HTB class. quantum and priority are 0 where it has children: leaves have them."""

    device: str
    handle: int
    parent: int  # a class, or the handle of the qdisc
    rate_bps: int
    ceil_bps: int
    burst_ns: int  # at rate
    ceil_burst_ns: int  # at ceil
    quantum_bytes: int = 0
    priority: int = 0  # 0 is served first
    overhead_bytes: int = 0
    mpu_bytes: int = 0
    is_atm: bool = False

    @property
    def key(self) -> Key:
        """Where the item stands in a state."""
        return (self.device, "class", self.handle)


@dataclass(frozen=True, slots=True)
class Redirect:
    """What arrives on a device goes through another one's tree first."""

    device: str
    target: str

    @property
    def key(self) -> Key:
        """Where the item stands in a state."""
        return (self.device, "redirect", 0)


Item = Link | Qdisc | Class | Redirect
State = Mapping[Key, Item]


@dataclass(frozen=True, slots=True)
class Change:
    """One step: an item added (old is None), deleted (new is None) or changed."""

    old: Item | None
    new: Item | None

    @property
    def item(self) -> Item:
        """The item that the step is about: as it will be, or as it was."""
        item = self.new if self.new is not None else self.old
        assert item is not None
        return item

    @property
    def inverse(self) -> Change:
        """The step that takes this one back."""
        return Change(self.new, self.old)


def is_our_handle(handle: int) -> bool:
    """True for handles of the range that Weir keeps for itself."""
    major = handle >> 16
    return (
        major in (EGRESS_MAJOR, INGRESS_MAJOR) or LEAF_MAJOR <= major <= LEAF_MAJOR | 0xFFF
    )


def leaf_handle(class_handle: int) -> int:
    """Return the handle of the qdisc below a class."""
    return (LEAF_MAJOR | class_handle & 0xFFF) << 16


def is_changeable(old: Qdisc, new: Qdisc) -> bool:
    """True when a `change` takes one qdisc to the other without losing a packet."""
    if old.kind != new.kind or old.handle != new.handle or old.raw != new.raw:
        return False
    before, after = dict(old.options), dict(new.options)
    fixed = FIXED_OPTIONS.get(old.kind, frozenset())
    return all(before.get(name) == after.get(name) for name in fixed)


_TYPES: Final = {"link": Link, "qdisc": Qdisc, "class": Class, "redirect": Redirect}


def to_json(item: Item) -> dict[str, Any]:
    """Return an item as JSON holds it."""
    return {"item": item.key[1], **asdict(item)}


def from_json(fields: Mapping[str, Any]) -> Item:
    """Return the item that to_json wrote. Raises KeyError, TypeError for anything else."""
    values = dict(fields)
    item = _TYPES[values.pop("item")](**values)
    if isinstance(item, Qdisc):
        item = replace(item, options=tuple((name, int(n)) for name, n in item.options))
    return item  # type: ignore[no-any-return]
