"""The queue below a class: the best kind that the kernel has, with its numbers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from agent.qos.tree import Options

# Best first. cake is fair among hosts, and cuts what was merged on other devices; fq_codel
# among flows only. The two fifos keep a bound on delay, but nothing apart.
LEAF_KINDS: Final = ("cake", "fq_codel", "sfq", "bfifo", "pfifo")
# A full fifo may delay for so long at the rate of the link.
FIFO_DELAY_S: Final = 0.06
# The kernel keeps codel's times in units of 1.024 us: multiples of 128 us survive exactly.
CODEL_STEP_US: Final = 128
TARGET_US: Final = 5_000
INTERVAL_US: Final = 100_000
FLOWS: Final = 1_024
MEMORY_BYTES: Final = 4 << 20

# From the kernel's pkt_sched.h and sch_cake.c.
CAKE_DIFFSERV4: Final = 1
CAKE_BEST_EFFORT: Final = 3
CAKE_DUAL_SOURCE: Final = 5
CAKE_DUAL_DESTINATION: Final = 6


def leaf_kind(available: Iterable[str]) -> str | None:
    """Return the best kind of queue among these; None: there is none."""
    known = frozenset(available)
    return next((kind for kind in LEAF_KINDS if kind in known), None)


def leaf_options(
    kind: str, rate_bps: int, link_bps: int, frame_bytes: int, *, is_ingress: bool = False
) -> Options:
    """Return the numbers for a queue. rate_bps: what the class is guaranteed."""
    if kind == "fq_codel":
        return _fq_codel(rate_bps, frame_bytes)
    if kind == "cake":
        return cake_options(0, CAKE_BEST_EFFORT, flow_mode(is_ingress=is_ingress))
    if kind == "sfq":
        return (("limit", 127), ("perturb_s", 10), ("quantum_bytes", frame_bytes))
    limit = fifo_bytes(link_bps, frame_bytes)
    if kind == "bfifo":
        return (("limit", limit),)
    return (("limit", max(limit // frame_bytes, 8)),)


def flow_mode(*, is_ingress: bool) -> int:
    """Return how cake shares: alike among the hosts on the near side of the link."""
    return CAKE_DUAL_DESTINATION if is_ingress else CAKE_DUAL_SOURCE


def fifo_bytes(link_bps: int, frame_bytes: int) -> int:
    """Return how much a fifo may hold: its delay at link rate, but room for bursts."""
    return max(int(link_bps * FIFO_DELAY_S) // 8, 10 * frame_bytes)


def _fq_codel(rate_bps: int, frame_bytes: int) -> Options:
    frame_us = frame_bytes * 8_000_000 // max(rate_bps, 1)
    # A class that is guaranteed little still borrows: its worst case is not its usual one.
    target = _codel_us(min(max(TARGET_US, frame_us * 3 // 2), INTERVAL_US))
    return (
        ("ecn", 1),
        ("flows", FLOWS),
        ("interval_us", _codel_us(max(INTERVAL_US, 2 * target))),
        ("limit", 10_240),
        ("memory_bytes", MEMORY_BYTES),
        ("quantum_bytes", frame_bytes),
        ("target_us", target),
    )


def _codel_us(us: int) -> int:
    return -(-us // CODEL_STEP_US) * CODEL_STEP_US


def cake_options(  # noqa: PLR0913
    bandwidth_bps: int,
    diffserv: int,
    flow_mode: int,
    *,
    is_ingress: bool = False,
    is_ack_filtered: bool = False,
    overhead_bytes: int = 0,
    mpu_bytes: int = 0,
    is_atm: bool = False,
) -> Options:
    """Return cake's numbers, all of them: a request that leaves one out may reset it.

    raw: it counts frames as HTB does, with their link header; overhead comes on top.
    """
    return (
        ("ack_filter", int(is_ack_filtered)),
        ("atm", int(is_atm)),
        ("autorate", 0),
        ("bandwidth_bps", bandwidth_bps),
        ("diffserv", diffserv),
        ("flow_mode", flow_mode),
        ("ingress", int(is_ingress)),
        ("mpu_bytes", mpu_bytes),
        ("nat", 1),
        ("overhead_bytes", overhead_bytes),
        ("raw", 1),
        ("rtt_us", INTERVAL_US),
        ("split_gso", 1),
        ("wash", 0),
    )
