"""What a running agent says of itself agrees with the kernel and with what was sent."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.support.agents import UNITS, Agent
from tests.support.mix import mixed
from tests.support.sending import Sender, pack

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]

PARTS = ("flows", "overflow", "non_ip", "unparsed", "filtered")


@pytest.fixture(params=["libbpf", pytest.param("bcc", marks=pytest.mark.bcc)])
def agent(request, quiet_pair, tmp_path):
    _, right = quiet_pair
    capture = {"interfaces": ["right0"], "xdp": "off", "loader": request.param}
    running = Agent(right, tmp_path, capture={**capture, "walk_interval": 30})
    yield running
    running.remove()


def test_both_sides_of_the_equation_hold_frame_by_frame(agent, quiet_pair):
    left, right = quiet_pair
    packed = pack([frame for frame, _ in mixed(3, 30_000, flows=2000)])
    agent.start()
    with Sender(left, "left0") as sender:
        sender.send_packed(packed)
    right.wait_quiet("right0")
    shown = json.loads(agent.command("status", "--json").stdout)
    interface = next(item for item in shown["interfaces"] if item["name"] == "right0")
    rx = interface["direction"]["rx"]
    for unit in UNITS:
        assert sum(rx[part][unit] for part in PARTS) == rx["seen"][unit], unit
    assert rx["seen"]["frames"] == rx["interface"]["frames"] == len(packed)
    assert rx["seen"]["bytes"] == rx["interface"]["bytes"] == int(packed.lengths.sum())
    assert rx["non_ip"]["frames"] > 0
    assert rx["unparsed"]["frames"] > 0


def test_the_other_commands_answer(agent):
    agent.start()
    assert "right0" in agent.command("status").stdout
    doctor = agent.command("doctor", "--json", check=False)
    findings = {
        item["subject"]: item["level"] for item in json.loads(doctor.stdout)["findings"]
    }
    assert findings["kernel"] == "ok"
    assert agent.command("check").stdout == "settings are good\n"
    second = subprocess.run(
        agent.process.args,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert second.returncode == 1
    assert len(second.stderr.splitlines()) == 1
