from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from agent.qos.answers import BadRequest
from agent.qos.demand import Quantiles
from agent.qos.foresight import Foresight, Outlook, answer, answers

WAN = ("wan", "egress")
VIDEO = Outlook("wan", "egress", "video", 4e6, Quantiles(5e6, 8e6, 105.0), 91.0)
SMALLER = Outlook("lan", "ingress", "video", 1e6, Quantiles(1e6, 2e6, 105.0), 50.0)


def steady(foresight, seconds, octets_s=125_000, start=0):
    for second in range(start, start + seconds):
        foresight.observe(float(second), {WAN: {"video": second * octets_s, "web": 0}})
    return foresight


def test_a_steady_class_is_expected_to_go_on():
    foresight = steady(Foresight(), 60)
    (found,) = foresight.outlooks(60.0, {})
    assert (found.interface, found.direction, found.traffic_type) == (*WAN, "video")
    told = found.as_json()
    assert told["current_throughput_mbps"] == 1.0
    assert told["predicted_bandwidth_mbps"] == pytest.approx(1.0)
    assert told["quantiles_mbps"]["0.9"] == pytest.approx(1.0)
    assert told["confidence"] == 100
    assert (told["horizon_seconds"], told["expires"]) == (1.0, 65.0)
    assert (told["model_type"], told["model_hash"]) == ("rule_based", None)
    assert foresight.points > 50


def test_few_readings_have_no_confidence_and_a_silent_class_is_not_listed():
    (found,) = steady(Foresight(), 5).outlooks(5.0, {})
    assert found.confidence == 0


def test_a_class_that_stays_silent_is_forgotten():
    foresight = steady(Foresight(), 20)
    for second in range(20, 80):
        foresight.observe(float(second), {WAN: {"video": 19 * 125_000, "web": 0}})
        assert second == 79 or foresight.outlooks(second, {})
    assert foresight.outlooks(80.0, {}) == []
    assert foresight.points == 0


def test_an_estimate_of_a_tree_wins():
    (found,) = steady(Foresight(), 60).outlooks(60.0, {WAN: {"video": VIDEO.demand}})
    assert found.demand == VIDEO.demand


def test_an_interface_that_is_gone_and_counters_that_begin_anew():
    foresight = steady(Foresight(), 20)
    foresight.observe(20.0, {WAN: {"video": 5}})
    assert foresight.outlooks(20.0, {})[0].current_bps == 0
    foresight.observe(21.0, {})
    assert foresight.outlooks(21.0, {}) == []


def test_a_clock_that_is_set_back_stops_no_estimate():
    foresight = steady(Foresight(), 60)
    for second in range(20):
        foresight.observe(30.0 + second, {WAN: {"video": (59 + 2 * second) * 125_000}})
    (found,) = foresight.outlooks(50.0, {})
    assert found.current_bps == 2e6


def test_every_field_of_an_answer():
    assert answer({"traffic_type": "video"}, [SMALLER, VIDEO], 100.0) == {
        "traffic_type": "video",
        "predicted_bandwidth_mbps": 5.0,
        "confidence": 91.0,
        "current_throughput_mbps": 4.0,
        "packet_rate": 100.0,
        "average_packet_size": 1500.0,
        "timestamp": 100.0,
        "interface": "wan",
        "direction": "egress",
        "quantiles_mbps": {"0.5": 5.0, "0.9": 8.0},
        "horizon_seconds": 1.0,
        "expires": 105.0,
        "model_type": "rule_based",
        "model": "ewma-0.3",
        "model_hash": None,
    }
    named = answer({"traffic_type": "video", "interface": "lan"}, [SMALLER, VIDEO], 100.0)
    assert (named["interface"], named["direction"]) == ("lan", "ingress")


@pytest.mark.parametrize(
    ("body", "current", "likely"),
    [
        ({"current_throughput": 8}, 8.0, 10.0),  # as the class was seen to grow
        ({"packet_rate": 1000, "average_packet_size": 500}, 4.0, 5.0),
        ({"current_throughput": 0}, 0.0, 0.0),
    ],
)
def test_what_a_request_says_of_its_traffic_is_followed(body, current, likely):
    told = answer({"traffic_type": "video"} | body, [VIDEO], 100.0)
    assert told["current_throughput_mbps"] == current
    assert told["predicted_bandwidth_mbps"] == likely


def test_an_unknown_type_is_an_answer():
    told = answer({"traffic_type": "games", "timestamp": "now"}, [VIDEO], 100.0)
    assert (told["traffic_type"], told["timestamp"]) == ("games", "now")
    assert told["predicted_bandwidth_mbps"] == 1.2  # of the defaults: 100 x 1500 bytes
    assert (told["confidence"], told["interface"]) == (0, None)


@given(*[st.floats(0, 1e5)] * 2, st.sampled_from(["video", "games"]))
def test_more_throughput_never_means_less(one, other, name):
    low, high = sorted((one, other))
    told = [
        answer({"traffic_type": name, "current_throughput": rate}, [VIDEO], 100.0)
        for rate in (low, high)
    ]
    assert told[0]["predicted_bandwidth_mbps"] <= told[1]["predicted_bandwidth_mbps"]


def test_a_batch_is_answered_in_order():
    asked = [{"traffic_type": name} for name in ("video", "games")]
    told = answers(asked, [VIDEO], 100.0)
    assert [one["traffic_type"] for one in told] == ["video", "games"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "the body must be a list"),
        ([7], "the body must be a list"),
        ([{}], "traffic_type is missing"),
        ([{"traffic_type": "web", "packet_rate": "x"}], "packet_rate 'x' is not a number"),
        ([{"traffic_type": "web", "byte_count": True}], "byte_count True is not a number"),
        ([{"traffic_type": "web", "current_throughput": -1}], "-1 is outside"),
        ([{"traffic_type": "web", "packet_count": float("nan")}], "nan is outside"),
        ([{"traffic_type": "web"}] * 1001, "1001 requests: 1000 are answered"),
    ],
)
def test_bad_requests(body, message):
    with pytest.raises(BadRequest, match=message):
        answers(body, [VIDEO], 100.0)
