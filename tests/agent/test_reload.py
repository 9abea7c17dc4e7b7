from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType

import pytest

from agent.config import Agent, Capture, Config
from agent.daemon import Daemon
from agent.reload import LIVE, Reload, change
from agent.ship.credentials import CredentialsError
from agent.ship.door import open_session
from agent.source import DaemonSource
from tests.agent.running import asked, config, started
from tests.support.namespaces import World

OLD = Config(Agent(), Capture(interfaces=("wan",)))


def other(**keys):
    """The old settings with some keys changed, wherever they are."""
    agent = {name: value for name, value in keys.items() if hasattr(OLD.agent, name)}
    capture = {name: value for name, value in keys.items() if name not in agent}
    return Config(
        dataclasses.replace(OLD.agent, **agent),
        dataclasses.replace(OLD.capture, **capture),
    )


def test_nothing_new():
    found = change(OLD, other())
    assert (found.taken, found.waiting, found.config) == ((), (), OLD)
    assert found.words() == "settings read again: nothing has changed"


def test_what_can_be_taken_is_and_what_cannot_is_named():
    new = other(log_level="DEBUG", switch_id="x", filter="tcp", max_flows=128)
    found = change(OLD, new)
    assert found.config.agent == dataclasses.replace(OLD.agent, log_level="DEBUG")
    assert found.config.capture == dataclasses.replace(OLD.capture, filter="tcp")
    assert found.words() == (
        "settings read again: log_level, filter; "
        "restart weir-agent for switch_id, max_flows"
    )


def test_all_of_qos_is_taken_and_forecast_waits():
    qos = MappingProxyType({"mode": "shape"})
    new = dataclasses.replace(OLD, qos=qos, forecast=qos)
    found = change(OLD, new)
    assert (found.config.qos, found.config.forecast) == (qos, OLD.forecast)
    assert (found.taken, found.waiting) == (("[qos]",), ("[forecast]",))


def test_live_keys_exist():
    keys = {one.name for room in (Agent, Capture) for one in dataclasses.fields(room)}
    assert keys >= LIVE


@pytest.fixture
def one(netns: World, tmp_path: Path, pin_directory: Path) -> Iterator[Daemon]:
    _, right = netns.pair(quiet=True)
    with right.entered(), started(config(tmp_path, pin_directory)) as made:
        yield made


def in_force(source: DaemonSource) -> tuple[object, ...]:
    regulator, watch = source.regulator.settings, source.session.watch
    return (
        [shaped.name for shaped in regulator.interfaces],
        [match.name for match in source.placement.rules],
        watch.choice.filtered,
        source.pipeline.settings.batch_ns,
        source.config,
    )


@pytest.mark.root
async def test_what_is_refused_half_way_changes_nothing(one: Daemon, tmp_path: Path):
    old = one.config
    qos = {
        "interface": [{"name": "right0", "egress_mbps": 5}],
        "match": [{"name": "web", "traffic_type": "web", "ports": "81"}],
    }
    new = Config(
        dataclasses.replace(old.agent, sync_interval=7.0),
        dataclasses.replace(old.capture, filter="tcp"),
        MappingProxyType(qos),
    )
    no_ca = dataclasses.replace(new.agent, ca_file="/no/ca")
    too_much = MappingProxyType(qos | {"rule": [
        {"traffic_type": "web", "min_bandwidth": 6, "max_bandwidth": 9, "priority": 1}
    ]})  # fmt: skip
    given = tmp_path / "qos" / "matches.json"
    async with asked(one) as source, open_session() as session:
        reload = Reload(session, time.monotonic, lambda _: None, asyncio.Lock())
        before = in_force(source)
        for read, error in (
            (dataclasses.replace(new, agent=no_ca), CredentialsError),
            (dataclasses.replace(new, qos=too_much), ValueError),
        ):
            with pytest.raises(error):
                await reload.take(read, source)
            assert in_force(source) == before
        given.mkdir(parents=True)
        with pytest.raises(OSError, match="directory"):
            await reload.take(new, source)
        assert in_force(source) == before
        given.rmdir()
        await reload.take(new, source)
        assert in_force(source) == (["right0"], ["web"], True, 7 * 10**9, new)
    await one.regulator.leave()
