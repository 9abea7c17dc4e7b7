"""Removed and purged, nothing of Weir is left: no file, user, queue, program or pin."""

from __future__ import annotations

import json
from pathlib import Path

from guest import AGENT_TOML, PINS, STATE, active, restart, run, until
from picture import differences, kernel, picture
from router import INTERFACES, send, traffic, unmake_router

UNITS = ("weir-agent", "weir-collector")
SHAPING = """
[qos]
mode = "shape"
adopt = true
[[qos.interface]]
name = "{wan}"
shaper = "htb"
egress_mbps = 20.0
ingress_mbps = 50.0
[[qos.interface]]
name = "{lan}"
shaper = "cake"
egress_mbps = 50.0
"""
CHOSEN = "fq_codel limit 777"
LEFT = ("programs", "maps", "links", "pins", "ifb")


def before() -> dict:
    return json.loads((STATE / "before.json").read_text())


def queues() -> str:
    """Root queues of both links, without the hook that counting needs on older kernels."""
    lines = run("tc", "qdisc", "show").splitlines()
    return "\n".join(sorted(line for line in lines if "clsact" not in line))


def offloads() -> list[str]:
    """The largest packets that each link may carry; shaping makes them smaller."""
    shown = json.loads(run("ip", "-j", "-d", "link", "show"))
    return [
        f"{one['ifname']} {key} {one[key]}"
        for one in shown
        for key in ("gso_max_size", "gro_max_size")
        if one["ifname"] in INTERFACES and key in one
    ]


def shaped() -> None:
    """Trees of both kinds stand, both ways, over a queue that somebody else chose."""
    lan, wan = INTERFACES
    chosen = f"root handle 7: {CHOSEN}"
    run("tc", "qdisc", "replace", "dev", wan, *chosen.split())
    (STATE / "queues").write_text(queues())
    (STATE / "offloads").write_text(json.dumps(offloads()))
    with AGENT_TOML.open("a") as settings:
        settings.write(SHAPING.format(lan=lan, wan=wan))
    restart()
    for kind in ("htb", "cake", "ifb"):
        until(lambda kind=kind: kind in standing(), 60, f"{kind} stands")
    traffic()


def standing() -> str:
    return run("tc", "qdisc", "show") + run("ip", "-d", "-o", "link", "show", "type", "ifb")


def removed() -> None:
    """While the trees stand and traffic flows. Settings and data stay."""
    sender = send(200000)
    run("apt-get", "remove", "-y", *UNITS)
    assert sender.poll() is None, "the traffic ended before the removal did"
    sender.terminate()
    for unit in UNITS:
        assert not active(unit), f"{unit} runs on"
    assert AGENT_TOML.exists()
    assert any(Path("/var/lib/weir-agent").iterdir())
    was, now = before()["kernel"], kernel()
    for key in LEFT:
        assert now[key] == was[key], f"{key}: {was[key]} -> {now[key]}"
    assert not PINS.exists()
    assert "clsact" not in str(now["queues"]), now["queues"]
    assert queues() == (STATE / "queues").read_text(), queues()
    assert offloads() == json.loads((STATE / "offloads").read_text()), offloads()


def purged() -> None:
    run("apt-get", "purge", "-y", *UNITS)
    unmake_router()
    left = differences(before(), picture())
    left = [line for line in left if not line.startswith("/var/lib/systemd")]
    assert not left, "\n".join(left[:60])
    assert not Path("/run/weir").exists()


CHECKS = (shaped, removed, purged)
