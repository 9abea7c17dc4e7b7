from __future__ import annotations

import copy
import dataclasses
import io

import pytest
from rich.console import Console

from agent.reports import ClassShare, LaneState, RegulatorState
from agent.status import flows as flow_rows
from agent.status.api import status_of
from agent.status.top import bits, first, following, render, size
from tests.agent.status.support import SNAPSHOT

STATUS = status_of(SNAPSHOT)
MATCHED, ROWS = flow_rows.select(SNAPSHOT, flow_rows.Query())
FLOWS = {"as_of": 100.0, "flows": ROWS}


def text(view, rows: int = 20, width: int = 120) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(render(view, rows))
    return console.file.getvalue()


def line(view, *words: str) -> str:
    (found,) = [row for row in text(view).splitlines() if all(w in row for w in words)]
    return " ".join(found.split())


def later():
    """Two seconds on: wan0 received 1 MB more in 500 packets, all of it web."""
    status, flows = copy.deepcopy(STATUS), copy.deepcopy(FLOWS)
    status["timestamp"] += 2
    wan = status["interfaces"][0]
    wan["direction"]["rx"]["seen"]["bytes"] += 1_000_000
    wan["direction"]["rx"]["seen"]["packets"] += 500
    wan["classes"]["rx"]["web"]["bytes"] += 1_000_000
    flows["as_of"] += 10
    next(f for f in flows["flows"] if f["destination_port"] == 443)["byte_count"] += (
        1_000_000
    )
    return status, flows


def test_the_first_screen_has_counts_and_no_rates():
    screen = text(first(STATUS, FLOWS))
    assert "edge-001  ok  flows 3/65536  endpoints 42/500  memory 67.1 MB" in screen
    assert "http://a:1 connected  sent 57  waiting 2 (5 kB)  dropped 1" in screen
    assert (
        line(first(STATUS, FLOWS), "wan0", "rx") == "wan0 rx xdp-native 0 bit/s 0 200 20000"
    )


def test_rates_are_differences_over_time():
    view = following(first(STATUS, FLOWS), *later())
    assert line(view, "wan0", "rx") == "wan0 rx xdp-native 4 Mbit/s 250 200 20000"
    assert line(view, "web", "Mbit", "1 MB") == "web 4 Mbit/s 0 bit/s 1 MB"
    assert line(view, "198.51.100.7") == (
        "10.0.0.5:50000 198.51.100.7:443 tcp web 800 kbit/s 1.02 MB"
    )


def test_the_fastest_flow_comes_first_and_the_rest_is_cut():
    view = following(first(STATUS, FLOWS), *later())
    screen = text(view, rows=1)
    assert "198.51.100.7" in screen
    assert "2001:db8" not in screen
    assert "[2001:db8::5]:5004" in text(view)


def test_between_walks_flows_keep_their_rate():
    view = following(first(STATUS, FLOWS), *later())
    status, flows = later()
    status["timestamp"] += 2
    assert "800 kbit/s" in line(following(view, status, flows), "198.51.100.7")


def test_counters_that_begin_anew_and_new_interfaces_have_no_rate():
    status, flows = later()
    status["interfaces"][0]["name"] = "new0"
    status["interfaces"][1]["direction"]["rx"]["seen"]["bytes"] = 0
    view = following(first(STATUS, FLOWS), status, flows)
    assert " 0 bit/s 0 " in line(view, "new0", "rx")
    assert " 0 bit/s 0 " in line(view, "lan0", "rx")


def test_long_addresses_are_folded_and_never_cut():
    """On 80 columns two long addresses take several lines, each to its last digit."""
    status, flows = copy.deepcopy(STATUS), copy.deepcopy(FLOWS)
    ends = (
        "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff",
        "fd12:3456:789a:bcde:f012:3456:789a:1",
    )
    row = flows["flows"][0]
    row |= {"source_ip": ends[0], "destination_ip": ends[1], "source_port": 65535}
    flows["flows"] = [row]
    screen = text(first(status, flows), width=80)
    assert "\u2026" not in screen
    shown = "".join(screen[screen.index("flow ") :].split())
    for end in ends:
        # Folded beside each other: the digits come in order, with the other's between.
        rest = iter(shown)
        assert all(digit in rest for digit in end)
    assert max(map(len, screen.splitlines())) <= 80


def test_what_a_flow_is_allocated_is_shown_where_it_is_shaped():
    status, flows = copy.deepcopy(STATUS), copy.deepcopy(FLOWS)
    flows["flows"][0] |= {"allocated_bandwidth_mbps": 4.5, "destination_ip": "192.0.2.99"}
    assert "voice 4.5 Mbit/s 0 bit/s" in line(first(status, flows), "192.0.2.99")


def test_how_each_direction_is_shaped_is_a_line():
    held = ClassShare(1_000_000, 3_000_000, 18_000_000)
    lane = LaneState("wan0", "egress", 20_000_000, "device", 17_000_000)
    lanes = (
        dataclasses.replace(lane, expires=5.0, shares={"background": held}),
        dataclasses.replace(lane, way="ingress", rate_bps=20_000_000),
        LaneState("lte0", "egress", 0, "measured", 0),
    )
    state = RegulatorState("shape", lanes)
    screen = text(first(status_of(dataclasses.replace(SNAPSHOT, regulator=state)), FLOWS))
    assert (
        "wan0 egress  shaped to 17 Mbit/s of 20 Mbit/s; held back: background at 3 Mbit/s\n"
        "wan0 ingress  not shaped; 20 Mbit/s by device\n"
        "lte0 egress  its capacity is being measured\n"
    ) in "\n".join(one.rstrip() for one in screen.splitlines())


def test_problems_are_shown_and_nothing_watched_is_a_screen():
    status = {**STATUS, "status": "degraded", "problems": ["no BTF"], "interfaces": []}
    screen = text(first(status, FLOWS))
    assert "degraded" in screen
    assert "! no BTF" in screen


@pytest.mark.parametrize(
    ("value", "as_bits", "as_size"),
    [
        (0, "0 bit/s", "0 B"),
        (999, "999 bit/s", "999 B"),
        (999.7, "1 kbit/s", "1 kB"),
        (1_234_000, "1.23 Mbit/s", "1.23 MB"),
        (9.87e9, "9.87 Gbit/s", "9.87 GB"),
        (5e15, "5000 Tbit/s", "5000 TB"),
    ],
)
def test_units(value, as_bits, as_size):
    assert (bits(value), size(value)) == (as_bits, as_size)
