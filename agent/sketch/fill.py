"""Sides of flows into sketches: each pair of endpoint and item is fed once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from agent.sketch.endpoint import EndpointSketches
from agent.sketch.flowtable import FlowTable, Index, group, mix, words_of
from agent.sketch.fold import SECOND_NS, Sides
from wire.items import address_texts, port_item, port_key, service
from wire.schema import CLASS_NAMES
from wire.sketches import Quantiles

LISTEN: Final = "listen:"
"""Before a port item at the endpoint that was called there."""

_LISTEN_BIT: Final = 1 << 24
_SLOT_SHIFT: Final = 25

Values = npt.NDArray[Any]


def fill_peers(made: dict[int, EndpointSketches], table: FlowTable, sides: Sides) -> None:
    """Feed unique_peers, and top_peers with bytes in both directions.

    The light come first: what a full sketch of frequent items then takes off everyone, to
    make room, is the weight of light ones.
    """
    ends = table.column("source"), table.column("destination")
    far = np.where(sides.inbound[:, None], ends[0][sides.rows], ends[1][sides.rows])
    peer = mix(*words_of(far))
    _, shown, who = group(peer)
    texts = address_texts(far[shown])
    pairs, _, inverse = group(sides.slots.astype(np.int64) << 32 | who)
    weights = np.bincount(inverse, sides.sent + sides.received).astype(np.int64)
    order = np.lexsort((weights, pairs >> 32))
    pairs, weights = pairs[order], weights[order]
    for slot, part in _runs(pairs >> 32):
        items = [texts[index] for index in (pairs[part] & 0xFFFFFFFF).tolist()]
        made[slot].unique_peers.update(items)
        made[slot].top_peers.update(zip(items, weights[part].tolist(), strict=True))


def fill_ports(made: dict[int, EndpointSketches], table: FlowTable, sides: Sides) -> None:
    """Feed the port and service sketches: frequencies new flows, top_ports bytes."""
    port = port_key(table.column("protocol"), table.column("destination_port"))[sides.rows]
    pair = sides.slots.astype(np.int64) << _SLOT_SHIFT | sides.inbound * _LISTEN_BIT | port
    pairs, _, inverse = group(pair)
    flows = np.bincount(inverse, table.column("begun")[sides.rows]).astype(np.int64)
    size = np.bincount(inverse, sides.sent + sides.received).astype(np.int64)
    names: dict[int, tuple[str, str]] = {}
    order = np.lexsort((size, pairs >> _SLOT_SHIFT))
    pairs, flows, size = pairs[order], flows[order], size[order]
    for slot, part in _runs(pairs >> _SLOT_SHIFT):
        keys = (pairs[part] & (2 * _LISTEN_BIT - 1)).tolist()
        items, services = zip(*(_names(key, names) for key in keys), strict=True)
        begun = flows[part].tolist()
        sketches = made[slot]
        sketches.unique_ports.update(item.removeprefix(LISTEN) for item in items)
        sketches.unique_services.update(services)
        sketches.port_frequency.update(zip(items, begun, strict=True))
        sketches.service_frequency.update(zip(services, begun, strict=True))
        sketches.top_ports.update(zip(items, size[part].tolist(), strict=True))


def _names(key: int, known: dict[int, tuple[str, str]]) -> tuple[str, str]:
    found = known.get(key)
    if found is None:
        protocol, port = key >> 16 & 0xFF, key & 0xFFFF
        item = port_item(protocol, port)
        found = (LISTEN + item if key & _LISTEN_BIT else item, service(protocol, port))
        known[key] = found
    return found


def fill_distributions(
    made: dict[int, EndpointSketches],
    overall: dict[str, Quantiles],
    table: FlowTable,
    sides: Sides,
    start_ns: int,
) -> None:
    """Feed the distributions of the endpoints, and overall those of all flows once."""
    samples = _samples(table, start_ns)
    for name, sample in samples.items():
        if name in EndpointSketches.__slots__:
            _fill_endpoints(made, name, sample[sides.rows], sides.slots)
        if name != "throughput":
            _fill_overall(overall, name, sample)
    classes = table.column("class")
    for number, word in enumerate(CLASS_NAMES):
        chosen = samples["throughput"][classes == number]
        _fill_overall(overall, f"throughput.{word}", chosen)


def overall_images(overall: Mapping[str, Quantiles]) -> dict[str, bytes]:
    """Return the images by name, with `throughput` joined from those of the classes."""
    throughput = Quantiles()
    for name, kept in overall.items():
        if name.startswith("throughput."):
            throughput.merge(kept)
    everything = {**overall, "throughput": throughput} if throughput.count else overall
    return {name: kept.to_bytes() for name, kept in everything.items()}


def _fill_overall(overall: dict[str, Quantiles], name: str, sample: Values) -> None:
    known = sample[np.isfinite(sample)]
    if known.size:
        overall.setdefault(name, Quantiles()).update(_rounded(known, 16))


def _fill_endpoints(
    made: dict[int, EndpointSketches], name: str, sample: Values, slots: Index
) -> None:
    owners = np.repeat(slots, sample.size // slots.size)
    values = sample.ravel()
    valid = np.isfinite(values)
    values, owners = values[valid], owners[valid]
    # In order of size, because sorted numbers compress best; slots fit 16 bits, of which a
    # stable sort is a radix sort.
    by_size = np.argsort(values)
    order = by_size[np.argsort(owners[by_size].astype(np.uint16), kind="stable")]
    values, owners = _rounded(values[order], 20), owners[order]
    for slot, part in _runs(owners):
        getattr(made[slot], name).update(values[part])


def _samples(table: FlowTable, start_ns: int) -> dict[str, Values]:
    """Return samples a flow, NaN where there is none; packet_length one for each direction.

    packet_length: mean wire bytes of a packet in the interval; flow_duration: seconds, of
    ended flows; rtt: seconds; throughput: bits a second.
    """
    ended = table.column("ending") > 0
    first, last, rtt = (table.column(name) for name in ("first_ns", "last_ns", "rtt_ns"))
    return {
        "packet_length": np.stack(
            [
                _divided(table.column(f"bytes_{way}"), table.column(f"packets_{way}"))
                for way in ("forward", "backward")
            ],
            axis=1,
        ),
        "flow_duration": np.where(
            ended, (last - np.minimum(first, last)) / SECOND_NS, np.nan
        ),
        "rtt": np.where(rtt > 0, rtt / SECOND_NS, np.nan),
        "throughput": _throughput(table, start_ns),
    }


def _throughput(table: FlowTable, start_ns: int) -> Values:
    """Return bits a second over a flow's time in the interval, 1 s at least."""
    size = table.column("bytes_forward") + table.column("bytes_backward")
    last = table.column("last_ns").astype(np.int64)
    first = np.maximum(table.column("first_ns").astype(np.int64), start_ns)
    seconds = np.maximum(last - first, SECOND_NS) / SECOND_NS
    return np.where(size > 0, size * 8 / seconds, np.nan)


def _divided(total: Values, count: Values) -> Values:
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _rounded(values: Values, bits: int) -> npt.NDArray[np.float32]:
    """Return float32 with the low bits cleared after rounding to nearest.

    16 leaves 7 bits behind the point (0.4 %), 20 leaves 3 (6 %): digits that an image could
    not compress, and that a rank error of 1 or 4 % makes no use of.
    """
    raw = np.ascontiguousarray(values, np.float32).view(np.uint32)
    half = np.uint32(1 << (bits - 1))
    return (((raw + half) >> np.uint32(bits)) << np.uint32(bits)).view(np.float32)


def _runs(owners: Values) -> Iterator[tuple[int, slice]]:
    """Yield each owner of a sorted column with its part of it."""
    starts = np.flatnonzero(np.diff(owners, prepend=-1)).tolist()
    for start, end in pairwise([*starts, owners.size]):
        yield int(owners[start]), slice(start, end)
