"""What the packet program does to a frame whose interface is shaped, on both back ends."""

from __future__ import annotations

import numpy as np
import pytest

from agent.capture.layout import BUCKET, INTERFACE_SHAPED, SHAPING, TX
from tests.bpf.engine import SLOT, Engine
from tests.support import frames as build

pytestmark = pytest.mark.root

UNSPEC, SHOT = -1, 2
VOICE, UNKNOWN, DROP = 1, 0, 255
NEVER = 2**63 - 1
FRAME, _ = build.ethernet(
    build.ipv4("10.0.0.1", "10.0.0.2", build.udp(5060, 9, b"v" * 130))
)


def row(**fields) -> np.ndarray:
    made = np.zeros(1, SHAPING)
    made["root"], made["deadline_ns"] = 0x57450000, NEVER
    for name, value in fields.items():
        made[name] = value
    return made


def bucket(megabits: float) -> np.ndarray:
    made = np.zeros(1, BUCKET)
    made["rate_bytes_s"], made["expires_ns"] = int(megabits * 125_000), NEVER
    return made


@pytest.fixture
def shaped(loaded: Engine) -> Engine:
    loaded.clear()
    loaded.watch(INTERFACE_SHAPED)
    ports, points = np.zeros(65536, np.uint8), np.zeros(64, np.uint8)
    ports[5060] = VOICE
    loaded.kernel.set_classes(ports, points)
    yield loaded
    loaded.kernel.set_shaping(SLOT, TX, np.zeros(1, SHAPING))
    loaded.watch()
    loaded.clear()


def verdicts(engine: Engine, frames: int) -> list[int]:
    return [
        np.int32(np.uint32(engine.run("weir_egress", FRAME) & 0xFFFFFFFF)).item()
        for _ in range(frames)
    ]


def test_a_policer_drops_or_demotes_what_finds_a_debt(shaped: Engine):
    """One frame may pass and leave a debt of seconds; what follows meets it."""
    for excess, expected in ((DROP, SHOT), (UNKNOWN, UNSPEC)):
        shaped.kernel.set_policer(SLOT, TX, VOICE, bucket(0.0001))
        shaped.kernel.set_shaping(SLOT, TX, row(policed=1 << VOICE, excess=excess))
        assert verdicts(shaped, 4) == [UNSPEC, expected, expected, expected]
        over = shaped.kernel.policer(SLOT, TX, VOICE)["over"][0]
        assert (over["frames"], over["bytes"]) == (3, 3 * len(FRAME))


def test_past_the_deadline_nothing_is_policed(shaped: Engine):
    shaped.kernel.set_policer(SLOT, TX, VOICE, bucket(0.0001))
    silent = row(policed=1 << VOICE, excess=DROP, deadline_ns=1)
    shaped.kernel.set_shaping(SLOT, TX, silent)
    assert verdicts(shaped, 4) == [UNSPEC] * 4


def test_without_the_flag_no_row_applies(shaped: Engine):
    shaped.watch()
    shaped.kernel.set_policer(SLOT, TX, VOICE, bucket(0.0001))
    shaped.kernel.set_shaping(SLOT, TX, row(policed=1 << VOICE, excess=DROP))
    assert verdicts(shaped, 4) == [UNSPEC] * 4


def test_what_a_policer_drops_is_counted_as_seen(shaped: Engine):
    shaped.kernel.set_policer(SLOT, TX, VOICE, bucket(0.0001))
    shaped.kernel.set_shaping(SLOT, TX, row(policed=1 << VOICE, excess=DROP))
    verdicts(shaped, 5)
    assert shaped.sums()[TX]["seen"]["frames"] == 5
