"""The kernel's records and the host's are the same records, field by field."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from agent.capture.layout import INTERFACE_UNIDIRECTIONAL, RECORD
from lab.extract.engine import Settings
from tests.bpf.engine import Engine, engine, skb_context
from tests.lab.extract.flowing import flows_of
from tests.lab.extract.frames import (
    ACK,
    FIN,
    PSH,
    START_NS,
    SYN,
    Frame,
    ethernet,
    icmp,
    ip,
    pcap,
    read_pcap,
    save,
    talk,
    tcp,
    timestamps,
    udp,
)  # fmt: skip
from tests.shared_data import find_shared

pytestmark = pytest.mark.root

AS_THE_KERNEL = Settings(
    keep_flows=True, reorder_window=0, join_fragments=False, idle_timeout=1e9,
    active_timeout=1e9, linger=1e9,
)  # fmt: skip
FRAMES_A_CAPTURE = 200
OWN_TO_EITHER = {"id", "lock", "padding_lock"}
FOLDERS = ("crafted", "formats", "ndpi-labelled", "apps", "nasty")


@pytest.fixture(scope="module")
def kernel(reasons_to_skip: dict[str, str]) -> Iterator[Engine]:
    if reasons_to_skip["root"]:
        pytest.skip(reasons_to_skip["root"])
    yield from engine("libbpf", {"flows": 8192}, {"clock_from_frame": 1})


def by_key(
    keys: npt.NDArray[np.void], records: npt.NDArray[np.void]
) -> dict[bytes, np.void]:
    """Records by key, the interface's slot left out."""
    names = ("low_address", "high_address", "low_port", "high_port", "protocol", "family")
    return {
        b"".join(np.ascontiguousarray(key[name]).tobytes() for name in names): record
        for key, record in zip(keys, records, strict=True)
    }


def differences(kernel: np.void, host: np.void) -> list[str]:
    return [
        f"{name}: kernel {kernel[name]} host {host[name]}"
        for name in RECORD.names or ()
        if name not in OWN_TO_EITHER and kernel[name].tobytes() != host[name].tobytes()
    ]


def compare(kernel: Engine, frames: list[Frame], path: Path, one_way: bool = False) -> int:
    """Both builds over the frames; returns how many flows were the same."""
    given = [
        Frame(frame.time_ns % 2**62 or 1, frame.data)
        for frame in frames
        if frame.link == 1 and kernel.takes("weir_ingress", frame.data)
    ]
    kernel.watch(INTERFACE_UNIDIRECTIONAL if one_way else 0)
    kernel.clear()
    for frame in given:
        kernel.run("weir_ingress", frame.data, skb_context(tstamp=frame.time_ns))
    theirs = {}
    for keys, records in kernel.kernel.records():
        theirs |= by_key(keys, records)
    settings = AS_THE_KERNEL
    if one_way:
        settings = replace(settings, unidirectional=True)
    ours, _ = flows_of(save(path, pcap(given, nanoseconds=True)), settings)
    mine = by_key(ours["key"], ours["record"])
    assert mine.keys() == theirs.keys()
    for key, record in mine.items():
        assert not differences(theirs[key], record)
    return len(mine)


def invented(seed: int, count: int = 400) -> list[Frame]:
    """Every kind of header and flag, in flows that meet again and again."""
    dice, out, now = random.Random(seed), [], START_NS
    for number in range(count):
        now += dice.choice((0, 1000, 90_000, 3_000_000, 1_200_000_000, 6_000_000_000))
        family = dice.choice(("10.1.0.%d", "2001:db8::%d"))
        here, there = family % dice.randint(1, 3), family % dice.randint(1, 3)
        payload = bytes(dice.choice((0, 0, 1, 30, 600, 1400)))
        flags = dice.choice((ACK, ACK, PSH | ACK, SYN, SYN | ACK, FIN | ACK, 4, 0xC2, 0x30))
        options = (
            timestamps(dice.randint(1, 40), dice.randint(0, 40))
            if dice.random() < 0.5
            else b""
        )
        kind = dice.randint(0, 5)
        if kind < 3:
            body = tcp(
                dice.choice((1000, 1001)), 80, flags, payload, dice.randint(1, 5000), 0,
                dice.randint(0, 65535), options,
            )  # fmt: skip
            if dice.random() < 0.5:
                here, there = there, here
            packet = ip(
                here,
                there,
                6,
                body,
                number,
                tos=dice.choice((0, 184)),
                ttl=dice.randint(1, 255),
            )
        elif kind == 3:
            packet = ip(here, there, 17, udp(53, dice.choice((53, 5353)), payload), number)
        elif kind == 4:
            six = ":" in here
            body = icmp(dice.choice((128, 129) if six else (8, 0, 3, 13, 14)), 0)
            packet = ip(here, there, 58 if six else 1, body, number)
        else:
            fragment = dice.choice((0x2000, 0x00B9)) if "." in here else 0
            packet = ip(
                here,
                there,
                dice.choice((17, 132, 47)),
                udp(7, 9, payload),
                number,
                fragment,
            )
        out.append(Frame(now, ethernet(packet, dice.choice(((), (7,), (7, 9))))))
    return out


@pytest.mark.parametrize("seed", range(6))
def test_invented_traffic(kernel: Engine, tmp_path: Path, seed: int) -> None:
    assert compare(kernel, invented(seed), tmp_path / "made.pcap") > 10


def test_one_way_keys(kernel: Engine, tmp_path: Path) -> None:
    assert compare(kernel, invented(99), tmp_path / "made.pcap", one_way=True) > 10


def test_an_answer_seen_first(kernel: Engine, tmp_path: Path) -> None:
    frames = talk((0, ">", SYN, b""), (0.1, "<", SYN | ACK, b""), (0.2, ">", ACK, b"x"))
    assert compare(kernel, frames[1:], tmp_path / "made.pcap") == 1


@pytest.mark.parametrize("folder", FOLDERS)
def test_captures(kernel: Engine, tmp_path: Path, folder: str) -> None:
    found = find_shared(f"pcap/{folder}")
    if found is None:
        pytest.skip(f"optional captures {folder} are not there (set WEIR_SHARED)")
    flows = 0
    for path in sorted(found.iterdir()):
        frames = list(read_pcap(path.read_bytes()))[:FRAMES_A_CAPTURE]
        flows += compare(kernel, frames, tmp_path / "made.pcap")
    assert flows > 10
