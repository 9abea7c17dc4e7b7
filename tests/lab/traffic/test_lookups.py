from __future__ import annotations

from pathlib import Path

from hypothesis import given, strategies

from lab.traffic.lookups import TYPE_A, TYPE_AAAA, Clock, answer, question
from lab.traffic.tally import Count
from lab.traffic.voice import Media, Signalling, packet
from tests.support import frames as build
from tests.support.pcaps import tshark_fields, write_pcap

ADDRESS = ("192.0.2.1", 4000)


@given(strategies.binary(max_size=80))
def test_whatever_comes_is_answered_or_ignored(data: bytes) -> None:
    """Servers of datagrams face anybody: no bytes may raise."""
    count = Count()
    for server in (Clock(count), Media(count), Signalling(count)):
        reply = server.reply(data, ADDRESS)
        assert reply is None or isinstance(reply, bytes)
    reply = answer(data)
    assert reply is None or reply[:2] == data[:2]


@given(strategies.integers(0, 40))
def test_a_query_cut_short_is_ignored(length: int) -> None:
    whole = question(7, "www1.lab.example", TYPE_A)
    assert answer(whole) is not None
    assert answer(whole[: min(length, len(whole) - 1)]) is None


def test_tshark_reads_what_both_sides_say(tmp_path: Path) -> None:
    ask = question(0x1234, "video7.lab.example", TYPE_AAAA)
    reply = answer(ask)
    assert reply is not None
    clock = Clock(Count()).reply(b"\x23" + bytes(39) + b"12345678", ADDRESS)
    assert clock is not None
    invitation = b"INVITE sip:lab@x SIP/2.0\r\nCall-ID: 7\r\nCSeq: 1 INVITE\r\n\r\n"
    accepted = Signalling(Count()).reply(invitation, ADDRESS)
    assert accepted is not None
    datagrams = [
        (53, ask),
        (53, reply),
        (123, clock),
        (5060, accepted),
        (5004, packet(9, 7, b"s")),
    ]
    frames = [
        build.ethernet(build.ipv4("10.0.0.1", "10.0.0.2", build.udp(port, port, data)))[0]
        for port, data in datagrams
    ]
    path = write_pcap(tmp_path / "x.pcap", ((i, frame) for i, frame in enumerate(frames)))
    told = tshark_fields(
        path, "dns.qry.name", "dns.aaaa", "dns.flags.rcode", "ntp.flags.mode",
        "sip.Status-Code", "_ws.malformed",
    )  # fmt: skip
    assert told[0]["dns.qry.name"] == ["video7.lab.example"]
    assert told[1]["dns.aaaa"] == ["2001:db8::"]
    assert told[1]["dns.flags.rcode"] == ["0"]
    assert told[2]["ntp.flags.mode"] == ["4"]
    assert told[3]["sip.Status-Code"] == ["200"]
    assert not any(row["_ws.malformed"] for row in told)
