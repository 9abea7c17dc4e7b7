"""From settings to a capture: which sizes, and how it is let go."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agent.capture import session
from agent.capture.backends import back_end
from agent.capture.filter import compiled
from agent.capture.loader import bpf
from agent.capture.session import Sizes, open_session
from agent.capture.watch import Choice

SMALL = Sizes(64, 64)
CLASSES = (np.zeros(65536, np.uint8), np.zeros(64, np.uint8))


def opened(directory: Path, sizes: Sizes = SMALL) -> session.Session:
    return open_session(
        directory, back_end("libbpf"), sizes, Choice(("none*",)), CLASSES, compiled("")
    )


def test_maps_follow_the_number_of_flows():
    assert SMALL.by_map() == {
        "flows": 64, "samples": 64, "reported": 128, "closing": 64
    }  # fmt: skip


@pytest.mark.root
def test_maps_keep_their_sizes_until_they_are_detached(pin_directory: Path):
    first = opened(pin_directory)
    assert (first.sizes, first.loader, first.pinned.notes) == (SMALL, "libbpf", [])
    first.close()
    second = opened(pin_directory, Sizes(128, 64))
    assert second.sizes == SMALL
    assert second.pinned.notes == [
        "maps keep their sizes (64 flows) until: weir-agent detach"
    ]
    second.close()
    assert pin_directory.exists()


@pytest.mark.root
def test_abandoning_takes_back_only_what_this_agent_pinned(pin_directory: Path):
    opened(pin_directory).abandon()
    assert not pin_directory.exists()
    opened(pin_directory).close()
    opened(pin_directory).abandon()
    assert (pin_directory / "maps" / "epoch").exists()


@pytest.mark.root
def test_the_first_guess_at_a_class_is_in_the_kernel(pin_directory: Path):
    ports = np.zeros(65536, np.uint8)
    ports[443] = 4
    one = open_session(
        pin_directory, back_end("libbpf"), SMALL, Choice(()), (ports, CLASSES[1]),
        compiled("tcp"),
    )  # fmt: skip
    found = np.zeros(65536, np.uint8)
    # A value of an array map takes up eight bytes in a read.
    bpf.map_lookup(one.pinned.maps["port_classes"], 443, found)
    assert found[0] == 4
    one.close()
