"""When a flow has ended, as a table."""

import numpy as np
import pytest

from agent.flows.expiry import FIN_BOTH, RST, Timeouts, ended
from agent.records import FLOW_DELTA, Ending

SECOND = 1_000_000_000
NOW = 10_000 * SECOND
TIMEOUTS = Timeouts(idle_ns=120 * SECOND, active_ns=1800 * SECOND, linger_ns=5 * SECOND)


def flow(age_s, quiet_s, state=0, packets=10):
    row = np.zeros(1, FLOW_DELTA)
    row["first_ns"] = NOW - int(age_s * SECOND)
    row["last_ns"] = NOW - int(quiet_s * SECOND)
    row["tcp_state"] = state
    row["total_packets"] = (packets, 0)
    return row


@pytest.mark.parametrize(
    ("why", "row", "expected"),
    [
        ("just seen", flow(1, 0), Ending.OPEN),
        ("quiet, but not long enough", flow(130, 119.9), Ending.OPEN),
        ("quiet for the idle timeout", flow(130, 120), Ending.IDLE),
        ("one packet, then nothing", flow(120, 120, packets=1), Ending.IDLE),
        ("old and busy", flow(1800, 0), Ending.ACTIVE_TIMEOUT),
        ("both sides said FIN, linger runs", flow(9, 4.9, FIN_BOTH), Ending.OPEN),
        ("both sides said FIN, lingered", flow(9, 5, FIN_BOTH), Ending.FIN),
        ("only one side said FIN", flow(9, 6, 0x02), Ending.OPEN),
        ("reset, lingered", flow(9, 5, RST), Ending.RST),
        ("the clock ran backwards", flow(-1, -1), Ending.OPEN),
    ],
)
def test_ending(why, row, expected):
    assert ended(row, NOW, TIMEOUTS, 1000).tolist() == [expected], why


def test_a_filling_map_lets_single_packet_flows_go_first_then_the_longest_idle():
    rows = np.concatenate(
        [flow(50, 1, packets=1), flow(50, 40), flow(50, 30), flow(50, 2), flow(50, 1)]
        + [flow(50, 0) for _ in range(5)]
    )
    endings = ended(rows, NOW, TIMEOUTS, max_flows=10)
    assert np.flatnonzero(endings == Ending.PRESSURE).tolist() == [0, 1]


def test_a_map_with_room_ends_nothing_early():
    rows = np.concatenate([flow(50, 40) for _ in range(8)])
    assert not ended(rows, NOW, TIMEOUTS, max_flows=10).any()
