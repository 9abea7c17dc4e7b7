from __future__ import annotations

from lab.traffic.services import CLASSES
from lab.traffic.tally import Tally


def test_every_class_has_its_own_count() -> None:
    tally = Tally()
    tally["voice"].sent_bytes += 5
    tally["web"].received_bytes += 7
    report = tally.report()
    assert tuple(report) == CLASSES
    assert report["voice"]["sent_bytes"] == 5
    assert report["video"]["sent_bytes"] == 0
    assert tally.moved_bytes() == 12
    assert Tally().moved_bytes() == 0
