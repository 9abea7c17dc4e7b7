"""Frames merged by GSO and GRO count as the wire segments they stand for."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from tests.support.agents import Agent, totals, unbalanced

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]

BYTES = 20 << 20


def transfer(left, right, family, address):
    """One TCP connection that carries BYTES from left to right."""
    with right.entered():
        listener = socket.create_server((address, 5001), family=family)

    def drain():
        connection, _ = listener.accept()
        with connection:
            while connection.recv(1 << 20):
                pass

    thread = threading.Thread(target=drain)
    thread.start()
    with left.entered():
        sender = socket.create_connection((address, 5001))
    with sender:
        block = bytes(1 << 16)
        for _ in range(BYTES // len(block)):
            sender.sendall(block)
    thread.join()
    listener.close()


def sent_again(space) -> int:
    """Segments that TCP sent more than once in a namespace."""
    with space.entered():
        lines = Path("/proc/thread-self/net/snmp").read_text("ascii").splitlines()
    names, values = (line.split() for line in lines if line.startswith("Tcp:"))
    return int(values[names.index("RetransSegs")])


@pytest.mark.parametrize("offloads", [True, False], ids=["offloads on", "offloads off"])
@pytest.mark.parametrize(
    ("family", "address"), [(socket.AF_INET, "10.9.0.2"), (socket.AF_INET6, "fd09::2")]
)
def test_segments_on_the_wire_are_what_is_counted(
    netns, tmp_path, offloads, family, address
):
    left, right = netns.pair()
    for space, interface in ((left, "left0"), (right, "right0")):
        space.sysctl(f"ipv6/conf/{interface}/router_solicitations", 0)
    # Neighbours and multicast listeners introduce themselves first.
    left.wait_quiet("left0", still_s=1.5)
    if not offloads:
        left.offloads_off("left0")
        right.offloads_off("right0")
    before = left.wait_quiet("left0")
    agent = Agent(left, tmp_path, capture={"interfaces": ["left0"], "xdp": "off"})
    far = Agent(right, tmp_path / "far", capture={"interfaces": ["right0"], "xdp": "off"})
    far.folder.mkdir()
    try:
        agent.start()
        far.start()
        transfer(left, right, family, address)
        near_link = left.wait_quiet("left0")
        agent.stop()
        far.stop()
        sent = totals(agent.batches(), "left0")
        received = totals(far.batches(), "right0")
    finally:
        agent.remove()
        far.remove()
    assert unbalanced(sent) == unbalanced(received) == {}
    # Without offloads the stack cuts frames into segments below the hook, above the driver.
    unit = "frames" if offloads else "packets"
    driver = near_link["tx_packets"] - before["tx_packets"]
    assert sent["tx", "seen", unit] == driver
    for unit in ("packets", "bytes"):
        assert sent["tx", "seen", unit] == received["rx", "seen", unit], unit
    # 1448 or 1428 bytes of payload fill a segment; acknowledgements carry none.
    header = 66 if family == socket.AF_INET else 86
    payload = sent["tx", "seen", "bytes"] - header * sent["tx", "seen", "packets"]
    # What was sent twice crossed the wire twice.
    # Greetings carry more options than data does: headers are right to 2,000 bytes.
    assert BYTES - 2000 < payload < BYTES + 2000 + 1448 * sent_again(left)
    assert sent["tx", "seen", "packets"] >= BYTES // (1514 - header)
    merged = sent["tx", "seen", "packets"] / sent["tx", "seen", "frames"]
    assert merged > 5
    unmerged = received["rx", "seen", "packets"] == received["rx", "seen", "frames"]
    assert unmerged != offloads
