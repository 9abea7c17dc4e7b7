"""While they run: a full disk, no collector, a wrong token, a second agent, bad blocks."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.capture.backends import object_path
from agent.status.client import Client
from tests.support.agents import AGENT, Agent, assert_without_gaps, totals, unbalanced
from tests.support.collectors import PORT, Collector
from tests.support.mix import mixed
from tests.support.namespaces import wait_until
from tests.support.refusals import ended, fill, hidden, run, small_disk, without
from tests.support.sending import Packed, Sender, pack

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]

CAPTURE = {"interfaces": ["right0"], "xdp": "off"}


@pytest.fixture
def agent(quiet_pair, tmp_path) -> Iterator[Agent]:
    running = Agent(quiet_pair[1], tmp_path, capture=dict(CAPTURE))
    yield running
    running.remove()


@pytest.fixture(scope="module")
def frames() -> Packed:
    return pack([frame for frame, _ in mixed(5, 3000, flows=300)])


class Sent:
    """Frames sent to the agent's interface, and their bytes."""

    def __init__(self, pair, packed: Packed) -> None:
        self.pair, self.packed, self.rounds = pair, packed, 0

    def some(self) -> None:
        left, right = self.pair
        with Sender(left, "left0") as sender:
            sender.send_packed(self.packed)
        right.wait_quiet("right0")
        self.rounds += 1

    @property
    def bytes(self) -> int:
        return self.rounds * int(self.packed.lengths.sum())


@pytest.fixture
def sent(quiet_pair, frames) -> Sent:
    return Sent(quiet_pair, frames)


def said(agent: Agent, pattern: str) -> list[str]:
    return [line for line in agent.log().splitlines() if re.search(pattern, line)]


def shown(agent: Agent) -> dict[str, Any]:
    return Client(agent.folder / "run").get("/status")


def spooled(agent: Agent) -> int:
    return int(shown(agent)["spool"]["batches"])


def counted(agent: Agent) -> tuple[int, dict[tuple[str, str], int]]:
    """Bytes in all batches of a stopped agent, and where outcomes do not add up."""
    batches = agent.batches()
    assert_without_gaps([one.sequence for one in batches])
    sums = totals(batches, "right0")
    return sums["rx", "seen", "bytes"], unbalanced(sums)


def test_a_full_disk_keeps_the_interval_open_and_loses_nothing(agent, sent, tmp_path):
    with small_disk(tmp_path / "data") as data:
        agent.start()
        sent.some()
        wait_until("a batch is on disk", lambda: spooled(agent) > 0)
        fill(data / "ballast")
        wait_until("the agent says so", lambda: said(agent, "free some space"))
        before = spooled(agent)
        for _ in range(3):
            sent.some()
            time.sleep(1)
        now = shown(agent)
        assert now["spool"]["batches"] == before
        assert any("free some space" in problem for problem in now["problems"])
        (line,) = said(agent, "free some space")
        assert re.fullmatch(
            r"ERROR batch \d+ waits: \S+/spool: No space left on device: "
            r"free some space on that disk",
            line,
        )
        assert len(said(agent, "WARNING|ERROR")) <= 2, agent.log()
        (data / "ballast").unlink()
        wait_until("it goes on", lambda: spooled(agent) > before)
        agent.stop()
        assert counted(agent) == (sent.bytes, {})


def test_a_second_agent_is_refused_and_the_first_one_counts_on(agent, sent, tmp_path):
    agent.start()
    sent.some()
    (tmp_path / "second").mkdir()
    other = {name: str(tmp_path / "second" / name) for name in ("data_dir", "runtime_dir")}
    refusals = (
        ({}, 1, r"\S+/spool: in use: stop the other agent, or set another data_dir"),
        (other, 2, r"\S+: in use: stop the other agent, or set another pin_directory"),
        (
            {
                "data_dir": other["data_dir"],
                "pin_directory": f"{agent.pins}-2",
            },
            1,
            r"\S+/agent.sock: in use: stop the other agent, or set another runtime_dir",
        ),
    )
    for changes, expected, says in refusals:
        flags = [f"--{name.replace('_', '-')}={value}" for name, value in changes.items()]
        code, lines = ended(
            agent.space, [str(AGENT), "run", "-c", str(agent.config), *flags]
        )
        assert len(lines) == 1, lines
        assert re.fullmatch("weir-agent: " + says, lines[0]), lines[0]
        assert code == expected
    assert not Path(f"{agent.pins}-2").exists()
    sent.some()
    agent.stop()
    assert counted(agent) == (sent.bytes, {})


def test_pins_that_cannot_be_read_are_left_alone(agent, sent):
    agent.start()
    sent.some()
    agent.kill()
    pins = sorted(agent.pins.rglob("*"))
    sent.some()
    epoch = agent.pins / "maps" / "epoch"
    epoch.chmod(0)
    poor = without("bpf", "sys_admin", "dac_override", "dac_read_search")
    for command in ("run", "detach"):
        code, lines = run(agent, poor, command)
        assert len(lines) == 1, lines
        assert "Permission denied; needs CAP_BPF, CAP_NET_ADMIN and" in lines[0]
        assert code == 2
        assert sorted(agent.pins.rglob("*")) == pins
    epoch.chmod(0o600)
    agent.start()
    agent.stop()
    assert counted(agent) == (sent.bytes, {})


def test_an_interface_that_is_not_there_is_waited_for(agent, sent):
    agent.capture["interfaces"] = ["right0", "wan7"]
    agent.start()
    (line,) = said(agent, "wan7")
    assert line == "INFO wan7: no such interface; it is watched as soon as it appears"
    sent.some()
    agent.stop()
    assert counted(agent) == (sent.bytes, {})


def test_the_prebuilt_programs_need_neither_btf_nor_headers(agent, sent, monkeypatch):
    wrap = hidden("/sys/kernel/btf", "/lib/modules")
    command = agent.space.command
    assert object_path().exists()
    monkeypatch.setattr(
        type(agent.space), "command", lambda _, *words: command(*wrap(*words))
    )
    agent.start()
    sent.some()
    agent.stop()
    assert counted(agent) == (sent.bytes, {})


def test_a_bad_block_costs_its_own_batch_alone(agent, sent):
    agent.start()
    for number in range(1, 4):
        sent.some()
        wait_until("another batch", lambda n=number: spooled(agent) >= n)
    agent.kill()
    (segment, *_) = sorted((agent.folder / "data" / "spool").glob("*.segment"))
    data = bytearray(segment.read_bytes())
    second = data.index(b"WEIR", data.index(b"WEIR") + 1)
    data[second + 100] ^= 0xFF
    segment.write_bytes(data)
    agent.start()
    now = shown(agent)
    assert now["spool"]["damaged_bytes"] > 0
    (line,) = said(agent, "damaged")
    assert re.fullmatch(
        r"ERROR \S+/spool: \d+ damaged bytes left out, all else is kept: check that disk",
        line,
    )
    sent.some()
    agent.stop()
    numbers = [one.sequence for one in agent.batches()]
    assert numbers == [1, *range(3, numbers[-1] + 1)]
    assert len(numbers) >= 3


def test_no_collector_then_a_wrong_token_then_all_is_delivered(agent, sent, tmp_path):
    """The queue grows while nobody answers, is held while signing in fails, then drains."""
    secret = tmp_path / "token"
    secret.write_text("weir_wrong\n")
    agent.agent = {
        "backend_url": [f"http://127.0.0.1:{PORT}"],
        "token_file": str(secret),
        "switch_id": "edge",
        "retry_backoff": 0.05,
    }
    agent.start()
    client = Client(tmp_path / "run")
    sent.some()
    wait_until("batches wait", lambda: spooled(agent) >= 2)
    (line,) = said(agent, "batches wait")
    assert line.endswith("/health: Connection refused")

    collector = Collector(agent.space, tmp_path / "collector", auth="local")
    collector.token = collector.secret("--api", "reader")
    tokens = {name: collector.secret("--agent", name) for name in ("edge", "other")}
    collector.start()
    try:
        for told in (
            r"the token is not accepted: renew token_file \(this token is not known .*\)",
            r"the token belongs to another agent: set switch_id or token_file "
            r"\(this token belongs to other, not to edge\)",
        ):
            sent.some()
            wait_until("it is told", lambda t=told: said(agent, t), timeout_s=20)
            held = spooled(agent)
            wait_until("the queue grows", lambda h=held: spooled(agent) > h)
            (line,) = said(agent, told)
            assert re.fullmatch(rf"WARNING http://\S+: batches wait: {told}", line), line
            replaced = tokens["edge"] if "another" in told else tokens["other"]
            secret.write_text(replaced + "\n")
            client.ask("POST", "/sync")
        wait_until("all is delivered", lambda: spooled(agent) == 0, timeout_s=20)
        agent.stop()
        assert agent.batches() == []
        query = "/api/conservation?from=0&interface=right0"
        rx = wait_until(
            "all is stored",
            lambda: [
                row
                for row in collector.ask(query)["interfaces"]
                if row["direction"] == "rx" and row["seen"]["bytes"] >= sent.bytes
            ],
        )
        assert rx[0]["seen"]["bytes"] == sent.bytes
    finally:
        collector.stop()
