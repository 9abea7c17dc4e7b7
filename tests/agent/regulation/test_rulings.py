"""A conversation with the API about rules and shares."""

from __future__ import annotations

import time

import pytest_asyncio
from aiohttp.test_utils import TestClient, TestServer

from agent.qos import section
from agent.qos.apply import given
from agent.regulation.placing import Ends, Placement
from agent.regulation.regulator import Clock, Regulator
from agent.regulation.rulings import Rulings
from agent.reports import LaneState, RegulatorState
from agent.status.server import application

VIDEO = {"traffic_type": "video", "min_bandwidth": 5, "max_bandwidth": 9, "priority": 2}
LINK = {"name": "weir-no-such0", "egress_mbps": 20}


class Nothing:
    """Packet programs that nobody runs."""

    def set_shaping(self, slot, hook, row) -> None:
        raise AssertionError("no packet is shaped here")

    set_policer = counters = set_shaping


FLOW = Ends(0xAB, "wan0", "10.0.0.1", "192.0.2.7", 40000, 8080, 6)
OWN_RULE = {"traffic_type": "file", "min_bandwidth": 1, "max_bandwidth": 3, "priority": 0}
OWN_MATCH = {"name": "own", "traffic_type": "web", "ports": "8000"}
OWN = section.parse({"interface": [LINK], "rule": [OWN_RULE], "match": [OWN_MATCH]})


async def flow(number):
    return FLOW if number == FLOW.id else None


@pytest_asyncio.fixture
async def rulings(tmp_path):
    clock = Clock(time.monotonic_ns, time.time_ns)
    regulator = Regulator(OWN, tmp_path, Nothing(), tuple, lambda: (0.0, ()), clock)
    placement = Placement()
    placement.take(OWN.matches)
    yield Rulings(regulator, placement, lambda: OWN, flow, lambda: 7)
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
    assert told["qos"]["rules_count"] == 2
    assert told["qos"]["active_flows"] == 7


async def test_what_cannot_be_is_refused_in_one_line_and_changes_nothing(client, tmp_path):
    for change, reason in (
        ({"min_bandwidth": 10}, "min_bandwidth 10 is above max_bandwidth 9"),
        ({"min_bandwidth": 20, "max_bandwidth": 30}, "the link has 20"),
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
    assert (await (await client.get("/qos/rules")).json())["rules"].keys() == {"file"}
    assert given.load(tmp_path) == ()


async def test_what_the_disk_does_not_take_is_refused_and_not_in_force(
    client, rulings, tmp_path
):
    phones = {"name": "phones", "traffic_type": "voice", "source": "10.7.0.0/16"}
    for name in (".rules.json", ".matches.json"):
        (tmp_path / name).mkdir()  # where each is written before it takes its place
    for path, body in (("/qos/rule", VIDEO), ("/qos/matches", phones)):
        status, answer = await post(client, path, body)
        assert (status, "Is a directory" in answer["error"]) == (503, True)
    assert [rule.traffic_type for rule in rulings.regulator.settings.rules] == ["file"]
    assert [one.name for one in rulings.placement.rules] == ["own"]
    for name in (".rules.json", ".matches.json"):
        (tmp_path / name).rmdir()
    assert (await post(client, "/qos/rule", VIDEO))[0] == 200
    assert (await ask(client, "DELETE", "/qos/rules/video"))[0] == 200
    assert (await post(client, "/qos/matches", phones))[0] == 200


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
    assert answer["allocations"] == {"video": 9, "file": 3}
    assert answer["total_allocated"] == 12
    assert answer["remaining"] == 8
    assert answer["utilization_percent"] == 60
    status, _ = await post(client, "/allocate", {"predictions": 7})
    assert status == 400


async def test_a_step_without_the_device_says_so_and_raises_nothing(rulings):
    regulator = rulings.regulator
    await regulator.ask(regulator.step)
    await regulator.ask(regulator.step)
    assert regulator.problems == (
        "qos: weir-no-such0: there is no such device: check the name",
    )


async def ask(client, method, path, body=None):
    response = await client.request(method, path, json=body)
    return response.status, await response.json()


async def test_rules_are_created_changed_and_taken_back(client, rulings, tmp_path):
    created = await ask(client, "POST", "/qos/rules", VIDEO)
    assert (created[0], created[1]["rule"]["max_bandwidth"]) == (201, 9)
    status, answer = await ask(client, "POST", "/qos/rules", VIDEO)
    assert (status, "PUT /qos/rules/video changes it" in answer["error"]) == (409, True)
    body = {name: VIDEO[name] for name in VIDEO if name != "traffic_type"}
    status, answer = await ask(client, "PUT", "/qos/rules/video", body | {"dscp": 26})
    assert (status, answer["rule"]["dscp"]) == (200, 26)
    status, answer = await ask(client, "PUT", "/qos/rules/web", VIDEO)
    assert (status, answer["error"]) == (400, "traffic_type 'video': the path says web")
    status, answer = await ask(client, "DELETE", "/qos/rules/video")
    assert (status, answer["message"]) == (200, "QoS rule removed for video")
    assert (await ask(client, "DELETE", "/qos/rules/video"))[0] == 404
    assert given.load(tmp_path) == ()
    assert {rule.traffic_type for rule in rulings.regulator.settings.rules} == {"file"}


async def test_a_rule_of_the_settings_comes_back_and_is_not_deleted_here(client):
    await ask(client, "PUT", "/qos/rules/file", OWN_RULE | {"max_bandwidth": 7})
    status, answer = await ask(client, "DELETE", "/qos/rules/file")
    assert (status, answer["message"].endswith("rule is in force again")) == (200, True)
    listed = (await ask(client, "GET", "/qos/rules"))[1]["rules"]
    assert listed["file"] == OWN_RULE | {"dscp": None, "enabled": True}
    status, answer = await ask(client, "DELETE", "/qos/rules/file")
    assert (status, "take it out of the file" in answer["error"]) == (409, True)


async def test_match_rules_are_given_told_and_taken_back(client, rulings, tmp_path):
    phones = {"name": "phones", "traffic_type": "voice", "source": "10.7.0.0/16"}
    status, answer = await ask(client, "POST", "/qos/matches", phones)
    assert status == 200
    assert answer["message"] == "match phones: source 10.7.0.0/16 -> voice"
    listed = (await ask(client, "GET", "/qos/matches"))[1]
    assert listed["count"] == 2
    told = [(one["name"], one["origin"]) for one in listed["matches"]]
    assert told == [("phones", "api"), ("own", "settings")]
    assert [one.name for one in rulings.placement.rules] == ["phones", "own"]
    (kept,) = given.load_matches(tmp_path)
    assert kept.as_json() == answer["match"]
    assert (await ask(client, "DELETE", "/qos/matches/own"))[0] == 409
    assert (await ask(client, "DELETE", "/qos/matches/phones"))[0] == 200
    assert (await ask(client, "DELETE", "/qos/matches/phones"))[0] == 404
    status, answer = await ask(client, "POST", "/qos/matches", phones | {"source": "x"})
    assert (status, "write 192.168.7.0/24" in answer["error"]) == (400, True)
    assert [one.name for one in rulings.placement.rules] == ["own"]


async def test_a_flow_is_put_into_the_class_whose_rule_holds_it(client, rulings):
    body = {"flow_id": "00000000000000ab", "traffic_type": "file", "current_bandwidth": 5}
    _, answer = await post(client, "/qos/apply", body)
    assert answer == {
        "action": "throttle",
        "target_bandwidth": 3,
        "reason": "exceeds_max",
        "dscp": 10,
        "enforced": False,
        "detail": "wan0 is not shaped: run weir-agent qos apply",
    }
    lane = LaneState("wan0", "egress", 20_000_000, "settings", 20_000_000, expires=1.0)
    rulings.regulator.state = RegulatorState("shape", (lane,))
    _, answer = await post(client, "/qos/apply", body)
    assert (answer["enforced"], answer["detail"]) == (
        True,
        "in class file on wan0, whose rule holds it",
    )
    (placed,) = rulings.placement.flows.values()
    assert placed.as_json() == {
        "name": "flow 00000000000000ab",
        "traffic_type": "file",
        "source": "10.0.0.1/32",
        "destination": "192.0.2.7/32",
        "ports": "",
        "source_ports": "40000",
        "destination_ports": "8080",
        "protocol": "tcp",
        "dscp": [],
        "interface": "wan0",
        "flow_mbps": 0.0,
    }
    _, answer = await post(client, "/qos/apply", body | {"traffic_type": "games"})
    assert (answer["action"], answer["reason"], answer["dscp"]) == ("none", "no_rule", None)
    assert (answer["enforced"], rulings.placement.flows) == (False, {})


async def test_a_flow_that_is_not_there_is_an_answer(client, rulings):
    for number in ("00000000000000ac", "x", 7, None):
        body = {"flow_id": number, "traffic_type": "file", "current_bandwidth": 2}
        _, answer = await post(client, "/qos/apply", body)
        assert (answer["action"], answer["enforced"]) == ("maintain", False)
        assert answer["detail"] == "no live flow has this flow_id: GET /flows tells them"
    assert rulings.placement.flows == {}
