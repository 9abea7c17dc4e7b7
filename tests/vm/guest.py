"""What every check uses: commands, services, files and the agent's own answers."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

PAYLOAD = Path("/payload")
STATE = Path("/var/lib/acceptance")  # what one boot leaves for the next
AGENT_TOML = Path("/etc/weir/agent.toml")
COLLECTOR_TOML = Path("/etc/weir/collector.toml")
PINS = Path("/sys/fs/bpf/weir")
UNIT_S = 1.0
"""Between two looks at a unit: under emulation a look takes time from what it waits for."""
API = "http://127.0.0.1:3000"


def say(*words: object) -> None:
    """Print where the one outside the machine reads."""
    print(*words, flush=True)


def run(
    *command: str,
    check: bool = True,
    timeout: float = 600,
    env: Mapping[str, str] | None = None,
) -> str:
    """What a command printed; complaints too where it may fail. Raises AssertionError."""
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=timeout, env=env, check=False
    )
    if check and done.returncode:
        raise AssertionError(
            f"{' '.join(command)}: status {done.returncode}\n"
            f"{done.stdout[-3000:]}{done.stderr[-3000:]}"
        )
    return done.stdout if check else done.stdout + done.stderr


def until(
    question: Callable[[], object], seconds: float, what: str, every: float = 0.2
) -> float:
    """Wait for a truth; return how long it took. Raises AssertionError."""
    started = time.monotonic()
    while time.monotonic() - started < seconds:
        try:
            if question():
                return time.monotonic() - started
        except (AssertionError, OSError, ValueError, KeyError):
            pass
        time.sleep(every)
    raise AssertionError(f"not within {seconds} s: {what}")


def timed(action: Callable[[], object]) -> float:
    """How long it took."""
    started = time.monotonic()
    action()
    return time.monotonic() - started


def edit(path: Path, old: str, new: str) -> None:
    """Replace one place. Raises AssertionError where there is none."""
    text = path.read_text()
    assert old in text, f"{path} has no {old!r}"
    path.write_text(text.replace(old, new, 1))


# --- services -----------------------------------------------------------------------------


def show(unit: str, name: str) -> str:
    return run("systemctl", "show", "--value", "--property", name, unit).strip()


def active(unit: str) -> bool:
    return show(unit, "ActiveState") == "active"


def ready(unit: str, seconds: float = 180) -> float:
    return until(lambda: active(unit), seconds, f"{unit} is ready", UNIT_S)


def restart(unit: str = "weir-agent") -> None:
    """Returns when it is ready. Raises AssertionError where it does not get so."""
    run("systemctl", "restart", unit)


def start_seconds(unit: str) -> float:
    """From the start of its process until it said that it is ready."""
    begun = int(show(unit, "ExecMainStartTimestampMonotonic"))
    return (int(show(unit, "ActiveEnterTimestampMonotonic")) - begun) / 1e6


def journal(unit: str, lines: int = 20) -> str:
    return run("journalctl", "-u", unit, "-n", str(lines), "--no-pager", "-o", "cat")


# --- packages -----------------------------------------------------------------------------


def install(pattern: str, *options: str) -> str:
    """Install packages of the payload as an operator would, without a terminal."""
    packages = sorted(str(path) for path in PAYLOAD.glob(pattern))
    assert packages, pattern
    command = ("apt-get", "install", "-y", "--no-install-recommends", "--allow-downgrades")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    return run(*command, *options, *packages, env=quiet) + "".join(run_log())


def run_log() -> list[str]:
    """What maintainer scripts said in the last run of apt."""
    return Path("/var/log/apt/term.log").read_text().splitlines(keepends=True)[-40:]


def version_of(package: str) -> str:
    return run("dpkg-query", "-W", "-f", "${Version}", package)


# --- answers ------------------------------------------------------------------------------


def ask(path: str, method: str = "GET", body: bytes = b"") -> dict:
    """The agent's answer on its socket; its command would cost a start of Python."""
    head = f"{method} {path} HTTP/1.0\r\nHost: agent\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(60)
        asking.connect("/run/weir/agent.sock")
        asking.sendall(head.encode() + body)
        answer = b"".join(iter(lambda: asking.recv(65536), b""))
    return json.loads(answer.partition(b"\r\n\r\n")[2])


def status() -> dict:
    return ask("/status")


def doctor() -> dict[str, list[str]]:
    """What `weir-agent doctor` finds, by level."""
    found: dict[str, list[str]] = {"ok": [], "degraded": [], "failed": []}
    for row in json.loads(run("weir-agent", "doctor", "--json", check=False))["findings"]:
        found[row["level"]].append(f"{row['subject']}: {row['text']}; {row['remedy']}")
    say("FACT doctor", json.dumps(found))
    return found


def fetch(path: str, token: str = "") -> tuple[int, str]:
    """Status and text of a page of the collector."""
    request = urllib.request.Request(API + path)
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
