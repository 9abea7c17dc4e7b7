"""Changes and trees in words, for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from agent.qos.htb import ACTIVE_LEAVES, BASELINE_LEAVES
from agent.qos.tree import HOOK, ROOT, Change, Class, Item, Link, Qdisc, Redirect
from agent.records import CLASS_NAMES


def steps(changes: Iterable[Change]) -> list[str]:
    """Return one line a change: + added, - removed, ~ changed in place."""
    return [_step(change) for change in changes]


def summary(changes: Sequence[Change]) -> str:
    """Return how many steps of each kind there are."""
    if not changes:
        return "nothing to change"
    added = sum(change.old is None for change in changes)
    removed = sum(change.new is None for change in changes)
    changed = len(changes) - added - removed
    return f"{added} to add, {changed} to change in place, {removed} to remove"


def _step(change: Change) -> str:
    if change.old is None:
        return f"+ {_item(change.item)}"
    if change.new is None:
        return f"- {_item(change.item)}"
    return f"~ {_item(change.old)}  ->  {_numbers(change.new)}"


def _item(item: Item) -> str:
    numbers = _numbers(item)
    if isinstance(item, Class):
        return f"{item.device}: class {class_name(item.handle)} {numbers}"
    if isinstance(item, Qdisc):
        return f"{item.device}: {_place(item)} {numbers}"
    if isinstance(item, Link):
        return f"{item.device}: device {numbers}"
    return f"{item.device}: ingress {numbers}"


def _place(qdisc: Qdisc) -> str:
    if qdisc.parent == ROOT:
        return f"root qdisc {qdisc.handle >> 16:x}:"
    if qdisc.parent == HOOK:
        return "hook"
    return f"queue of {class_name(qdisc.parent)}"


def _numbers(item: Item) -> str:
    if isinstance(item, Class):
        return (
            f"rate {megabits(item.rate_bps)} ceil {megabits(item.ceil_bps)} "
            f"priority {item.priority}"
        )
    if isinstance(item, Qdisc):
        options = " ".join(f"{name} {value}" for name, value in item.options)
        return f"{item.kind} {options}".strip()
    if isinstance(item, Redirect):
        return f"through {item.target}"
    kind = f"{item.kind} " if item.kind else ""
    return f"{kind}gso {item.gso_max_bytes} gro {item.gro_max_bytes}"


def class_name(handle: int) -> str:
    """Return the name of one of Weir's classes, such as voice or voice (baseline)."""
    minor = handle & 0xFFFF
    number = minor & 0xF
    for base, branch in ((ACTIVE_LEAVES, ""), (BASELINE_LEAVES, " (baseline)")):
        if minor & 0xFFF0 == base and number < len(CLASS_NAMES):
            return CLASS_NAMES[number] + branch
    return {1: "all", 2: "all (baseline)"}.get(minor, f"{handle >> 16:x}:{minor:x}")


def megabits(rate_bps: int) -> str:
    """Return a rate as people write it."""
    return f"{rate_bps / 1e6:g} Mbit/s"
