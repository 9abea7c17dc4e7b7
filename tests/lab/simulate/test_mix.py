"""The mix: one seed, one stream; shares, ports, sizes and hours as they are meant."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import numpy as np
import pytest

from lab.simulate.flows import SECOND_NS, Array
from lab.simulate.mix import FIRST_SOURCE_PORT, Mix
from lab.simulate.population import KINDS, Type
from wire.items import address_texts

HOUR_NS = 3600 * SECOND_NS
NOON = int(datetime(2026, 1, 5, 12, tzinfo=UTC).timestamp()) * SECOND_NS
NIGHT = NOON + 12 * HOUR_NS
KNOWN = "87f7e8d79643d455"


def stream(mix: Mix, count: int, start_ns: int = NOON, offset_s: int = 0) -> Array:
    return np.concatenate([s.flows for s in mix.seconds(count, start_ns, offset_s)])


def types_of(mix: Mix, flows: Array) -> Array:
    """The sender's type: its place is in its MAC."""
    place = flows["source_mac"][:, 4].astype(int) << 8 | flows["source_mac"][:, 5]
    return mix.people.types[place]


def test_a_seed_gives_this_stream_on_every_machine() -> None:
    flows = stream(Mix(1, 50, 100), 20)
    assert hashlib.sha256(flows.tobytes()).hexdigest()[:16] == KNOWN


def test_equal_seeds_are_equal_streams() -> None:
    first, second = stream(Mix(7, 50, 99.5), 30), stream(Mix(7, 50, 99.5), 30)
    assert (first == second).all()
    other = stream(Mix(8, 50, 99.5), 30)
    assert len(other) == len(first)
    assert (other != first).mean() > 0.99


def test_a_second_does_not_depend_on_those_before() -> None:
    whole = list(Mix(3, 50, 80).seconds(40, NOON, 0))
    alone = Mix(3, 50, 80).second(33, NOON + 33 * SECOND_NS, 0)
    assert (alone.flows == whole[33].flows).all()
    assert alone.start_ns == whole[33].start_ns


@pytest.mark.parametrize("rate", [0.4, 1, 33.3, 1000])
def test_as_many_flows_as_asked_for_at_work(rate: float) -> None:
    assert len(stream(Mix(1, 50, rate), 50)) == int(50 * rate)


def test_flows_lie_in_their_second_in_order() -> None:
    for number, second in enumerate(Mix(1, 50, 200).seconds(5, NOON, 0)):
        times = second.flows["start_ns"].astype(np.int64)
        assert second.start_ns == NOON + number * SECOND_NS
        assert second.start_ns <= times[0] <= times[-1] < second.start_ns + SECOND_NS
        assert (np.diff(times) >= 0).all()
        assert (times % 1000 == 0).all()


@pytest.fixture(scope="module")
def day() -> tuple[Mix, Array]:
    mix = Mix(11, 100, 2000)
    return mix, stream(mix, 100)


def test_flows_an_hour_are_the_shares_of_the_kinds(day: tuple[Mix, Array]) -> None:
    mix, flows = day
    found = np.bincount(types_of(mix, flows), minlength=4) / len(flows)
    weights = np.bincount(mix.people.types, mix.people.flows_an_hour)
    assert found == pytest.approx(weights / weights.sum(), abs=0.01)
    # 60 of 125, 15 of 1250, 10 of 12.5 and 15 of 30 flows an hour, on average.
    assert found == pytest.approx([0.28, 0.70, 0.005, 0.017], abs=0.06)


@pytest.mark.parametrize("kind", list(Type))
def test_ports_and_sizes_are_those_of_the_kind(day: tuple[Mix, Array], kind: Type) -> None:
    mix, flows = day
    own = flows[types_of(mix, flows) == kind]
    ports, times = np.unique(own["destination_port"], return_counts=True)
    wanted = KINDS[kind]
    assert set(ports.tolist()) == set(wanted.ports)
    share = 1 / len(wanted.ports)
    assert times / len(own) == pytest.approx(share, abs=5 * np.sqrt(share / len(own)))
    low, high = wanted.bytes_a_flow
    assert low <= own["bytes"].min() <= own["bytes"].max() <= high
    assert own["bytes"].mean() == pytest.approx((low + high) / 2, rel=0.1)
    assert (own["bytes"] <= own["packets"] * 1514).all()
    assert (own["bytes"] >= own["packets"] * 60).all()


def test_source_ports_protocols_and_destinations(day: tuple[Mix, Array]) -> None:
    mix, flows = day
    assert flows["source_port"].min() == FIRST_SOURCE_PORT
    assert flows["source_port"].max() == 65_535
    assert set(flows["protocol"][flows["destination_port"] == 53].tolist()) == {17}
    assert set(flows["protocol"][flows["destination_port"] != 53].tolist()) == {6}
    assert (flows["source"] != flows["destination"]).any(axis=1).all()
    servers = set(address_texts(mix.people.addresses[mix.people.servers]))
    inside = flows[np.isin(flows["destination_port"], (22, 53, 389, 445, 8080, 9100))]
    assert set(address_texts(inside["destination"])) == servers
    web = address_texts(flows[flows["destination_port"] == 443]["destination"])
    assert {text.rpartition(".")[0] for text in web} == {
        "192.0.2", "198.51.100", "203.0.113",
    }  # fmt: skip
    things = flows[types_of(mix, flows) == Type.IOT]
    pairs = np.unique(np.concatenate([things["source"], things["destination"]], 1), axis=0)
    assert len(pairs) == 2 * 15, "a thing talks to its maker's two hosts"


def test_a_site_of_one_talks_to_the_outside_alone() -> None:
    flows = stream(Mix(1, 1, 50), 5)
    assert len(flows) == 250
    assert not any(text.startswith("10.") for text in address_texts(flows["destination"]))


def test_hours() -> None:
    mix = Mix(5, 1000, 1)
    at_work = np.isin(mix.people.types, (Type.WORKSTATION, Type.PRINTER))
    first = NOON // HOUR_NS - 12
    late = []
    for hour in range(24):
        active = mix.active(first + hour)
        assert active[~at_work].all()
        if 8 <= hour < 17:
            assert active.all()
        else:
            late.append(active[at_work].mean())
    assert np.mean(late) == pytest.approx(0.1, abs=0.01)
    assert 0.05 < min(late) < max(late) < 0.15
    # Who is late is another matter each hour.
    assert (mix.active(first) != mix.active(first + 1)).any()


def test_a_site_at_night_is_quieter() -> None:
    mix = Mix(5, 100, 1000)
    night = stream(mix, 10, NIGHT)
    active = mix.active(NIGHT // HOUR_NS)
    weights = mix.people.flows_an_hour
    assert len(night) == pytest.approx(
        10_000 * weights[active].sum() / weights.sum(), rel=0.03
    )
    quiet = set(mix.people.macs[~active][:, 5].tolist())
    assert not quiet & set(night["source_mac"][:, 5].tolist())


def test_hours_are_those_of_the_clock_on_the_wall() -> None:
    mix = Mix(5, 100, 1000)
    assert len(stream(mix, 2, NIGHT, 12 * 3600)) == 2000
    assert len(stream(mix, 2, NOON, -12 * 3600)) < 2000
