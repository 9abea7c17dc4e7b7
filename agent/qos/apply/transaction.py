"""A change of trees as a whole: afterwards there is the new state, or the old one.

The way back is always the difference between what is there and what ought to be, so it does
not matter how far a change came, nor whether the step that failed was taken.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from threading import Event
from typing import Final

from agent.qos.apply.journal import Journal
from agent.qos.apply.kernel import Kernel
from agent.qos.apply.netlink import Refused
from agent.qos.apply.options import Unreadable
from agent.qos.diff import diff
from agent.qos.model import applied, state
from agent.qos.plan import Found, ifb_name
from agent.qos.tree import HOOK, ROOT, Change, Class, Item, Link, Qdisc, State

# The way back is tried again when the kernel is busy: at 0, 20, 60, 140, 300 ms.
_TRIES: Final = 5
_PAUSE_S: Final = 0.02


class Stranger(ValueError):
    """A qdisc of somebody else is where Weir's would be."""


class Unconfirmed(ValueError):
    """An earlier change still waits to be confirmed."""


class Unfinished(OSError):
    """Neither the new state nor the old one could be reached; the journal stays open."""


def found(kernel: Kernel, journal: Journal, device: str) -> Found:
    """Return a device as it was before Weir, or is, when Weir has not touched it."""
    now = kernel.found(device)
    items = journal.before().get(device)
    if items is None:
        return now
    link = next((item for item in items if isinstance(item, Link)), now.link)
    hook = next((item for item in items if item.key[1:] == ("qdisc", HOOK)), None)
    return Found(link, now.mtu, hook if isinstance(hook, Qdisc) else None)


def apply(
    kernel: Kernel,
    journal: Journal,
    wanted: State,
    *,
    adopt: bool = False,
    confirm_by: float | None = None,
) -> list[Change]:
    """Make the machine's trees what is wanted; return the steps taken, [] when it is so.

    adopt: replace a stranger's root qdisc, which `revert` puts back.
    confirm_by: unix time at which `recover` takes the change back unless it is confirmed.
    Raises Stranger, Unconfirmed, ValueError before anything is touched; Refused when the
    old state is back; Unfinished when it is not.
    """
    with journal.locked():
        entry = journal.entry()
        if entry is not None and entry.confirm_by is not None:
            raise Unconfirmed("qos: an earlier change waits: confirm or revert it first")
        if entry is not None:
            _restore(kernel, journal, entry.old)
        actual = kernel.read()
        wanted = _with_shared_hooks(kernel, actual, wanted)
        _check_strangers(kernel, actual, wanted, adopt=adopt)
        steps = diff(actual, wanted)
        if not steps:
            return []
        _rehearse(actual, steps)
        before = journal.before()
        journal.remember({**_untouched(actual, wanted), **before})
        journal.open(actual, wanted, steps)
        _carry_out(kernel, journal, steps, actual, wanted)
        if confirm_by is None:
            journal.close()
        else:
            opened = journal.entry()
            assert opened is not None
            journal.await_confirmation(opened, confirm_by)
        _forget_restored(kernel, journal)
        return steps


def adjust(
    kernel: Kernel, wanted: State, may_move: Callable[[Change], bool] = lambda _: True
) -> list[Change]:
    """Move the rates of trees that stand; return the steps taken.

    Nothing is written to disk: only numbers change, and the next start sets them anyway.
    Raises ValueError when more would change, or may; Refused when the old ones are back.
    """
    actual = kernel.read()
    steps = diff(actual, wanted)
    for step in steps:
        if not (_is_number(step) and may_move(step)):
            where, what = step.item.device, "the tree is of other settings"
            remedy = "run: weir-agent qos apply, or weir-agent qos revert"
            raise ValueError(f"qos: {where}: {what}: {remedy}")
    try:
        for step in steps:
            kernel.write(step)
    except Refused:
        _converge(kernel, actual)
        raise
    return steps


def confirm(journal: Journal) -> bool:
    """Keep the change that waits; False when none does."""
    with journal.locked():
        entry = journal.entry()
        if entry is None or entry.confirm_by is None:
            return False
        journal.close()
        return True


def recover(kernel: Kernel, journal: Journal, now: float) -> bool:
    """Take back what was cut short, or not confirmed in time; True when there was such.

    For the daemon's start and every tick, and for a process that finds the daemon dead.
    """
    if journal.entry() is None:
        return False  # nearly always: and nothing is locked, so nothing is written
    with journal.locked():
        entry = journal.entry()
        if entry is None or (entry.confirm_by is not None and now < entry.confirm_by):
            return False
        _restore(kernel, journal, entry.old)
        return True


def revert(kernel: Kernel, journal: Journal) -> list[Change]:
    """Make the devices what they were before Weir; needs no agent. Return the steps taken.

    Raises Unfinished; another try goes on where this one stopped.
    """
    with journal.locked():
        actual = kernel.read()
        before = journal.before()
        wanted = _with_shared_hooks(kernel, actual, _bare(actual, before))
        steps = diff(actual, wanted)
        if steps:
            journal.open(wanted, wanted, steps)
        _restore(kernel, journal, wanted)
        journal.remember({})
        return steps


def _carry_out(
    kernel: Kernel, journal: Journal, steps: Sequence[Change], old: State, wanted: State
) -> None:
    done = False
    try:
        for step in steps:
            kernel.write(step)
        if kernel.read() != wanted:
            raise Refused(errno.EIO, "the kernel shows another tree than it was given")
        done = True
    finally:
        if not done:
            _restore(kernel, journal, old)


def _restore(kernel: Kernel, journal: Journal, old: State) -> None:
    _converge(kernel, old)
    journal.close()
    _forget_restored(kernel, journal)


def _converge(kernel: Kernel, target: State) -> None:
    """Reach a state from wherever the machine is. Raises Unfinished."""
    last: Exception = Refused(errno.EIO, "the kernel shows another tree than it was given")
    for tried in range(_TRIES):
        if tried:
            Event().wait(_PAUSE_S * 2**tried)
        try:
            actual = kernel.read()
            reachable = _without_lost(target, actual)
            for step in diff(actual, reachable):
                kernel.write(step)
            actual = kernel.read()
            if actual == _without_lost(target, actual):
                return
        except (Refused, Unreadable) as error:
            last = error
    raise Unfinished(
        errno.EIO,
        f"qos: the tree is between two states ({last}): run weir-agent qos revert",
    ) from last


def _without_lost(target: State, actual: State) -> State:
    """Leave out what stood on devices that are gone, and their IFBs with it."""
    lost = {
        item.device
        for item in target.values()
        if isinstance(item, Link) and not item.kind and item.key not in actual
    }
    lost |= {ifb_name(device) for device in lost}
    return {key: item for key, item in target.items() if item.device not in lost}


def _with_shared_hooks(kernel: Kernel, actual: State, wanted: State) -> State:
    """Keep the hooks that somebody else uses by now."""
    kept = dict(wanted)
    for key, item in actual.items():
        is_hook = isinstance(item, Qdisc) and item.parent == HOOK
        if is_hook and key not in wanted and kernel.is_hook_shared(item.device):
            kept[key] = item
    return kept


def _check_strangers(kernel: Kernel, actual: State, wanted: State, *, adopt: bool) -> None:
    for key, item in wanted.items():
        there = actual.get(key)
        if not isinstance(item, Qdisc) or not isinstance(there, Qdisc):
            continue
        if item.parent != ROOT or there.is_ours or there == item:
            continue
        what = f"{there.device}: the root qdisc {there.kind} {there.handle >> 16:x}:"
        if not adopt:
            raise Stranger(f"{what} is not Weir's: remove it, or apply with --adopt")
        reason = kernel.why_not_restorable(there)
        if reason:
            raise Stranger(f"{what} cannot be adopted: {reason}: remove it first")


def _rehearse(actual: State, steps: Sequence[Change]) -> None:
    held = actual
    for step in steps if len(steps) < 200 else ():
        held = applied(held, step)


def _is_number(step: Change) -> bool:
    old, new = step.old, step.new
    if isinstance(old, Qdisc) and isinstance(new, Qdisc):
        return new.handle == old.handle
    return isinstance(old, Class) and isinstance(new, Class)


def _untouched(actual: State, wanted: State) -> dict[str, tuple[Item, ...]]:
    """Return the devices that a change is about, as they are without Weir."""
    devices = {item.device for item in wanted.values() if isinstance(item, Link)}
    return {
        item.device: _strangers(actual, item.device)
        for item in actual.values()
        if isinstance(item, Link) and not item.kind and item.device in devices
    }


def _strangers(actual: State, device: str) -> tuple[Item, ...]:
    """Return what on a device is not Weir's."""
    return tuple(
        item
        for item in actual.values()
        if item.device == device
        and (isinstance(item, Link) or (isinstance(item, Qdisc) and not item.is_ours))
    )


def _bare(actual: State, before: dict[str, tuple[Item, ...]]) -> State:
    """Return what `revert` goes to: as noted before, but never over what came since."""
    items: list[Item] = []
    for link in actual.values():
        if not isinstance(link, Link) or link.kind:
            continue
        strangers = _strangers(actual, link.device)
        root = actual.get((link.device, "qdisc", ROOT))
        noted = before.get(link.device, strangers)
        if isinstance(root, Qdisc) and not root.is_ours:
            noted = (*(item for item in noted if item.key != root.key), root)
        items += noted
    return state(items)


def _forget_restored(kernel: Kernel, journal: Journal) -> None:
    """Drop the notes on devices that carry nothing of Weir any more."""
    before, actual = journal.before(), kernel.read()
    kept = {
        device: items
        for device, items in before.items()
        if (device, "link", 0) in actual
        and any(
            item.device in (device, ifb_name(device)) and item not in items
            for item in actual.values()
        )
    }
    if kept != before:
        journal.remember(kept)
