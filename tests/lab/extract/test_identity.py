"""Who talks to whom, from a key and an orientation."""

from __future__ import annotations

from ipaddress import ip_address

import numpy as np
import pytest

from agent.capture.layout import KEY_FRAGMENT, STATE_FORWARD_IS_LOW
from lab.extract.identity import ENDS, ends
from lab.extract.layout import FLOW


def flow(protocol: int, family: int, forward_is_low: bool) -> np.ndarray:
    one = np.zeros(1, FLOW)
    one["key"]["low_address"] = np.frombuffer(ip_address("::1").packed, "u1")
    one["key"]["high_address"] = np.frombuffer(ip_address("::2").packed, "u1")
    one["key"]["low_port"], one["key"]["high_port"] = 1000, 443
    one["key"]["protocol"], one["key"]["family"] = protocol, family
    one["record"]["state"] = STATE_FORWARD_IS_LOW if forward_is_low else 0
    return one


@pytest.mark.parametrize(
    ("protocol", "family", "ports"),
    [
        (6, 4, (1000, 443)), (17, 6, (1000, 443)), (132, 4, (1000, 443)),
        (1, 4, (0, 0)), (58, 6, (0, 0)),
        (58, 4, (1000, 443)), (1, 6, (1000, 443)),  # numbers that mean nothing there
        (1, 4 | KEY_FRAGMENT, (0, 0)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("forward_is_low", [True, False])
def test_ends(protocol: int, family: int, ports: tuple[int, int], forward_is_low: bool):
    (found,) = ends(flow(protocol, family, forward_is_low))
    sides = [found["source"][15], found["destination"][15]]
    order = slice(None) if forward_is_low else slice(None, None, -1)
    assert sides == [1, 2][order]
    assert (found["source_port"], found["destination_port"]) == ports[order]
    assert found["protocol"] == protocol


def test_no_flows_have_no_ends():
    found = ends(np.zeros(0, FLOW))
    assert (found.dtype, len(found)) == (ENDS, 0)


def test_the_greatest_port_is_not_negative():
    one = flow(6, 4, forward_is_low=True)
    one["key"]["low_port"] = 65535
    assert ends(one)["source_port"].tolist() == [65535]
