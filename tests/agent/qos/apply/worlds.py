"""A device in a namespace, with Weir's door to it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from agent.qos.apply import transaction
from agent.qos.apply.journal import Journal
from agent.qos.apply.kernel import Kernel
from agent.qos.apply.netlink import Netlink
from agent.qos.apply.redirect import MirredRedirects
from agent.qos.htb import Moves
from agent.qos.model import state
from agent.qos.plan import Abilities, Target, plan
from agent.qos.policy import policies
from agent.qos.rules import Rule
from agent.qos.tree import State
from tests.support.namespaces import Namespace

POOR = Abilities(frozenset({"htb", "bfifo", "pfifo"}))
MEGABIT = 1_000_000


def door(netlink: Netlink, *devices: str) -> Kernel:
    return Kernel(netlink, MirredRedirects(netlink), devices or ("left0",))


@dataclass
class Bench:
    """Weir's door in one namespace; every use enters the namespace."""

    space: Namespace
    directory: Path
    device: str = "left0"
    journal: Journal = field(init=False)

    def __post_init__(self) -> None:
        self.journal = Journal(self.directory)

    @contextmanager
    def kernel(self, make: type[Netlink] = Netlink, **options) -> Iterator[Kernel]:
        with self.space.entered(), make(**options) as netlink:
            yield door(netlink, self.device)

    def wanted(
        self,
        egress: int = 20,
        ingress: int = 0,
        rules: tuple[Rule, ...] = (),
        moves: Moves | None = None,
        strict: bool = True,
    ) -> State:
        """What ought to be, from megabits."""
        with self.kernel() as kernel:
            found = transaction.found(kernel, self.journal, self.device)
        target = Target(self.device, egress * MEGABIT, ingress * MEGABIT, strict=strict)
        made = plan(
            target,
            policies(rules, max(egress, 1) * MEGABIT),
            policies(rules if ingress else (), max(ingress, 1) * MEGABIT),
            POOR,
            found,
            (moves or Moves(), Moves()),
        )
        return state(made.items)

    def read(self) -> State:
        with self.kernel() as kernel:
            return kernel.read()

    def apply(self, wanted: State, **options):
        with self.kernel() as kernel:
            return transaction.apply(kernel, self.journal, wanted, **options)

    def revert(self):
        with self.kernel() as kernel:
            return transaction.revert(kernel, self.journal)

    def tc(self, *arguments: str) -> str:
        return subprocess.run(
            self.space.command("tc", *arguments), capture_output=True, text=True, check=True
        ).stdout
