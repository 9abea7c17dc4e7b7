"""One capture to its outputs, and what becomes of one that is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.extract.columns import EXTENDED
from lab.extract.files import CsvFile
from lab.extract.run import Plan, Report, Rows, extract, open_rows, write_summary
from lab.extract.schemas import SCHEMAS
from lab.extract.summary import Summary
from lab.extract.text import Writer
from tests.lab.extract.flowing import settings_for
from tests.lab.extract.frames import Frame, pcap, save
from tests.lab.extract.talks import datagram


def extracted(path: Path, plan: Plan, out: Path, summary: Summary | None = None) -> Report:
    file = open_rows(plan, out, Writer())
    rows = Rows(plan, file, summary)
    report = extract(path, plan, rows, lambda source, engine: None)
    file.finish()
    return report


@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_header_and_a_row_a_flow(tmp_path: Path, schema: str):
    path = save(tmp_path / "a", pcap([datagram(0), datagram(1), datagram(0, sport=9)]))
    plan = Plan(schema, settings_for(schema))
    report = extracted(path, plan, tmp_path / "out.csv")
    header, *lines = (tmp_path / "out.csv").read_text().splitlines()
    assert header.split(",") == plan.names()
    assert len(lines) == report.flows
    assert report.flows == (1 if schema == "cic" else 2)  # it drops flows of one packet
    assert (report.frames, report.problem) == (3, "")
    assert report.first_ns < report.last_ns


def test_more_columns_only_where_weir_measures():
    assert Plan(extended=True).names()[-len(EXTENDED) :] == list(EXTENDED)
    assert "Label" in Plan("cic", settings_for("cic"), extended=True).names()[-1]


@pytest.mark.parametrize(
    ("data", "reason"), [(b"", "empty"), (b"junk", "neither"), (None, "No such file")]
)
def test_what_is_wrong_is_in_the_report(tmp_path: Path, data: bytes | None, reason: str):
    path = tmp_path / "a"
    if data is not None:
        path.write_bytes(data)
    report = extracted(path, Plan(), tmp_path / "out.csv")
    assert reason in report.problem
    assert (report.flows, report.path) == (0, path)


def test_packets_of_a_link_nobody_knows_are_told(tmp_path: Path):
    strange = Frame(datagram(0).time_ns, bytes(60), 147)
    path = save(tmp_path / "a", pcap([strange]))
    report = extracted(path, Plan(), tmp_path / "out.csv")
    assert report.problem == (
        "1 of 1 packets are of link type 147, which is not understood"
    )


@pytest.mark.parametrize("schema", ["weir", "cic-fixed"])
def test_summaries_stand_beside(tmp_path: Path, schema: str):
    path = save(tmp_path / "a", pcap([datagram(0), datagram(1, way="<")]))
    plan = Plan(schema, settings_for(schema), summary=True, bucket_us=1_000_000)
    summary = Summary(plan.bucket_us)
    extracted(path, plan, tmp_path / "out.csv", summary)
    written = write_summary(plan, summary, tmp_path / "a", Writer())
    assert [one.name for one in written] == ["a_IP_Summary.csv", "a_Time_Buckets.csv"]
    assert [len(one.read_text().splitlines()) for one in written] == [3, 2]
    assert write_summary(Plan(), summary, tmp_path / "b", Writer()) == []


def test_rows_of_many_flows_are_all_written(tmp_path: Path):
    frames = [datagram(0, sport=port) for port in range(1, 5001)]
    path = save(tmp_path / "a", pcap(frames))
    plan = Plan()
    file = CsvFile(tmp_path / "out.csv", plan.names(), Writer(), resume=False)
    rows = Rows(plan, file, None)
    report = extract(path, plan, rows, lambda source, engine: None)
    assert rows.written == report.flows == 5000
    rows.flush()
    file.finish()
    assert (tmp_path / "out.csv").read_text().count("\n") == 5001
