"""The helpers that other tests stand on must themselves be right."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from tests.support import frames as build
from tests.support.capturing import capture
from tests.support.mix import mixed
from tests.support.namespaces import Namespace, World
from tests.support.pcaps import read_pcap, tshark_fields, write_pcap, write_pcapng
from tests.support.sending import Sender, pack, send

FIELDS = (
    "frame.len", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "tcp.srcport", "udp.srcport",
    "sctp.srcport", "tcp.dstport", "udp.dstport", "sctp.dstport", "tcp.hdr_len", "tcp.len",
    "tcp.flags", "ip.ttl", "ipv6.hlim", "ip.dsfield.dscp", "ipv6.tclass.dscp", "vlan.id",
    "ieee8021ad.id",
    "tcp.window_size_value", "udp.length",
)  # fmt: skip
SCTP = ("-o", "sctp.checksum:CRC 32c")
CHECKSUMS = (
    "ip.checksum.status", "tcp.checksum.status", "udp.checksum.status",
    "icmp.checksum.status", "icmpv6.checksum.status", "sctp.checksum.status",
)  # fmt: skip


def first(row: dict[str, list[str]], *fields: str) -> str | None:
    return next((row[field][0] for field in fields if row.get(field)), None)


def test_the_mix_is_what_tshark_sees(tmp_path: Path) -> None:
    built = list(mixed(11, 4000, flows=300, broken=False))
    path = write_pcap(
        tmp_path / "mix.pcap", ((i * 1000, f) for i, (f, _) in enumerate(built))
    )
    seen = 0
    for (frame, told), row in zip(built, tshark_fields(path, *FIELDS), strict=True):
        assert row["frame.len"] == [str(len(frame))] == [str(told.wire_bytes)]
        assert int(first(row, "ieee8021ad.id", "vlan.id") or 0) == told.vlan
        if told.outcome != "flow":
            continue
        seen += 1
        source = first(row, "ip.src" if told.family == 4 else "ipv6.src")
        assert source is not None
        assert build.address(source) == told.source
        assert (
            int(first(row, "ip.ttl" if told.family == 4 else "ipv6.hlim") or -1) == told.ttl
        )
        dscp = first(row, "ip.dsfield.dscp" if told.family == 4 else "ipv6.tclass.dscp")
        assert int(dscp or -1) == told.dscp
        if told.fragment != "later" and told.protocol in (build.TCP, build.UDP, build.SCTP):
            ports = [
                first(row, f"tcp.{p}", f"udp.{p}", f"sctp.{p}")
                for p in ("srcport", "dstport")
            ]
            assert ports == [str(told.source_port), str(told.destination_port)]
        if told.protocol == build.TCP:
            assert row["tcp.hdr_len"] == [str(told.header_bytes)]
            assert row["tcp.len"] == [str(told.payload_bytes)]
            assert int(row["tcp.flags"][0], 16) == told.tcp_flags
            assert row["tcp.window_size_value"] == [str(told.window)]
    assert seen > 3000


def test_checksums_are_right(tmp_path: Path) -> None:
    built = list(mixed(12, 3000, flows=200, broken=False))
    path = write_pcapng(tmp_path / "mix.pcapng", ((i, f) for i, (f, _) in enumerate(built)))
    switches = [
        part
        for name in ("ip", "tcp", "udp")
        for part in ("-o", f"{name}.check_checksum:TRUE")
    ]
    fields = [part for name in CHECKSUMS for part in ("-e", name)]
    told = subprocess.run(
        ["tshark", "-n", "-r", str(path), *switches, *SCTP, "-T", "fields", *fields],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    statuses = [
        status
        for line in told.splitlines()
        for status in line.replace(",", "\t").split("\t")
    ]
    assert statuses.count("1") > 3000
    assert "0" not in statuses, "tshark calls a checksum bad"
    columns = [line.split("\t") for line in told.splitlines()]
    for position, name in enumerate(CHECKSUMS):
        assert any(row[position].startswith("1") for row in columns), (
            f"no {name} was judged"
        )


def test_the_same_seed_gives_the_same_mix() -> None:
    assert list(mixed(3, 500)) == list(mixed(3, 500))
    assert list(mixed(3, 500)) != list(mixed(4, 500))
    outcomes = {told.outcome for _, told in mixed(3, 2000)}
    assert outcomes == {"flow", "non_ip", "unparsed"}


@pytest.mark.parametrize("size", [8, 24, 512, 1480, 1488])
def test_fragments_add_up(size: int) -> None:
    for cut, ends in ((build.ipv4_fragments, "10.0.0."), (build.ipv6_fragments, "fd00::")):
        whole = build.udp(5, 6, bytes(1480))
        packets = cut(f"{ends}1", f"{ends}2", whole, size=size)
        assert [p.expected.fragment for p in packets[1:]] == ["later"] * (len(packets) - 1)
        assert packets[0].expected.fragment == ("first" if size < 1488 else "none")
        assert all(p.expected.source_port == 0 for p in packets[1:])


def test_pcap_round_trip(tmp_path: Path) -> None:
    packets = [
        (1_700_000_000_123_456_789, b"a" * 60),
        (1_700_000_001_000_000_000, b"b" * 1514),
    ]
    path = write_pcap(tmp_path / "x.pcap", packets)
    assert [(at, frame) for at, frame, _ in read_pcap(path)] == packets
    swapped = write_pcap(tmp_path / "y.pcap", packets, swapped=True)
    assert [row["frame.len"] for row in tshark_fields(swapped, "frame.len")] == [
        ["60"],
        ["1514"],
    ]


@pytest.mark.root
def test_every_frame_arrives_as_it_was_built(
    quiet_pair: tuple[Namespace, Namespace], tmp_path: Path
) -> None:
    left, right = quiet_pair
    frames = [frame for frame, _ in mixed(5, 2000)]
    with (
        capture(right, "right0", tmp_path / "far.pcap") as far,
        Sender(left, "left0") as sender,
    ):
        sender.send_packed(pack(frames))
    assert far.frames() == frames
    counted = right.statistics("right0")
    assert (counted["rx_packets"], counted["rx_bytes"]) == (2000, sum(map(len, frames)))
    assert counted["tx_packets"] == 0


@pytest.mark.root
def test_bulk_keeps_the_order_asked_for(
    quiet_pair: tuple[Namespace, Namespace], tmp_path: Path
) -> None:
    left, right = quiet_pair
    frames = [frame for frame, _ in mixed(6, 100)]
    order = np.random.default_rng(1).integers(0, 100, 20_000)
    started = time.monotonic()
    with (
        capture(right, "right0", tmp_path / "far.pcap") as far,
        Sender(left, "left0") as sender,
    ):
        assert sender.send_packed(pack(frames), order) == 20_000
    assert far.captured == 20_000
    assert far.frames()[::777] == [frames[pick] for pick in order[::777]]
    assert time.monotonic() - started < 30


@pytest.mark.root
@pytest.mark.parametrize("family", [4, 6])
def test_a_super_frame_is_cut_into_its_segments(
    quiet_pair: tuple[Namespace, Namespace], tmp_path: Path, family: int
) -> None:
    left, right = quiet_pair
    left.offloads_off("left0")
    ends = ("10.0.0.1", "10.0.0.2") if family == 4 else ("fd00::1", "fd00::2")
    header = 54 if family == 4 else 74
    frame = build.super_tcp(*ends, (1, 2), bytes(14_000))
    with (
        capture(right, "right0", tmp_path / "far.pcap") as far,
        Sender(left, "left0", super_frames=True) as sender,
    ):
        sender.send_super(frame, header_bytes=header, segment_bytes=1400)
    assert far.lengths() == [header + 1400] * 10


@pytest.mark.root
def test_offloads_and_settings_stay_in_the_world(netns: World) -> None:
    left, right = netns.pair()
    left.offload("left0", tso=False, gso=False)
    assert "tx-tcp-segmentation: off" in left.run("ethtool", "-k", "left0")
    assert "tx-tcp-segmentation: on" in right.run("ethtool", "-k", "right0")
    right.sysctl("ipv4/ip_forward", 1)
    assert right.run("cat", "/proc/sys/net/ipv4/ip_forward").strip() == "1"
    assert left.run("cat", "/proc/sys/net/ipv4/ip_forward").strip() == "0"
    for family, host in ((socket.AF_INET, "10.9.0.2"), (socket.AF_INET6, "fd09::2")):
        with right.entered():
            listener = socket.create_server((host, 0), family=family)
        with left.entered():
            caller = socket.create_connection(listener.getsockname()[:2], timeout=5)
        caller.close()
        listener.close()
    assert left.mac("left0") != right.mac("right0")


@pytest.mark.root
def test_a_world_leaves_nothing(tmp_path: Path) -> None:
    from lab.netns import namespace
    from tests.support.namespaces import world

    with world() as made:
        left, _ = made.pair()
        assert namespace.exists(left.name)
        send(left, "left0", [build.ethernet(build.lldp(), pad_to=60)[0]])
    assert not namespace.exists(left.name)
