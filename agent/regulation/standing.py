"""How shaped devices stand: what is there, what is lacking, what may move."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterable, Mapping

from agent.capture.speed import speed_bps
from agent.qos.htb import ACTIVE, ACTIVE_LEAVES
from agent.qos.rules import BadRule
from agent.qos.section import WAYS, Settings
from agent.qos.tree import Change, Class
from agent.records import Interface
from agent.regulation.lanes import Lane, lanes
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


def speeds(
    settings: Settings, watched: Mapping[str, Interface], before: Mapping[str, int]
) -> dict[str, int]:
    """Return what devices claim whose rate follows from it, bit/s by name; 0: nothing yet.

    One that claims nothing any more, as without a cable, is taken at its last word.
    """
    found = {}
    for one in settings.interfaces:
        if one.is_auto:
            is_seen = one.name in watched
            told = watched[one.name].speed_bps if is_seen else speed_bps(one.name)
            found[one.name] = told or before.get(one.name, 0)
    return found


def is_told_anew(now: Mapping[str, int], before: Mapping[str, int]) -> bool:
    """Tell whether a device claims another speed than before."""
    return any(told and told != before.get(name) for name, told in now.items())


def fitting(
    settings: Settings, there: Mapping[str, int], speeds_bps: Mapping[str, int]
) -> tuple[dict[str, tuple[Lane, ...]], dict[str, str]]:
    """Return the lanes of each device that is there, and why others have none, by name."""
    made: dict[str, tuple[Lane, ...]] = {}
    unfit: dict[str, str] = {}
    for one in settings.interfaces:
        if one.name in there:
            try:
                made[one.name] = lanes(settings, one, speeds_bps.get(one.name, 0))
            except BadRule as error:
                told = str(error)
                unfit[one.name] = (
                    told if told.startswith("qos") else f"qos: {one.name}: {told}"
                )
    return made, unfit


def is_move(step: Change) -> bool:
    """Tell whether a step changes nothing but rates of an active branch."""
    number = step.item.handle & 0xFFFF if isinstance(step.item, Class) else 0
    is_active = number == ACTIVE or number & 0xFFF0 == ACTIVE_LEAVES
    return step.old is not None and step.new is not None and is_active


def lacking(
    settings: Settings,
    there: Mapping[str, int],
    watched: Mapping[str, Interface],
    is_chosen: Callable[[str], bool],
) -> tuple[str, ...]:
    """Return what keeps the settings from taking effect, a line each.

    is_chosen: whether a device of this name is to be watched, as it soon will be.
    """
    found = []
    for one in settings.interfaces:
        if one.name not in there:
            found.append(f"qos: {one.name}: there is no such device: check the name")
        elif one.name not in watched:
            if not is_chosen(one.name):
                remedy = "add it to [capture] interfaces"
                found.append(f"qos: {one.name}: its packets get no class: {remedy}")
        elif one.ingress_bps != 0 and watched[one.name].rx_mode.startswith("xdp"):
            found.append(
                f"qos: {one.name}: XDP counts what arrives: it gets no class: "
                "restart weir-agent"
            )
    return tuple(found)


def lane_states(
    settings: Settings, standing: Mapping[str, Iterable[Lane]]
) -> tuple[LaneState, ...]:
    """Return every direction, also those whose capacity is still being measured."""
    found = [lane.state() for both in standing.values() for lane in both]
    told = {(one.device, one.way) for one in found}
    found += [
        LaneState(one.name, way, 0, one.source(way), 0)
        for one in settings.interfaces
        for way in WAYS
        if way in one.measured and (one.name, way) not in told
    ]
    return tuple(found)
