"""QoS rules over HTTP."""

from __future__ import annotations

import json
import math
import socket
import time

import pytest

from collector.api.rules import checked, traffic_type
from collector.records import Refused
from tests.collector.support import Answer, Server


def test_qos_rules_are_kept(shared: Server):
    kind = {"Content-Type": "application/json"}
    rule = {"traffic_type": "video", "priority": 3, "min_bandwidth": 5,
            "max_bandwidth": 50.5,
            "dscp": 46}  # fmt: skip

    def send(method: str, path: str, value: object) -> Answer:
        return shared.request(method, path, json.dumps(value).encode(), kind)

    assert send("POST", "/api/qos/rules", rule).status == 200
    assert send("POST", "/api/qos/rules", rule).status == 409
    assert send("POST", "/api/qos/rules", {**rule, "traffic_type": "x"}).status == 400
    assert send("POST", "/api/qos/rules", {**rule, "dscp": 64}).status == 400
    assert send("PUT", "/api/qos/rules/video", {**rule, "priority": 2}).status == 200
    assert send("PUT", "/api/qos/rules/voice", rule).status == 404
    (kept,) = shared.get("/api/qos/rules").json["rules"]
    assert (kept["priority"], kept["max_bandwidth"]) == (2, 50.5)
    assert kept["enabled"] is True
    assert shared.request("DELETE", "/api/qos/rules/video").status == 200
    assert shared.get("/api/qos/rules").json["count"] == 0


RULE = {"priority": 3, "min_bandwidth": 5, "max_bandwidth": 50.5, "dscp": 46}


def without(name: str) -> dict[str, object]:
    return {key: value for key, value in RULE.items() if key != name}


def test_what_may_be_left_out():
    assert checked(RULE) == {**RULE, "enabled": True}
    assert checked(without("dscp"))["dscp"] == 0
    assert checked({**RULE, "enabled": False, "more": 1}) == {**RULE, "enabled": False}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (without("priority"), "priority"),
        (without("min_bandwidth"), "min_bandwidth"),
        ({**RULE, "priority": 8}, "priority"),
        ({**RULE, "priority": -1}, "priority"),
        ({**RULE, "priority": 1.5}, "a whole number"),
        ({**RULE, "priority": True}, "priority"),
        ({**RULE, "max_bandwidth": "50"}, "max_bandwidth"),
        ({**RULE, "max_bandwidth": math.nan}, "max_bandwidth"),
        ({**RULE, "max_bandwidth": math.inf}, "max_bandwidth"),
        ({**RULE, "max_bandwidth": 4}, "must not exceed"),
        ({**RULE, "dscp": 64}, "dscp"),
        ({**RULE, "enabled": 1}, "enabled"),
    ],
)
def test_rules_that_cannot_be(body: dict[str, object], reason: str):
    with pytest.raises(Refused, match=reason) as refusal:
        checked(body)
    assert refusal.value.status == 400


@pytest.mark.parametrize("value", ["", "Video", None, 3, ["video"], {"a": 1}])
def test_types_that_are_none(value: object):
    with pytest.raises(Refused, match="traffic_type"):
        traffic_type(value)


@pytest.mark.parametrize(
    ("kind", "data", "status"),
    [
        ("text/plain", b"{}", 415), ("application/json", b"{", 400),
        ("application/json", b"[]", 400), ("application/json", b"[" * 5000, 400),
        ("application/json", b" " * 9000, 413),
    ],
)  # fmt: skip
def test_bodies_that_are_no_rule(shared: Server, kind: str, data: bytes, status: int):
    answer = shared.request("POST", "/api/qos/rules", data, {"Content-Type": kind})
    assert answer.status == status


def test_a_body_in_pieces_is_one_body(shared: Server):
    data = json.dumps({**RULE, "traffic_type": "voice"}).encode()
    with socket.create_connection(("127.0.0.1", shared.port), timeout=10) as line:
        line.sendall(
            b"POST /api/qos/rules HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(data)
        )
        line.sendall(data[:10])
        time.sleep(0.1)  # so that the server reads two pieces
        line.sendall(data[10:])
        assert line.recv(64).startswith(b"HTTP/1.1 200")
    assert shared.request("DELETE", "/api/qos/rules/voice").status == 200
