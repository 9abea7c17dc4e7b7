from __future__ import annotations

import pytest

from agent.qos.choice import choose
from agent.qos.plan import Abilities

ALL = ("htb", "fq_codel", "cake", "sfq", "bfifo", "pfifo")


@pytest.mark.parametrize(
    ("kinds", "has_ifb", "shaper", "leaf", "degraded"),
    [
        (ALL, True, "htb", "cake", []),
        (ALL, False, "htb", "cake", ["what arrives cannot be shaped"]),
        (("htb", "fq_codel", "sfq"), True, "htb", "fq_codel", ["fq_codel is fair among"]),
        (("htb", "cake", "bfifo"), True, "htb", "cake", []),
        (("htb", "sfq", "pfifo"), True, "htb", "sfq", ["sfq is fair but queues longer"]),
        (
            ("htb", "bfifo", "pfifo"),
            True,
            "htb",
            "bfifo",
            ["bfifo does not keep the flows"],
        ),
        (("htb", "pfifo"), True, "htb", "pfifo", ["pfifo does not keep the flows"]),
        (("cake", "bfifo"), True, "cake", "", ["no htb: rules give marks only"]),
        (("htb",), True, "", "", ["nothing can be shaped"]),
        (("fq_codel",), False, "", "", ["nothing can be shaped", "what arrives cannot"]),
    ],
)
def test_the_best_that_is_there(kinds, has_ifb, shaper, leaf, degraded):
    found = choose(Abilities(frozenset(kinds), has_ifb))
    assert (found.shaper, found.leaf) == (shaper, leaf)
    assert len(found.degraded) == len(degraded)
    for line, begin in zip(found.degraded, degraded, strict=True):
        assert line.startswith(begin)
        assert ": load the module" in line


def test_for_people_and_for_programs():
    found = choose(Abilities(frozenset({"htb", "bfifo", "pfifo"})))
    assert found.lines() == [
        "htb       yes",
        "cake      no",
        "fq_codel  no",
        "sfq       no",
        "bfifo     yes",
        "pfifo     yes",
        "ifb       yes",
        "chosen    htb with bfifo",
        "degraded  bfifo does not keep the flows of a class apart: "
        "load the module sch_fq_codel",
    ]
    told = found.as_json()
    assert told["qdiscs"]["cake"] is False
    assert (told["shaper"], told["leaf"], told["ifb"]) == ("htb", "bfifo", True)
    assert choose(Abilities(frozenset())).lines()[-2].endswith("packets are only counted")
