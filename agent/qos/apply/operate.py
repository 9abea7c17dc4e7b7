"""What an operator does: plan, apply, show, revert. The daemon does the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from agent.qos import words
from agent.qos.apply import statistics, transaction
from agent.qos.apply.journal import Journal
from agent.qos.apply.kernel import Kernel
from agent.qos.apply.netlink import Netlink
from agent.qos.apply.probe import abilities
from agent.qos.apply.redirect import MirredRedirects
from agent.qos.diff import diff
from agent.qos.htb import Moves
from agent.qos.model import state
from agent.qos.plan import Abilities, ifb_name, plan
from agent.qos.policy import Policy, policies
from agent.qos.section import Settings
from agent.qos.tree import Change, Item, State

Both = tuple[Moves, Moves]


@dataclass(slots=True)
class Operator:
    """The devices of the settings, in the network namespace of the thread that opens it."""

    settings: Settings
    directory: Path
    speeds_bps: Mapping[str, int] = field(default_factory=dict)
    untouched: frozenset[str] = frozenset()  # devices that stay as they are
    netlink: Netlink = field(default_factory=Netlink)
    journal: Journal = field(init=False)
    kernel: Kernel = field(init=False)
    _abilities: Abilities | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.journal = Journal(self.directory)
        self.kernel = Kernel(self.netlink, MirredRedirects(self.netlink), self._devices())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.netlink.close()

    def _devices(self) -> list[str]:
        names = [one.name for one in self.settings.interfaces]
        return [*names, *(name for name in self.journal.before() if name not in names)]

    def abilities(self) -> Abilities:
        """Return what the kernel can do; probed once. Raises Refused."""
        if self._abilities is None:
            self._abilities = abilities(self.netlink)
        return self._abilities

    def wanted(self, moves: Mapping[str, Both] | None = None) -> tuple[State, list[str]]:
        """Return what ought to be, and what is less than it could be.

        moves: of egress and ingress, by device. Raises BadRule, Unplannable, Refused.
        """
        items: list[Item] = []
        notes: list[str] = []
        for one in self.settings.interfaces:
            target = one.target(self.speeds_bps.get(one.name, 0))
            found = transaction.found(self.kernel, self.journal, one.name)
            made = plan(
                target,
                self._policies(target.egress_bps),
                self._policies(target.ingress_bps),
                self.abilities(),
                found,
                (moves or {}).get(one.name, (Moves(), Moves())),
            )
            items += made.items
            notes += [note for note in made.notes if note not in notes]
        items += self._left_alone()
        return state(items), notes

    def _policies(self, capacity_bps: int) -> tuple[Policy, ...]:
        return policies(self.settings.rules, capacity_bps) if capacity_bps else ()

    def _left_alone(self) -> list[Item]:
        """Return how devices were that are no longer in the settings."""
        named = {one.name for one in self.settings.interfaces}
        left = {d: items for d, items in self.journal.before().items() if d not in named}
        found: list[Item] = []
        there = self.kernel.read().values() if left else ()
        for device, items in left.items():
            if device in self.untouched:
                both = (device, ifb_name(device))
                found += [item for item in there if item.device in both]
            elif any(item.device == device for item in there):
                found += items
        return found

    def plan(self) -> tuple[list[str], list[str]]:
        """Return the steps that `apply` would take, in words, and notes; take none."""
        wanted, notes = self.wanted()
        steps = diff(self.kernel.read(), wanted)
        return [*words.steps(steps), words.summary(steps)], notes

    def apply(self, *, confirm_by: float | None = None) -> list[Change]:
        """Make it so; see transaction.apply."""
        wanted, _ = self.wanted()
        return transaction.apply(
            self.kernel,
            self.journal,
            wanted,
            adopt=self.settings.adopt,
            confirm_by=confirm_by,
        )

    def show(self) -> dict[str, Any]:
        """Return the counters of every tree, by device, direction and class."""
        indices = {
            link.get_attr("IFLA_IFNAME"): link["index"] for link in self.netlink.devices()
        }
        shown: dict[str, Any] = {}
        for device in self.kernel.devices:
            for direction, name in (("egress", device), ("ingress", ifb_name(device))):
                root = statistics.of_root(self.netlink, indices.get(name, 0))
                if root is not None:
                    counts = statistics.by_class(self.netlink, indices[name])
                    shown.setdefault(device, {})[direction] = {
                        "all": asdict(root),
                        **{one: asdict(held) for one, held in counts.items()},
                    }
        return shown

    def revert(self) -> list[Change]:
        """Put everything back; needs no agent. See transaction.revert."""
        return transaction.revert(self.kernel, self.journal)
