"""What a run without an interface cannot show: tags beside the frame, jumbo, super frames.

Both ends of a veth pair are watched: one sends, the other receives, and both must agree
with what the frame is. tc sees the outermost tag beside the frame, so three may be there;
native XDP sees all of them in the frame and reads two.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.capture import layout
from agent.capture.loader import attach
from tests.bpf.conform import differences
from tests.bpf.engine import Engine, Flow, Seen, engine
from tests.bpf.test_parse import EIGHT, TABLE, TAGGED, four, six
from tests.support import frames as build
from tests.support.frames import Built, Expected
from tests.support.namespaces import Namespace, wait_until, world
from tests.support.sending import Sender

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]

SENDING, RECEIVING = 5, 6  # slots
RX, TX = 0, 1
THREE = (*TAGGED, (build.CTAG, 9))


@dataclass
class Wire:
    """Two watched ends and a socket that sends from one to the other."""

    engine: Engine
    left: Namespace
    sender: Sender
    modes: attach.Attached

    def send(self, frame: bytes, *, segment_bytes: int = 0, headers: int = 0) -> list[Seen]:
        """What the sending end's tx and the receiving end's rx made of one frame."""
        kernel = self.engine.kernel
        for key, _ in list(kernel.records()):
            for number in range(len(key)):
                self.engine.delete(key[number : number + 1])
        for slot in (SENDING, RECEIVING):
            kernel.clear_counters(slot)
        if segment_bytes:
            self.sender.send_super(frame, header_bytes=headers, segment_bytes=segment_bytes)
        else:
            self.sender.send(frame)
        wait_until("received", lambda: self.outcomes(RECEIVING, RX))
        return [self.seen(SENDING, TX), self.seen(RECEIVING, RX)]

    def outcomes(self, slot: int, hook: int) -> dict[str, tuple[int, ...]]:
        row = self.engine.kernel.counters([slot])[slot, hook]
        names = ("seen", "non_ip", "unparsed", "filtered")
        found = {name: tuple(int(n) for n in row[name].item()) for name in names}
        return {name: volume for name, volume in found.items() if any(volume)}

    def seen(self, slot: int, hook: int) -> Seen:
        flows = [flow for flow in self.engine.flows() if flow.key["slot"] == slot]
        assert len(flows) <= 1
        flow: Flow | None = flows[0] if flows else None
        return Seen(self.outcomes(slot, hook), flow)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param((back_end, mode), marks=[pytest.mark.bcc] * (back_end == "bcc"))
        for back_end in ("libbpf", "bcc")
        for mode in ("tcx", "clsact", "native")
    ],
    ids=lambda value: "-".join(value),
)
def wire(request: pytest.FixtureRequest, reasons_to_skip: dict[str, str]) -> Iterator[Wire]:
    back_end, mode = request.param
    reason = reasons_to_skip["root"] or (back_end == "bcc" and reasons_to_skip["bcc"])
    if reason:
        pytest.skip(str(reason))
    wanted = attach.Wanted("native") if mode == "native" else attach.Wanted("off", mode)
    for loaded in engine(back_end):
        directory = Path("/sys/fs/bpf") / f"weir-test-{os.getpid()}"
        (directory / "links").mkdir(parents=True)
        loaded.pinned.directory = directory
        try:
            yield from connected(loaded, wanted)
        finally:
            for path in (directory / "links").iterdir():
                path.unlink()
            (directory / "links").rmdir()
            directory.rmdir()


def mtu(mode: str) -> int:
    """Native XDP takes no frame larger than a page."""
    return 3400 if mode == "xdp-native" else 9200


def connected(loaded: Engine, wanted: attach.Wanted) -> Iterator[Wire]:
    with world() as made:
        left, right = made.pair(quiet=True)
        for space, interface in ((left, "left0"), (right, "right0")):
            space.set_link(interface, mtu=mtu(f"xdp-{wanted.xdp}"))
        ends = ((left, "left0", SENDING), (right, "right0", RECEIVING))
        modes = []
        for space, interface, slot in ends:
            index = space.index(interface)
            loaded.kernel.set_interface(index, slot, 0)
            with space.entered():
                try:
                    modes.append(attach.attach(loaded.pinned, index, interface, wanted))
                except attach.CaptureError as error:
                    pytest.skip(f"this kernel: {error}")
        with Sender(left, "left0", super_frames=True) as sender:
            yield Wire(loaded, left, sender, modes[1])
        for space, interface, _ in ends:
            with space.entered():
                attach.detach(loaded.pinned.directory, space.index(interface))


def reads_tags(wire: Wire, hook: int) -> int:
    """How many tags a hook gets past."""
    return 3 if hook == RX and wire.modes.rx_mode != "xdp-native" else 2


CASES: dict[str, Built] = {
    "one tag": TABLE["one tag"],
    "two tags": TABLE["two tags"],
    "three tags": build.ethernet(six(extensions=EIGHT), vlans=THREE),
    "three tags, arp": build.ethernet(build.arp("10.0.0.1", "10.0.0.2"), vlans=THREE),
    "priority tag": TABLE["priority tag"],
    "pppoe in two tags": TABLE["pppoe IPv6 in two tags"],
    "3,000 bytes": TABLE["payload of 3,000 bytes"],
    "eight extension headers": TABLE["eight extension headers"],
    "no tag": TABLE["tcp with payload"],
}


@pytest.mark.parametrize("case", CASES)
def test_both_ends_say_what_the_frame_is(wire: Wire, case: str) -> None:
    frame, told = CASES[case]
    tags = 3 if case.startswith("three") else 0
    for hook, seen in zip((TX, RX), wire.send(frame), strict=True):
        expected = told
        if tags > reads_tags(wire, hook):
            expected = Expected("non_ip", wire_bytes=len(frame))
        assert differences(seen, expected) == [], hook


@pytest.mark.parametrize("spare", [1200, 100])
@pytest.mark.parametrize("version", [4, 6])
def test_jumbo_frames(wire: Wire, spare: int, version: int) -> None:
    """Nearly as long as the interface takes."""
    segment = build.udp(7, 9, bytes(mtu(wire.modes.rx_mode) - spare))
    frame, told = build.ethernet(four(segment) if version == 4 else six(segment))
    for seen in wire.send(frame):
        assert differences(seen, told) == []


@pytest.mark.parametrize(
    ("ends", "headers"),
    [(("192.0.2.1", "198.51.100.2"), 54), (("2001:db8::1", "2001:db8::2"), 74)],
)
def test_super_frames(wire: Wire, ends: tuple[str, str], headers: int) -> None:
    payload, size = 20_000, 1400
    segments = -(-payload // size)
    frame = build.super_tcp(*ends, (40000, 443), bytes(payload))
    wire_bytes = len(frame) + (segments - 1) * headers
    sent, received = wire.send(frame, segment_bytes=size, headers=headers)
    assert sent.outcomes == {"seen": (1, segments, wire_bytes)}
    frames = segments if wire.modes.rx_mode == "xdp-native" else 1
    wait_until("all segments", lambda: wire.outcomes(RECEIVING, RX)["seen"][1] == segments)
    received = wire.seen(RECEIVING, RX)
    assert received.outcomes == {"seen": (frames, segments, wire_bytes)}
    for seen in (sent, received):
        assert seen.flow is not None
        way = seen.flow.forward
        assert int(way["payload_bytes"]) == payload
        assert int(way["length_max"]) == size + headers
        assert int(way["length_min"]) == payload - size * (segments - 1) + headers
    merged = sent.flow.record["state"] & layout.STATE_MERGED if sent.flow else 0
    assert merged


def test_the_mode_is_what_was_asked_for(wire: Wire, request) -> None:
    mode = request.node.callspec.params["wire"][1]
    rx = {"native": "xdp-native"}.get(mode, mode)
    assert wire.modes.rx_mode == rx
    assert wire.modes.tx_mode in {"tcx", "clsact"}
