from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agent.records import CLASS_NAMES, FLOW_DELTA
from lab.simulate.deltas import classes_of, deltas_of
from lab.simulate.flows import none
from lab.simulate.table import COLUMNS, read
from wire.items import address_text

ROWS = f"""{",".join(COLUMNS)}
02:00:00:00:00:01,10.0.0.1,192.0.2.7,443,50000,6,1500,3,1767614400.25
02:00:00:00:00:02,2001:db8::1,2001:db8::2,53,50001,17,90,1,1767614400.5
02:00:00:00:00:03,10.0.0.3,10.0.0.4,7,9,47,900,2,1767614400.75
"""


def test_a_line_becomes_a_flow(tmp_path: Path) -> None:
    path = tmp_path / "flows.csv"
    path.write_text(ROWS)
    (second,) = read(path)
    rows = deltas_of(second.flows, 11)
    assert rows.dtype == FLOW_DELTA
    assert rows["id"].tolist() == [11, 12, 13]
    assert [address_text(row.tobytes()) for row in rows["source"]] == [
        "10.0.0.1", "2001:db8::1", "10.0.0.3",
    ]  # fmt: skip
    assert rows["family"].tolist() == [4, 6, 4]
    assert rows["bytes"].tolist() == [[1500, 0], [90, 0], [900, 0]]
    assert (rows["bytes"] == rows["total_bytes"]).all()
    assert rows["packets"].tolist() == [[3, 0], [1, 0], [2, 0]]
    assert (rows["packets"] == rows["total_packets"]).all()
    # GRE has no ports: what stands in its columns is left out.
    assert rows["destination_port"].tolist() == [443, 53, 0]
    assert rows["source_port"].tolist() == [50000, 50001, 0]
    assert rows["new"].all()
    assert rows["home"].all()
    assert not rows["ending"].any()
    assert (rows["first_ns"] == second.flows["start_ns"]).all()
    assert (rows["last_ns"] == second.flows["start_ns"]).all()


def test_no_flows_are_no_rows() -> None:
    assert len(deltas_of(none(), 1)) == 0


@pytest.mark.parametrize(
    ("source", "destination", "name"),
    [
        (50000, 443, "unknown"),
        (50000, 53, "background"),
        (50000, 80, "web"),
        (5060, 445, "file"),
        (5060, 443, "voice"),
        (1935, 50000, "video"),
    ],
)
def test_the_destination_tells_the_class_first(
    source: int, destination: int, name: str
) -> None:
    found = classes_of(np.array([source]), np.array([destination]))
    assert [CLASS_NAMES[number] for number in found.tolist()] == [name]
