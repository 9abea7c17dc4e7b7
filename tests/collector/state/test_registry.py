"""Agents as they last reported."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from collector.records import Sighting
from collector.state.control import Control

NOW = 1_795_000_000


def seen(at: int, sequence: int, skew_s: int = 0) -> Sighting:
    ns = at * 10**9
    return Sighting(
        "edge", ns, ns, ns + skew_s * 10**9, "1", "host", bytes(16), sequence, (), {}, 10
    )


def test_an_agents_late_batch_does_not_put_it_back(tmp_path: Path):
    control = Control(tmp_path)
    control.registry.record([seen(NOW, 5), seen(NOW - 60, 4)])
    (row,) = control.registry.list()
    assert (row["sequence"], row["batches"], row["bytes"]) == (5, 2, 20)
    assert row["last_seen_ns"] == NOW * 10**9
    control.close()


DAY = 86_400


def with_link(at: int, agent: str, name: str) -> Sighting:
    link = {"name": name, "addresses": (), "mac": "", "mtu": 1500, "speed_bps": 0,
            "is_up": True}  # fmt: skip
    return dataclasses.replace(seen(at, 1), agent=agent, interfaces=(link,))


def test_agents_and_interfaces_that_were_silent_for_long_are_forgotten(tmp_path: Path):
    control = Control(tmp_path)
    control.registry.record([
        with_link(NOW, "old", "eth0"), with_link(NOW + 80 * DAY, "young", "eth0"),
        with_link(NOW, "young", "gone0"),
    ])  # fmt: skip
    assert control.registry.forget((NOW + 90 * DAY) * 10**9) == []
    assert control.registry.forget((NOW + 90 * DAY + 1) * 10**9) == ["old"]
    assert control.registry.forget((NOW + 90 * DAY + 1) * 10**9) == []
    assert [row["agent"] for row in control.registry.list()] == ["young"]
    names = control.database.query("SELECT switch_id, name FROM network_interfaces")
    assert names == [("young", "eth0")]
    control.close()


def test_an_interface_is_one_row_however_often_it_is_told(tmp_path: Path):
    control = Control(tmp_path)
    for at in range(3):
        control.registry.record([with_link(NOW + at, "edge", "eth0")])
    rows = control.database.query("SELECT created_at, updated_at FROM network_interfaces")
    assert rows == [(NOW, NOW + 2)]
    control.close()
