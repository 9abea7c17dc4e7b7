"""An agent of made-up packets: everything that goes in is in its batches, once."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from agent.sketch.store import Origin, Settings
from lab.simulate.deltas import classes_of
from lab.simulate.edge import Edge
from lab.simulate.flows import SECOND_NS, Array, none
from lab.simulate.mix import Mix
from wire.batch import Batch, Direction, Volume, decode, encode
from wire.items import address_text
from wire.schema import CLASS_NAMES, VOLUME_NAMES

NOON = int(datetime(2026, 1, 5, 12, tzinfo=UTC).timestamp()) * SECOND_NS
ORIGIN = Origin("simulated", bytes(16), 1, "0.1.0", "here")


def play(seconds: int, batch_every: int) -> tuple[Edge, Array, list[Batch]]:
    edge, batches, everything = Edge(ORIGIN, Settings(), NOON), [], []
    for number, second in enumerate(Mix(4, 50, 300).seconds(seconds, NOON, 0), 1):
        end_ns = second.start_ns + SECOND_NS
        edge.take(second.flows, end_ns)
        everything.append(second.flows)
        if number % batch_every == 0:
            batches.append(decode(encode(edge.close(end_ns, {}))))
    return edge, np.concatenate(everything), batches


def volume(flows: Array) -> Volume:
    packets, octets = int(flows["packets"].sum()), int(flows["bytes"].sum())
    return Volume(packets, packets, octets)


def added(volumes: list[Volume]) -> Volume:
    return Volume(*np.array(volumes).sum(axis=0).tolist())


def test_interfaces_conserve_every_byte() -> None:
    edge, flows, batches = play(20, 5)
    sides = [batch.interfaces[0].rx for batch in batches]
    assert len(batches) == 4
    assert added([side.seen for side in sides]) == volume(flows)
    for side in sides:
        parts = [getattr(side, name) for name in VOLUME_NAMES if name != "seen"]
        assert added(parts) == side.seen
        assert added(list(side.classes.values())) == side.seen
    assert all(batch.interfaces[0].tx == Direction() for batch in batches)
    assert (edge.flows, edge.bytes) == (len(flows), volume(flows).bytes)


def test_classes_are_those_of_the_ports() -> None:
    _, flows, batches = play(4, 4)
    numbers = classes_of(flows["source_port"], flows["destination_port"])
    found = batches[0].interfaces[0].rx.classes
    assert set(found) == {"unknown", "web", "file", "background"}
    for name, carried in found.items():
        assert carried == volume(flows[numbers == CLASS_NAMES.index(name)])


def test_endpoints_conserve_every_byte_and_flow() -> None:
    _, flows, batches = play(12, 4)
    sent: dict[str, list[int]] = {}
    macs = {bytes(row["source"]): bytes(row["source_mac"]).hex(":") for row in flows}
    for row in flows:
        own = sent.setdefault(bytes(row["source_mac"]).hex(":"), [0, 0, 0])
        own[0] += int(row["bytes"])
        own[2] += 1
        far = bytes(row["destination"])
        if address_text(far).startswith("10."):
            # A server that has said nothing yet goes by its address.
            other = sent.setdefault(macs.get(far, address_text(far)), [0, 0, 0])
            other[1] += int(row["bytes"])
            other[2] += 1
    found: dict[str, list[int]] = {}
    for batch in batches:
        for name, row in zip(batch.endpoints.ids, batch.endpoints.totals, strict=True):
            kept = found.setdefault(name, [0, 0, 0])
            for at, field in enumerate(("bytes_out", "bytes_in", "flow_count")):
                kept[at] += int(row[field])
    assert found == sent
    assert len(found) == 50


def test_batches_follow_each_other() -> None:
    edge, _, batches = play(15, 5)
    assert [batch.sequence for batch in batches] == [1, 2, 3]
    assert [batch.start_ns for batch in batches] == [
        NOON, batches[0].end_ns, batches[1].end_ns,
    ]  # fmt: skip
    assert edge.is_empty
    empty = edge.close(NOON + 20 * SECOND_NS, {})
    assert (empty.sequence, empty.interfaces[0].rx) == (4, Direction())
    assert batches[0].interfaces[0].rx_mode == "simulated"


def test_a_live_sample_counts_from_the_beginning() -> None:
    edge, flows, _ = play(6, 2)
    sample = edge.sample(NOON)
    (interface,) = sample["interfaces"]
    assert (sample["switch_id"], sample["now_ns"]) == ("simulated", NOON)
    assert interface["rx"]["bytes"] == int(flows["bytes"].sum())
    assert interface["tx"] == {"frames": 0, "packets": 0, "bytes": 0, "classes": {}}
    by_class = [row[2] for row in interface["rx"]["classes"].values()]
    assert sum(by_class) == interface["rx"]["bytes"]


def test_a_second_of_silence() -> None:
    edge = Edge(ORIGIN, Settings(), NOON)
    edge.take(none(), NOON + SECOND_NS)
    assert edge.is_empty
    assert (edge.flows, edge.bytes) == (0, 0)
