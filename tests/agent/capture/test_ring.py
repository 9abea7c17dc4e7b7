"""The closing ring, as a conversation."""

from agent.capture.ring import Ring


def test_entries_come_back_with_their_batch():
    ring = Ring(10)
    assert ring.take(4, sequence=1) == (0, 4)
    assert ring.take(3, sequence=2) == (4, 3)
    assert ring.free == 3
    ring.commit(1)
    assert ring.free == 7
    ring.commit(2)
    assert ring.free == 10


def test_a_run_ends_at_the_ring_s_end_and_goes_on_at_its_start():
    ring = Ring(10)
    ring.take(8, 1)
    ring.commit(1)
    assert ring.take(5, 2) == (8, 2)
    assert ring.take(3, 2) == (0, 3)
    assert ring.free == 5


def test_a_full_ring_gives_nothing():
    ring = Ring(4)
    assert ring.take(9, 1) == (0, 4)
    assert ring.take(1, 1)[1] == 0
    ring.commit(1)
    assert ring.take(1, 2) == (0, 1)


def test_unreported_entries_of_a_previous_agent_are_kept():
    ring = Ring(10)
    ring.adopt(first=7, used=5, sequence=3)
    assert ring.free == 5
    assert ring.take(9, 3) == (2, 5)
    ring.commit(3)
    assert ring.free == 10
