"""The read API: what was sent is what is read."""

from __future__ import annotations

import ipaddress

import pytest

from collector.api.data import address, filters
from collector.records import Refused
from tests.collector.support import Server, batch


def test_what_was_sent_is_what_is_read(shared: Server):
    for number in (1, 2):
        assert shared.post(batch(number, agent="reader")).status == 200
    shared.settled()
    (agent,) = [
        a for a in shared.get("/api/agents").json["agents"] if a["name"] == "reader"
    ]
    assert (agent["health"], agent["missing_batches"], agent["batches"]) == ("online", 0, 2)
    assert agent["interfaces"][0]["addresses"] == ["192.0.2.1/24"]
    assert agent["status"] == {"uptime_seconds": 12.5, "flows_live": 7, "mode": "live"}
    found = shared.get("/api/endpoints?agents=reader&sort=bytes_in&limit=2").json[
        "endpoints"
    ]
    assert [row["bytes_in"] for row in found] == [6000, 4000]
    assert found[0]["unique_peers"] == pytest.approx(21, abs=0.5)
    assert found[0]["active_hours"] == [9]
    assert found[0]["class_bytes"]["video"] == 6000
    assert found[0]["top_peers"][0]["item"] == "192.0.2.5"
    one = shared.get("/api/endpoints/02:00:00:00:00:01").json["endpoint"]
    assert one["distributions"]["packet_length"]["values"][-1] == 1500.0
    (flow,) = shared.get("/api/flows?agent=reader&limit=1&address=10.0.0.4").json["flows"]
    assert (flow["source"], flow["destination"]) == ("10.0.0.4", "2001:db8::1")
    assert (flow["bytes"], flow["intervals"], flow["class"]) == (1000, 2, "web")
    lengths = shared.get("/api/quantiles/packet_length?agents=reader").json
    assert (lengths["count"], lengths["values"][0]) == (6, 64.0)
    for row in shared.get("/api/conservation?agent=reader").json["interfaces"]:
        parts = ("flows", "overflow", "non_ip", "unparsed", "filtered")
        for unit, seen in row["seen"].items():
            assert seen == sum(row[part][unit] for part in parts)
    numbers = [
        row["sequence"] for row in shared.get("/api/batches?agents=reader").json["batches"]
    ]
    assert numbers == [1, 2]
    stats = shared.get("/api/edge/sketches/stats").json
    assert stats["switches_detail"]["reader"]["sketches"] == 6


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/api/totals?from=x", "from: 'x' is not unix seconds"),
        ("/api/totals?from=10&to=5", "from: must be before to"),
        ("/api/totals?from=nan", "from:"),
        ("/api/totals?step=0", "step: must be between"),
        ("/api/totals?from=0&step=1", "step: 1 s makes more than 2000 points"),
        ("/api/totals?group=x%27", "group: must be one of"),
        ("/api/totals?class=nosuch", "class: must be one of"),
        ("/api/endpoints?limit=100000", "limit: must be between 1 and 1000"),
        ("/api/flows?address=1.2.3", "address: '1.2.3' is not an IP address"),
        ("/api/flows?port=70000", "port: must be between"),
        ("/api/alerts?unresolved=maybe", "unresolved: must be one of"),
    ],
)
def test_questions_that_cannot_be_answered(shared: Server, path: str, reason: str):
    answer = shared.get(path)
    assert answer.status == 400
    assert reason in answer.json["error"]


@pytest.mark.parametrize(
    ("text", "kept"),
    [("", ""), ("10.0.0.1", "::ffff:10.0.0.1"), ("2001:DB8::0:1", "2001:db8::1"),
     ("::ffff:1.2.3.4", "::ffff:102:304")],
)  # fmt: skip
def test_addresses_as_the_store_keeps_them(text: str, kept: str):
    found = address(text)
    assert found == kept or ipaddress.ip_address(found) == ipaddress.ip_address(kept)


@pytest.mark.parametrize("text", ["1.2.3", "10.0.0.0/8", "localhost", "::g", " 1.2.3.4"])
def test_texts_that_are_no_address(text: str):
    with pytest.raises(Refused, match="is not an IP address"):
        address(text)


def test_filters_are_four_and_words_where_they_can_be():
    assert filters({}) == {"agent": "", "interface": "", "direction": "", "class": ""}
    assert filters({"class": "web", "x": "y"})["class"] == "web"
    for wrong in ({"class": "Web"}, {"direction": "in"}):
        with pytest.raises(Refused):
            filters(wrong)


def test_what_is_not_there_is_not_found(shared: Server):
    for path in ("endpoints/none", "endpoints/a%27b", "quantiles/none"):
        assert shared.get(f"/api/{path}").status == 404
    for path, key in (("totals", "series"), ("flows", "flows"), ("endpoints", "endpoints"),
                      ("batches", "batches"), ("conservation", "interfaces")):  # fmt: skip
        answer = shared.get(f"/api/{path}?from=1&to=2")
        assert (answer.status, answer.json[key]) == (200, [])
        assert (answer.json["from"], answer.json["to"]) == (1.0, 2.0)
