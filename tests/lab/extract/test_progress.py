"""How far the work is: for people, for programs, for nobody."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from lab.extract import progress
from lab.extract.progress import Bar, Json, Progress, Where, choose
from lab.extract.run import Report


def where(position: int, done: int = 0) -> Where:
    return Where(Path("in/a.pcap"), 1, 2, position, 100, done, 200, 1_000_000, 7)


DONE = Report(
    Path("in/a.pcap"), Path("out/a.csv"), frames=10, flows=3, first_ns=1, last_ns=9
)
BAD = Report(Path("in/b.pcap"), problem="cut off")


def events(out: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_program_hears_every_file_and_the_totals():
    out = io.StringIO()
    told = Json(out)
    told.begin(2, 200)
    told.step(where(50))
    told.file_end(DONE)
    told.file_end(BAD)
    told.end([DONE, BAD], cancelled=True)
    begin, step, first, second, end = events(out)
    assert begin == {"event": "begin", "files": 2, "total_bytes": 200}
    assert (step["event"], step["done_bytes"], step["total_bytes"]) == ("progress", 50, 200)
    assert (first["output"], first["error"], first["packets"]) == ("out/a.csv", None, 10)
    assert (second["output"], second["error"]) == (None, "cut off")
    assert end == {"event": "end", "files": 2, "failed": 1, "packets": 10, "flows": 3,
                   "cancelled": True}  # fmt: skip


def test_steps_are_told_four_times_a_second_at_most(monkeypatch: pytest.MonkeyPatch):
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    out = io.StringIO()
    told = Json(out)
    for after in (0.0, 0.1, 0.2, 0.26, 0.3):
        now[0] = 100 + after
        told.step(where(1))
    assert len(events(out)) == 2


def test_a_bar_ends_as_one_line(monkeypatch: pytest.MonkeyPatch, capsys: object):
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    out = io.StringIO()
    bar = Bar(out)
    bar.begin(2, 200)
    now[0] = 102.0
    bar.step(where(100, done=0))
    assert out.getvalue().endswith("[############............]  50%  1/2 a.pcap 100%  "
                                   "1,000,000 packets  0.50 M/s")  # fmt: skip
    bar.file_end(DONE)
    bar.end([DONE, BAD], cancelled=False)
    assert out.getvalue().rpartition("\x1b[K")[2] == (
        "2 files, 10 packets, 3 flows, 2.0 s, 1 with problems\n"
    )


def test_an_empty_file_divides_by_nothing():
    out = io.StringIO()
    Bar(out).step(Where(Path("a"), 1, 1, 0, 0, 0, 0, 0, 0))
    assert "0%" in out.getvalue()
    Bar(out).end([], cancelled=True)
    assert "cancelled after 0 files" in out.getvalue()


def test_nobody_hears_only_problems(capsys: pytest.CaptureFixture[str]):
    silent = Progress()
    silent.begin(1, 1)
    silent.step(where(1))
    silent.file_end(DONE)
    silent.end([DONE], cancelled=False)
    assert capsys.readouterr() == ("", "")
    silent.file_end(BAD)
    assert capsys.readouterr().err == "weir-lab: in/b.pcap: cut off\n"


@pytest.mark.parametrize(
    ("kind", "watched", "chosen"),
    [("json", True, Json), ("none", True, Progress), ("auto", False, Progress),
     ("auto", True, Bar)],
)  # fmt: skip
def test_who_watches_decides(
    monkeypatch: pytest.MonkeyPatch, kind: str, watched: bool, chosen: type[Progress]
):
    screen = io.StringIO()
    monkeypatch.setattr(screen, "isatty", lambda: watched)
    monkeypatch.setattr(progress.sys, "stderr", screen)
    assert type(choose(kind)) is chosen
