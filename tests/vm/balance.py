"""What Weir counts against what the interfaces themselves count."""

from __future__ import annotations

import json
import time
from pathlib import Path

from guest import say, status
from router import INTERFACES

LEAST_FRAMES = 500


def own() -> dict[str, int]:
    """Frames by the interfaces' own counters."""
    return {
        f"{name} {key}": int(
            Path("/sys/class/net", name, "statistics", f"{key}_packets").read_text()
        )
        for name in INTERFACES
        for key in ("rx", "tx")
    }


def quiet() -> dict[str, int]:
    """The interfaces' counters, once a second passes without a frame."""
    last = own()
    for _ in range(80):
        time.sleep(1)
        now = own()
        if now == last:
            return now
        last = now
    raise AssertionError("the interfaces never become quiet")


def settled() -> tuple[dict[str, int], dict]:
    """The interfaces' own counters and the agent's answer, of one quiet moment."""
    for _ in range(20):
        before = quiet()
        answer = status()
        if own() == before:
            return before, answer
    raise AssertionError("the interfaces never become quiet")


def counted(answer: dict) -> dict[str, int]:
    """Frames that the agent saw."""
    return {
        f"{item['name']} {key}": item["direction"][key]["seen"]["frames"]
        for item in answer["interfaces"]
        for key in ("rx", "tx")
        if item["name"] in INTERFACES
    }


def counted_now() -> dict[str, int]:
    return counted(status())


def unbalanced(answer: dict) -> list[str]:
    """Where what was seen is not the sum of its parts."""
    names = ("flows", "overflow", "non_ip", "unparsed", "filtered")
    found = []
    for item in answer["interfaces"]:
        for key, row in item["direction"].items():
            for unit in ("frames", "packets", "bytes"):
                parts = sum(row[name][unit] for name in names if name in row)
                if parts != row["seen"][unit]:
                    seen = row["seen"][unit]
                    found.append(f"{item['name']} {key} {unit}: {seen} != {parts}")
    return found


class Balance:
    """Over some event, both count the same; and parts add up."""

    def __enter__(self) -> Balance:
        self.own, answer = settled()
        self.seen = counted(answer)
        return self

    def __exit__(self, kind, *_: object) -> None:
        if kind is not None:
            return
        own_after, answer = settled()
        seen_after = counted(answer)
        truth = {key: own_after[key] - self.own[key] for key in own_after}
        ours = {key: seen_after.get(key, -1) - self.seen.get(key, 0) for key in own_after}
        say("FACT frames", json.dumps(truth))
        assert sum(truth.values()) > LEAST_FRAMES, f"hardly any traffic: {truth}"
        assert ours == truth, f"counted {ours}, interfaces {truth}"
        assert not unbalanced(answer), unbalanced(answer)
