from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agent.capture.layout import DEAD_BASELINE, DEAD_UNSHAPED, RX, TX
from agent.qos import section
from agent.records import FLOW_DELTA
from agent.regulation.lanes import lanes, reading_of, round_trip_s

WAN = {"name": "wan", "egress_mbps": 20, "ingress_mbps": 50}


@dataclass
class Counts:
    sent_bytes: int = 0
    drops: int = 0
    backlog_bytes: int = 0


class Rows:
    """What packet programs would see."""

    def __init__(self) -> None:
        self.shaping, self.policers = {}, []

    def set_shaping(self, slot, hook, row) -> None:
        self.shaping[slot, hook] = row.copy()

    def set_policer(self, slot, hook, number, bucket) -> None:
        self.policers.append((slot, hook, number, int(bucket["rate_bytes_s"][0])))


def made(**fields):
    settings = section.parse({"interface": [WAN]} | fields)
    return lanes(settings, settings.interfaces[0], 0)


def test_a_reading_is_a_difference():
    before = {"voice": Counts(100, 2, 9), "web": Counts(5)}
    after = {"voice": Counts(300, 3, 7), "web": Counts(1)}
    found = reading_of(before, after, 2.0, 0.01)
    assert found.interval_s == 2.0
    voice, web = found.classes["voice"], found.classes["web"]
    assert (voice.sent_bytes, voice.drops, voice.backlog_bytes) == (200, 1, 7)
    assert web.sent_bytes == 0  # a tree that was built anew counts from 0
    assert reading_of({}, after, 2.0, None).interval_s == 0


def test_rows_say_tree_marks_and_deadline():
    out, into = made(marking="set", wash=True)
    rows = Rows()
    out.tell(rows, 3, 77)
    into.tell(rows, 3, 78)
    out.tell(rows, 3, 79)
    sent, received = rows.shaping[3, TX][0], rows.shaping[3, RX][0]
    assert (sent["root"], sent["deadline_ns"], sent["mode"]) == (0x57450000, 79, 2)
    assert sent["marks"].tolist() == [0, 46, 34, 18, 0, 10, 1, 0]
    assert (received["root"], received["mode"]) == (0x57490000, 2)
    assert not received["marks"].any()
    assert (sent["dead"], made(when_dead="unshaped")[0].row["dead"][0]) == (
        DEAD_BASELINE,
        DEAD_UNSHAPED,
    )
    # Voice has 30 % of either link, written once: what it has spent stays spent.
    assert rows.policers == [(3, TX, 1, 750_000), (3, RX, 1, 1_875_000)]
    out.silence(rows, 3)
    assert not rows.shaping[3, TX].view(np.uint8).any()


def test_a_low_decile_of_recent_round_trips():
    flows = np.zeros(12, FLOW_DELTA)
    flows["slot"], flows["last_ns"] = 1, 100
    flows["rtt_ns"] = np.arange(12) * 1_000_000  # the first is not measured
    assert round_trip_s(flows, 1, 100) == 0.002
    assert round_trip_s(flows, 1, 101) is None
    assert round_trip_s(flows, 2, 100) is None
