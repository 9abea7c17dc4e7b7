"""Wiring by hand: from settings to a pipeline that goes on where the last one stopped."""

from __future__ import annotations

import dataclasses
import fnmatch
import socket
import zoneinfo
from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo
from importlib import metadata
from pathlib import Path
from typing import Final

from agent import memory
from agent.capture.filter import compiled
from agent.capture.links import speed_bps
from agent.capture.loader.attach import Wanted
from agent.capture.recovery import recover
from agent.capture.ring import Ring
from agent.capture.session import Session, Sizes, back_end, open_session
from agent.capture.syntax import BadFilter
from agent.capture.watch import Choice, Override
from agent.classify.ports import by_code_point, by_port
from agent.config import Agent, Capture, Config
from agent.flows.expiry import Timeouts
from agent.flows.table import Known
from agent.pipeline import Pipeline, Settings as PipelineSettings
from agent.qos import matches as matching
from agent.qos.apply import given
from agent.qos.matches import Match
from agent.qos.rules import BadRule, Rule
from agent.qos.section import Settings, Shaped, parse
from agent.records import Array
from agent.sketch.store import Origin, Settings as StoreSettings
from wire.settings import ConfigError

SECOND_NS: Final = 1_000_000_000
CLOSE_CHUNK: Final = 1024
"""Flows closed by one run of the closing program: about a millisecond."""


def version() -> str:
    """The installed version."""
    return metadata.version("weir")


def regulation(config: Config) -> Settings:
    """The [qos] section. Raises ConfigError."""
    try:
        return parse(config.qos)
    except BadRule as error:
        raise ConfigError(str(error)) from None


def qos_directory(config: Config) -> Path:
    """Where journal, notes and given rules of QoS are."""
    return Path(config.agent.data_dir) / "qos"


def regulation_in_force(config: Config) -> Settings:
    """The [qos] section with what the API was given and what was measured.

    Raises ConfigError.
    """
    settings, directory = regulation(config), qos_directory(config)
    try:
        return joined(
            settings.having(given.load_capacities(directory)),
            given.load(directory),
            given.load_matches(directory),
        )
    except BadRule as error:
        raise ConfigError(str(error)) from None


def joined(settings: Settings, rules: Iterable[Rule], matches: Sequence[Match]) -> Settings:
    """The settings with rules and match rules that the API was given."""
    own = {rule.traffic_type: rule for rule in settings.rules}
    in_force = {**own, **{rule.traffic_type: rule for rule in rules}}
    return dataclasses.replace(
        settings,
        rules=tuple(in_force.values()),
        matches=matching.joined(matches, settings.matches),
    )


def speeds(settings: Settings) -> dict[str, int]:
    """What the devices say of their speed, bit/s by name."""
    return {one.name: speed_bps(one.name) for one in settings.interfaces}


def bounds(agent: Agent) -> tuple[int, int]:
    """How much may wait on disk: bytes, and nanoseconds."""
    return agent.buffer_mb << 20, int(agent.buffer_hours * 3600) * SECOND_NS


def choice(capture: Capture, shaped: Sequence[Shaped] = ()) -> Choice:
    """Which interfaces to watch, and how."""
    return Choice(
        patterns=capture.interfaces,
        overrides=tuple(
            Override(item.name, item.ipv4, item.ipv6, item.bidirectional)
            for item in capture.interface
        ),
        wanted=Wanted(capture.xdp, capture.tc),
        promiscuous=capture.promiscuous,
        filtered=bool(capture.filter),
        shaped=frozenset(one.name for one in shaped),
        shaped_rx=frozenset(one.name for one in shaped if one.ingress_bps != 0),
    )


def capture_filter(text: str) -> Array:
    """The filter as the kernel takes it. Raises ConfigError."""
    try:
        return compiled(text)
    except BadFilter as error:
        raise ConfigError(f"[capture] {error}") from None


def absent(capture: Capture) -> list[str]:
    """The names and globs that no interface has at the moment."""
    names = [name for _, name in socket.if_nameindex()]
    return [
        pattern
        for pattern in capture.interfaces
        if not any(fnmatch.fnmatchcase(name, pattern) for name in names)
    ]


def session(config: Config) -> Session:
    """Programs and maps in the kernel. Raises CaptureError."""
    capture = config.capture
    return open_session(
        Path(capture.pin_directory),
        back_end(capture.loader),
        Sizes(capture.max_flows, capture.closing_entries),
        choice(capture, regulation(config).interfaces),
        (by_port(), by_code_point()),
        capture_filter(capture.filter),
    )


def timeouts(capture: Capture) -> Timeouts:
    """When flows end."""
    return Timeouts(
        idle_ns=int(capture.idle_timeout * SECOND_NS),
        active_ns=int(capture.active_timeout * SECOND_NS),
        linger_ns=int(capture.fin_linger * SECOND_NS),
    )


def _zone(name: str) -> tzinfo:
    if name == "local":
        local = datetime.now().astimezone().tzinfo
        if local is not None:
            return local
    return zoneinfo.ZoneInfo("UTC" if name == "local" else name)


def pipeline(config: Config, opened: Session, last_sequence: int, now_ns: int) -> Pipeline:
    """A pipeline that begins where the last batch on disk ended. now_ns: unix time."""
    capture = config.capture
    found = recover(opened.kernel, last_sequence, opened.sizes.closing, opened.sizes.flows)
    ring = Ring(opened.sizes.closing)
    ring.adopt(found.ring_first, found.ring_used, found.sequence)
    flows = found.flows
    known = Known(
        flows["id"].copy(),
        flows["packets"].copy(),
        flows["bytes"].copy(),
        flows["id"] == 0,
        elected=False,
    )
    settings = PipelineSettings(
        origin=Origin(
            config.agent.switch_id,
            opened.pinned.boot,
            found.sequence,
            version(),
            socket.gethostname(),
        ),
        timeouts=timeouts(capture),
        walk_ns=int(capture.walk_interval * SECOND_NS),
        batch_ns=int(config.agent.sync_interval * SECOND_NS),
        max_flows=opened.sizes.flows,
        close_chunk=CLOSE_CHUNK,
    )
    store = memory.recall(
        Path(config.agent.data_dir),
        StoreSettings(
            max_endpoints=config.agent.max_endpoints,
            local_networks=config.agent.local_networks,
            zone=_zone(config.agent.timezone),
        ),
        now_ns,
    )
    return Pipeline(
        kernel=opened.kernel,
        watch=opened.watch,
        ring=ring,
        store=store,
        settings=settings,
        sequence=found.sequence,
        known=known,
        reported=found.reported,
        late=found.late,
    )
