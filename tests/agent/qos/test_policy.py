from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from agent.qos.policy import DEFAULT_SHARES, policies
from agent.qos.rules import DEFAULT_RULES, BadRule, Rule
from agent.records import CLASS_NAMES

LINK = 20_000_000


def by_name(found):
    return {policy.name: policy for policy in found}


def test_defaults_share_the_link():
    found = policies([], LINK)
    assert [policy.name for policy in found] == list(CLASS_NAMES)
    assert sum(policy.min_bps for policy in found) == LINK
    voice, background = by_name(found)["voice"], by_name(found)["background"]
    assert (voice.min_bps, voice.max_bps, voice.priority) == (2_000_000, 6_000_000, 3)
    assert (background.min_bps, background.max_bps) == (600_000, 18_000_000)


def test_shares_add_up():
    assert sum(share for _, share, _ in DEFAULT_SHARES.values()) == 100


def test_a_rule_takes_the_place_of_the_default():
    found = by_name(policies([Rule("video", 12.0, 15.0, 3, 26)], LINK))
    video = found["video"]
    assert (video.min_bps, video.max_bps) == (12_000_000, 15_000_000)
    assert video.priority == 3
    # The others had 70 % of the link and share what is left: 8 of 20 Mbit/s.
    assert found["voice"].min_bps == pytest.approx(8_000_000 / 70 * 10, abs=1)


def test_a_disabled_rule_counts_for_nothing():
    assert policies([Rule("video", 12, 15, 3, 26, enabled=False)], LINK) == policies(
        [], LINK
    )


def test_minima_above_the_link_are_refused():
    with pytest.raises(BadRule, match="minima add up to 21"):
        policies([Rule("video", 21, 30, 3)], LINK)


@given(
    st.integers(100_000, 10**12),
    st.lists(
        st.builds(
            lambda name, low, more, priority: Rule(name, low, low + more, priority),
            st.sampled_from(CLASS_NAMES),
            st.floats(0, 50),
            st.floats(0.001, 100),
            st.integers(0, 3),
        ),
        unique_by=lambda rule: rule.traffic_type,
    ),
)
def test_every_class_has_a_place(capacity, rules):
    try:
        found = policies(rules, capacity)
    except BadRule:
        assert sum(rule.min_bps for rule in rules) > capacity
        return
    for policy in found:
        assert 0 < policy.min_bps <= policy.floor_bps <= policy.max_bps
    for rule in rules:
        policy = by_name(found)[rule.traffic_type]
        assert policy.min_bps >= min(rule.min_bps, capacity)
        assert policy.max_bps <= max(rule.max_bps, policy.min_bps)
    # What classes without a guarantee need to live is all that may exceed the link.
    assert sum(policy.min_bps for policy in found) <= capacity + 8_000 * len(found)


def test_predecessor_rules_fit_a_small_office():
    found = by_name(policies(DEFAULT_RULES, 100_000_000))
    assert found["video"].min_bps == 5_000_000
    assert found["background"].max_bps == 20_000_000
