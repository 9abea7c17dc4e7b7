"""Captures through the loaded programs of both back ends, against tshark's dissection."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from agent.capture import layout
from tests.bpf.conform import differences
from tests.bpf.dissect import ETHERNET, RAW_IP, Undecided, dissected, frames_of
from tests.bpf.engine import Engine, context_for
from tests.shared_data import shared
from tests.support.frames import Expected
from tests.support.mix import mixed
from tests.support.pcaps import write_pcap

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed"),
]

NAMED = {
    "nasty/tcpdump-ipv6-srh-tlv-pad1-padn-5-trunc.pcap#1": (
        "a routing header longer than the frame: tshark shows what lies behind its first "
        "bytes, Weir calls the frame unparsed"
    ),
}
"""Where Weir and tshark differ, each with its reason."""


Told = list[tuple[str, bytes, Expected | Undecided]]


def read(captures: list[Path], linktype: int, scratch: Path) -> Told:
    frames = frames_of(captures, linktype, scratch)
    told = dissected([frame for _, frame in frames], linktype, scratch / "all.pcap")
    return [(*named, one) for named, one in zip(frames, told, strict=True)]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Told]:
    folders = [shared(f"pcap/{name}") for name in ("formats", "nasty", "crafted")]
    captures = [path for folder in folders for path in sorted(folder.iterdir())]
    scratch = tmp_path_factory.mktemp("dissection")
    return {linktype: read(captures, linktype, scratch) for linktype in (ETHERNET, RAW_IP)}


def compare(
    engine: Engine, program: str, told: Told, flags: int = 0
) -> tuple[int, dict[str, list[str]]]:
    """How many frames agree, and how the others differ."""
    engine.watch(flags)
    same, different = 0, {}
    for name, frame, expected in told:
        if isinstance(expected, Undecided) or not engine.takes(program, frame):
            continue
        seen = engine.see(program, frame, context_for(program, frame))
        found = differences(seen, expected)
        if found:
            different[name] = found
        else:
            same += 1
    engine.watch()
    return same, different


@pytest.mark.parametrize("program", ["weir_xdp", "weir_ingress"])
def test_own_capture(loaded: Engine, program: str, tmp_path: Path) -> None:
    frames = [frame for frame, _ in mixed(7, 3000, flows=300)]
    capture = write_pcap(tmp_path / "own.pcap", enumerate(frames))
    same, different = compare(loaded, program, read([capture], ETHERNET, tmp_path))
    assert different == {}
    assert same > 2800


@pytest.mark.timeout(180)
@pytest.mark.parametrize(("linktype", "least"), [(ETHERNET, 24000), (RAW_IP, 1500)])
def test_corpus(loaded: Engine, corpus: dict[int, Told], linktype: int, least: int) -> None:
    program = "weir_ingress" if linktype == RAW_IP else "weir_xdp"
    flags = layout.INTERFACE_LAYER3 if linktype == RAW_IP else 0
    same, different = compare(loaded, program, corpus[linktype], flags)
    assert {name: found for name, found in different.items() if name not in NAMED} == {}
    assert same >= least
