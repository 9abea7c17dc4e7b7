"""Scripted traffic in, batches out: every field of an endpoint, and no byte lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta, timezone

import numpy as np
import pytest

from agent.records import FLOW_DELTA
from agent.sketch.store import Settings, Store
from tests.agent.sketch.deltas import LINK, ORIGIN, SECOND_NS, START_NS, delta
from tests.agent.sketch.stores import END_NS, REPORT, fed, row_of, sealed
from wire.batch import encode
from wire.errors import Malformed
from wire.schema import CLASS_NAMES
from wire.sketches import Distinct, Frequency, Frequent, Quantiles


def test_every_field_of_an_endpoint_after_scripted_traffic():
    batch = sealed(
        fed(
            delta("10.0.0.2", "192.0.2.1", sent=1000, received=30_000, kind="web",
                  ending=3, first_ns=START_NS - 5 * SECOND_NS),
            delta("10.0.0.2", "192.0.2.1", sport=50001, sent=100, received=100, new=False),
            delta("10.0.0.2", "2001:db8::5", port=53, protocol=17, sent=50, received=150,
                  kind="background"),
            delta("203.0.113.9", "10.0.0.2", port=22, sent=700, received=300, kind="file",
                  last_ns=START_NS + 9 * SECOND_NS),
            delta("10.0.0.2", "192.0.2.7", protocol=1, sport=8 << 8, port=8 << 8, sent=84,
                  received=84, kind="unknown"),
        )
    )  # fmt: skip
    assert batch.endpoints.ids == ("10.0.0.2",)
    totals, images = row_of(batch, "10.0.0.2")
    assert totals["bytes_out"] == 1000 + 100 + 50 + 300 + 84
    assert totals["bytes_in"] == 30_000 + 100 + 150 + 700 + 84
    assert totals["packets_out"] == 10 + 1 + 1 + 3 + 1
    assert totals["packets_in"] == 300 + 1 + 2 + 7 + 1
    assert totals["flow_count"] == 4
    by_class = dict(zip(CLASS_NAMES, totals["class_bytes"].tolist(), strict=True))
    assert by_class == {
        "unknown": 168, "voice": 0, "video": 0, "interactive": 0, "web": 31_200,
        "file": 1000, "background": 200,
    }  # fmt: skip
    assert totals["first_seen"] == START_NS // SECOND_NS - 5
    assert totals["last_seen"] == START_NS // SECOND_NS + 9
    assert totals["active_hours"] == 1 << 22
    assert totals["version"] == END_NS // 1_000_000

    def distinct(name):
        return round(Distinct.from_bytes(images[name]).estimate)

    assert distinct("unique_peers") == 4
    assert distinct("unique_ports") == 4
    assert distinct("unique_services") == 4

    ports = Frequency.from_bytes(images["port_frequency"])
    assert [ports.estimate(item) for item in ("tcp/443", "udp/53", "listen:tcp/22")] == [
        1
    ] * 3
    assert ports.total == 4
    services = Frequency.from_bytes(images["service_frequency"])
    assert [services.estimate(item) for item in ("https", "domain", "ssh", "icmp")] == [
        1
    ] * 4

    def top(name):
        return {item: low for item, _, low, _ in Frequent.from_bytes(images[name]).top(9)}

    assert top("top_ports") == {
        "tcp/443": 31_200, "udp/53": 200, "listen:tcp/22": 1000, "icmp/8": 168,
    }  # fmt: skip
    assert top("top_peers") == {
        "192.0.2.1": 31_200, "2001:db8::5": 200, "203.0.113.9": 1000, "192.0.2.7": 168,
    }  # fmt: skip

    lengths = Quantiles.from_bytes(images["packet_length"])
    assert lengths.count == 10
    assert lengths.quantiles([1.0])[0] == pytest.approx(100, rel=0.06)
    durations = Quantiles.from_bytes(images["flow_duration"])
    assert (durations.count, durations.quantiles([0.5])) == (1, [6.0])
    rates = Quantiles.from_bytes(images["throughput"])
    assert rates.count == 5
    assert rates.quantiles([1.0])[0] == pytest.approx(31_000 * 8, rel=0.06)


def test_both_inside_ends_are_updated():
    batch = sealed(fed(delta("10.0.0.2", "fd00::9", sent=70, received=30)))
    client, _ = row_of(batch, "10.0.0.2")
    server, images = row_of(batch, "fd00::9")
    assert (client["bytes_out"], client["bytes_in"]) == (70, 30)
    assert (server["bytes_out"], server["bytes_in"]) == (30, 70)
    assert client["flow_count"] == server["flow_count"] == 1
    assert Frequent.from_bytes(images["top_peers"]).top(1)[0][0] == "10.0.0.2"
    assert Frequency.from_bytes(images["port_frequency"]).estimate("listen:tcp/443") == 1


@pytest.mark.parametrize(
    ("source", "destination", "local", "expected"),
    [
        ("10.0.0.2", "192.0.2.1", (), {"10.0.0.2"}),
        ("192.0.2.1", "10.0.0.2", (), {"10.0.0.2"}),
        ("192.0.2.1", "198.51.100.1", (), {"192.0.2.1", "198.51.100.1"}),
        ("192.0.2.1", "198.51.100.1", ("192.0.2.0/24",), {"192.0.2.1"}),
        ("10.0.0.2", "224.0.0.251", (), {"10.0.0.2"}),
        ("192.0.2.1", "255.255.255.255", (), {"192.0.2.1"}),
        ("0.0.0.0", "255.255.255.255", (), {"other"}),
        ("::", "ff02::16", (), {"other"}),
    ],
)
def test_who_is_an_endpoint(source, destination, local, expected):
    store = fed(delta(source, destination), settings=Settings(local_networks=local))
    assert set(sealed(store).endpoints.ids) == expected


def test_macs_name_inside_endpoints_and_join_their_addresses():
    macs = {"10.0.0.2": "02:00:00:00:00:02", "fd00::2": "02:00:00:00:00:02"}
    batch = sealed(
        fed(
            delta("10.0.0.2", "192.0.2.1", sent=1),
            delta("fd00::2", "2001:db8::1", sent=2),
            delta("10.0.0.3", "192.0.2.1", sent=4),
            macs=macs,
        )
    )
    found = dict(
        zip(batch.endpoints.ids, batch.endpoints.totals["bytes_out"].tolist(), strict=True)
    )
    assert found == {"02:00:00:00:00:02": 3, "10.0.0.3": 4}


def test_hours_are_in_the_configured_zone():
    zone = timezone(timedelta(hours=5, minutes=30))
    batch = sealed(fed(delta("10.0.0.2", "192.0.2.1"), settings=Settings(zone=zone)))
    assert batch.endpoints.totals["active_hours"].tolist() == [1 << 3]  # 22:14 UTC is 03:44


def test_rows_away_from_home_count_nowhere():
    store = fed(
        delta("10.0.0.2", "192.0.2.1", sent=10),
        delta("10.0.0.2", "192.0.2.1", sent=10, slot=9, home=False),
    )
    batch = sealed(store)
    assert batch.endpoints.totals["bytes_out"].tolist() == [10]
    assert batch.flows["bytes_forward"].tolist() == [10]


def test_intervals_are_deltas_and_the_version_grows():
    store = fed(delta("10.0.0.2", "192.0.2.1", sent=10))
    first = sealed(store)
    empty = sealed(store, END_NS + SECOND_NS)
    store.feed(delta("10.0.0.2", "192.0.2.1", sent=5, new=False), (LINK,), END_NS)
    third = sealed(store, END_NS)  # the clock went back
    assert empty.endpoints.ids == ()
    assert len(empty.flows) == len(empty.quantiles) == 0
    assert len(encode(empty)) < len(encode(first)) / 2  # idle intervals are small
    assert third.endpoints.totals["bytes_out"].tolist() == [5]
    assert third.endpoints.totals["flow_count"].tolist() == [0]
    assert (first.start_ns, first.end_ns) == (START_NS, END_NS)
    assert (empty.start_ns, empty.end_ns) == (END_NS, END_NS + SECOND_NS)
    assert (third.start_ns, third.end_ns) == (END_NS, END_NS)
    versions = [int(batch.endpoints.totals["version"][0]) for batch in (first, third)]
    assert versions[1] > versions[0]


def test_the_heaviest_flows_are_reported_largest_first():
    many = [
        delta("10.0.0.2", "192.0.2.1", sport=1000 + n, sent=n * 100, received=0, id=n + 1)
        for n in range(50)
    ]
    batch = sealed(fed(*many, settings=Settings(top_flows=3)))
    assert batch.flows["bytes_forward"].tolist() == [4900, 4800, 4700]
    assert batch.flows["source_port"].tolist() == [1049, 1048, 1047]
    assert batch.flows["interface"].tolist() == [0, 0, 0]


def test_quantiles_cover_every_flow_once():
    batch = sealed(
        fed(
            delta("10.0.0.2", "10.0.0.3", kind="voice", rtt_ns=20_000_000, ending=1),
            delta("10.0.0.2", "192.0.2.1", kind="web"),
        )
    )
    found = {name: Quantiles.from_bytes(image) for name, image in batch.quantiles.items()}
    assert {name: kept.count for name, kept in found.items()} == {
        "packet_length": 4, "flow_duration": 1, "rtt": 1, "throughput": 2,
        "throughput.voice": 1, "throughput.web": 1,
    }  # fmt: skip
    assert found["rtt"].quantiles([0.5])[0] == pytest.approx(0.02, rel=0.004)


def test_endpoints_survive_a_restart_with_their_sketches():
    store = fed(
        delta("10.0.0.2", "192.0.2.1", sent=10),
        delta("10.0.0.2", "192.0.2.2", sent=10),
        delta("10.0.0.3", "192.0.2.1", sent=10),
    )
    before = sealed(store)
    saved = store.to_bytes()
    again = Store.from_bytes(saved, Settings(), END_NS)
    once_more = Store.from_bytes(again.to_bytes(), Settings(), END_NS)
    assert sorted(again.to_bytes()) == sorted(once_more.to_bytes())
    again.feed(delta("10.0.0.2", "192.0.2.3", sent=7), (LINK,), END_NS)
    after = sealed(again, END_NS + SECOND_NS)
    assert after.endpoints.ids == ("10.0.0.2",)
    assert after.endpoints.totals["bytes_out"].tolist() == [7]
    assert after.endpoints.totals["version"][0] > before.endpoints.totals["version"].max()
    kept = again.registry.endpoints()
    place = kept.ids.index("10.0.0.2")
    assert kept.totals["bytes_out"][place] == 27
    assert round(Distinct.from_bytes(kept.sketches["unique_peers"][place]).estimate) == 3
    assert again.flow_count == 4


def test_state_that_is_none_is_malformed():
    saved = fed(delta("10.0.0.2", "192.0.2.1")).to_bytes()
    for data in (b"", saved[:-1], b"\x80", saved.replace(b"version\x01", b"version\x02")):
        with pytest.raises(Malformed):
            Store.from_bytes(data, Settings(), START_NS)


def test_an_interface_that_left_has_no_place():
    store = fed(delta("10.0.0.2", "192.0.2.1"))
    batch = store.seal(ORIGIN, END_NS, (replace(REPORT, name="eth1"),), {})
    assert batch.flows["interface"].tolist() == [0xFFFF]


def test_nothing_fed_is_nothing_said():
    store = Store(Settings(), START_NS)
    store.feed(np.zeros(0, FLOW_DELTA), (LINK,), START_NS)
    batch = sealed(store)
    assert (batch.endpoints.ids, len(batch.flows), batch.quantiles) == ((), 0, {})
    assert (batch.interfaces, batch.health, batch.sequence) == ((REPORT,), {"a": 1}, 1)
