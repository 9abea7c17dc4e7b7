"""Made once, adopted by every agent that follows, held by one."""

from __future__ import annotations

import dataclasses
import errno
from pathlib import Path

import numpy as np
import pytest

from agent.capture import layout
from agent.capture.backends import prebuilt
from agent.capture.loader import bpf, pins
from agent.capture.loader.libbpf import PROGRAMS, Refused
from agent.capture.loader.pins import BackEnd, CaptureError
from tests.agent.capture.conftest import SIZES


def never(sizes: dict[str, int], reuse: dict[str, int]) -> pins.Loaded:
    raise AssertionError("nothing was to be loaded")


def refusing(error: OSError) -> BackEnd:
    def load(sizes: dict[str, int], reuse: dict[str, int]) -> pins.Loaded:
        raise error

    return BackEnd("libbpf", bytes(32), load)


def test_a_place_that_is_no_bpf_file_system(tmp_path: Path):
    assert pins.is_bpf_file_system(tmp_path) is False
    assert pins.is_bpf_file_system(tmp_path / "none") is False
    with pytest.raises(CaptureError, match="mount -t bpf"):
        pins.open_or_make(tmp_path / "weir", refusing(OSError()), {})
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_is_pinned_there_is_no_epoch(tmp_path: Path):
    assert pins.read_epoch(tmp_path / "none") is None
    pins.remove(tmp_path / "none")


@pytest.mark.root
@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (PermissionError(errno.EPERM, "x"), "needs CAP_BPF"),
        (PermissionError(errno.EACCES, "x"), "needs CAP_BPF"),
        (FileNotFoundError(errno.ENOENT, "no such object"), "make bpf"),
        (Refused(errno.ENOPKG, "no kernel headers", ""), 'loader = "libbpf"'),
        (Refused(errno.EACCES, "the kernel refused weir_xdp: x", ""), 'loader = "bcc"'),
        (OSError("cannot open shared object"), "apt-get install libbpf1"),
    ],
)
def test_a_start_that_fails_says_what_to_do_and_leaves_nothing(
    pin_directory: Path, error: OSError, remedy: str
):
    with pytest.raises(CaptureError) as failure:
        pins.open_or_make(pin_directory, refusing(error), SIZES)
    assert remedy in str(failure.value)
    assert "\n" not in str(failure.value)
    assert not pin_directory.exists()


@pytest.mark.root
def test_made_then_adopted_with_everything_in_it(pin_directory: Path):
    first = pins.open_or_make(pin_directory, prebuilt(), SIZES)
    assert not first.adopted
    assert len(first.boot) == 16
    slot = np.array([(b"eth0", 7, 1)], layout.SLOT)
    bpf.map_update(first.maps["slots"], 2, slot)
    first.close()
    assert (first.maps, first.programs, first.lock) == ({}, {}, -1)
    same = dataclasses.replace(prebuilt(), load=never)
    second = pins.open_or_make(pin_directory, same, {"flows": 9999})
    assert second.adopted
    assert (second.boot, second.notes) == (first.boot, [])
    assert bpf.map_entries(second.maps["flows"]) == SIZES["flows"]
    found = np.zeros(1, layout.SLOT)
    bpf.map_lookup(second.maps["slots"], 2, found)
    assert found == slot
    second.close()


@pytest.mark.root
def test_one_agent_at_a_time(pinned: pins.Pinned):
    with pytest.raises(CaptureError, match="in use: stop the other agent"):
        pins.open_or_make(pinned.directory, prebuilt(), SIZES)
    assert pins.read_epoch(pinned.directory) is not None


@pytest.mark.root
def test_other_programs_come_in_over_the_same_maps(pin_directory: Path):
    first = pins.open_or_make(pin_directory, prebuilt(), SIZES)
    number = bpf.map_information(first.maps["flows"]).id
    first.close()
    newer = dataclasses.replace(prebuilt(), identity=b"\x01" * 32)
    second = pins.open_or_make(pin_directory, newer, SIZES)
    assert second.notes == ["programs were replaced in place; counting went on"]
    assert bpf.map_information(second.maps["flows"]).id == number
    assert tuple(second.programs) == PROGRAMS
    second.close()


@pytest.mark.root
def test_maps_of_another_layout_are_made_anew(pin_directory: Path):
    first = pins.open_or_make(pin_directory, prebuilt(), SIZES)
    epoch = np.zeros(1, layout.EPOCH)
    bpf.map_lookup(first.maps["epoch"], 0, epoch)
    epoch["layout_version"] += 1
    bpf.map_update(first.maps["epoch"], 0, epoch)
    first.close()
    second = pins.open_or_make(pin_directory, prebuilt(), SIZES)
    assert "another layout were removed" in second.notes[0]
    assert (second.adopted, second.boot != first.boot) == (False, True)
    second.close()


@pytest.mark.root
def test_pins_that_were_left_half_made_are_made_anew(pin_directory: Path):
    first = pins.open_or_make(pin_directory, prebuilt(), SIZES)
    first.close()
    (pin_directory / "maps" / "epoch").unlink()
    second = pins.open_or_make(pin_directory, prebuilt(), SIZES)
    assert not second.adopted
    second.close()


@pytest.mark.root
def test_removed_whole_and_removed_twice(pinned: pins.Pinned):
    pins.remove(pinned.directory)
    assert not pinned.directory.exists()
    assert pins.read_epoch(pinned.directory) is None
    pins.remove(pinned.directory)
