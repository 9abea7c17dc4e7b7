from __future__ import annotations

from agent.ship.parcel import write
from agent.ship.quarantine import Quarantine
from agent.ship.segment import scan
from tests.agent.ship.support import parcel
from wire.frame import HEADER_BYTES


def kept(quarantine: Quarantine, n: int) -> list[int]:
    data = write(parcel(n))
    (place,) = scan(data, 1)
    return quarantine.add(place, data[HEADER_BYTES:])


def test_parcels_are_kept_whole_and_the_oldest_leave_first(tmp_path):
    length = len(write(parcel(1)))
    quarantine = Quarantine(tmp_path, 2 * length)
    assert [kept(quarantine, n) for n in (1, 2, 3)] == [[], [], [length]]
    held = [path.read_bytes() for path in sorted(tmp_path.iterdir())]
    assert held == [write(parcel(2)), write(parcel(3))]
    assert quarantine.size_bytes() == 2 * length


def test_the_newest_is_kept_even_when_it_is_too_large(tmp_path):
    quarantine = Quarantine(tmp_path, 1)
    assert kept(quarantine, 1) == []
    assert len(kept(quarantine, 2)) == 1
    assert len(list(tmp_path.iterdir())) == 1
