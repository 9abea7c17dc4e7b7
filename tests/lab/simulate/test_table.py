"""The CSV: what is written is read again, and a row that is none is named."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from lab.simulate import table
from lab.simulate.flows import FLOW, SECOND_NS, Array
from lab.simulate.mix import Mix
from lab.simulate.table import COLUMNS, Malformed, Writer, by_second, read

NOON = int(datetime(2026, 1, 5, 12, tzinfo=UTC).timestamp()) * SECOND_NS
HEADER = ",".join(COLUMNS)
GOOD = "02:00:00:00:00:01,10.0.0.1,192.0.2.7,443,50000,6,1500,3,1767614400.25"


def saved(folder: Path, *rows: str, header: str = HEADER) -> Path:
    path = folder / "flows.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_the_columns() -> None:
    assert (
        HEADER == "src_mac,src_ip,dst_ip,dst_port,src_port,proto,bytes,packets,start_time"
    )


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    seconds = list(Mix(2, 50, 400).seconds(30, NOON, 0))
    path = tmp_path / "flows.csv"
    with path.open("w") as file:
        writer = Writer(file)
        for second in seconds:
            writer.write(second.flows)
    found = list(read(path))
    assert [second.start_ns for second in found] == [second.start_ns for second in seconds]
    for before, after in zip(seconds, found, strict=True):
        assert (before.flows == after.flows).all()


def test_what_is_read_is_written_again(tmp_path: Path) -> None:
    rows = [
        GOOD.replace(".25", ".250000"),
        "02:00:00:00:00:02,2001:db8::1,2001:db8::2,0,0,58,90,1,1767614400.999999",
        "02:00:00:00:00:02,10.0.0.2,10.0.0.3,0,0,1,17592186044416,1,1767614401.000000",
    ]
    file = io.StringIO()
    writer = Writer(file)
    for second in read(saved(tmp_path, *rows)):
        writer.write(second.flows)
    assert file.getvalue().splitlines() == [HEADER, *rows]


def test_other_spellings(tmp_path: Path) -> None:
    row = '02-00-00-00-00-0A,"10.0.0.1",192.0.2.7,443,50000,TCP,1500,3,1767614400'
    (second,) = read(saved(tmp_path, row, ""))
    assert second.flows["protocol"].tolist() == [6]
    assert second.flows["source_mac"][0].tolist() == [2, 0, 0, 0, 0, 10]
    assert second.flows["start_ns"].tolist() == [1767614400 * SECOND_NS]


def changed(column: str, text: str) -> str:
    fields = GOOD.split(",")
    fields[COLUMNS.index(column)] = text
    return ",".join(fields)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("a,b", "2 fields, not 9"),
        (GOOD + ",1", "10 fields, not 9"),
        (changed("src_mac", "02:00"), "src_mac '02:00': not six bytes like"),
        (changed("src_ip", "10.0.0.256"), "src_ip '10.0.0.256': not an IPv4 or IPv6"),
        (changed("dst_ip", ""), "dst_ip '': not an IPv4 or IPv6"),
        (changed("dst_ip", "2001:db8::1"), "src_ip and dst_ip: one is IPv4, one IPv6"),
        (changed("dst_port", "65536"), "dst_port '65536': not from 0 to 65535"),
        (changed("src_port", "-1"), "src_port '-1': not a whole number"),
        (changed("proto", "tpc"), "proto 'tpc': not a protocol"),
        (changed("proto", "256"), "proto '256': not a protocol"),
        (changed("bytes", "1e3"), "bytes '1e3': not a whole number"),
        (changed("bytes", "1_000"), "bytes '1_000': not a whole number"),
        (changed("bytes", "0"), "bytes '0': not from 1 to"),
        (changed("bytes", str(2**44 + 1)), "not from 1 to 17592186044416"),
        (changed("bytes", "9" * 5000), "not a whole number"),
        (changed("packets", ""), "packets '': not a whole number"),
        (changed("packets", "٣"), "packets '٣': not a whole number"),
        (changed("start_time", "nan"), "start_time 'nan': not unix seconds"),
        (changed("start_time", "2026-01-05"), "start_time '2026-01-05': not unix"),
        (changed("start_time", "9999999999"), "start_time '9999999999': not unix"),
        (changed("src_ip", "x" * 200_000), "field larger than field limit"),
    ],
)
def test_a_row_that_is_none_is_named(tmp_path: Path, row: str, reason: str) -> None:
    path = saved(tmp_path, GOOD, "", GOOD, row, GOOD)
    with pytest.raises(Malformed) as raised:
        list(read(path))
    assert str(raised.value).startswith(f"{path}:5: ")
    assert reason in str(raised.value)
    assert len(str(raised.value)) < len(str(path)) + 120


def test_a_quote_that_never_ends_is_named_where_the_file_does(tmp_path: Path) -> None:
    path = saved(tmp_path, GOOD, changed("src_ip", '"10.0.0.1'), GOOD)
    with pytest.raises(Malformed, match=r"flows.csv:4: 2 fields, not 9"):
        list(read(path))


@pytest.mark.parametrize("header", ["", "a,b,c", HEADER.upper(), HEADER + ",label"])
def test_a_file_of_another_kind(tmp_path: Path, header: str) -> None:
    with pytest.raises(Malformed, match=r"flows.csv:1: the header is not src_mac,"):
        list(read(saved(tmp_path, GOOD, header=header)))


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = saved(tmp_path, GOOD)
    path.write_bytes(path.read_bytes() + b"\xff\xfe\x00,\n")
    with pytest.raises(Malformed, match="flows.csv:3: "):
        list(read(path))


def test_a_header_alone_is_no_flows(tmp_path: Path) -> None:
    assert list(read(saved(tmp_path))) == []


def test_many_empty_lines_end_nothing(tmp_path: Path) -> None:
    blank = [""] * (2 * table.PIECE_ROWS)
    assert sum(len(s.flows) for s in read(saved(tmp_path, GOOD, *blank, GOOD))) == 2


def flows_at(*seconds: float) -> Array:
    flows = np.zeros(len(seconds), FLOW)
    flows["start_ns"] = np.array(seconds) * SECOND_NS
    return flows


@pytest.mark.parametrize(
    ("pieces", "found"),
    [
        ([], {}),
        ([[1.1, 1.9, 2.0]], {1: 2, 2: 1}),
        ([[1.1], [1.2], [1.3, 4]], {1: 3, 4: 1}),
        ([[1.1, 3, 2.5, 3.1], [2, 5]], {1: 1, 3: 4, 5: 1}),
    ],
)
def test_seconds(pieces: list[list[float]], found: dict[int, int]) -> None:
    seconds = by_second(flows_at(*piece) for piece in pieces)
    assert {s.start_ns // SECOND_NS: len(s.flows) for s in seconds} == found


def test_a_second_beyond_bounds_comes_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "SECOND_ROWS", 4)
    parts = [len(s.flows) for s in by_second(flows_at(7, 7, 7) for _ in range(3))]
    assert parts == [6, 3]
