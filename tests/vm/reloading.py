"""New settings without a restart."""

from __future__ import annotations

from balance import Balance
from guest import (
    AGENT_TOML,
    COLLECTOR_TOML,
    UNIT_S,
    active,
    edit,
    journal,
    run,
    show,
    status,
    until,
)
from router import send, traffic

UNKNOWN_KEY = "no_such_key"


def agent_reloads() -> None:
    """The same process, new settings, nothing uncounted; wrong ones are refused."""
    pid = show("weir-agent", "MainPID")
    with Balance():
        sender = send(2000)
        edit(AGENT_TOML, '"eth*"]', '"eth*", "later*"]')
        run("systemctl", "reload", "weir-agent")
        told = "settings read again: interfaces"
        until(lambda: told in journal("weir-agent"), 60, told, UNIT_S)
        sender.wait()
        traffic()
    assert show("weir-agent", "MainPID") == pid
    edit(AGENT_TOML, "[capture]", f"[capture]\n{UNKNOWN_KEY} = 1")
    answer = run("systemctl", "reload", "weir-agent", check=False)
    run("systemctl", "kill", "--signal=HUP", "--kill-who=main", "weir-agent")
    told = "settings stay as they were"
    until(lambda: told in journal("weir-agent"), 30, "it complains", UNIT_S)
    edit(AGENT_TOML, f"{UNKNOWN_KEY} = 1\n", "")
    assert "fail" in answer.lower(), answer
    assert show("weir-agent", "MainPID") == pid
    assert active("weir-agent")
    assert status()["interfaces"]


def collector_reloads() -> None:
    run("systemctl", "reload", "weir-collector")
    pid = show("weir-collector", "MainPID")
    text = COLLECTOR_TOML.read_text()
    COLLECTOR_TOML.write_text(text + f"\n{UNKNOWN_KEY} = 1\n")
    try:
        answer = run("systemctl", "reload", "weir-collector", check=False)
    finally:
        COLLECTOR_TOML.write_text(text)
    assert "fail" in answer.lower(), answer
    assert show("weir-collector", "MainPID") == pid
    assert active("weir-collector")


CHECKS = (agent_reloads, collector_reloads)
