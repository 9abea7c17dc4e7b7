"""Runs inside the virtual machine, as root, after every boot: installs Weir as an operator
would, uses it, breaks it, and takes it away again. One `RESULT` line a check on the console.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import traceback
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

PAYLOAD = Path("/payload")
STATE = Path("/var/lib/acceptance")
AGENT_TOML = Path("/etc/weir/agent.toml")
COLLECTOR_TOML = Path("/etc/weir/collector.toml")
INTERFACES = ("eth10", "eth11")
CAPABILITIES = 1 << 12 | 1 << 38 | 1 << 39  # NET_ADMIN, PERFMON, BPF
IGNORED = re.compile(
    r"/(proc|sys|dev|run|tmp|payload|lost\+found|boot|root/\.|var/(log|tmp|cache|backups)"
    r"|var/lib/(dpkg|apt|acceptance|systemd/(random-seed|timers|catalog|coredump|linger|ephemeral"
    r"|timesync|backlight|rfkill|pstore)|private)"
    r"|etc/(\.pwd\.lock|(passwd|group|shadow|gshadow|subuid|subgid)-$|ld\.so\.cache|machine-id|mtab))"
)

failures: list[str] = []


def say(*words: object) -> None:
    print(*words, flush=True)


def run(*command: str, check: bool = True, merged: bool = False, **options) -> str:
    """What a command printed; with what it complained about where it may fail."""
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=options.pop("timeout", 600),
        **options,
    )
    if check and done.returncode:
        raise AssertionError(
            f"{' '.join(command)}: status {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        )
    return done.stdout if check and not merged else done.stdout + done.stderr


def until(question: Callable[[], bool], seconds: float, what: str) -> float:
    """Wait for a truth; returns how long it took."""
    started = time.monotonic()
    while time.monotonic() - started < seconds:
        with contextlib.suppress(AssertionError, OSError, ValueError, KeyError):
            if question():
                return time.monotonic() - started
        time.sleep(0.3)
    raise AssertionError(f"not within {seconds} s: {what}")


# --- what the machine is like -------------------------------------------------------------


def files() -> dict[str, str]:
    found = {}
    for folder, folders, names in os.walk("/"):
        folders[:] = [
            name for name in folders if not IGNORED.match(os.path.join(folder, name))
        ]
        for name in [*names, *folders]:
            path = os.path.join(folder, name)
            if not IGNORED.match(path) and "__pycache__" not in path:
                status = os.lstat(path)
                size = status.st_size if not os.path.isdir(path) else 0
                found[path] = f"{status.st_mode:o} {status.st_uid}:{status.st_gid} {size}"
    return found


def kernel() -> dict[str, object]:
    programs = json.loads(run("bpftool", "--json", "prog", "show") or "[]")
    maps = json.loads(run("bpftool", "--json", "map", "show") or "[]")
    links = json.loads(run("bpftool", "--json", "link", "show") or "[]")
    return {
        "programs": sorted(
            p.get("name", "")
            for p in programs
            if p["type"] != "cgroup_skb" and not p["type"].startswith("cgroup")
        ),
        "maps": sorted(
            m.get("name", "")
            for m in maps
            if m.get("name", "") not in ("", "libbpf_global")
        ),
        "links": len([1 for item in links if item.get("type") in ("tcx", "xdp")]),
        "pins": sorted(str(path) for path in Path("/sys/fs/bpf").rglob("*")),
        "qdiscs": run("tc", "qdisc", "show"),
    }


def users() -> str:
    return "".join(
        Path("/etc", name).read_text() for name in ("passwd", "group", "shadow", "gshadow")
    )


def picture() -> dict[str, object]:
    return {
        "files": files(),
        "kernel": kernel(),
        "users": users(),
        "run": run("ls", "/run"),
    }


def differences(before: dict, after: dict) -> list[str]:
    found = []
    old, new = before["files"], after["files"]
    for path in sorted(set(old) | set(new)):
        if old.get(path) != new.get(path):
            found.append(f"{path}: {old.get(path)} -> {new.get(path)}")
    for key, value in after["kernel"].items():
        if before["kernel"][key] != value:
            found.append(f"{key}: {before['kernel'][key]} -> {value}")
    for key in ("users", "run"):
        if before[key] != after[key]:
            gone = set(before[key].splitlines()) ^ set(after[key].splitlines())
            found.append(f"{key}: {sorted(gone)}")
    return found


# --- the router and its traffic ------------------------------------------------------------

SENDER = """
import socket, sys, time
address, count, gap = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for number in range(count):
    try:
        sock.sendto(bytes(100 + number % 900), (address, 5000 + number % 50))
    except OSError:
        pass
    time.sleep(gap)
"""
SERVER = """
import socket
server = socket.create_server(("0.0.0.0", 9000))
while True:
    one, _ = server.accept()
    while one.recv(65536):
        pass
    one.close()
"""
CLIENT = """
import socket, sys
with socket.create_connection((sys.argv[1], 9000), 20) as one:
    for _ in range(200):
        one.sendall(bytes(20000))
"""


def make_router() -> None:
    """left -- eth10 [this machine] eth11 -- right"""
    run("sysctl", "-qw", "net.ipv4.ip_forward=1")
    for number, (name, link) in enumerate(zip(("left", "right"), INTERFACES, strict=True)):
        run("ip", "netns", "add", name)
        run(
            "ip", "link", "add", link, "type", "veth", "peer", "name", "lan0", "netns", name
        )
        run("ip", "address", "add", f"10.{number + 1}.0.1/24", "dev", link)
        run("ip", "link", "set", link, "up")
        inside = ("ip", "-n", name)
        run(*inside, "address", "add", f"10.{number + 1}.0.2/24", "dev", "lan0")
        run(*inside, "link", "set", "lan0", "up")
        run(*inside, "link", "set", "lo", "up")
        run(*inside, "route", "add", "default", "via", f"10.{number + 1}.0.1")
    subprocess.Popen(["ip", "netns", "exec", "right", "python3", "-c", SERVER])
    time.sleep(1)


def send(count: int = 400, gap: float = 0.002) -> subprocess.Popen:
    return subprocess.Popen(
        [
            "ip",
            "netns",
            "exec",
            "left",
            "python3",
            "-c",
            SENDER,
            "10.2.0.2",
            str(count),
            str(gap),
        ]
    )


def traffic() -> None:
    sender = send()
    run(
        "ip",
        "netns",
        "exec",
        "left",
        "ping",
        "-qc",
        "20",
        "-i",
        "0.05",
        "10.2.0.2",
        check=False,
    )
    run("ip", "netns", "exec", "left", "python3", "-c", CLIENT, "10.2.0.2")
    sender.wait()


def own() -> dict[str, int]:
    """Frames by the interfaces' own counters."""
    found = {}
    for name in INTERFACES:
        for key in ("rx", "tx"):
            path = Path("/sys/class/net", name, "statistics", f"{key}_packets")
            found[f"{name} {key}"] = int(path.read_text())
    return found


def quiet() -> dict[str, int]:
    last = own()
    for _ in range(40):
        time.sleep(2)
        now = own()
        if now == last:
            return now
        last = now
    raise AssertionError("the interfaces never become quiet")


def status() -> dict:
    """What the agent answers on its socket; the command is checked elsewhere."""
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(60)
        asking.connect("/run/weir/agent.sock")
        asking.sendall(b"GET /status HTTP/1.0\r\nHost: agent\r\n\r\n")
        answer = b"".join(iter(lambda: asking.recv(65536), b""))
    return json.loads(answer.partition(b"\r\n\r\n")[2])


def settled() -> tuple[dict[str, int], dict]:
    """The interfaces' own counters and the agent's answer, of one quiet moment."""
    for _ in range(20):
        before = quiet()
        answer = status()
        if own() == before:
            return before, answer
    raise AssertionError("the interfaces never become quiet")


def counted(answer: dict) -> dict[str, int]:
    return {
        f"{item['name']} {key}": item["direction"][key]["seen"]["frames"]
        for item in answer["interfaces"]
        for key in ("rx", "tx")
        if item["name"] in INTERFACES
    }


def unbalanced(answer: dict) -> list[str]:
    found = []
    for item in answer["interfaces"]:
        for key, row in item["direction"].items():
            for unit in ("frames", "packets", "bytes"):
                parts = sum(
                    row[name][unit]
                    for name in ("flows", "overflow", "non_ip", "unparsed", "filtered")
                    if name in row
                )
                if parts != row["seen"][unit]:
                    found.append(
                        f"{item['name']} {key} {unit}: {row['seen'][unit]} != {parts}"
                    )
    return found


class Balance:
    """What Weir counts against what the interfaces count, over some event."""

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
        assert sum(truth.values()) > 500, f"hardly any traffic: {truth}"
        assert ours == truth, f"counted {ours}, interfaces {truth}"
        assert not unbalanced(answer), unbalanced(answer)


# --- services ------------------------------------------------------------------------------


def show(unit: str, name: str) -> str:
    return run("systemctl", "show", "--value", "--property", name, unit).strip()


def active(unit: str) -> bool:
    return show(unit, "ActiveState") == "active"


def ready(unit: str, seconds: float = 180) -> float:
    return until(lambda: active(unit), seconds, f"{unit} is ready")


def start_seconds(unit: str) -> float:
    begun = int(show(unit, "ExecMainStartTimestampMonotonic"))
    return (int(show(unit, "ActiveEnterTimestampMonotonic")) - begun) / 1e6


def fetch(url: str, token: str = "") -> tuple[int, str]:
    request = urllib.request.Request(url)
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def install(pattern: str, *options: str) -> str:
    packages = sorted(str(path) for path in PAYLOAD.glob(pattern))
    assert packages, pattern
    return run(
        "apt-get", "install", "-y", "--no-install-recommends", "--allow-downgrades", *options, *packages,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}, timeout=1800, merged=True,
    )  # fmt: skip


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text, f"{path} has no {old!r}"
    path.write_text(text.replace(old, new, 1))


# --- the checks, in order ------------------------------------------------------------------


def installed() -> None:
    before = picture()
    STATE.mkdir(parents=True, exist_ok=True)
    (STATE / "before.json").write_text(json.dumps(before))
    make_router()
    say("FACT install", f"{timed(lambda: install('first/*.deb')):.0f} s")
    say(Path("/var/log/dpkg.log").read_text()[-2500:])


def timed(action: Callable[[], object]) -> float:
    started = time.monotonic()
    action()
    return time.monotonic() - started


def services_come_up() -> None:
    for unit in ("weir-agent", "weir-collector"):
        ready(unit)
        say("FACT ready", unit, f"{start_seconds(unit):.1f} s")
        assert show(unit, "NRestarts") == "0"
        assert run("systemctl", "is-enabled", unit).strip() == "enabled"
    assert run("systemctl", "--failed", "--no-legend").strip() == ""


def rights_are_minimal() -> None:
    pid = show("weir-agent", "MainPID")
    fields = dict(
        line.split(":\t", 1)
        for line in Path("/proc", pid, "status").read_text().splitlines()
        if ":\t" in line
    )
    assert int(fields["CapEff"], 16) == CAPABILITIES, fields["CapEff"]
    assert int(fields["CapBnd"], 16) == CAPABILITIES, fields["CapBnd"]
    assert fields["NoNewPrivs"] == "1"
    assert fields["Uid"].split()[0] != "0"
    say(
        "FACT agent",
        fields["VmRSS"],
        "threads",
        fields["Threads"],
        "cgroup MiB",
        int(show("weir-agent", "MemoryCurrent")) >> 20,
    )
    pid = show("weir-collector", "MainPID")
    text = Path("/proc", pid, "status").read_text()
    assert re.search(r"CapEff:\t0+$", text, re.MULTILINE)
    say("FACT collector", re.search(r"VmRSS:\s*(.*)", text)[1])


def doctor_finds_no_failure() -> None:
    report = run("weir-agent", "doctor", check=False)
    say(report)
    answer = json.loads(run("weir-agent", "doctor", "--json", check=False))
    failed = [row for row in answer["findings"] if row["level"] == "failed"]
    assert not failed, failed


def console_answers() -> None:
    until(lambda: fetch("http://127.0.0.1:3000/health")[0] == 200, 60, "collector healthy")
    code, page = fetch("http://127.0.0.1:3000/")
    assert code == 200, code
    assert "<script" in page, page[:500]
    script = re.search(r'src="(/assets/[^"]+\.js)"', page)
    assert script, page
    assert fetch("http://127.0.0.1:3000" + script[1])[0] == 200
    assert fetch("http://127.0.0.1:3000/api/agents")[0] == 401


def agent_reports_to_collector() -> None:
    secret = run("weir-collector", "token", "add", "--agent", "router").strip()
    (STATE / "api").write_text(
        run("weir-collector", "token", "add", "--api", "test").strip()
    )
    Path("/etc/weir/agent.token").write_text(secret)
    shutil.chown("/etc/weir/agent.token", "root", "weir-agent")
    Path("/etc/weir/agent.token").chmod(0o640)
    edit(
        AGENT_TOML,
        '# backend_url = ["https://collector.example.net:8080"]',
        'backend_url = ["http://127.0.0.1:8080"]\nsync_interval = 5.0',
    )
    edit(AGENT_TOML, "# token_file", "token_file")
    run("weir-agent", "check")
    run("systemctl", "restart", "weir-agent")
    ready("weir-agent")


def everything_is_counted() -> None:
    with Balance():
        traffic()


def collector_has_it_all() -> None:
    """What the collector stored equals what the agent says it counted."""
    token = (STATE / "api").read_text()
    run("weir-agent", "status")

    def theirs() -> dict[str, int]:
        code, text = fetch("http://127.0.0.1:3000/api/conservation?from=-86400", token)
        assert code == 200, text
        return {
            f"{row['interface']} {row['direction']}": row["seen"]["frames"]
            for row in json.loads(text)["interfaces"]
            if row["interface"] in INTERFACES
        }

    try:
        until(lambda: theirs() == counted_now(), 90, "the collector has what was counted")
    except AssertionError as error:
        raise AssertionError(f"{error}: {counted_now()} there {theirs()}") from None


def counted_now() -> dict[str, int]:
    return counted(status())


def killed_and_back() -> None:
    with Balance():
        sender = send(3000)
        for _ in range(2):
            time.sleep(1)
            os.kill(int(show("weir-agent", "MainPID")), signal.SIGKILL)
            until(lambda: not active("weir-agent"), 20, "systemd notices")
            say("FACT back", f"{ready('weir-agent'):.1f} s")
        sender.wait()
        traffic()
    assert int(show("weir-agent", "NRestarts")) >= 2


def watchdog_bites() -> None:
    restarts = int(show("weir-agent", "NRestarts"))
    os.kill(int(show("weir-agent", "MainPID")), signal.SIGSTOP)
    until(lambda: int(show("weir-agent", "NRestarts")) > restarts, 90, "the watchdog bites")
    ready("weir-agent")


def status_for_group_only() -> None:
    assert not Path("/run/weir").stat().st_mode & 0o007
    answer = run(
        "setpriv",
        "--reuid",
        "nobody",
        "--clear-groups",
        "weir-agent",
        "status",
        check=False,
    )
    assert "Traceback" not in answer, answer


def collector_reloads() -> None:
    run("systemctl", "reload", "weir-collector")
    pid = show("weir-collector", "MainPID")
    text = COLLECTOR_TOML.read_text()
    COLLECTOR_TOML.write_text(text + "\nno_such_key = 1\n")
    answer = run("systemctl", "reload", "weir-collector", check=False)
    assert "fail" in answer.lower(), answer
    COLLECTOR_TOML.write_text(text)
    assert show("weir-collector", "MainPID") == pid
    assert active("weir-collector")


def upgrade_loses_nothing() -> None:
    edit(AGENT_TOML, "[capture]", "# kept by the upgrade\n[capture]")
    before = show("weir-agent", "MainPID")
    with Balance():
        sender = send(20000, 0.001)
        say("FACT upgrade", f"{timed(lambda: install('second/*.deb')):.0f} s")
        sender.terminate()
        sender.wait()
        ready("weir-agent")
        traffic()
    assert "# kept by the upgrade" in AGENT_TOML.read_text()
    assert show("weir-agent", "MainPID") != before
    version = run("dpkg-query", "-W", "-f", "${Version}", "weir-agent")
    assert "+second" in version, version


def bad_settings_keep_the_old_one_running() -> None:
    pid = show("weir-agent", "MainPID")
    text = AGENT_TOML.read_text()
    AGENT_TOML.write_text(text.replace("[capture]", "[capture]\nno_such_key = 1", 1))
    answer = install("first/weir-agent*.deb")
    assert "no_such_key" in answer, answer[-2000:]
    assert "old version still runs" in answer, answer[-2000:]
    assert show("weir-agent", "MainPID") == pid, "the old version was stopped"
    run("systemctl", "restart", "weir-agent", check=False)
    refused = not active("weir-agent")
    journal = run("journalctl", "-u", "weir-agent", "-n", "20", "--no-pager")
    AGENT_TOML.write_text(text)
    run("systemctl", "stop", "weir-agent")
    run("systemctl", "reset-failed", "weir-agent", check=False)
    assert refused, "started with settings that it does not know"
    assert "no_such_key" in journal, journal
    with Balance():
        run("systemctl", "start", "weir-agent")
        ready("weir-agent")
        traffic()


def compiled_on_the_box() -> None:
    """The second loader, in the unit, with the unit's rights."""
    edit(AGENT_TOML, "[capture]", '[capture]\nloader = "bcc"')
    with Balance():
        run("systemctl", "restart", "weir-agent")
        ready("weir-agent", 400)
        say("FACT bcc ready", f"{start_seconds('weir-agent'):.1f} s")
        traffic()
    run("systemctl", "stop", "weir-agent")
    run("weir-agent", "detach")
    assert not list(Path("/sys/fs/bpf").glob("weir/*"))
    run("systemctl", "start", "weir-agent")
    ready("weir-agent", 400)
    with Balance():
        traffic()
    say("FACT bcc memory MiB", int(show("weir-agent", "MemoryCurrent")) >> 20)
    edit(AGENT_TOML, 'loader = "bcc"\n', "")
    with Balance():
        run("systemctl", "restart", "weir-agent")
        ready("weir-agent")
        traffic()


def no_bpf_file_system() -> None:
    run("systemctl", "stop", "weir-agent")
    run("weir-agent", "detach")
    run("umount", "/sys/fs/bpf")
    try:
        run("systemctl", "start", "weir-agent", check=False)
        journal = run("journalctl", "-u", "weir-agent", "-n", "20", "--no-pager")
        assert "BPF file system" in journal or "/sys/fs/bpf" in journal, journal
        report = run("weir-agent", "doctor", check=False)
        assert "mount -t bpf bpf /sys/fs/bpf" in report, report
    finally:
        run("systemctl", "stop", "weir-agent", check=False)
        run("mount", "-t", "bpf", "-o", "mode=700", "bpf", "/sys/fs/bpf")
        run("systemctl", "reset-failed", "weir-agent", check=False)
    run("systemctl", "start", "weir-agent")
    ready("weir-agent")


def logs_are_structured() -> None:
    rows = [
        json.loads(line)
        for line in run(
            "journalctl", "-u", "weir-agent", "-o", "json", "--no-pager"
        ).splitlines()
    ]
    ours = [row for row in rows if row.get("SYSLOG_IDENTIFIER") == "weir-agent"]
    assert ours
    assert {row["PRIORITY"] for row in ours} >= {"6"}
    assert not [row for row in ours if str(row["MESSAGE"]).startswith("<")]


def reboot_comes_back() -> None:
    for unit in ("weir-collector", "weir-agent"):
        ready(unit)
    make_router()
    until(lambda: len(counted_now()) == 4, 60, "new interfaces are watched")
    with Balance():
        traffic()


def removed() -> None:
    """Both stop, and nothing of theirs is left in the kernel; settings and data stay."""
    traffic()
    run("apt-get", "remove", "-y", "weir-agent", "weir-collector")
    for unit in ("weir-agent", "weir-collector"):
        assert not active(unit)
    assert AGENT_TOML.exists()
    assert any(Path("/var/lib/weir-agent").iterdir())
    before = json.loads((STATE / "before.json").read_text())["kernel"]
    after = kernel()
    for key in ("programs", "maps", "links", "pins"):
        assert after[key] == before[key], f"{key}: {before[key]} -> {after[key]}"
    assert "clsact" not in str(after["qdiscs"]), after["qdiscs"]


def purged() -> None:
    run("apt-get", "purge", "-y", "weir-agent", "weir-collector")
    for name in ("left", "right"):
        run("ip", "netns", "delete", name)
    time.sleep(1)
    before = json.loads((STATE / "before.json").read_text())
    left = differences(before, picture())
    left = [line for line in left if not line.startswith(("/var/lib/systemd", "run: "))]
    assert not left, "\n".join(left[:60])
    assert not Path("/run/weir").exists()


BOOTS: tuple[tuple[Callable[[], None], ...], ...] = (
    (
        installed,
        services_come_up,
        rights_are_minimal,
        doctor_finds_no_failure,
        console_answers,
        agent_reports_to_collector,
        everything_is_counted,
        collector_has_it_all,
        killed_and_back,
        collector_has_it_all,
        watchdog_bites,
        status_for_group_only,
        logs_are_structured,
        collector_reloads,
        upgrade_loses_nothing,
        bad_settings_keep_the_old_one_running,
        compiled_on_the_box,
        no_bpf_file_system,
    ),
    (reboot_comes_back, collector_has_it_all, removed, purged),
)


def checks(boot: int) -> Iterator[Callable[[], None]]:
    wanted = (PAYLOAD / "only").read_text().split() if (PAYLOAD / "only").exists() else []
    return (one for one in BOOTS[boot] if not wanted or one.__name__ in wanted)


def perform(boot: int) -> None:
    for check in checks(boot):
        started = time.monotonic()
        try:
            check()
        except Exception as error:
            failures.append(check.__name__)
            say(f"RESULT FAIL {check.__name__}: {error}")
            if not isinstance(error, AssertionError):
                traceback.print_exc(file=sys.stdout)
            if check is installed:
                break
        else:
            say(f"RESULT ok {check.__name__} {time.monotonic() - started:.1f} s")
    if failures:
        say(
            run(
                "journalctl",
                "-b",
                "--no-pager",
                "-u",
                "weir-agent",
                "-u",
                "weir-collector",
                "-n",
                "200",
            )
        )
        say(run("dmesg")[-3000:])


def main() -> None:
    mark = STATE / "boot"
    boot = int(mark.read_text()) if mark.exists() else 0
    say(f"BOOT {boot} {os.uname().release}")
    perform(boot)
    STATE.mkdir(parents=True, exist_ok=True)
    mark.write_text(str(boot + 1))
    if boot + 1 < len(BOOTS) and "installed" not in failures:
        run("systemctl", "--no-block", "reboot")
        return
    say("END")
    run("systemctl", "--no-block", "poweroff")


if __name__ == "__main__":
    main()
