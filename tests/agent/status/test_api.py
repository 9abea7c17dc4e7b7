from __future__ import annotations

import json

import pytest
import pytest_asyncio
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client.parser import text_string_to_metric_families

from agent.status.api import Api
from agent.status.server import application
from tests.agent.status.support import NOW_NS, Moment

IDENTITY = {"service": "weir-agent", "version": "0.1.0"}


async def client_of(source: Moment) -> TestClient:
    stats = {"predictor": {}, "allocator": {}, "qos": {}}
    app = application(Api(source, lambda: stats).routes(), IDENTITY)
    client = TestClient(TestServer(app))
    await client.start_server()
    return client


@pytest_asyncio.fixture
async def source():
    return Moment()


@pytest_asyncio.fixture
async def client(source):
    made = await client_of(source)
    yield made
    await made.close()


async def answer(client: TestClient, path: str):
    response = await client.get(path)
    assert response.status == 200, await response.text()
    return await response.json()


async def test_the_index_names_every_route(client):
    index = await answer(client, "/")
    assert {name: index[name] for name in IDENTITY} == IDENTITY
    assert set(index["endpoints"]) == {
        "GET /health", "GET /status", "GET /interfaces", "GET /flows", "GET /sketches",
        "GET /summary", "GET /stats", "GET /metrics", "GET /metrics/prometheus",
        "POST /sync",
    }  # fmt: skip


async def test_health(client):
    assert await answer(client, "/health") == {
        "status": "ok",
        "switch_id": "edge-001",
        "service": "weir-agent",
        "version": "0.1.0",
        "timestamp": NOW_NS / 1e9,
        "problems": [],
        "qos": {
            "mode": "observe",
            "faults": 0,
            "problems": [],
            "matches": 0,
            "flow_limits": 0,
            "over_limit": {"packets": 0, "bytes": 0},
            "devices": {},
        },
        "capture": {
            "loader": "libbpf",
            "interfaces": {
                "wan0": {"rx": "xdp-native", "tx": "tcx", "is_up": True},
                "lan0": {"rx": "tcx", "tx": "tcx", "is_up": False},
            },
        },
    }


@pytest.mark.parametrize(
    ("changes", "status", "word"),
    [
        ({"ready": False}, 503, "starting"),
        ({"problems": ("disk full",)}, 200, "degraded"),
    ],
)
async def test_health_tells_not_ready_from_degraded(changes, status, word):
    client = await client_of(Moment(**changes))
    response = await client.get("/health")
    assert (response.status, (await response.json())["status"]) == (status, word)
    await client.close()


async def test_status_has_the_agreed_form_and_adds_up(client, source):
    status = await answer(client, "/status")
    assert source.exact == [True]
    assert [item["name"] for item in status["interfaces"]] == ["wan0", "lan0"]
    names = {"interface", "seen", "flows", "overflow", "non_ip", "unparsed", "filtered"}
    for item in status["interfaces"]:
        assert set(item["direction"]) == {"rx", "tx"}
        for counts in item["direction"].values():
            assert set(counts) == names
            for unit in ("frames", "packets", "bytes"):
                parts = [counts[name][unit] for name in names - {"interface", "seen"}]
                assert sum(parts) == counts["seen"][unit]
    wan = status["interfaces"][0]
    assert wan["direction"]["tx"]["interface"] == {"frames": 4, "packets": 5, "bytes": 6}
    assert wan["classes"]["rx"]["file"] == {"frames": 7, "packets": 14, "bytes": 21}
    assert status["flows"]["live"] == 3
    assert status["spool"]["batches"] == 2
    assert status["uplink"]["breakers"] == {"http://a:1": "closed", "http://b:1": "open"}


async def test_interfaces(client):
    body = await answer(client, "/interfaces")
    assert body["count"] == 2
    assert body["interfaces"][1]["mode"] == {"rx": "tcx", "tx": "tcx"}
    assert body["interfaces"][0]["addresses"] == ["192.0.2.1/24"]


async def test_flows(client):
    body = await answer(client, "/flows?limit=1&address=10.0.0.5")
    assert (body["total"], body["matched"], body["count"]) == (3, 2, 1)
    assert body["flows"][0]["destination_port"] == 443
    assert body["as_of"] == NOW_NS / 1e9 - 3


async def test_sketches_summary_and_stats(client):
    assert await answer(client, "/sketches") == {
        "switch_id": "edge-001",
        "count": 1,
        "sketches": [{"endpoint_id": "10.0.0.5", "unique_peers": 7.0}],
    }
    assert await answer(client, "/summary") == {
        "switch_id": "edge-001",
        "endpoint_count": 42,
        "max_endpoints": 500,
        "memory_kb": 65536,
        "total_flows": 12_345,
    }
    assert set(await answer(client, "/stats")) == {"predictor", "allocator", "qos"}


@pytest.mark.parametrize(
    ("path", "accept", "is_text"),
    [
        ("/metrics", "*/*", False),
        ("/metrics", "application/json", False),
        ("/metrics", "text/plain;version=0.0.4;q=0.5,*/*;q=0.1", True),
        ("/metrics", "application/openmetrics-text;version=1.0.0,*/*;q=0.1", True),
        ("/metrics/prometheus", "*/*", True),
    ],
)
async def test_metrics_come_in_the_form_that_is_asked_for(client, path, accept, is_text):
    response = await client.get(path, headers={"Accept": accept})
    text = await response.text()
    if is_text:
        assert response.content_type == "text/plain"
        assert len(list(text_string_to_metric_families(text))) > 30
    else:
        assert json.loads(text)["batches_sent"] == 57


async def test_sync_needs_a_collector(client, source):
    response = await client.post("/sync")
    assert (response.status, await response.json()) == (200, {"status": "ok"})
    assert source.synced == 1
    source.has_collector = False
    response = await client.post("/sync")
    assert response.status == 400
    assert (await response.json())["error"] == "no collector: set backend_url"
    assert source.synced == 1


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nothing", 404), ("POST", "/health", 405), ("GET", "/flows?limit=x", 400)],
)
async def test_refusals_have_one_shape(client, method, path, status):
    response = await client.request(method, path)
    body = await response.json()
    assert (response.status, body["status"]) == (status, "error")
    assert body["error"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"
