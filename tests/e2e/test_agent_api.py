"""The agent's API over TCP, asked of the real process with and without its token."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.agents import UNITS, Agent
from tests.support.mix import mixed
from tests.support.namespaces import wait_until, world
from tests.support.sending import Sender, pack

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]

PORT = 8081
TOKEN = "open-sesame"
NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
SAMPLE = re.compile(
    rf"({NAME})(?:\{{((?:[a-zA-Z_]\w*=\"(?:[^\"\\\n]|\\[\\n\"])*\",?)*)\}})? "
    r"([+-]?(?:\d+\.?\d*(?:e[+-]?\d+)?|Inf|NaN))(?: \d+)?",
    re.IGNORECASE,
)
"""One line of the text exposition format 0.0.4, by its own grammar."""
LABEL = re.compile(r"([a-zA-Z_]\w*)=\"((?:[^\"\\\n]|\\[\\n\"])*)\"")
SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("", "_sum", "_count")}

OUTCOMES = {
    "flow": "flows",
    **{name: name for name in ("overflow", "non_ip", "unparsed", "filtered")},
}

Ask = Callable[..., tuple[int, Any, dict[str, str]]]


@pytest.fixture(scope="module")
def agent(tmp_path_factory) -> Iterator[Agent]:
    """An agent that has counted some thousand frames and answers on 127.0.0.1."""
    folder = tmp_path_factory.mktemp("agent")
    (folder / "secret").write_text(TOKEN + "\n")
    with world() as made:
        left, right = made.pair(quiet=True)
        running = Agent(
            right,
            folder,
            capture={"interfaces": ["right0"], "xdp": "off", "fin_linger": 300},
            agent={
                "api_host": "127.0.0.1",
                "api_port": PORT,
                "api_token_file": str(folder / "secret"),
                "backend_url": ["http://127.0.0.1:9"],
                "sync_interval": 3600,
            },
        )
        try:
            running.start()
            with Sender(left, "left0") as sender:
                sender.send_packed(pack([one for one, _ in mixed(3, 5000, flows=400)]))
            right.wait_quiet("right0")
            yield running
        finally:
            running.remove()


@pytest.fixture
def ask(agent) -> Ask:
    def asked(
        path: str, method: str = "GET", token: str = TOKEN, **fields: str
    ) -> tuple[int, Any, dict[str, str]]:
        with agent.space.entered():
            connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)
            connection.connect()
        try:
            told = {"Authorization": f"Bearer {token}"} if token else {}
            connection.request(method, path, headers=told | fields)
            answer = connection.getresponse()
            text = answer.read().decode()
            is_json = answer.headers.get_content_type() == "application/json"
            body = json.loads(text) if is_json else text
            return answer.status, body, dict(answer.headers)
        finally:
            connection.close()

    return asked


def test_only_who_holds_the_token_is_answered(ask):
    assert ask("/health", token="")[0] == 200
    for path in ("/", "/status", "/flows", "/metrics", "/interfaces", "/sketches"):
        for token in ("", "wrong", TOKEN + "x"):
            status, body, _ = ask(path, token=token)
            assert (status, body["status"]) == (401, "error"), path
            assert body["error"] == (
                "show the token of api_token_file: Authorization: Bearer ..."
            )
        assert ask(path)[0] == 200, path


def test_what_cannot_be_asked_is_refused_in_one_line(ask):
    for path, method, status in (
        ("/nothing", "GET", 404),
        ("/status", "DELETE", 405),
        ("/flows?limit=0", "GET", 400),
        ("/flows?sort=colour", "GET", 400),
        ("/flows?protocol=nonsense", "GET", 400),
        ("/flows?address=10.0.0.0/99", "GET", 400),
        ("/flows?prot=6", "GET", 400),
    ):
        answered, body, _ = ask(path, method)
        assert answered == status, path
        assert body["status"] == "error"
        assert "\n" not in body["error"]


def settled_flows(ask: Ask) -> list[dict[str, Any]]:
    """Every live flow, once two answers agree: the last walk has seen the last frame."""

    def steady() -> list[dict[str, Any]]:
        one, two = (ask("/flows?limit=10000&sort=bytes")[1]["flows"] for _ in range(2))
        seen = ask("/status")[1]["interfaces"][0]["direction"]["rx"]["flows"]["packets"]
        return one if one == two and sum(f["packet_count"] for f in one) == seen else []

    found: list[dict[str, Any]] = wait_until("flows are steady", steady)
    return found


def test_filters_give_exactly_what_they_say(ask):
    flows = settled_flows(ask)
    assert len(flows) > 100
    busiest = max(flows, key=lambda flow: flow["byte_count"])
    port, address = busiest["destination_port"], busiest["source_ip"]
    kind = busiest["traffic_type"]
    wanted: dict[str, Callable[[dict[str, Any]], bool]] = {
        "protocol=udp": lambda f: f["protocol"] == "udp",
        "protocol=6": lambda f: f["protocol"] == "tcp",
        f"port={port}": lambda f: port in (f["source_port"], f["destination_port"]),
        f"address={address}": lambda f: address in (f["source_ip"], f["destination_ip"]),
        f"traffic_type={kind}": lambda f: f["traffic_type"] == kind,
        "interface=right0": lambda _: True,
        "interface=none0": lambda _: False,
        f"protocol=tcp&port={port}": lambda f: (
            f["protocol"] == "tcp" and port in (f["source_port"], f["destination_port"])
        ),
    }
    for query, holds in wanted.items():
        body = ask(f"/flows?limit=10000&{query}")[1]
        expected = {flow["id"] for flow in flows if holds(flow)}
        assert {flow["id"] for flow in body["flows"]} == expected, query
        assert body["matched"] == body["count"] == len(expected)
        assert body["total"] == len(flows)
    top = ask("/flows?limit=5&sort=packets")[1]
    most = sorted((flow["packet_count"] for flow in flows), reverse=True)[:5]
    assert [flow["packet_count"] for flow in top["flows"]] == most
    assert top["matched"] == len(flows)


def test_sync_closes_the_interval_at_once(ask):
    before = ask("/status")[1]["spool"]["batches"]
    assert ask("/sync", "POST")[:2] == (200, {"status": "ok"})
    assert ask("/status")[1]["spool"]["batches"] == before + 1


def parsed(text: str) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """Samples by name and labels; AssertionError where the text breaks its grammar."""
    kinds: dict[str, str] = {}
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    assert text.endswith("\n")
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in kinds, f"{name} has two types"
            kinds[name] = kind
        elif not line.startswith("# HELP "):
            match = SAMPLE.fullmatch(line)
            assert match, line
            name, labels, value = match.groups()
            base = [
                known
                for known, kind in kinds.items()
                if name in {known + end for end in SUFFIXES.get(kind, ("",))}
            ]
            assert base, f"{name} has no type"
            row = tuple(sorted(LABEL.findall(labels or "")))
            assert row not in found.setdefault(name, {}), line
            found[name][row] = float(value)
    return found


@pytest.mark.parametrize(
    ("path", "accept"), [("/metrics/prometheus", "*/*"), ("/metrics", "text/plain")]
)
def test_metrics_say_what_status_says(ask, path, accept):
    settled_flows(ask)
    status, text, headers = ask(path, Accept=accept)
    assert status == 200
    assert headers["Content-Type"].startswith("text/plain; version=")
    samples = parsed(text)
    rx = ask("/status")[1]["interfaces"][0]["direction"]["rx"]
    for unit in UNITS:
        where = (("direction", "rx"), ("interface", "right0"))
        assert samples[f"weir_agent_seen_{unit}_total"][where] == rx["seen"][unit]
        for outcome, name in OUTCOMES.items():
            told = samples[f"weir_agent_{unit}_total"][*where, ("outcome", outcome)]
            assert told == rx[name][unit], (unit, outcome)
    assert rx["seen"]["frames"] == 5000
