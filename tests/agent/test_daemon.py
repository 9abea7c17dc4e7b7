"""The shell: batches on their way to disk, requests answered by closed intervals."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from agent import daemon
from agent.capture.layout import VOLUME
from agent.capture.loader import bpf
from agent.config import Agent, Config
from agent.daemon import Daemon
from agent.qos.matches import parse
from agent.ship.spool import AppendRefused, Spool, SpoolError
from tests.agent.running import asked, send
from tests.support.agents import drained, totals, unbalanced
from tests.support.namespaces import Namespace


def test_a_spool_is_in_the_data_directory_and_held_by_one(tmp_path: Path):
    settings = Config(Agent(data_dir=str(tmp_path), buffer_mb=1))
    spool = daemon.open_spool(settings)
    assert (tmp_path / "spool").is_dir()
    with pytest.raises(SpoolError):
        daemon.open_spool(settings)
    spool.close()


@pytest.mark.root
async def test_a_step_counts_and_the_last_one_reports_everything(
    one: Daemon, ends: tuple[Namespace, Namespace]
):
    async with asked(one) as source:
        await one.step(source)
        await asyncio.to_thread(send, *ends, 300)
        await one.step(source)
        assert one.spool.oldest() is None  # the interval is a minute
        while True:
            await one.step(source, final=True)
            if not len(one.pipeline.live):
                break
        found = list(drained(one.spool))
    sums = totals(found, "right0")
    assert sums["rx", "seen", "frames"] == 300
    assert unbalanced(sums) == {}
    assert [one.sequence for one in found] == list(range(1, len(found) + 1))
    assert {"rss_bytes", "spool_batches", "loader"} <= set(found[0].health)


@pytest.mark.root
async def test_a_batch_tells_what_limits_of_flows_took(one: Daemon):
    one.placement.take([parse({"name": "slow", "flow_mbps": 1})])
    taken = np.zeros(bpf.possible_cpus(), VOLUME)
    taken["packets"][0] = 40
    async with asked(one) as source:
        await one.step(source)
        bpf.map_update(one.session.pinned.maps["limited"], 1, taken)
        await one.step(source, final=True)
        (found,) = drained(one.spool)
    assert found.health["qos_over_limit_packets"] == 40


@pytest.mark.root
async def test_a_request_closes_the_interval_and_is_answered(
    one: Daemon, ends: tuple[Namespace, Namespace]
):
    async with asked(one) as source:
        await one.step(source)
        waiting = asyncio.ensure_future(source.sync())
        await asyncio.sleep(0)
        assert one.wake.is_set()
        await one.step(source)
        await asyncio.wait_for(waiting, 1)
        assert len(list(drained(one.spool))) == 1
        assert source.take_requests() == []


@pytest.mark.root
async def test_a_batch_that_cannot_be_kept_waits_and_is_told_once(
    one: Daemon,
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
):  # fmt: skip
    async with asked(one) as source:
        append = Spool.append

        def full(*_: object) -> None:
            raise AppendRefused("no space left")

        monkeypatch.setattr(Spool, "append", full)
        for _ in range(2):
            await one.step(source, final=True)
        told = [r.getMessage() for r in caplog.records if r.levelname == "ERROR"]
        assert told == ["batch 1 waits: no space left"]
        assert (one.refused, source.refused) == ("no space left", "no space left")
        assert "no space left" in (await source.snapshot()).problems
        monkeypatch.setattr(Spool, "append", append)
        await one.step(source, final=True)
        assert one.refused == ""
        assert [found.sequence for found in drained(one.spool)][0] == 1
