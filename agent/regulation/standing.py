"""How shaped devices stand: what is there, what is lacking, what may move."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterable, Mapping

from agent.qos.htb import ACTIVE, ACTIVE_LEAVES
from agent.qos.section import WAYS, Settings
from agent.qos.tree import Change, Class
from agent.records import Interface
from agent.regulation.lanes import Lane
from agent.reports import LaneState


def present(settings: Settings) -> dict[str, int]:
    """Return name -> index of the settings' devices that are there."""
    indices = {}
    for one in settings.interfaces:
        with contextlib.suppress(OSError):
            indices[one.name] = socket.if_nametoindex(one.name)
    return indices


def index_of(device: str) -> int:
    """Return a device's index; 0: it is not there."""
    try:
        return socket.if_nametoindex(device)
    except OSError:
        return 0


def speed_of(watched: Mapping[str, Interface], name: str) -> int:
    """Return what a watched device claims, bit/s; 0: nothing."""
    return watched[name].speed_bps if name in watched else 0


def is_move(step: Change) -> bool:
    """Tell whether a step changes nothing but rates of an active branch."""
    number = step.item.handle & 0xFFFF if isinstance(step.item, Class) else 0
    is_active = number == ACTIVE or number & 0xFFF0 == ACTIVE_LEAVES
    return step.old is not None and step.new is not None and is_active


def lacking(
    settings: Settings, there: Mapping[str, int], watched: Mapping[str, Interface]
) -> tuple[str, ...]:
    """Return what keeps the settings from taking effect, a line each."""
    found = []
    for one in settings.interfaces:
        if one.name not in there:
            found.append(f"qos: {one.name}: there is no such device: check the name")
        elif one.name not in watched:
            found.append(
                f"qos: {one.name}: its packets get no class: add it to [capture] interfaces"
            )
        elif one.ingress_bps != 0 and watched[one.name].rx_mode.startswith("xdp"):
            found.append(
                f"qos: {one.name}: XDP counts what arrives: it gets no class: "
                "restart weir-agent"
            )
    return tuple(found)


def lane_states(
    settings: Settings, lanes: Mapping[str, Iterable[Lane]]
) -> tuple[LaneState, ...]:
    """Return every direction, also those whose capacity is still being measured."""
    found = [lane.state() for both in lanes.values() for lane in both]
    told = {(one.device, one.way) for one in found}
    found += [
        LaneState(one.name, way, 0, one.source(way), 0)
        for one in settings.interfaces
        for way in WAYS
        if way in one.measured and (one.name, way) not in told
    ]
    return tuple(found)
