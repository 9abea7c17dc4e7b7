"""Every frame is counted and reported, whatever happens to the agent."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from pathlib import Path

from balance import Balance, counted_now
from guest import (
    AGENT_TOML,
    STATE,
    UNIT_S,
    active,
    edit,
    fetch,
    ready,
    restart,
    run,
    say,
    show,
    until,
)
from router import INTERFACES, send, traffic


def agent_reports_to_collector() -> None:
    secret = run("weir-collector", "token", "add", "--agent", "router").strip()
    reader = run("weir-collector", "token", "add", "--api", "test").strip()
    (STATE / "api").write_text(reader)
    token = Path("/etc/weir/agent.token")
    token.write_text(secret)
    shutil.chown(token, "root", "weir-agent")
    token.chmod(0o640)
    edit(
        AGENT_TOML,
        '# backend_url = ["https://collector.example.net:8080"]',
        'backend_url = ["http://127.0.0.1:8080"]\nsync_interval = 5.0',
    )
    edit(AGENT_TOML, "# token_file", "token_file")
    restart()


def everything_is_counted() -> None:
    with Balance():
        traffic()


def collected() -> dict[str, int]:
    """Frames that the collector has stored."""
    token = (STATE / "api").read_text()
    code, text = fetch("/api/conservation?from=-86400", token)
    assert code == 200, text
    return {
        f"{row['interface']} {row['direction']}": row["seen"]["frames"]
        for row in json.loads(text)["interfaces"]
        if row["interface"] in INTERFACES
    }


def collector_gets(earlier: dict[str, int]) -> None:
    """What it stored beyond what it had is what the agent says it counted."""

    def told() -> dict[str, int]:
        return {key: value + earlier.get(key, 0) for key, value in counted_now().items()}

    try:
        until(lambda: collected() == told(), 90, "the collector has what was counted")
    except AssertionError as error:
        raise AssertionError(f"{error}: {told()} there {collected()}") from None


def collector_has_it_all() -> None:
    collector_gets({})


def killed_and_back() -> None:
    with Balance():
        sender = send(3000)
        for _ in range(2):
            time.sleep(1)
            os.kill(int(show("weir-agent", "MainPID")), signal.SIGKILL)
            until(lambda: not active("weir-agent"), 20, "systemd notices", UNIT_S)
            say("FACT back", f"{ready('weir-agent'):.1f} s")
        sender.wait()
        traffic()
    assert int(show("weir-agent", "NRestarts")) >= 2


def watchdog_bites() -> None:
    restarts = int(show("weir-agent", "NRestarts"))
    os.kill(int(show("weir-agent", "MainPID")), signal.SIGSTOP)

    def bitten() -> bool:
        return int(show("weir-agent", "NRestarts")) > restarts

    until(bitten, 90, "the watchdog bites", UNIT_S)
    ready("weir-agent")


CHECKS = (
    agent_reports_to_collector,
    everything_is_counted,
    collector_has_it_all,
    killed_and_back,
    collector_has_it_all,
    watchdog_bites,
)
