from __future__ import annotations

import pytest

from agent.qos import section
from agent.qos.apply.netlink import Refused
from agent.qos.apply.operate import Operator
from agent.qos.plan import Unplannable
from agent.qos.rules import BadRule

pytestmark = pytest.mark.root
RULE = {"traffic_type": "video", "min_bandwidth": 5, "max_bandwidth": 9, "priority": 2}


@pytest.fixture
def operate(bench):
    def made(speeds=None, **fields):
        settings = section.parse(
            {"mode": "shape", "interface": [{"name": "left0"} | fields], "rule": [RULE]}
            if fields
            else {}
        )
        with bench.space.entered():
            return Operator(settings, bench.directory, speeds or {})

    return made


def test_plan_apply_show_revert(bench, operate):
    before = bench.read()
    with operate(egress_mbps=20, ingress_mbps=50) as operator:
        lines, notes = operator.plan()
        assert "+ left0: root qdisc 5745: htb" in "\n".join(lines)
        assert lines[-1] == "65 to add, 1 to change in place, 0 to remove"
        assert bench.read() == before  # planning touches nothing
        assert len(operator.apply()) == 66
        assert operator.apply() == []
        assert operator.plan()[0] == ["nothing to change"]
        shown = operator.show()
        assert shown["left0"]["egress"]["video"]["drops"] == 0
        assert shown["left0"]["ingress"].keys() == shown["left0"]["egress"].keys()
    assert all("no fq_codel" in note for note in notes)
    # Another process, without settings even, puts everything back.
    with operate() as operator:
        operator.revert()
        assert operator.show() == {}
    assert bench.read() == before


def test_a_device_that_left_the_settings_is_put_back(bench, operate):
    before = bench.read()
    with operate(egress_mbps=20) as operator:
        operator.apply()
    with operate() as operator:
        assert operator.apply()
    assert bench.read() == before


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"egress_mbps": 4}, BadRule, "minima add up to 5 Mbit/s, the link has 4"),
        ({"egress_mbps": "auto"}, BadRule, "does not tell its speed"),
        ({"egress_mbps": 0.01}, (BadRule, Unplannable), "minima|outside"),
        ({"egress_mbps": 20, "name": "nosuch0"}, Refused, "there is no such device"),
        ({"egress_mbps": 20, "shaper": "cake"}, Unplannable, "has no cake: load"),
    ],
)
def test_what_cannot_be_is_one_line_and_changes_nothing(
    bench, operate, fields, error, message
):
    before = bench.read()
    with operate(**fields) as operator:
        if "cake" in operator.abilities().qdiscs and fields.get("shaper") == "cake":
            pytest.skip("this kernel has cake")
        with pytest.raises(error, match=message) as refused:
            operator.apply()
    assert "\n" not in str(refused.value)
    assert bench.read() == before


def test_speed_of_the_device(bench, operate):
    with operate({"left0": 100_000_000}, egress_mbps="auto") as operator:
        operator.apply()
    assert "rate 95Mbit ceil 95Mbit" in bench.tc(
        "class", "show", "dev", "left0", "classid", "5745:1"
    )
