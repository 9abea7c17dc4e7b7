"""Wiring by hand: from settings to a pipeline that goes on where the last one stopped."""

from __future__ import annotations

import socket
import zoneinfo
from collections.abc import Sequence
from datetime import datetime, tzinfo
from importlib import metadata
from pathlib import Path
from typing import Final

from agent import memory
from agent.capture.backends import back_end
from agent.capture.loader.attach import Wanted
from agent.capture.recovery import recover
from agent.capture.ring import Ring
from agent.capture.session import Session, Sizes, open_session
from agent.capture.watch import Choice, Override
from agent.classify.ports import by_code_point, by_port
from agent.config import Agent, Capture, Config
from agent.flows.expiry import Timeouts
from agent.flows.table import Known
from agent.pipeline import Pipeline, Settings as PipelineSettings
from agent.qos.section import Shaped
from agent.settled import capture_filter, regulation
from agent.sketch.store import Origin, Settings as StoreSettings

SECOND_NS: Final = 1_000_000_000
CLOSE_CHUNK: Final = 1024
"""Flows closed by one run of the closing program: about a millisecond."""


def version() -> str:
    """The installed version."""
    return metadata.version("weir")


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
