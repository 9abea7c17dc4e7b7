"""Stores fed with scripted traffic, and their batches as a collector reads them."""

from __future__ import annotations

from agent.sketch.store import Settings, Store
from tests.agent.sketch.deltas import LINK, ORIGIN, SECOND_NS, START_NS, rows
from tests.wire.samples import direction
from wire.batch import Interface, decode, encode

END_NS = START_NS + 60 * SECOND_NS


REPORT = Interface(
    name="eth0", mac=LINK.mac, mtu=1500, speed_bps=0, addresses=(), is_up=True,
    rx_mode="tcx", tx_mode="tcx", rx=direction(0), tx=direction(0),
)  # fmt: skip


def fed(*deltas, settings=None, macs=None):
    store = Store(settings or Settings(), START_NS)
    store.feed(rows(*deltas), (LINK,), END_NS, macs)
    return store


def sealed(store, end_ns=END_NS):
    """Seal, and return the batch as a collector reads it."""
    return decode(encode(store.seal(ORIGIN, end_ns, (REPORT,), {"a": 1})))


def row_of(batch, name):
    """Return what a batch says of an endpoint: totals, and readers of its sketches."""
    place = batch.endpoints.ids.index(name)
    images = {key: images[place] for key, images in batch.endpoints.sketches.items()}
    return batch.endpoints.totals[place], images
