"""An in-memory kernel: which step it takes in which state, and what comes of it.

The plan is tried on it before the real one is touched, and properties are held on it.
"""

from __future__ import annotations

from collections.abc import Iterable

from agent.qos.tree import (
    HOOK,
    ROOT,
    Change,
    Class,
    Item,
    Key,
    Link,
    Qdisc,
    Redirect,
    State,
    is_changeable,
)


class Impossible(ValueError):
    """A step that the kernel would refuse in this state."""


def state(items: Iterable[Item]) -> State:
    """Return the state that holds these items; Impossible when two claim one place."""
    held: dict[Key, Item] = {}
    for item in items:
        if item.key in held:
            raise Impossible(f"{item} and {held[item.key]} are in one place")
        held[item.key] = item
    return held


def parent_key(held: State, item: Item) -> Key | None:
    """Return where the item hangs: a class, a qdisc or a device; None for devices."""
    if isinstance(item, Link):
        return None
    if isinstance(item, Redirect):
        hook = (item.device, "qdisc", HOOK)
        return hook if hook in held else (item.device, "link", 0)
    if item.parent in (ROOT, HOOK):
        return (item.device, "link", 0)
    if isinstance(item, Class) and item.parent & 0xFFFF == 0:
        for key, other in held.items():
            if (
                isinstance(other, Qdisc)
                and other.device == item.device
                and other.handle == item.parent
            ):
                return key
    return (item.device, "class", item.parent)


def children(held: State, key: Key) -> list[Item]:
    """Return what hangs directly below a place."""
    return [item for item in held.values() if parent_key(held, item) == key]


def applied(held: State, change: Change) -> State:
    """Return the state after one step; Impossible if the kernel would refuse it."""
    old, new, key = change.old, change.new, change.item.key
    if held.get(key) != old or (old is None and new is None):
        raise Impossible(f"{change}: there is {held.get(key)}")
    after = dict(held)
    if new is None:
        _check_unused(held, change.item)
        del after[key]
        return after
    if new.key != key:
        raise Impossible(f"{change}: moves")
    if old is not None:
        _check_changeable(held, old, new)
    after[key] = new
    _check_place(after, new)
    return after


def _check_unused(held: State, item: Item) -> None:
    below = children(held, item.key)
    pointing = [
        other
        for other in held.values()
        if isinstance(item, Link)
        and isinstance(other, Redirect)
        and other.target == item.device
    ]
    if below or pointing:
        raise Impossible(f"{item} still carries {(below + pointing)[0]}")
    if isinstance(item, Link) and not item.kind:
        raise Impossible(f"{item.device} is not Weir's to delete")


def _check_changeable(held: State, old: Item, new: Item) -> None:
    if isinstance(old, Class) and isinstance(new, Class) and old.parent != new.parent:
        raise Impossible(f"{old} cannot move below {new.parent:x}")
    if isinstance(old, Link) and isinstance(new, Link) and old.kind != new.kind:
        raise Impossible(f"{old} cannot become {new.kind!r}")
    if isinstance(old, Qdisc) and isinstance(new, Qdisc):
        if old.handle == new.handle:
            if not is_changeable(old, new):
                raise Impossible(f"{old} cannot become {new} in place")
        elif children(held, old.key):
            raise Impossible(f"{old} still carries classes")


def _check_place(after: State, new: Item) -> None:
    parent = parent_key(after, new)
    above = after.get(parent) if parent is not None and parent != new.key else None
    if isinstance(new, Link):
        return
    if above is None:
        raise Impossible(f"{new} hangs on nothing")
    if isinstance(new, Redirect):
        if (new.target, "link", 0) not in after:
            raise Impossible(f"{new}: there is no {new.target}")
    elif isinstance(new, Qdisc):
        _check_qdisc(after, new, above)
    else:
        _check_class(after, new, above)


def _check_qdisc(after: State, new: Qdisc, above: Item) -> None:
    for other in after.values():
        if not isinstance(other, Qdisc) or other.key == new.key:
            continue
        if (other.device, other.handle) == (new.device, new.handle):
            raise Impossible(f"{new}: its handle is taken")
    if any(isinstance(item, Class) for item in children(after, above.key)):
        raise Impossible(f"{new}: the class has classes below it")


def _check_class(after: State, new: Class, above: Item) -> None:
    if isinstance(above, Qdisc) and above.kind != "htb":
        raise Impossible(f"{new}: {above.kind} has no classes")
    if isinstance(above, Class):
        if above.handle >> 16 != new.handle >> 16:
            raise Impossible(f"{new} belongs to another qdisc")
        if any(isinstance(item, Qdisc) for item in children(after, above.key)):
            raise Impossible(f"{new}: the class above holds a queue")
