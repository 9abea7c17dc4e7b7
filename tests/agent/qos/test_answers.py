from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from agent.qos.answers import BadRequest, RuleBook
from agent.qos.rules import DEFAULT_RULES, BadRule
from agent.records import CLASS_NAMES


def book(**options):
    return RuleBook({rule.traffic_type: rule for rule in DEFAULT_RULES}, **options)


def predicted(**megabits):
    return {
        "predictions": [
            {"traffic_type": name, "predicted_bandwidth_mbps": rate}
            for name, rate in megabits.items()
        ]
    }


def test_rules_are_added_updated_and_listed():
    rules = RuleBook()
    body = {"traffic_type": "web", "min_bandwidth": 1, "max_bandwidth": 9, "priority": 2}
    assert rules.put(body) == {
        "status": "success",
        "message": "QoS rule added for web",
        "rule": body | {"dscp": None, "enabled": True},
    }
    assert "updated" in rules.put(body | {"dscp": 12})["message"]
    assert rules.list()["rules"]["web"]["dscp"] == 12
    assert rules.stats(5) == {
        "allocator": {"total_bandwidth": 0.0, "current_allocations": {}},
        "qos": {"rules_count": 1, "active_flows": 5},
    }


def test_a_refused_rule_changes_nothing():
    rules = book(capacity_bps=10_000_000)
    before = rules.list()
    body = {"traffic_type": "web", "min_bandwidth": 5, "max_bandwidth": 9, "priority": 2}
    with pytest.raises(BadRule, match=r"minima add up to 10.6 Mbit/s"):
        rules.put(body)
    assert rules.list() == before


def test_allocation_serves_high_priorities_first_with_headroom():
    answer = book().allocate(predicted(video=10, file=20, background=50, voice=1))
    assert answer["allocations"] == {
        "video": 12.0,  # a fifth more
        "voice": 1.2,
        "file": 20.0,
        "background": 20.0,  # its maximum
    }
    assert answer["total_allocated"] == 53.2
    assert answer["remaining"] == 46.8
    assert answer["utilization_percent"] == 53.2


def test_a_full_link_starves_nobody_who_has_a_minimum():
    answer = book().allocate(
        predicted(video=80, voice=20, file=50, background=50) | {"total_bandwidth_mbps": 30}
    )
    assert answer["allocations"]["file"] == 0.5
    assert answer["allocations"]["background"] == 0
    assert answer["allocations"]["voice"] >= 0.1
    assert answer["remaining"] == 0
    assert answer["utilization_percent"] == 100


def test_an_unknown_type_is_an_answer():
    assert book().allocate(predicted(games=7))["allocations"] == {"games": 7}
    assert book().apply(
        {"flow_id": "f", "traffic_type": "games", "current_bandwidth": 7}
    ) == {
        "action": "none",
        "target_bandwidth": 7,
        "reason": "no_rule",
        "dscp": None,
    }


@pytest.mark.parametrize(
    ("current", "action", "target", "reason"),
    [
        (60, "throttle", 50, "exceeds_max"),
        (1, "prioritize", 5, "below_min"),
        (5, "maintain", 5, "within_limits"),
        (50, "maintain", 50, "within_limits"),
    ],
)
def test_what_to_do_about_a_flow(current, action, target, reason):
    body = {"flow_id": "1", "traffic_type": "video", "current_bandwidth": current}
    assert book().apply(body) == {
        "action": action,
        "target_bandwidth": target,
        "reason": reason,
        "dscp": 46,
    }


rate = st.floats(0, 1000)


@given(st.dictionaries(st.sampled_from(CLASS_NAMES), rate), st.floats(6, 1000))
def test_every_allocation_is_legal(demands, total):
    rules = book()
    answer = rules.allocate(predicted(**demands) | {"total_bandwidth_mbps": total})
    assert answer["allocations"].keys() == demands.keys()
    assert sum(answer["allocations"].values()) <= total + 1e-5
    assert 0 <= answer["remaining"] <= total + 1e-6
    for name, share in answer["allocations"].items():
        rule = rules.rules.get(name)
        if rule is not None:
            assert rule.min_bandwidth - 1e-5 <= share <= rule.max_bandwidth + 1e-5


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"predictions": "no"}, "predictions is not a list"),
        ({"predictions": [1]}, "a prediction has no traffic_type"),
        ({"predictions": [{"traffic_type": 3}]}, "a prediction has no traffic_type"),
        (predicted(web=float("nan")), "predicted_bandwidth_mbps nan is outside"),
        (predicted(web=-1), "predicted_bandwidth_mbps -1 is outside"),
        (predicted(web="x"), "is not a number"),
        ({"total_bandwidth_mbps": float("inf")}, "total_bandwidth_mbps inf is outside"),
        ({"predictions": [{"traffic_type": "web"}] * 1001}, "more than 1000"),
    ],
)
def test_bad_allocations(body, message):
    with pytest.raises(BadRequest, match=message):
        book().allocate(body)


@pytest.mark.parametrize("body", [{}, {"traffic_type": 3}])
def test_a_flow_without_a_type(body):
    with pytest.raises(BadRequest, match="traffic_type is missing"):
        book().apply(body)
