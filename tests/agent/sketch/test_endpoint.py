"""An endpoint's sketches merge, and come back from their images."""

from __future__ import annotations

import numpy as np

from agent.sketch.endpoint import EndpointSketches
from wire.schema import ENDPOINT_SKETCHES


def filled(tag):
    made = EndpointSketches()
    for name in ("unique_peers", "unique_ports", "unique_services"):
        getattr(made, name).update([tag])
    for name in ("port_frequency", "service_frequency", "top_ports", "top_peers"):
        getattr(made, name).update([(tag, 3)])
    for name in ("packet_length", "flow_duration", "throughput"):
        getattr(made, name).update(np.array([1.0]))
    return made


def test_every_sketch_is_there_merges_and_comes_back():
    assert tuple(EndpointSketches.__slots__) == tuple(ENDPOINT_SKETCHES)
    total = EndpointSketches.stored()
    total.merge(filled("a"))
    total.merge(filled("b"))
    again = EndpointSketches.stored(total.images())
    for found in (total, again):
        assert round(found.unique_peers.estimate) == 2
        assert found.port_frequency.total == found.top_peers.total == 6
        assert found.throughput.count == 2
    assert set(EndpointSketches().images().values()) == {b""}
