"""A running agent's plug-ins hear of real packets, and a bad one stops nothing."""

from __future__ import annotations

import json
import time

import pytest

from tests.support.agents import Agent
from tests.support.mix import mixed
from tests.support.sending import Sender, pack

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]

PATIENCE_S = 30
RECORDER = """
import json

class Recorder:
    def __init__(self):
        self.begun, self.ended, self.packets = set(), set(), 0

    def on_flows_start(self, flows):
        self.begun |= set(flows["id"].tolist())
        self._count(flows)

    def on_flows_update(self, flows):
        self._count(flows)

    def on_flows_end(self, flows):
        self.ended |= set(flows["id"].tolist())
        self._count(flows[~flows["new"]])
        both = self.begun & self.ended
        found = [len(self.begun), len(self.ended), len(both), self.packets]
        with open("OUT", "w") as out:
            json.dump(found, out)

    def _count(self, flows):
        self.packets += int(flows["packets"].sum())
"""
HANGING = """
import time

class Hanging:
    def on_flow_start(self, flow):
        time.sleep(3600)
"""
FLOWS, PACKETS = 500, 5000


def test_plugins_hear_every_packet_once(quiet_pair, tmp_path):
    left, right = quiet_pair
    place, out = tmp_path / "plugins", tmp_path / "heard.json"
    place.mkdir()
    (place / "recorder.py").write_text(RECORDER.replace("OUT", str(out)))
    (place / "hanging.py").write_text(HANGING)
    packed = pack([frame for frame, _ in mixed(5, PACKETS, flows=FLOWS)])
    plugins = ["hanging:Hanging", "recorder:Recorder"]
    agent = Agent(
        right,
        tmp_path,
        capture={"interfaces": ["right0"], "xdp": "off", "walk_interval": 0.2},
        agent={"plugins": plugins, "plugin_dir": str(place)},
    )
    try:
        agent.start()
        with Sender(left, "left0") as sender:
            sender.send_packed(packed)
        right.wait_quiet("right0")
        counted = agent.status()["interfaces"][0]["direction"]["rx"]["flows"]["packets"]
        time.sleep(2)
        agent.stop()
        begun, ended, both, packets = json.loads(out.read_text())
        assert begun == ended == both > FLOWS // 2
        assert packets == counted > PACKETS // 2
    finally:
        agent.remove()


def test_a_file_that_others_may_write_is_refused(quiet_pair, tmp_path):
    _, right = quiet_pair
    (tmp_path / "recorder.py").write_text(RECORDER)
    (tmp_path / "recorder.py").chmod(0o666)
    agent = Agent(
        right,
        tmp_path,
        capture={"interfaces": ["right0"], "xdp": "off"},
        agent={"plugins": ["recorder:Recorder"], "plugin_dir": str(tmp_path)},
    )
    agent.write_config()
    done = agent.command("run", check=False)
    assert done.returncode == 2
    assert "others than root may write there" in done.stderr
    assert len(done.stderr.splitlines()) == 1
