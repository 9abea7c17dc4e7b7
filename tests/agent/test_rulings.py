"""A conversation with the API about rules and shares."""

from __future__ import annotations

import time

import pytest_asyncio
from aiohttp.test_utils import TestClient, TestServer

from agent.qos import section
from agent.qos.apply import given
from agent.regulator import Clock, Regulator
from agent.rulings import Rulings
from agent.status.server import application

VIDEO = {"traffic_type": "video", "min_bandwidth": 5, "max_bandwidth": 9, "priority": 2}
LINK = {"name": "weir-no-such0", "egress_mbps": 20}


class Nothing:
    """Packet programs that nobody runs."""

    def set_shaping(self, slot, hook, row) -> None:
        raise AssertionError("no packet is shaped here")

    set_policer = set_shaping


@pytest_asyncio.fixture
async def rulings(tmp_path):
    clock = Clock(time.monotonic_ns, time.time_ns)
    settings = section.parse({"interface": [LINK]})
    regulator = Regulator(settings, tmp_path, Nothing(), tuple, tuple, clock)
    yield Rulings(regulator, tmp_path, lambda: 7)
    await regulator.leave()


@pytest_asyncio.fixture
async def client(rulings):
    made = TestClient(TestServer(application(rulings.routes(), {})))
    await made.start_server()
    yield made
    await made.close()


async def post(client, path, body):
    response = await client.post(path, json=body)
    return response.status, await response.json()


async def test_a_rule_is_in_force_and_on_disk(client, rulings, tmp_path):
    status, answer = await post(client, "/qos/rule", VIDEO)
    assert (status, answer["message"]) == (200, "QoS rule added for video")
    _, answer = await post(client, "/qos/rule", VIDEO | {"dscp": 26})
    assert answer["message"] == "QoS rule updated for video"
    listed = await (await client.get("/qos/rules")).json()
    assert listed["rules"]["video"]["dscp"] == 26
    (kept,) = given.load(tmp_path)
    assert kept.dscp == 26
    told = rulings.stats()
    assert told["allocator"]["total_bandwidth"] == 20
    assert told["qos"]["rules_count"] == 1
    assert told["qos"]["active_flows"] == 7


async def test_what_cannot_be_is_refused_in_one_line_and_changes_nothing(client, tmp_path):
    for change, reason in (
        ({"min_bandwidth": 10}, "min_bandwidth 10 is above max_bandwidth 9"),
        ({"min_bandwidth": 21, "max_bandwidth": 30}, "the link has 20"),
        ({"dscp": 64}, "dscp 64 is outside 0-63"),
        ({"traffic_type": "torrent"}, "'torrent' is unknown"),
        ({"priority": 4}, "priority 4 is outside 0-3"),
        ({"min_bandwidth": float("nan")}, "outside"),
        ({"colour": "red"}, "'colour' is unknown"),
    ):
        status, answer = await post(client, "/qos/rule", VIDEO | change)
        assert status == 400, change
        assert reason in answer["error"]
        assert "\n" not in answer["error"]
    assert (await (await client.get("/qos/rules")).json()) == {"rules": {}}
    assert given.load(tmp_path) == ()


async def test_a_flow_is_judged_by_its_rule(client):
    await post(client, "/qos/rule", VIDEO)
    for now, action in ((3, "prioritize"), (7, "maintain"), (12, "throttle")):
        body = {"traffic_type": "video", "current_bandwidth": now}
        status, answer = await post(client, "/qos/apply", body)
        assert (status, answer["action"]) == (200, action)
    status, answer = await post(client, "/qos/apply", {"current_bandwidth": 1})
    assert status == 400


async def test_a_link_is_shared(client):
    await post(client, "/qos/rule", VIDEO)
    body = {
        "total_bandwidth_mbps": 20,
        "predictions": [
            {"traffic_type": "video", "predicted_bandwidth_mbps": 30},
            {"traffic_type": "file", "predicted_bandwidth_mbps": 30},
        ],
    }
    status, answer = await post(client, "/allocate", body)
    assert status == 200
    assert answer["allocations"]["video"] == 9
    assert answer["total_allocated"] == 20
    status, _ = await post(client, "/allocate", {"predictions": 7})
    assert status == 400


async def test_a_step_without_the_device_says_so_and_raises_nothing(rulings):
    regulator = rulings._regulator
    await regulator.ask(regulator.step)
    await regulator.ask(regulator.step)
    assert regulator.problems == (
        "qos: weir-no-such0: there is no such device: check the name",
    )
