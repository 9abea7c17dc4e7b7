from __future__ import annotations

import pytest

from agent.ship.mark import Mark, MarkFile
from tests.agent.ship.support import BOOT

MARKS = [Mark((1, n), BOOT, n, (2, n)) for n in range(5)]


def test_the_last_mark_is_read_back(tmp_path):
    for mark in MARKS:
        file = MarkFile(tmp_path / "mark")
        file.write(mark)
        file.close()
        assert MarkFile(tmp_path / "mark").mark == mark


def test_a_new_file_is_an_empty_mark_with_its_room_taken(tmp_path):
    assert MarkFile(tmp_path / "mark").mark == Mark()
    assert (tmp_path / "mark").stat().st_size > 4096
    before = (tmp_path / "mark").stat().st_blocks
    MarkFile(tmp_path / "mark").write(MARKS[1])
    assert (tmp_path / "mark").stat().st_blocks == before


@pytest.mark.parametrize("torn", [0, 4096])
def test_a_torn_slot_leaves_the_mark_before(tmp_path, torn):
    file = MarkFile(tmp_path / "mark")
    file.write(MARKS[1])
    file.write(MARKS[2])
    data = bytearray((tmp_path / "mark").read_bytes())
    data[torn + 9] ^= 1
    (tmp_path / "mark").write_bytes(data)
    assert MarkFile(tmp_path / "mark").mark in (MARKS[1], MARKS[2])


def test_garbage_is_an_empty_mark(tmp_path):
    (tmp_path / "mark").write_bytes(b"\xff" * 5000)
    assert MarkFile(tmp_path / "mark").mark == Mark()
