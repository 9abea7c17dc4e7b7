"""Maps, programs and pins as plain functions: what comes back, and which errors."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from agent.capture.loader import bpf, create


@pytest.fixture
def array() -> Iterator[int]:
    """An array map of eight numbers."""
    fd = create.new_map("numbers", create.ARRAY, (4, 8), 8)
    yield fd
    os.close(fd)


@pytest.fixture
def table() -> Iterator[int]:
    """A hash map of at most eight numbers."""
    fd = create.new_map("table", create.HASH, (4, 8), 8)
    yield fd
    os.close(fd)


def read(fd: int, first: int, count: int) -> list[int]:
    out = np.zeros(count, np.uint64)
    bpf.map_read_range(fd, first, out)
    return out.tolist()


@pytest.mark.parametrize(
    ("result", "number"), [(-errno.ENOENT, errno.ENOENT), (-errno.EBUSY, errno.EBUSY)]
)
def test_what_the_library_says_is_an_error_of_the_system(result: int, number: int):
    with pytest.raises(OSError, match="^.Errno [0-9]+. thing: ") as failure:
        bpf.checked(result, "thing")
    assert failure.value.errno == number


def test_a_plain_minus_one_is_what_errno_says():
    ctypes.set_errno(errno.EACCES)
    with pytest.raises(PermissionError):
        bpf.checked(-1, "thing")
    assert bpf.checked(0, "thing") == 0
    assert bpf.checked(7, "thing") == 7


def test_there_is_a_processor():
    assert bpf.possible_cpus() >= len(os.sched_getaffinity(0))


@pytest.mark.root
def test_one_value(array: int, table: int):
    value = np.array([7], np.uint64)
    bpf.map_update(array, 3, value)
    found = np.zeros(1, np.uint64)
    assert bpf.map_lookup(array, 3, found) is True
    assert found[0] == 7
    assert bpf.map_lookup(array, 8, found) is False
    assert bpf.map_lookup(table, 1, found) is False
    bpf.map_update(table, 1, value)
    with pytest.raises(FileExistsError):
        bpf.map_update(table, 1, value, bpf.NOEXIST)
    with pytest.raises(OSError, match="map update") as failure:
        bpf.map_update(array, 8, value)
    assert failure.value.errno == errno.E2BIG


@pytest.mark.root
@pytest.mark.parametrize(("first", "count"), [(0, 8), (0, 1), (3, 4), (7, 1), (5, 0)])
def test_ranges_are_written_and_read(array: int, first: int, count: int):
    wanted = list(range(10, 10 + count))
    bpf.map_update_range(array, first, np.array(wanted, np.uint64))
    assert read(array, first, count) == wanted
    untouched = [n for n in range(8) if not first <= n < first + count]
    assert [read(array, n, 1) for n in untouched] == [[0]] * len(untouched)


@pytest.mark.root
def test_a_range_beyond_the_end_is_an_error(array: int):
    with pytest.raises(OSError, match="3 of 4 entries"):
        read(array, 5, 4)
    with pytest.raises(OSError, match="map update of a range"):
        bpf.map_update_range(array, 7, np.zeros(2, np.uint64))


@pytest.mark.root
def test_what_is_no_map_is_an_error():
    with pytest.raises(OSError, match="map update"):
        bpf.map_update(-1, 0, np.zeros(1, np.uint64))
    with pytest.raises(OSError, match="map information"):
        bpf.map_entries(-1)


@pytest.mark.root
def test_a_map_knows_its_sizes(array: int):
    found = bpf.map_information(array)
    assert (found.type, found.key_size, found.value_size) == (create.ARRAY, 4, 8)
    assert bpf.map_entries(array) == 8


@pytest.mark.root
def test_a_pin_outlives_its_maker(array: int, pin_directory: Path):
    pin_directory.mkdir()
    path = pin_directory / "numbers"
    with pytest.raises(FileNotFoundError):
        bpf.open_pin(path)
    bpf.map_update(array, 0, np.array([5], np.uint64))
    bpf.pin(array, path)
    with pytest.raises(FileExistsError):
        bpf.pin(array, path)
    again = bpf.open_pin(path)
    assert read(again, 0, 1) == [5]
    os.close(again)
    path.unlink()
    pin_directory.rmdir()
