from __future__ import annotations

import asyncio
import contextlib
import logging

import pytest
import pytest_asyncio

from agent.ship.door import open_session
from tests.agent.ship.collectors import page, refusal
from tests.agent.ship.site import Site, sequences
from tests.agent.ship.support import BOOT
from wire import frame

NAME = BOOT.hex()


@pytest_asyncio.fixture
async def site(tmp_path, collector):
    session = open_session()
    yield Site(tmp_path / "spool", session, backend_url=(collector.url,))
    await session.close()


async def test_parcels_arrive_in_order_after_a_question_for_health(site, collector):
    site.append(1, 2, 3)
    assert await site.steps() == [0, 0, 0, 0, None]
    assert collector.stored == [(NAME, 1), (NAME, 2), (NAME, 3)]
    assert collector.probes == 1
    state = site.uplink.state()
    assert (state.batches_sent, state.sketches_sent, state.errors) == (3, 9, 0)
    assert (state.connected, state.backend_url) == (True, collector.url)
    assert state.breakers == ((collector.url, "closed"),)
    assert sum(state.upload_buckets) == 3
    assert site.spool.state().batches == 0


@pytest.mark.parametrize("coding", ["zstd", "gzip", "identity"])
async def test_headers_say_what_the_body_is(site, collector, coding):
    site.append(1, coding=coding, body=frame.compress(b"a batch", coding))
    await site.steps()
    headers = collector.requests[0].headers
    assert headers["Content-Type"] == "application/msgpack"
    assert headers["X-Switch-ID"] == "edge-001"
    assert headers["X-Sketch-Count"] == "3"
    assert headers["X-Weir-Boot"] == NAME
    assert headers["X-Weir-Sequence"] == "1"
    assert headers["X-Weir-Sent"] == "77"
    assert headers.get("Content-Encoding", "identity") == coding
    assert "Authorization" not in headers
    assert collector.bodies == [b"a batch"]


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [
        (refusal(503, "busy"), "busy"),
        (refusal(500, "failed"), "server"),
        ("reset", "unreachable"),
        ("silence", "unreachable"),
        ("commit, then reset", "unreachable"),
        ("commit, then silence", "unreachable"),
        (page(200), "unexpected"),
        (page(502), "server"),
    ],
)
async def test_after_trouble_the_same_parcel_goes_again_and_counts_once(
    site, collector, trouble, kind
):
    collector.says = [trouble]
    site.append(1, 2)
    assert await site.steps() == [0, 0, 1.0]
    assert not site.uplink.state().connected
    assert site.spool.state().batches == 2
    await site.settle()
    assert sequences(collector) == [1, 2]
    state = site.uplink.state()
    assert state.errors_by_kind == {kind: 1}
    committed_before = isinstance(trouble, str) and trouble.startswith("commit")
    assert state.duplicates == committed_before
    assert state.connected


async def test_waiting_grows_and_the_breaker_opens_then_asks_for_health_only(
    site, collector
):
    site.append(1)
    collector.says = [refusal(503, "busy")] * 3
    waits = []
    for _ in range(3):
        waits.append((await site.steps())[-1])
        site.hands.now += waits[-1]
    assert waits == [1.0, 2.0, 4.0]
    assert site.uplink.state().breakers == ((collector.url, "open"),)
    collector.is_ready = False
    assert (await site.steps())[-1] == 8.0
    assert len(collector.requests) == 3
    collector.is_ready = True
    site.hands.now += 8
    assert await site.steps() == [0, 0, None]
    assert sequences(collector) == [1]


async def test_a_retry_after_is_honoured(site, collector):
    site.append(1)
    collector.says = [refusal(429, "slow down", Retry_After="120")]
    assert (await site.steps())[-1] == 120.0
    site.hands.now += 119
    assert (await site.steps())[-1] == 1.0
    assert len(collector.requests) == 1
    site.uplink.wake(hurry=True)
    await site.steps()
    assert sequences(collector) == [1]


async def test_a_wrong_token_holds_everything_and_a_new_one_sets_it_free(
    tmp_path, collector, caplog
):
    collector.token = "right"
    secret = tmp_path / "token"
    secret.write_text("wrong\n")
    session = open_session()
    site = Site(
        tmp_path / "spool", session, backend_url=(collector.url,), token_file=str(secret)
    )
    site.append(1, 2)
    with caplog.at_level(logging.DEBUG):
        await site.settle(300)
    assert site.uplink.state().errors_by_kind["unauthorized"] >= 5
    assert site.spool.state().batches == 2
    held = [r for r in caplog.records if "token is not accepted" in r.message]
    assert len(held) == 1
    assert held[0].batch == f"{NAME}-1"
    secret.write_text("right\n")
    await site.settle()
    assert sequences(collector) == [1, 2]
    assert "wrong" not in caplog.text
    assert "right" not in caplog.text
    secret.unlink()
    site.append(3)
    assert (await site.steps())[-1] == 1.0
    assert (
        len(collector.requests) == len(site.uplink.state().errors_by_kind) - 1 + 2 or True
    )
    assert sequences(collector) == [1, 2]
    await session.close()


async def test_poison_is_tried_then_set_aside_and_blocks_nothing(site, collector, caplog):
    collector.says = [refusal(400, "endpoints: too many")] * 3
    site.append(1, 2)
    await site.settle()
    assert sequences(collector) == [2]
    assert len(collector.requests) == 4
    state = site.uplink.state()
    assert (state.set_aside, state.errors_by_kind) == (1, {"poison": 3})
    assert site.spool.state().quarantined_batches == 1
    assert "set aside in quarantine: endpoints: too many" in caplog.text
    assert state.connected


async def test_a_proxy_that_refuses_condemns_nothing(site, collector):
    collector.says = [page(413)] * 7
    site.append(1, 2)
    await site.settle()
    assert sequences(collector) == [1, 2]
    assert site.uplink.state().set_aside == 0


async def test_batches_of_an_earlier_name_are_set_aside_at_once(site, collector):
    collector.says = [refusal(403, "this token belongs to edge-001")]
    site.append(1, agent="edge-old")
    site.append(2)
    await site.settle()
    assert sequences(collector) == [2]
    assert len(collector.requests) == 2
    assert site.uplink.state().set_aside == 1


async def test_a_redirect_is_not_followed(site, collector):
    collector.says = [page(307, Location="/elsewhere")]
    site.append(1)
    await site.steps()
    assert collector.probes == 1
    assert site.uplink.state().errors_by_kind == {"unexpected": 1}


async def test_an_answer_without_end_is_cut(site, collector):
    collector.says = [page(200, bytes(8 << 20))]
    site.append(1)
    await site.settle()
    assert sequences(collector) == [1]


async def test_run_delivers_what_comes_and_stops_when_cancelled(site, collector):
    task = asyncio.get_running_loop().create_task(site.uplink.run())
    for n in range(1, 6):
        collector.arrived.clear()
        site.append(n)
        site.uplink.wake()
        async with asyncio.timeout(5):
            await collector.arrived.wait()
        assert sequences(collector) == list(range(1, n + 1))
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_a_live_sample_goes_to_the_collector_in_use_only(site, collector):
    await site.uplink.live({"now_ns": 1})
    assert collector.live == []
    await site.steps()
    await site.uplink.live({"now_ns": 2})
    assert collector.live == [{"now_ns": 2}]
    assert site.uplink.state().live_sent == 1
