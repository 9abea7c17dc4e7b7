"""weir-lab flows, as it is called: outputs, exit codes, progress, stopping and going on."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab.__main__ import main
from lab.extract.files import part_of
from tests.lab.extract.frames import (
    CLIENT,
    SERVER,
    START_NS,
    Frame,
    ethernet,
    ip,
    pcap,
    save,
    udp,
)  # fmt: skip
from tests.shared_data import REPOSITORY
from wire.features import COLUMNS


def traffic(count: int, ports: int = 50) -> bytes:
    body = [
        ethernet(ip(CLIENT, SERVER, 17, udp(port + 1, 53, bytes(40))))
        for port in range(ports)
    ]
    return pcap(Frame(START_NS + at * 500_000, body[at % ports]) for at in range(count))


def flows(*words: str | Path) -> int:
    return main(["flows", *map(str, words)])


def rows(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    return save(tmp_path / "some.pcap", traffic(200))


@pytest.mark.parametrize(
    ("schema", "columns", "name"),
    [
        ("weir", 84, "Flow ID"),
        ("cic", 84, "Total Fwd Packet"),
        ("cic-fixed", 94, "Total Connection Flow Time"),
        ("cic2017", 85, " Init_Win_bytes_backward"),
        ("cic2018", 84, "Tot Fwd Pkts"),
        ("cic-py", 82, "tot_fwd_pkts"),
    ],
)
def test_each_schema_has_its_header(
    capture: Path, schema: str, columns: int, name: str
) -> None:
    out = capture.parent / "out"
    assert flows(capture, "--out", out, "--schema", schema) == 0
    lines = (out / "some.pcap_Flow.csv").read_text().splitlines()
    assert len(lines) == 51
    assert len(lines[0].split(",")) == columns
    assert name in lines[0].split(",")


def test_seconds_in_the_python_dialect(capture: Path) -> None:
    out = capture.parent / "out"
    flows(capture, "--out", out / "a")
    flows(capture, "--out", out / "b", "--schema", "cic-py")
    ours, theirs = rows(out / "a/some.pcap_Flow.csv"), rows(out / "b/some.pcap_Flow.csv")
    assert float(theirs[0]["flow_duration"]) == float(ours[0]["Flow Duration"]) / 1e6


def test_summary_and_buckets_cover_every_flow(capture: Path) -> None:
    out = capture.parent / "out"
    assert flows(capture, "--out", out, "--ip-summary", "--time-buckets", "0.01") == 0
    got = rows(out / "some.pcap_Flow.csv")
    summary = {row["ip"]: row for row in rows(out / "some.pcap_IP_Summary.csv")}
    assert summary[CLIENT]["packets_sent"] == summary[SERVER]["packets_received"] == "200"
    assert summary[CLIENT]["bytes_sent"] == str(200 * (14 + 20 + 8 + 40))
    assert summary[CLIENT]["flows_as_src"] == summary[SERVER]["total_flows"] == "50"
    buckets = rows(out / "some.pcap_Time_Buckets.csv")
    assert sum(int(row["flow_count"]) for row in buckets) == len(got)
    assert sum(int(row["packet_count"]) for row in buckets) == 200
    assert all(int(row["end_us"]) - int(row["start_us"]) == 10_000 for row in buckets)


def test_labels_by_option_and_by_rules(capture: Path) -> None:
    out, rules = capture.parent / "out", capture.parent / "rules.toml"
    rules.write_text('[[rule]]\nlabel = "odd, one"\nsource_port = 7\nprotocol = "udp"\n')
    assert flows(capture, "--out", out, "--label", "fine", "--label-rules", rules) == 0
    labels = [row["Label"] for row in rows(out / "some.pcap_Flow.csv")]
    assert sorted(set(labels)) == ["fine", "odd, one"]
    assert labels.count("odd, one") == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('[[rule]]\nsource = "x"\nlabel = "a"', "rule 1: source: "),
        ('[[rule]]\nlabel = "a"\nport = 1', "rule 1: port: there is no such key"),
        ("[[rule]]\n", "rule 1: has no label"),
        ("nonsense", "rules.toml: "),
        ('[[rule]]\nlabel = "a"\nsource_port = 70000', "source_port: must be a port"),
    ],
)
def test_bad_rules_are_named(
    capture: Path, text: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = save(capture.parent / "rules.toml", text.encode())
    assert flows(capture, "--out", capture.parent / "out", "--label-rules", rules) == 2
    assert reason in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ("--tunnels", "wormhole"),
        ("--no-ipv4", "--no-ipv6"),
        ("--single", "x", "--resume"),
        ("--plugin", "nowhere:Thing"),
    ],
)
def test_what_cannot_be_meant_is_refused(capture: Path, words: tuple[str, ...]) -> None:
    assert flows(capture, "--out", capture.parent / "out", *words) == 2


def test_a_directory_with_a_bad_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = tmp_path / "in"
    (given / "deep").mkdir(parents=True)
    save(given / "a.pcap", traffic(10))
    save(given / "b.pcap", b"\xd4\xc3\xb2\xa1 this is no capture, whatever its name says")
    save(given / "deep" / "c.pcap.gz", traffic(10))
    save(given / "README.txt", b"no capture, and not called one")
    assert flows(given, "--out", tmp_path / "out", "--progress", "json") == 1
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["event"] for event in events if event["event"] != "progress"] == [
        "begin", "file", "file", "file", "end",
    ]  # fmt: skip
    errors = [event["error"] for event in events if event["event"] == "file"]
    assert errors == [None, "a pcap version that is not understood", None]
    assert events[-1] | {"cancelled": False, "failed": 1, "packets": 20} == events[-1]
    assert (tmp_path / "out" / "deep" / "c.pcap.gz_Flow.csv").exists()


def test_one_file_for_all(tmp_path: Path) -> None:
    for name in ("a.pcap", "b.pcap"):
        save(tmp_path / name, traffic(100))
    assert flows(tmp_path, "--out", tmp_path / "out", "--single", "all") == 0
    assert len(rows(tmp_path / "out" / "all_Flow.csv")) == 100


def test_parquet_holds_what_the_csv_does(capture: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    out = capture.parent / "out"
    assert (
        flows(capture, "--out", out)
        == flows(capture, "--out", out, "--format", "parquet")
        == 0
    )
    table = parquet.read_table(out / "some.pcap_Flow.parquet").to_pydict()
    expected = rows(out / "some.pcap_Flow.csv")
    assert tuple(table) == COLUMNS
    assert table["Flow ID"] == [row["Flow ID"] for row in expected]
    assert table["Flow Duration"] == [float(row["Flow Duration"]) for row in expected]


@pytest.mark.parametrize("keep", [0, 1, 100, 10_000, None])
def test_going_on_gives_the_same_file(capture: Path, keep: int | None) -> None:
    out = capture.parent / "out"
    flows(capture, "--out", out)
    final = out / "some.pcap_Flow.csv"
    whole = final.read_bytes()
    part_of(final).write_bytes(whole[:keep])
    final.unlink()
    assert flows(capture, "--out", out, "--resume") == 0
    assert final.read_bytes() == whole
    assert not part_of(final).exists()


def test_going_on_under_other_settings_is_refused(capture: Path) -> None:
    out = capture.parent / "out"
    flows(capture, "--out", out)
    final = out / "some.pcap_Flow.csv"
    final.rename(part_of(final))
    assert flows(capture, "--out", out, "--resume", "--label", "other") == 2


def test_what_is_done_is_not_done_again(capture: Path) -> None:
    out = capture.parent / "out"
    flows(capture, "--out", out)
    final = out / "some.pcap_Flow.csv"
    before = final.stat().st_mtime_ns
    assert flows(capture, "--out", out, "--resume") == 0
    assert final.stat().st_mtime_ns == before


@pytest.mark.parametrize("schema", ["weir", "cic-fixed"])
def test_any_number_of_jobs_gives_the_same_bytes(tmp_path: Path, schema: str) -> None:
    path, files = save(tmp_path / "big.pcap", traffic(40_000, 3000)), set()
    for jobs in (1, 2, 3, 16, 40):
        out = tmp_path / str(jobs)
        words = (
            "--jobs",
            jobs,
            "--schema",
            schema,
            "--flows-limit",
            1000,
            "--idle-timeout",
            1,
        )
        assert flows(path, "--out", out, *words) == 0
        files.add((out / "big.pcap_Flow.csv").read_bytes())
    assert len(files) == 1


@pytest.mark.parametrize("cut", [signal.SIGINT, signal.SIGKILL])
def test_stopping_inside_a_file(tmp_path: Path, cut: signal.Signals) -> None:
    path = tmp_path / "pipe.pcap"
    os.mkfifo(path)
    words = [sys.executable, "-m", "lab", "flows", path, "--out", tmp_path / "out"]
    words += ["--progress", "json", "--idle-timeout", "0.001"]
    part = tmp_path / "out" / "pipe.pcap_Flow.csv.part"
    with (
        subprocess.Popen(words, cwd=REPOSITORY, stdout=subprocess.PIPE) as child,
        path.open("wb", buffering=0) as pipe,
    ):
        pipe.write(traffic(60_000, 200))
        until = time.monotonic() + 20
        while time.monotonic() < until and not (
            part.exists() and part.stat().st_size > 9000
        ):
            time.sleep(0.02)
        child.send_signal(cut)
        status = child.wait(10)
    assert status == (130 if cut == signal.SIGINT else -signal.SIGKILL)
    assert not part.with_suffix("").exists()
    lines = part.read_text().splitlines(keepends=True)
    assert lines[0].startswith("Flow ID,")
    assert all(line.count(",") == 83 for line in lines if line.endswith("\n"))


class Counting:
    """A plug-in, found by its name."""

    seen: dict[str, int] = {}

    def on_flow_start(self, _flow: object) -> None:
        self.seen["start"] = self.seen.get("start", 0) + 1

    def on_flow_end(self, _flow: object) -> None:
        self.seen["end"] = self.seen.get("end", 0) + 1


class Raising:
    """A plug-in that fails."""

    def on_flow_end(self, _flow: object) -> None:
        raise ValueError("no")


def test_plug_ins_hear_and_may_fail(
    capture: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "some_plug_ins", sys.modules[__name__])
    out = capture.parent / "out"
    words = ("--plugin", "some_plug_ins:Raising", "--plugin", "some_plug_ins:Counting")
    assert flows(capture, "--out", out, *words) == 0
    assert Counting.seen == {"start": 50, "end": 50}
    assert (
        "some_plug_ins:Raising: failed 50 times: ValueError: no" in capsys.readouterr().err
    )
    assert len(rows(out / "some.pcap_Flow.csv")) == 50
