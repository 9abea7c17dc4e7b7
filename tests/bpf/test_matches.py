"""What the operator says of flows, in the kernel, against what it means."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from ipaddress import ip_network

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from agent.capture.layout import MATCH_TABLE, MATCHES, VERDICT
from agent.capture.matches import Match, compiled
from agent.records import FLOW_DELTA
from tests.bpf.engine import HOOKS, SLOT, Engine, context_for
from tests.support import frames as build
from tests.support.mix import mixed

pytestmark = pytest.mark.root

UNKNOWN, VOICE, VIDEO, WEB, FILE = 0, 1, 2, 4, 5
NONE, DSCP, PORT, BEHAVIOUR, DPI, RULE = range(6)
SIP, PHONE = 5060, "192.0.2.7"
MIX = [built for built in mixed(12, 300, flows=60, broken=False) if len(built[0]) < 3000]
FLOWS = [built for built in MIX if built[1].outcome == "flow"]
KNOWN = sorted({end for _, told in FLOWS for end in (told.source, told.destination)})
PORTS = sorted({told.destination_port for _, told in FLOWS if told.destination_port})


@pytest.fixture
def loaded_table(loaded: Engine) -> Iterable[Engine]:
    """Ports: 5060 is voice; code points: 34 is video."""
    loaded.clear()
    ports, points = np.zeros(65536, np.uint8), np.zeros(64, np.uint8)
    ports[SIP], points[34] = VOICE, VIDEO
    loaded.kernel.set_classes(ports, points)
    yield loaded
    loaded.kernel.set_matches(np.zeros(1, MATCH_TABLE))
    loaded.clear()


def udp(
    source: str = PHONE, destination: str = "198.51.100.1", ports=(40000, 9), **header
) -> bytes:
    packet = build.ipv6 if ":" in source else build.ipv4
    return build.ethernet(
        packet(source, destination, build.udp(*ports, b"x" * 20), **header)
    )[0]


def told(engine: Engine, frame: bytes, program: str = "weir_egress") -> tuple[int, int]:
    """Class and its source, of the flow that a frame begins."""
    flow = engine.see(program, frame, context_for(program, frame)).flow
    assert flow is not None
    return int(flow.record["class"]), int(flow.record["class_source"])


def means(match: Match, packet: build.Expected) -> bool:
    """The same in another way: addresses and ports of the packet, either way round."""
    has_ports = packet.fragment != "later" and packet.protocol in (6, 17, 132)

    def is_in(network, address: bytes) -> bool:
        return network is None or ipaddress.ip_address(address) in network

    def has_port(ranges, port: int) -> bool:
        return not ranges or has_ports and any(low <= port <= high for low, high in ranges)

    def one_way(source, destination, source_port, destination_port) -> bool:
        return (
            is_in(match.source, source)
            and is_in(match.destination, destination)
            and has_port(match.source_ports, source_port)
            and has_port(match.destination_ports, destination_port)
        )

    ends = packet.source, packet.destination
    ports = packet.source_port, packet.destination_port
    return (
        (match.protocol is None or match.protocol == packet.protocol)
        and (not match.dscp or packet.dscp in match.dscp)
        and (match.slots is None or SLOT in match.slots)
        and (has_port(match.ports, ports[0]) or has_port(match.ports, ports[1]))
        and (one_way(*ends, *ports) or one_way(*ends[::-1], *ports[::-1]))
    )


@st.composite
def ranges(draw: st.DrawFn) -> tuple[tuple[int, int], ...]:
    found = []
    for low in draw(st.lists(st.sampled_from(PORTS), max_size=3)):
        found.append((low, draw(st.sampled_from([low, low, min(low + 999, 65535)]))))
    return tuple(found)


@st.composite
def matches(draw: st.DrawFn) -> Match:
    version = draw(st.sampled_from([4, 16]))

    def network():
        known = [one for one in KNOWN if len(one) == version]
        if not draw(st.booleans()):
            return None
        bits = draw(st.integers(0, 8 * version))
        return ip_network((draw(st.sampled_from(known)), bits), strict=False)

    either = draw(ranges())
    return Match(
        class_number=draw(st.integers(1, 6)),
        source=network(),
        destination=network(),
        ports=either,
        source_ports=() if either else draw(ranges()),
        destination_ports=() if either else draw(ranges()),
        protocol=draw(st.sampled_from([None, None, 6, 17, 132, 1, 58])),
        dscp=frozenset(draw(st.lists(st.sampled_from([0, 0, 10, 46]), max_size=2))),
        slots=draw(st.sampled_from([None, None, frozenset({SLOT}), frozenset({SLOT + 1})])),
    )


@settings(max_examples=40)
@given(data=st.data())
def test_the_kernel_means_what_the_matches_mean(
    loaded: Engine, data: st.DataObject
) -> None:
    wanted = data.draw(st.lists(matches(), max_size=5))
    program = data.draw(st.sampled_from(sorted(HOOKS)))
    loaded.kernel.set_classes(np.zeros(65536, np.uint8), np.zeros(64, np.uint8))
    loaded.kernel.set_matches(compiled(wanted))
    for frame, packet in FLOWS:
        fits = (one.class_number for one in wanted if means(one, packet))
        number = next(fits, None)
        expected = (UNKNOWN, NONE) if number is None else (number, RULE)
        assert told(loaded, frame, program) == expected, packet
    loaded.kernel.set_matches(np.zeros(1, MATCH_TABLE))


NET, HOST = ip_network("192.0.2.0/24"), ip_network("192.0.2.7/32")


@pytest.mark.parametrize(
    ("match", "frame", "expected"),
    [
        pytest.param(Match(WEB), udp(ports=(40000, SIP)), (WEB, RULE), id="before ports"),
        pytest.param(Match(WEB), udp(dscp=34), (WEB, RULE), id="before code points"),
        pytest.param(Match(None), udp(ports=(1, SIP)), (VOICE, PORT), id="no class: ports"),
        pytest.param(Match(None), udp(dscp=34), (VIDEO, DSCP), id="no class: code point"),
        pytest.param(Match(UNKNOWN), udp(dscp=34), (UNKNOWN, RULE), id="unknown, said so"),
        pytest.param(Match(WEB, HOST), udp(), (WEB, RULE), id="source"),
        pytest.param(Match(WEB, HOST), udp("203.0.113.1", PHONE), (WEB, RULE), id="answer"),
        pytest.param(
            Match(WEB, HOST, NET), udp(), (UNKNOWN, NONE), id="both ends are asked for"
        ),
        pytest.param(
            Match(WEB, NET, ports=((9, 9),)), udp(), (WEB, RULE), id="port of the other end"
        ),
        pytest.param(
            Match(WEB, NET, source_ports=((9, 9),)),
            udp(),
            (UNKNOWN, NONE),
            id="its own port",
        ),
        pytest.param(
            Match(WEB, ports=((0, 65535),)),
            build.ethernet(build.ipv4("10.0.0.1", "10.0.0.2", build.icmp(8, 0, b"x")))[0],
            (UNKNOWN, NONE),
            id="ICMP has no ports",
        ),
        pytest.param(
            Match(WEB, ip_network("0.0.0.0/0")),
            udp("2001:db8::1", "2001:db8::2"),
            (UNKNOWN, NONE),
            id="all of IPv4 is no IPv6",
        ),
        pytest.param(
            Match(WEB, ip_network("::/0")), udp(), (UNKNOWN, NONE), id="nor the other way"
        ),
        pytest.param(Match(WEB, slots=frozenset()), udp(), (UNKNOWN, NONE), id="no slots"),
    ],
)
def test_one_match_and_one_frame(loaded_table: Engine, match, frame, expected) -> None:
    loaded_table.kernel.set_matches(compiled([match]))
    assert told(loaded_table, frame) == expected


def test_later_fragments_have_no_ports(loaded_table: Engine) -> None:
    loaded_table.kernel.set_matches(compiled([Match(WEB, ports=((0, 65535),))]))
    segment = build.udp(40000, 9, b"x" * 200)
    parts = build.ipv4_fragments(PHONE, "198.51.100.1", segment, size=104)
    found = [told(loaded_table, build.ethernet(part)[0]) for part in parts]
    assert found == [(WEB, RULE), (UNKNOWN, NONE)]


def test_the_first_of_as_many_as_there_may_be(loaded_table: Engine) -> None:
    """The last entry of the table counts, and an earlier one wins over it."""
    others = [Match(FILE, ports=((port, port),)) for port in range(1, MATCHES)]
    loaded_table.kernel.set_matches(compiled([*others, Match(WEB)]))
    assert told(loaded_table, udp(ports=(40000, 40001))) == (WEB, RULE)
    assert told(loaded_table, udp(ports=(40000, 1))) == (FILE, RULE)
    loaded_table.kernel.set_matches(compiled(others))
    assert told(loaded_table, udp(ports=(40000, 40001))) == (UNKNOWN, NONE)


def living(engine: Engine) -> dict[int, tuple[int, int, int]]:
    """Class, source and limit of each flow, by the port that is not 40000."""
    return {
        int(min(flow.key["low_port"], flow.key["high_port"])): (
            int(flow.record["class"]),
            int(flow.record["class_source"]),
            int(flow.record["limit"]),
        )
        for flow in engine.flows()
    }


def test_living_flows_follow_the_table(loaded_table: Engine) -> None:
    kernel = loaded_table.kernel
    for port, dscp in ((9, 0), (SIP, 0), (11, 34), (13, 0)):
        loaded_table.run("weir_egress", udp(ports=(40000, port), dscp=dscp))
    none = (UNKNOWN, NONE, 0)
    as_begun = {9: none, SIP: (VOICE, PORT, 0), 11: (VIDEO, DSCP, 0), 13: none}
    assert living(loaded_table) == as_begun

    kernel.set_matches(
        compiled([Match(None, ports=((SIP, SIP),), limit=5), Match(WEB, HOST, limit=7)])
    )
    kernel.reclassify(kernel.walk()[0])
    web = (WEB, RULE, 7)
    assert living(loaded_table) == {9: web, SIP: (VOICE, PORT, 5), 11: web, 13: web}

    kernel.set_matches(compiled([Match(FILE, ports=((13, 13),), dscp=frozenset({0}))]))
    kernel.reclassify(kernel.walk()[0])
    assert living(loaded_table) == as_begun | {13: (FILE, RULE, 0)}


def test_what_was_found_out_stays_unless_a_match_says_otherwise(
    loaded_table: Engine,
) -> None:
    kernel = loaded_table.kernel
    loaded_table.run("weir_egress", udp())
    loaded_table.run("weir_egress", udp(ports=(40000, 11)))
    verdicts = np.zeros(2, VERDICT)
    for verdict, flow in zip(verdicts, loaded_table.flows(), strict=True):
        verdict["key"], verdict["id"] = flow.key, flow.record["id"]
        verdict["class"], verdict["class_source"] = VIDEO, DPI
    kernel.set_verdicts(verdicts)
    kernel.set_matches(compiled([Match(WEB, ports=((11, 11),))]))
    kernel.reclassify(kernel.walk()[0])
    assert living(loaded_table) == {9: (VIDEO, DPI, 0), 11: (WEB, RULE, 0)}


def test_another_life_of_a_key_is_left_alone(loaded_table: Engine) -> None:
    kernel = loaded_table.kernel
    loaded_table.run("weir_egress", udp())
    rows = kernel.walk()[0]
    rows["id"] += np.uint64(2)
    kernel.set_matches(compiled([Match(WEB)]))
    kernel.reclassify(rows)
    assert living(loaded_table) == {9: (UNKNOWN, NONE, 0)}


def test_more_flows_than_one_list_holds(loaded_table: Engine) -> None:
    """Two lists' worth of rows; those of flows that are gone are passed over."""
    kernel = loaded_table.kernel
    loaded_table.run("weir_egress", udp())
    rows = np.zeros(5000, FLOW_DELTA)
    rows[-1] = kernel.walk()[0][0]
    kernel.set_matches(compiled([Match(WEB)]))
    kernel.reclassify(rows)
    assert living(loaded_table) == {9: (WEB, RULE, 0)}


def test_the_code_point_is_the_first_packets_though_it_was_an_answer(
    loaded_table: Engine,
) -> None:
    """A SYN with ACK begins a flow backward; the other direction has its own code point."""
    kernel = loaded_table.kernel
    answer = build.tcp(443, 40000, flags=build.SYN | build.ACK)
    for packet in (
        build.ipv4("198.51.100.1", PHONE, answer, dscp=46),
        build.ipv4(PHONE, "198.51.100.1", build.tcp(40000, 443), dscp=10),
    ):
        loaded_table.run("weir_egress", build.ethernet(packet)[0])
    kernel.set_matches(compiled([Match(WEB, dscp=frozenset({46}))]))
    kernel.reclassify(kernel.walk()[0])
    assert living(loaded_table) == {443: (WEB, RULE, 0)}
