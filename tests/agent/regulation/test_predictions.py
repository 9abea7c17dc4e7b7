"""A conversation with the API about what classes will ask for."""

from __future__ import annotations

from types import SimpleNamespace

import pytest_asyncio
from aiohttp.test_utils import TestClient, TestServer

from agent.records import Counters, Interface
from agent.regulation.predictions import Predictions
from agent.reports import LaneState, RegulatorState
from agent.status.server import application

WAN = Interface("wan", 7, 2, "", 1500, 0, (), True, "tcx", "tcx")
VIDEO, BYTES, TX = 2, 2, 1
FIELDS = {
    "traffic_type",
    "predicted_bandwidth_mbps",
    "confidence",
    "current_throughput_mbps",
    "packet_rate",
    "average_packet_size",
    "timestamp",
    "model_type",
    "model",
    "model_hash",
    "horizon_seconds",
    "expires",
    "quantiles_mbps",
    "interface",
    "direction",
}


@pytest_asyncio.fixture
async def predictions():
    """Half a minute of video at 2 Mbit/s out of wan."""
    clock = SimpleNamespace(now=1000.0)
    made = Predictions(SimpleNamespace(state=RegulatorState()), lambda: clock.now)
    counters = Counters.none()
    for _ in range(30):
        counters.by_class[WAN.slot, TX, VIDEO, BYTES] += 250_000
        made.observe([WAN], counters)
        clock.now += 1
    return made


@pytest_asyncio.fixture
async def client(predictions):
    made = TestClient(TestServer(application(predictions.routes(), {})))
    await made.start_server()
    yield made
    await made.close()


async def post(client, path, body):
    response = await client.post(path, json=body)
    return response.status, await response.json()


async def test_demand_by_interface_and_class(client):
    told = await (await client.get("/predict")).json()
    assert (told["model_type"], told["model_hash"], told["count"]) == (
        "rule_based",
        None,
        1,
    )
    (one,) = told["predictions"]
    assert (one["interface"], one["direction"]) == ("wan", "egress")
    assert (one["traffic_type"], one["current_throughput_mbps"]) == ("video", 2.0)
    assert one["quantiles_mbps"] == {"0.5": 2.0, "0.9": 2.0}
    assert one["expires"] == 1035.0


async def test_a_tree_knows_better(client, predictions):
    lane = LaneState(
        "wan",
        "egress",
        1,
        "settings",
        1,
        expires=1.0,
        demand={"video": (3e6, 5e6, 1033.0)},
    )
    predictions.regulator.state = RegulatorState("shape", (lane,))
    status, told = await post(client, "/predict", {"traffic_type": "video"})
    assert (status, told["predicted_bandwidth_mbps"]) == (200, 3.0)
    assert told["quantiles_mbps"] == {"0.5": 3.0, "0.9": 5.0}


async def test_one_and_a_batch_have_every_field(client):
    status, told = await post(client, "/predict", {"traffic_type": "video"})
    assert (status, told.keys()) == (200, FIELDS)
    asked = [{"traffic_type": "video", "current_throughput": 4}, {"traffic_type": "games"}]
    status, told = await post(client, "/predict/batch", asked)
    assert [one["predicted_bandwidth_mbps"] for one in told] == [4.0, 1.2]
    assert all(one.keys() == FIELDS for one in told)


async def test_what_makes_no_sense_is_one_line(client):
    for path, body in (
        ("/predict", []),
        ("/predict", {}),
        ("/predict", {"traffic_type": "video", "packet_rate": -1}),
        ("/predict/batch", {}),
        ("/predict/batch", [3]),
    ):
        status, told = await post(client, path, body)
        assert (status, told["status"]) == (400, "error")
        assert "\n" not in told["error"]


async def test_stats_name_the_model_and_how_much_it_knows(predictions):
    told = predictions.stats()
    assert told["model_type"] == "rule_based"
    assert told["traffic_history_size"] > 20
