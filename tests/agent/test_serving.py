"""The API as a whole: every path of every part, once, in the index."""

from __future__ import annotations

from types import SimpleNamespace

from aiohttp.test_utils import TestClient, TestServer

from agent.qos import section
from agent.regulation.placing import Placement
from agent.regulation.predictions import Predictions
from agent.regulation.rulings import Rulings
from agent.reports import RegulatorState
from agent.serving import routes
from agent.status.server import application

AGENT = {
    "GET /health", "GET /metrics", "GET /sketches", "GET /summary", "POST /sync",
    "GET /flows", "GET /interfaces", "GET /plan", "GET /predict", "POST /predict",
    "POST /predict/batch", "POST /allocate", "POST /qos/rule", "GET /qos/rules",
    "POST /qos/rules", "PUT /qos/rules/{traffic_type}", "DELETE /qos/rules/{traffic_type}",
    "GET /qos/matches", "POST /qos/matches", "DELETE /qos/matches/{name}",
    "POST /qos/apply", "GET /stats",
}  # fmt: skip


def parts():
    """Everything that answers, with nothing behind it that a kernel is needed for."""
    regulator = SimpleNamespace(settings=section.parse({}), state=RegulatorState())

    async def no_flow(number):
        return None

    rulings = Rulings(
        regulator, Placement(), lambda: regulator.settings, no_flow, lambda: 7
    )
    source = SimpleNamespace(regulation=RegulatorState)
    return source, rulings, Predictions(regulator, lambda: 0.0)


async def test_the_index_has_every_path_and_stats_have_every_part():
    app = application(routes(*parts()), {"service": "weir-agent", "version": "1"})
    async with TestClient(TestServer(app)) as client:
        index = await (await client.get("/")).json()
        assert (index["service"], index["version"]) == ("weir-agent", "1")
        assert set(index["endpoints"]) >= AGENT
        assert all(text for text in index["endpoints"].values())
        stats = await (await client.get("/stats")).json()
    assert stats["predictor"]["model_type"] == "rule_based"
    assert stats["predictor"]["traffic_history_size"] == 0
    assert stats["allocator"] == {"total_bandwidth": 0, "current_allocations": {}}
    assert (stats["qos"]["rules_count"], stats["qos"]["active_flows"]) == (0, 7)
    assert stats["qos"]["mode"] == "observe"
