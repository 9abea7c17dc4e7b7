"""Files of rows: whole under their name, or beside it to go on from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lab.extract.files import Changed, CsvFile, part_of, trim
from lab.extract.text import Cells, Writer, whole


def rows(*numbers: int) -> list[tuple[str, Cells]]:
    return [("n", whole(np.array(numbers)))]


def opened(path: Path, resume: bool = False) -> CsvFile:
    return CsvFile(path, ["n"], Writer(), resume)


def test_a_file_appears_when_it_is_finished(tmp_path: Path):
    path = tmp_path / "a.csv"
    file = opened(path)
    file.write(rows(1, 2))
    assert (path.exists(), part_of(path).read_text()) == (False, "n\n1\n2\n")
    file.finish()
    assert (path.read_text(), part_of(path).exists()) == ("n\n1\n2\n", False)


def test_without_rows_there_is_a_header(tmp_path: Path):
    file = opened(tmp_path / "a.csv")
    file.write(rows())
    file.finish()
    assert (tmp_path / "a.csv").read_text() == "n\n"


@pytest.mark.parametrize("kept", ["", "n", "n\n", "n\n1\n", "n\n1\n2", "n\n1\n2\n3\n"])
def test_going_on_from_any_part_gives_the_same_file(tmp_path: Path, kept: str):
    path = tmp_path / "a.csv"
    part_of(path).write_text(kept)
    file = opened(path, resume=True)
    file.write(rows(1, 2))
    file.write(rows(3))
    file.finish()
    assert path.read_text() == "n\n1\n2\n3\n"


def test_a_part_that_is_longer_is_cut(tmp_path: Path):
    path = tmp_path / "a.csv"
    part_of(path).write_text("n\n1\n2\n3\n")
    file = opened(path, resume=True)
    file.write(rows(1))
    file.finish()
    assert path.read_text() == "n\n1\n"


@pytest.mark.parametrize("kept", ["m\n", "n\n7\n"])
def test_a_part_of_something_else_is_refused(tmp_path: Path, kept: str):
    path = tmp_path / "a.csv"
    part_of(path).write_text(kept)
    with pytest.raises(Changed, match="remove it to start again"):
        opened(path, resume=True).write(rows(1))
    assert part_of(path).read_text() == kept


def test_without_resume_a_part_is_begun_again(tmp_path: Path):
    path = tmp_path / "a.csv"
    part_of(path).write_text("m\n")
    file = opened(path)
    file.write(rows(1))
    file.abandon()
    assert (path.exists(), part_of(path).read_text()) == (False, "n\n1\n")


@pytest.mark.parametrize(
    ("data", "kept"),
    [(b"", 0), (b"torn", 0), (b"a\n", 2), (b"a\ntorn", 2), (b"\n", 1),
     (b"a\n" + b"x" * 200_000, 2), (b"x" * 70_000 + b"\n" + b"y" * 10, 70_001)],
)  # fmt: skip
def test_a_torn_last_line_is_cut_off(tmp_path: Path, data: bytes, kept: int):
    (tmp_path / "a").write_bytes(data)
    assert trim(tmp_path / "a") == kept
    assert (tmp_path / "a").read_bytes() == data[:kept]
