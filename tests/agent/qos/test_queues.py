from __future__ import annotations

import pytest

from agent.qos.queues import (
    CODEL_STEP_US,
    LEAF_KINDS,
    cake_options,
    leaf_kind,
    leaf_options,
)

FRAME = 1514


@pytest.mark.parametrize(
    ("available", "kind"),
    [
        (LEAF_KINDS, "cake"),
        (("pfifo", "sfq", "fq_codel"), "fq_codel"),
        (("pfifo", "bfifo", "sfq"), "sfq"),
        (("pfifo", "bfifo"), "bfifo"),
        (("htb", "pfifo"), "pfifo"),
        (("htb", "netem"), None),
        ((), None),
    ],
)
def test_the_best_queue_there_is(available, kind):
    assert leaf_kind(available) == kind


@pytest.mark.parametrize("rate_bps", [8_000, 600_000, 4_000_000, 10**9])
def test_codel_times_survive_the_kernel(rate_bps):
    options = dict(leaf_options("fq_codel", rate_bps, 20_000_000, FRAME))
    for name in ("target_us", "interval_us"):
        units = options[name] * 1000 >> 10  # as the kernel stores it
        assert (units << 10) // 1000 == options[name]
        assert options[name] % CODEL_STEP_US == 0
    assert 5_000 <= options["target_us"] <= 100_096
    assert options["interval_us"] >= 2 * options["target_us"] or rate_bps > 10**6


def test_a_slow_class_gets_a_longer_target():
    # A frame takes 20 ms at 600 kbit/s, half as much again is the target.
    assert dict(leaf_options("fq_codel", 600_000, 2 * 10**7, FRAME))["target_us"] == 30_336


@pytest.mark.parametrize(
    ("kind", "link_bps", "limit"),
    [
        ("bfifo", 20_000_000, 150_000),  # 60 ms
        ("pfifo", 20_000_000, 99),
        ("bfifo", 1_000_000, 15_140),  # ten frames
        ("pfifo", 1_000_000, 10),
    ],
)
def test_a_fifo_is_bounded_in_time(kind, link_bps, limit):
    assert dict(leaf_options(kind, 10**6, link_bps, FRAME)) == {"limit": limit}


@pytest.mark.parametrize(("is_ingress", "mode"), [(False, 5), (True, 6)])
def test_a_leaf_of_cake_is_fair_among_the_hosts_of_the_near_side(is_ingress, mode):
    options = leaf_options("cake", 10**6, 2 * 10**7, FRAME, is_ingress=is_ingress)
    told = dict(options)
    assert told["flow_mode"] == mode
    assert told["diffserv"] == 3  # none of its own: the classes are HTB's
    assert told["bandwidth_bps"] == 0  # HTB above it shapes
    assert told["split_gso"] == 1


def test_every_cake_option_is_sent():
    names = [name for name, _ in cake_options(10**6, 1, 5)]
    assert names == sorted(names)
    assert "autorate" in names  # left out, a change of bandwidth would switch it
