"""What others have on the device is, byte for byte, what it was."""

from __future__ import annotations

import ctypes
import os
import platform
import struct
from collections.abc import Iterator

import pytest

from agent.capture.loader import bpf, create
from agent.qos.apply import transaction
from tests.support.campaigns import count

pytestmark = [pytest.mark.root, pytest.mark.campaign, pytest.mark.timeout(600)]

HAS_TCX = tuple(map(int, platform.release().split(".")[:2])) >= (6, 6)
FOREIGN = [
    ("qdisc", "add", "dev", "left0", "clsact"),
    *(
        ("filter", "add", "dev", "left0", hook, "prio", prio, "protocol", "ip", "u32",
         "match", "ip", "protocol", "17", "0xff", "classid", f"1:{prio[0]}")
        for hook in ("ingress", "egress")
        for prio in ("1", "40000")
    ),
]  # fmt: skip
ELSEWHERE = [
    ("qdisc", "add", "dev", "other0", "root", "handle", "1:", "htb", "default", "10"),
    ("class", "add", "dev", "other0", "parent", "1:", "classid", "1:10", "htb", "rate",
     "5mbit"),
    ("qdisc", "add", "dev", "other0", "parent", "1:10", "handle", "10:", "pfifo", "limit",
     "7"),
]  # fmt: skip


def shown(bench):
    parts = [bench.tc("qdisc", "show"), bench.tc("class", "show", "dev", "other0")]
    for hook in ("ingress", "egress"):
        parts.append(bench.tc("filter", "show", "dev", "left0", hook))
    parts.append(bench.space.run("ip", "-d", "link", "show"))
    return "".join(parts)


def links_shown(links):
    """What the kernel says of each: ids, and the device that it is on, 0 once it is off."""
    shown = []
    for fd in links:
        buffer = ctypes.create_string_buffer(64)
        size = ctypes.c_uint32(len(buffer))
        call = bpf.library().bpf_obj_get_info_by_fd
        bpf.checked(call(fd, buffer, ctypes.byref(size)), "link")
        shown.append(buffer.raw[: size.value])
    return shown


@pytest.fixture
def links(bench) -> Iterator[list[int]]:
    """Programs of somebody else: XDP, and before all filters (TCX) where the kernel can."""
    ends = struct.pack("=BBhiBBhi", 0xB7, 0, 0, -1, 0x95, 0, 0, 0)  # return -1
    passes = struct.pack("=BBhiBBhi", 0xB7, 0, 0, 2, 0x95, 0, 0, 0)  # return XDP_PASS
    tc = create.program(create.Program("tenant_tc", create.SCHED_CLS, ends))
    xdp = create.program(create.Program("tenant_xdp", create.XDP, passes))
    kinds = [bpf.ATTACH_TCX_INGRESS, bpf.ATTACH_TCX_EGRESS] if HAS_TCX else []
    with bench.space.entered():
        index = bench.space.index("left0")
        made = [bpf.create_link(xdp, index, bpf.ATTACH_XDP, bpf.XDP_GENERIC)]
        made += [bpf.create_link(tc, index, kind) for kind in kinds]
    yield made
    for fd in (*made, tc, xdp):
        os.close(fd)


def test_rounds_of_install_and_removal(bench, links):
    bench.space.run("ip", "link", "add", "other0", "type", "veth", "peer", "name", "other1")
    bench.space.run("ip", "link", "set", "other0", "up")
    for words in (*FOREIGN, *ELSEWHERE):
        bench.tc(*words)
    before = shown(bench)
    links_before = links_shown(links)
    foreign = bench.tc("filter", "show", "dev", "left0", "ingress").rstrip()
    wanted = bench.wanted(20, 50)
    for number in range(count(10, 100)):
        assert bench.apply(wanted)
        installed = bench.tc("filter", "show", "dev", "left0", "ingress")
        # Weir's filter comes after all others.
        assert installed.startswith(foreign)
        assert "mirred (Egress Redirect to device wi-left0)" in installed
        assert links_shown(links) == links_before, number
        bench.revert()
        assert shown(bench) == before, number
        assert links_shown(links) == links_before, number


def test_an_ifb_of_somebody_else_is_not_ours(bench):
    bench.space.run("ip", "link", "add", "wi-left0", "type", "ifb")
    before = shown_links(bench)
    wanted = bench.wanted(20, 50)
    with pytest.raises(OSError, match="File exists"):
        bench.apply(wanted)
    assert shown_links(bench) == before
    bench.revert()
    assert shown_links(bench) == before
    with bench.kernel() as kernel:
        assert not transaction.recover(kernel, bench.journal, 0.0)


def shown_links(bench):
    return bench.space.run("ip", "link", "show") + bench.tc("qdisc", "show")
