"""A fresh Debian, the packages, and what stands after a minute."""

from __future__ import annotations

import json
import re
from pathlib import Path

from guest import (
    STATE,
    doctor,
    fetch,
    install,
    ready,
    run,
    say,
    show,
    start_seconds,
    timed,
    until,
)
from picture import picture
from router import make_router

NET_ADMIN, PERFMON, BPF = 1 << 12, 1 << 38, 1 << 39
UNITS = ("weir-agent", "weir-collector")
MOST_MB = 250
MOST_RSS_MIB = 120


def installed() -> None:
    STATE.mkdir(parents=True, exist_ok=True)
    (STATE / "before.json").write_text(json.dumps(picture()))
    make_router()
    say("FACT install", f"{timed(lambda: install('first/*.deb')):.0f} s")
    for name in ("agent", "collector"):
        taken = int(run("du", "-sm", f"/usr/lib/weir/{name}").split()[0])
        say("FACT installed", name, f"{taken} MB")
        assert name == "collector" or taken <= MOST_MB, f"the agent takes {taken} MB"


def services_come_up() -> None:
    for unit in UNITS:
        ready(unit)
        say("FACT ready", unit, f"{start_seconds(unit):.1f} s")
        assert show(unit, "NRestarts") == "0"
        assert run("systemctl", "is-enabled", unit).strip() == "enabled"
    assert run("systemctl", "--failed", "--no-legend").strip() == ""


def rights_are_minimal() -> None:
    fields = process("weir-agent")
    for name in ("CapEff", "CapBnd", "CapPrm", "CapAmb"):
        assert int(fields[name], 16) == NET_ADMIN | PERFMON | BPF, f"{name} {fields[name]}"
    assert fields["NoNewPrivs"] == "1"
    assert fields["Uid"].split()[0] != "0"
    charged = int(show("weir-agent", "MemoryCurrent")) >> 20
    threads = fields["Threads"]
    say("FACT agent", fields["VmRSS"], f"threads {threads} cgroup {charged} MiB")
    resident = int(fields["VmRSS"].split()[0]) >> 10
    assert resident <= MOST_RSS_MIB, f"the agent has {resident} MiB in memory"
    fields = process("weir-collector")
    assert int(fields["CapEff"], 16) == 0
    say("FACT collector", fields["VmRSS"])


def process(unit: str) -> dict[str, str]:
    """What the kernel says of a unit's main process."""
    lines = Path("/proc", show(unit, "MainPID"), "status").read_text().splitlines()
    parts = (line.partition(":") for line in lines)
    return {name: value.strip() for name, _, value in parts}


def doctor_finds_no_failure() -> None:
    assert not doctor()["failed"]


def console_answers() -> None:
    until(lambda: fetch("/health")[0] == 200, 60, "collector healthy")
    code, page = fetch("/")
    assert code == 200, code
    script = re.search(r'src="(/assets/[^"]+\.js)"', page)
    assert script, page
    assert fetch(script[1])[0] == 200
    assert fetch("/api/agents")[0] == 401


def status_for_group_only() -> None:
    assert not Path("/run/weir").stat().st_mode & 0o007
    nobody = ("setpriv", "--reuid", "nobody", "--clear-groups")
    answer = run(*nobody, "weir-agent", "status", check=False)
    assert answer.count("\n") == 1, answer
    assert "weir-agent: " in answer, answer


def logs_are_structured() -> None:
    lines = run("journalctl", "-u", "weir-agent", "-o", "json", "--no-pager").splitlines()
    rows = [json.loads(line) for line in lines]
    ours = [row for row in rows if row.get("SYSLOG_IDENTIFIER") == "weir-agent"]
    assert ours
    assert {row["PRIORITY"] for row in ours} >= {"6"}
    assert not [row for row in ours if str(row["MESSAGE"]).startswith("<")]


CHECKS = (
    installed,
    services_come_up,
    rights_are_minimal,
    doctor_finds_no_failure,
    console_answers,
    status_for_group_only,
    logs_are_structured,
)
