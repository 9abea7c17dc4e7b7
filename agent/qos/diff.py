"""The steps from one state to another: few, ordered, and each with an inverse.

For any two states a and b of the same machine, taking diff(a, b) in a gives b, and taking
inverse(diff(a, b)) in b gives a. Equal states have no steps between them. Whatever can be
changed in place is changed in place: a qdisc that is rebuilt drops what it holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

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


def diff(actual: State, desired: State) -> list[Change]:
    """Return the steps that make `actual` into `desired`, in the order to take them.

    Redirects away first and redirects in last, so that no packet meets a half-built tree;
    rates are lowered before and raised after everything else, so that the sum of guarantees
    exceeds the link at no moment. Raises ValueError when a device that Weir did not make
    appears or vanishes between the two.
    """
    _check_devices(actual, desired)
    old, new = _Family(actual), _Family(desired)
    replaced = {key for key in actual if _is_replaced(old, desired, key, actual)}
    removed = {
        key
        for key in actual
        if key not in desired or _is_rebuilt(old, desired, key, actual)
    }
    removed |= old.below(removed | replaced)
    added = {key for key in desired if key not in actual or key in removed}
    added |= new.below(added | replaced)
    steps: dict[str, list[Change]] = {
        "turned": [],
        "lowered": [],
        "others": [],
        "raised": [],
    }
    for key in actual:
        if key in desired and key not in removed and actual[key] != desired[key]:
            change = Change(actual[key], desired[key])
            steps[_direction(change)].append(change)
    deletes = [Change(actual[key], None) for key in removed]
    adds = [Change(None, desired[key]) for key in added]
    return [
        *steps["turned"],
        *old.leaves_first(deletes),
        *old.leaves_first(steps["lowered"]),
        *new.leaves_last(steps["others"]),
        *new.leaves_last(change for change in adds if not _is_redirect(change)),
        *new.leaves_last(steps["raised"]),
        *new.leaves_last(change for change in adds if _is_redirect(change)),
    ]


def inverse(changes: Sequence[Change]) -> list[Change]:
    """Return the steps that take these back."""
    return [change.inverse for change in reversed(changes)]


class _Family:
    """Who hangs below whom in a state."""

    def __init__(self, held: State) -> None:
        self.handles = {
            (item.device, item.handle): key
            for key, item in held.items()
            if isinstance(item, Qdisc)
        }
        self.hooks = {key for key in held if key[1:] == ("qdisc", HOOK)}
        self.parents = {key: self._parent(item) for key, item in held.items()}
        self.children: dict[Key, list[Key]] = {}
        for key, parent in self.parents.items():
            if parent is not None:
                self.children.setdefault(parent, []).append(key)

    def _parent(self, item: Item) -> Key | None:
        if isinstance(item, Link):
            return None
        if isinstance(item, Redirect):
            hook = (item.device, "qdisc", HOOK)
            return hook if hook in self.hooks else (item.device, "link", 0)
        if item.parent in (ROOT, HOOK):
            return (item.device, "link", 0)
        if isinstance(item, Class) and item.parent & 0xFFFF == 0:
            return self.handles.get((item.device, item.parent))
        return (item.device, "class", item.parent)

    def below(self, keys: set[Key]) -> set[Key]:
        """Return everything that hangs, at any depth, on one of the places."""
        found: set[Key] = set()
        waiting = list(keys)
        while waiting:
            for child in self.children.get(waiting.pop(), []):
                if child not in found:
                    found.add(child)
                    waiting.append(child)
        return found

    def _depth(self, change: Change) -> tuple[int, Key]:
        # A redirect is the first to go and the last to come, however deep the tree is.
        depth, key = 100 * _is_redirect(change), change.item.key
        place: Key | None = key
        while place is not None:
            depth, place = depth + 1, self.parents.get(place)
        return depth, key

    def leaves_first(self, changes: Iterable[Change]) -> list[Change]:
        return sorted(changes, key=self._depth, reverse=True)

    def leaves_last(self, changes: Iterable[Change]) -> list[Change]:
        return sorted(changes, key=self._depth)


def _is_redirect(change: Change) -> bool:
    return isinstance(change.item, Redirect)


def _is_replaced(old: _Family, desired: State, key: Key, actual: State) -> bool:
    """Another qdisc takes the slot in one step."""
    before, after = actual[key], desired.get(key)
    return (
        isinstance(before, Qdisc)
        and isinstance(after, Qdisc)
        and before.handle != after.handle
        and (after.device, after.handle) not in old.handles
    )


def _is_rebuilt(old: _Family, desired: State, key: Key, actual: State) -> bool:
    """The place stays taken, but there is no step from the one to the other."""
    before, after = actual[key], desired[key]
    if isinstance(before, Qdisc) and isinstance(after, Qdisc):
        if before.handle != after.handle:
            return (after.device, after.handle) in old.handles
        return not is_changeable(before, after)
    if isinstance(before, Class) and isinstance(after, Class):
        return before.parent != after.parent
    if isinstance(before, Redirect) and isinstance(after, Redirect):
        return (after.target, "link", 0) not in actual
    return False


def _direction(change: Change) -> str:
    before, after = change.old, change.new
    if isinstance(after, Redirect):
        return "turned"
    if not isinstance(before, Class) or not isinstance(after, Class):
        return "others"
    rates = (before.rate_bps, before.ceil_bps), (after.rate_bps, after.ceil_bps)
    return "lowered" if rates[1] < rates[0] else "raised"


def _check_devices(actual: State, desired: State) -> None:
    for one, other, remedy in (
        (actual, desired, "Weir did not make it and does not delete it"),
        (desired, actual, "there is no such device: check the name"),
    ):
        for key, item in one.items():
            if isinstance(item, Link) and not item.kind and other.get(key) != item:
                twin = other.get(key)
                if not isinstance(twin, Link) or twin.kind:
                    raise ValueError(f"{item.device}: {remedy}")
