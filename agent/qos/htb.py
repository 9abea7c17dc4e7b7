"""The HTB tree: six classes and the unclassified, twice.

While the agent lives, packets go through the active branch, whose rates the controller
moves. As soon as it has not renewed its deadline, the packet program sends them through the
baseline branch, which nobody moves; HTB itself does so with what has no class. So the
throttles of a dead agent hold nobody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from agent.qos import queues
from agent.qos.allocate import water_fill, whole
from agent.qos.policy import FLOOR_SHARE, Policy
from agent.qos.tree import (
    INGRESS_MAJOR,
    RATE_STEP_BPS,
    ROOT,
    TICK_NS,
    Class,
    Item,
    Qdisc,
    leaf_handle,
)

# Minor numbers: 1 and 2 are the branches, a leaf is the branch's base plus the class.
ACTIVE, BASELINE = 0x1, 0x2
ACTIVE_LEAVES, BASELINE_LEAVES = 0x10, 0x20

BURST_NS: Final = 2_000_000
LONGEST_BURST_NS: Final = 10_000_000_000


@dataclass(frozen=True, slots=True)
class Layer:
    """What the link layer below adds to a packet, in bytes."""

    overhead_bytes: int = 0
    mpu_bytes: int = 0  # least that a packet costs
    is_atm: bool = False  # carried in cells, 48 of 53 bytes useful


@dataclass(frozen=True, slots=True)
class Moves:
    """What the controller asks of one direction now; empty: the baseline."""

    link_bps: int | None = None
    ceilings_bps: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Direction:
    """One tree: where it stands and what it has to share."""

    device: str
    major: int
    link_bps: int
    policies: Sequence[Policy]
    moves: Moves


def tree(
    way: Direction, layer: Layer, leaf: str, frame: int, *, strict: bool
) -> list[Item]:
    """Return the items of one direction. leaf: kind of queue; frame: largest, in bytes."""
    root = way.major << 16
    options = (("default", BASELINE_LEAVES), ("direct_packets", 1000), ("r2q", 10))
    items: list[Item] = [Qdisc(way.device, ROOT, root, "htb", options)]
    for branch, base, moves in (
        (ACTIVE, ACTIVE_LEAVES, way.moves),
        (BASELINE, BASELINE_LEAVES, Moves()),
    ):
        classes = _branch(way, (root | branch, root | base), moves, frame, strict=strict)
        items += [_on(layer, one) for one in classes]
        for one in classes[1:]:
            policy = way.policies[one.handle & 0xF]
            numbers = queues.leaf_options(
                leaf,
                policy.min_bps,
                way.link_bps,
                frame,
                is_ingress=way.major == INGRESS_MAJOR,
            )
            items.append(
                Qdisc(way.device, one.handle, leaf_handle(one.handle), leaf, numbers)
            )
    return items


def _on(layer: Layer, one: Class) -> Class:
    return replace(
        one,
        overhead_bytes=layer.overhead_bytes,
        mpu_bytes=layer.mpu_bytes,
        is_atm=layer.is_atm,
    )


def _branch(
    way: Direction, handles: tuple[int, int], moves: Moves, frame: int, *, strict: bool
) -> list[Class]:
    """Return the inner class and its leaves, in the order of the policies."""
    top, base = handles
    link_bps = moved_link(way, moves)
    rates, ceilings = _rates(way.policies, link_bps, moves, strict=strict)
    quanta = _quanta(way.policies, frame, strict=strict)
    burst = _burst_ns(link_bps, link_bps, frame)
    root = way.major << 16
    leaves = [
        Class(
            way.device,
            base | number,
            top,
            rates[number],
            ceilings[number],
            _burst_ns(rates[number], link_bps, frame),
            _burst_ns(ceilings[number], link_bps, frame),
            quanta[number],
            3 - policy.priority if strict else 0,
        )
        for number, policy in enumerate(way.policies)
    ]
    return [Class(way.device, top, root, link_bps, link_bps, burst, burst), *leaves]


def moved_link(way: Direction, moves: Moves) -> int:
    """Return the rate that a direction has now: never above the link, nor below a floor."""
    asked = way.link_bps if moves.link_bps is None else moves.link_bps
    floor = int(way.link_bps * FLOOR_SHARE)
    return whole_rate(min(max(asked, floor), way.link_bps))


def shares(way: Direction, *, strict: bool) -> tuple[list[int], list[int]]:
    """Return what every class of the active branch is guaranteed, and its ceiling."""
    return _rates(way.policies, moved_link(way, way.moves), way.moves, strict=strict)


def _rates(
    policies: Sequence[Policy], link_bps: int, moves: Moves, *, strict: bool
) -> tuple[list[int], list[int]]:
    """Return guaranteed rates, whose sum fits the link, and ceilings."""
    ceilings = []
    for policy in policies:
        asked = moves.ceilings_bps.get(policy.name, policy.max_bps)
        kept = min(max(asked, policy.floor_bps), policy.max_bps)
        ceilings.append(whole_rate(max(min(kept, link_bps), RATE_STEP_BPS)))
    least = np.array([policy.min_bps for policy in policies], dtype=np.float64)
    # A link that got slower takes from every guarantee alike.
    low = np.minimum(least * min(1.0, link_bps / float(least.sum())), ceilings)
    high = low if strict else np.array(ceilings, dtype=np.float64)
    weights = np.array([policy.weight for policy in policies], dtype=np.float64)
    rates = whole(water_fill(float(link_bps), weights, low, high), RATE_STEP_BPS)
    return [max(rate, RATE_STEP_BPS) for rate in rates], ceilings


def _quanta(policies: Sequence[Policy], frame: int, *, strict: bool) -> list[int]:
    """Who borrows at one priority takes turns by quantum, so the weight goes there."""
    quanta = []
    for policy in policies:
        peers = [
            other.weight
            for other in policies
            if not strict or other.priority == policy.priority
        ]
        quanta.append(frame * min(round(policy.weight / min(peers)), 10))
    return quanta


def _burst_ns(rate_bps: int, link_bps: int, frame: int) -> int:
    """Return how long a class may save up: 2 ms of the link, but at least two frames."""
    burst_bits = max(2 * frame * 8, link_bps * BURST_NS // 1_000_000_000)
    burst_ns = min(burst_bits * 1_000_000_000 // rate_bps, LONGEST_BURST_NS)
    return max(burst_ns // TICK_NS, 1) * TICK_NS


def whole_rate(rate_bps: int) -> int:
    """Return the rate rounded down to what the kernel can hold."""
    return rate_bps // RATE_STEP_BPS * RATE_STEP_BPS
