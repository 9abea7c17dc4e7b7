"""What is chosen from what the kernel has, and what is less than it could be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from agent.qos import queues
from agent.qos.plan import Abilities

SHAPERS: Final = ("htb", "cake")  # best first
_LOOKED_FOR: Final = (*SHAPERS[:1], *queues.LEAF_KINDS)


@dataclass(frozen=True, slots=True)
class Choice:
    """What `shaper = "auto"` gives here; empty: nothing does."""

    kinds: tuple[tuple[str, bool], ...]  # kind of qdisc, whether the kernel has it
    has_ifb: bool
    shaper: str
    leaf: str
    degraded: tuple[str, ...]  # a line each, with the remedy

    def as_json(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "qdiscs": dict(self.kinds),
            "ifb": self.has_ifb,
            "shaper": self.shaper or None,
            "leaf": self.leaf or None,
            "degraded": list(self.degraded),
        }

    def lines(self) -> list[str]:
        """Return it for people."""
        told = [f"{kind:<9} {'yes' if has else 'no'}" for kind, has in self.kinds]
        told.append(f"{'ifb':<9} {'yes' if self.has_ifb else 'no'}")
        chosen = f"{self.shaper} with {self.leaf}" if self.leaf else self.shaper
        told.append(f"chosen    {chosen or 'nothing: packets are only counted'}")
        return [*told, *(f"degraded  {line}" for line in self.degraded)]


def choose(abilities: Abilities) -> Choice:
    """Return what these abilities give."""
    has = abilities.qdiscs
    leaf = queues.leaf_kind(has) or ""
    usable = [kind for kind in SHAPERS if kind in has and (kind != "htb" or leaf)]
    shaper = usable[0] if usable else ""
    return Choice(
        tuple((kind, kind in has) for kind in _LOOKED_FOR),
        abilities.has_ifb,
        shaper,
        leaf if shaper == "htb" else "",
        tuple(_degraded(shaper, leaf, abilities)),
    )


def _degraded(shaper: str, leaf: str, abilities: Abilities) -> list[str]:
    lines = []
    if not shaper:
        lines.append("nothing can be shaped: load the module sch_htb or sch_cake")
    if shaper == "cake":
        lines.append("no htb: rules give marks only: load the module sch_htb")
    if shaper == "htb" and leaf == "fq_codel":
        lines.append("fq_codel is fair among flows, not hosts: load the module sch_cake")
    if shaper == "htb" and leaf == "sfq":
        lines.append("sfq is fair but queues longer: load the module sch_fq_codel")
    if shaper == "htb" and leaf in ("bfifo", "pfifo"):
        lines.append(
            f"{leaf} does not keep the flows of a class apart: load the module sch_fq_codel"
        )
    if not abilities.has_ifb:
        lines.append("what arrives cannot be shaped: load the module ifb")
    return lines
