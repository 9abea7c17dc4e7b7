"""QoS rules: one a traffic type."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from collector.state.control import Control


def rule(**changed: Any) -> dict[str, Any]:
    return {"traffic_type": "video", "priority": 3, "min_bandwidth": 5.0, "dscp": 46,
            "max_bandwidth": 50.5, "enabled": True, **changed}  # fmt: skip


def test_added_changed_removed(tmp_path: Path):
    control = Control(tmp_path)
    rules = control.rules
    assert rules.list() == []
    assert rules.change("video", rule(), 1) is False
    assert rules.remove("video") is False
    number = rules.add(rule(), 10)
    with pytest.raises(KeyError):
        rules.add(rule(priority=1), 11)
    rules.add(rule(traffic_type="file", enabled=False), 12)
    assert rules.change("video", rule(priority=1, enabled=False), 20) is True
    file, video = rules.list()
    assert (file["traffic_type"], file["enabled"]) == ("file", False)
    assert video == {
        "id": number, **rule(priority=1, enabled=False), "created_at": 10, "updated_at": 20
    }  # fmt: skip
    assert rules.remove("video") is True
    assert [row["traffic_type"] for row in rules.list()] == ["file"]
    control.close()
