"""Nothing lost, nothing twice: packets from several threads while one walks and closes."""

from __future__ import annotations

import os
import random
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from agent.capture import layout, reader
from agent.capture.filter import compiled
from agent.capture.loader import bpf
from agent.capture.reader import keys_of, volumes
from tests.bpf.engine import HOOKS, SLOT, XDP_LIMIT, Engine, engine
from tests.support import frames as build
from tests.support.mix import mixed

pytestmark = [pytest.mark.root, pytest.mark.campaign, pytest.mark.timeout(1800)]

LONG = os.environ.get("WEIR_CAMPAIGN") == "long"
PACKETS = 10_000_000 if LONG else 600_000
SENDERS = 3
ENTRIES = 1000
FLOWS = 50_000
UNITS = 3


@pytest.fixture(params=["libbpf", pytest.param("bcc", marks=pytest.mark.bcc)])
def tiny(
    request: pytest.FixtureRequest, reasons_to_skip: dict[str, str]
) -> Iterator[Engine]:
    yield from engine(request.param, {"flows": ENTRIES})


@pytest.fixture(autouse=True)
def quick_switches() -> Iterator[None]:
    """Threads that come back from the kernel need not wait 5 ms for their turn."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.0001)
    yield
    sys.setswitchinterval(before)


def many_flows() -> list[bytes]:
    """As many conversations as FLOWS, half of them answered; made by changing one frame."""
    frame = bytearray(
        build.ethernet(build.ipv4("10.0.0.0", "192.0.2.1", build.udp(5000, 53, bytes(90))))[
            0
        ]
    )
    found = []
    for number in range(FLOWS):
        frame[28:30] = number.to_bytes(2, "big")
        found.append(bytes(frame))
    return found


@dataclass
class Sender:
    """Runs frames and keeps its own account of what it sent."""

    engine: Engine
    frames: list[bytes]
    packets: int
    seed: int
    sent: Any = field(default_factory=lambda: np.zeros((2, UNITS), np.uint64))
    error: BaseException | None = None

    def run(self) -> None:
        try:
            self._run()
        except BaseException as error:  # noqa: BLE001  # the test's thread raises it
            self.error = error

    def _run(self) -> None:
        chance = random.Random(self.seed)
        left = self.packets
        programs = list(HOOKS)
        while left > 0:
            program = chance.choice(programs)
            frame = chance.choice(self.frames)
            if not self.engine.takes(program, frame):
                continue
            # Repeated XDP runs make the kernel rewrite its dispatcher: 19 ms each.
            most = 1 if program == "weir_xdp" else chance.choice((1, 1, 2, 10, 60))
            repeat = min(left, most)
            bpf.run(self.engine.pinned.programs[program], repeat, frame)
            left -= repeat
            hook = HOOKS[program]
            self.sent[hook] += np.array([repeat, repeat, repeat * len(frame)], np.uint64)


@dataclass
class Walker:
    """Walks, checks the bracket, and closes what chance picks."""

    engine: Engine
    chance: np.random.Generator
    closed: Any = field(default_factory=lambda: np.zeros((2, UNITS), np.uint64))
    ids: set[int] = field(default_factory=set)
    walks: int = 0
    live: int = 0

    def step(self, share: float) -> None:
        before = self.counters(None)[0]
        rows, live = self.engine.kernel.walk()
        total = self.counters(live)[1]
        after = self.counters(None)[0]
        # A packet in the midst of its program is seen and not yet anything else.
        assert (total[:, 0] + np.uint64(SENDERS) >= before[:, 0]).all()
        assert (total <= after).all()
        self.walks += 1
        self.live = len(rows)
        self.close(rows[self.chance.random(len(rows)) < share])

    def counters(self, live: Any) -> tuple[Any, Any]:
        """`seen` and the sum of all outcomes, per hook in all units."""
        raw = self.engine.kernel.counters([SLOT])
        if live is None:
            live = np.zeros((layout.SLOTS, layout.HOOKS, UNITS), np.uint64)
        found = reader.counters(raw, live)
        parts = ("flows", "overflow", "non_ip", "unparsed", "filtered")
        total = sum(getattr(found, name)[SLOT] for name in parts)
        return found.seen[SLOT], total

    def close(self, rows: Any) -> None:
        asked = np.zeros(len(rows), layout.CLOSING)
        asked["key"] = keys_of(rows, layout.KEY)
        asked["id"], asked["status"] = rows["id"], layout.CLOSING_ASKED
        if not len(asked):
            return
        answered = self.engine.kernel.close_flows(0, asked)
        # No one else closes: every flow of the walk is still there, once.
        assert (answered["status"] == layout.CLOSING_DONE).all()
        ids = set(answered["id"].tolist())
        assert len(ids) == len(answered)
        assert not ids & self.ids
        self.ids |= ids
        self.closed += volumes(answered["record"]["volume"]).sum(axis=(0, 2), dtype="u8")


def test_every_packet_is_counted_once(tiny: Engine) -> None:
    tiny.kernel.set_filter(compiled("not (tcp port 80 or sctp)"))
    tiny.watch(layout.INTERFACE_FILTER)
    frames = (
        many_flows()
        + [frame for frame, _ in mixed(99, 6000, flows=3000) if len(frame) < XDP_LIMIT] * 4
    )
    senders = [Sender(tiny, frames, PACKETS // SENDERS, seed) for seed in range(SENDERS)]
    threads = [threading.Thread(target=sender.run) for sender in senders]
    walker = Walker(tiny, np.random.default_rng(5))
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        walker.step(share=0.2)
    for thread, sender in zip(threads, senders, strict=True):
        thread.join()
        assert sender.error is None
    sent = sum(sender.sent for sender in senders)
    assert walker.walks > 3

    rows, live = tiny.kernel.walk()
    raw = tiny.kernel.counters([SLOT])
    seen, total = walker.counters(live)
    assert (seen == sent).all()
    assert (total == sent).all()
    assert (volumes(raw["ended"])[SLOT] == walker.closed).all()
    for name in ("overflow", "non_ip", "unparsed", "filtered"):
        assert raw[name][SLOT]["packets"].sum() > 0, name
    assert len(rows) <= ENTRIES

    # By class, flows and overflow add up to the same.
    by_class = volumes(np.ascontiguousarray(raw["by_class"][SLOT])).sum(axis=1)
    kept_out = sum(volumes(raw[name][SLOT]) for name in ("non_ip", "unparsed", "filtered"))
    assert (by_class + kept_out == sent).all()

    # And to the last one, when everything has ended.
    walker.close(rows)
    _, live = tiny.kernel.walk()
    assert not live.any()
    assert (walker.counters(None)[1] == sent).all()
