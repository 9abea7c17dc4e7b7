from __future__ import annotations

import time

import pytest

from agent.config import Agent
from agent.ship.door import Door, healths, open_session
from tests.agent.ship.certificates import Authority
from tests.agent.ship.collectors import Collector
from tests.agent.ship.support import parcel


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path, "ours")


async def ask(agent: Agent, collector: Collector):
    session = open_session()
    try:
        return await Door(agent, session, lambda: 0.0).send(collector.url, parcel(1), 0)
    finally:
        await session.close()


async def test_a_private_ca_is_trusted_when_it_is_named_and_only_then(authority, tmp_path):
    collector = Collector()
    await collector.start(authority.server_context())
    stranger = Authority(tmp_path, "theirs")
    for ca_file, status in ((authority.file, 200), (stranger.file, 0), ("", 0)):
        answer = await ask(Agent(ca_file=str(ca_file)), collector)
        assert answer.status == status
        assert ("certificate verify failed" in answer.error) == (status == 0)
    assert len(collector.requests) == 1
    await collector.server.close()


async def test_a_client_certificate_signs_in(authority):
    collector = Collector()
    await collector.start(authority.server_context(ask_client=True))
    trust = {"ca_file": str(authority.file)}
    assert (await ask(Agent(**trust), collector)).status == 0
    certificate, key = map(str, authority.signed("edge-001"))
    answer = await ask(Agent(**trust, client_cert=certificate, client_key=key), collector)
    assert answer.status == 200
    await collector.server.close()


@pytest.mark.parametrize("source", ["token", "token_file"])
async def test_a_token_signs_in(tmp_path, collector, source):
    collector.token = "s3cret"
    (tmp_path / "token").write_text("s3cret\n")
    value = "s3cret" if source == "token" else str(tmp_path / "token")
    assert (await ask(Agent(**{source: value}), collector)).status == 200
    assert (await ask(Agent(), collector)).status == 401


async def test_health_carries_no_token(collector):
    agent = Agent(token="s3cret")
    session = open_session()
    seen = []
    collector.health_seen = seen.append
    answer = await Door(agent, session, lambda: 0.0).health(collector.url)
    assert answer.body == {"status": "ok"}
    assert "Authorization" not in seen[0].headers
    await session.close()


async def test_all_collectors_are_asked_for_health_and_the_time(collector, second):
    second.is_ready = False
    agent = Agent(backend_url=(collector.url, second.url, "http://127.0.0.1:1"))
    answers = await healths(agent, time.monotonic)
    assert [answer.status for answer in answers.values()] == [200, 503, 0]
    assert abs(answers[collector.url].unix_seconds - time.time()) < 5
    reason = "http://127.0.0.1:1/health: Connection refused"
    assert answers["http://127.0.0.1:1"].error == reason
