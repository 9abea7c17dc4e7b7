from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from agent.qos.rules import (
    DEFAULT_RULES,
    BadRule,
    Rule,
    check_capacity,
    parse,
    parse_all,
)
from agent.records import CLASS_NAMES

GOOD = {"traffic_type": "video", "min_bandwidth": 5, "max_bandwidth": 50, "priority": 3}


def test_a_rule_as_the_api_sends_it():
    rule = parse(GOOD)
    assert rule == Rule("video", 5.0, 50.0, 3, None, True)
    assert (rule.min_bps, rule.max_bps) == (5_000_000, 50_000_000)


@pytest.mark.parametrize("rule", DEFAULT_RULES, ids=lambda rule: rule.traffic_type)
def test_defaults_survive_a_round_trip(rule):
    assert parse(rule.as_json()) == rule


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"traffic_type": "games"}, "traffic_type 'games' is unknown: choose one of"),
        ({"traffic_type": None}, "traffic_type None is unknown"),
        ({"min_bandwidth": 60}, "min_bandwidth 60 is above max_bandwidth 50"),
        ({"min_bandwidth": -1}, "min_bandwidth -1 is outside 0-1e"),
        ({"max_bandwidth": 1e12}, r"max_bandwidth 1e\+12 is outside"),
        ({"max_bandwidth": float("nan")}, "max_bandwidth nan is outside"),
        ({"max_bandwidth": float("inf")}, "max_bandwidth inf is outside"),
        ({"max_bandwidth": "fast"}, "max_bandwidth 'fast' is not a number"),
        ({"max_bandwidth": True}, "max_bandwidth True is not a number"),
        ({"min_bandwidth": 0, "max_bandwidth": 0}, "max_bandwidth 0 would stop the class"),
        ({"priority": 4}, "priority 4 is outside 0-3"),
        ({"priority": -1}, "priority -1 is outside 0-3"),
        ({"priority": 1.5}, "priority 1.5 is not a whole number"),
        ({"priority": True}, "priority True is not a whole number"),
        ({"dscp": 64}, "dscp 64 is outside 0-63"),
        ({"dscp": "EF"}, "dscp 'EF' is not a whole number"),
        ({"enabled": "yes"}, "enabled 'yes' is neither true nor false"),
        ({"colour": "red"}, "key 'colour' is unknown"),
    ],
)
def test_refusals_are_one_line(change, message):
    with pytest.raises(BadRule, match=message) as refused:
        parse(GOOD | change)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("key", GOOD)
def test_missing_keys(key):
    with pytest.raises(BadRule, match=f"{key} is missing"):
        parse({name: value for name, value in GOOD.items() if name != key})


def test_a_traffic_type_has_one_rule():
    with pytest.raises(BadRule, match="rule video: there are two"):
        parse_all([GOOD, GOOD | {"priority": 1}])


@given(
    st.builds(
        dict,
        traffic_type=st.sampled_from(CLASS_NAMES) | st.text(max_size=3) | st.none(),
        min_bandwidth=st.floats() | st.integers() | st.text(max_size=3),
        max_bandwidth=st.floats() | st.integers() | st.booleans(),
        priority=st.integers() | st.floats(),
        dscp=st.integers() | st.none(),
        enabled=st.booleans() | st.integers(),
    )
)
def test_anything_is_a_rule_or_refused(fields):
    try:
        rule = parse(fields)
    except BadRule:
        return
    assert 0 <= rule.min_bps <= rule.max_bps
    assert rule.priority in range(4)
    assert rule.dscp is None or rule.dscp in range(64)
    assert parse(rule.as_json()) == rule


@pytest.mark.parametrize(
    ("capacity_bps", "fits"), [(5_600_000, True), (5_599_999, False), (0, False)]
)
def test_minima_must_fit_the_link(capacity_bps, fits):
    if fits:
        check_capacity(DEFAULT_RULES, capacity_bps)
    else:
        with pytest.raises(BadRule, match=r"minima add up to 5.6 Mbit/s, the link has"):
            check_capacity(DEFAULT_RULES, capacity_bps)


def test_disabled_rules_reserve_nothing():
    check_capacity([Rule("video", 50.0, 50.0, 3, enabled=False)], 1)
