"""The lab in a real kernel: up, down, twice, and after a crash."""

from __future__ import annotations

import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.netns import namespace, state, world
from lab.netns.topology import Topology
from tests.support.namespaces import Namespace

pytestmark = pytest.mark.root
REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture
def prefix() -> Iterator[str]:
    name = f"weir-{secrets.token_hex(3)}"
    yield name
    world.down(name)


def own_links() -> list[str]:
    return sorted(name for _, name in socket.if_nameindex())


def left_behind(prefix: str) -> list[str]:
    places = (namespace.DIRECTORY, state.DIRECTORY)
    return [str(path) for place in places for path in place.glob(f"{prefix}*")]


def talk(plan: Topology, client: str, address: str) -> str:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with namespace.entered(plan.server):
        listener = socket.create_server((address, 0), family=family)
    target = listener.getsockname()[:2]
    with (
        listener,
        namespace.entered(client),
        socket.create_connection(target, timeout=5) as caller,
    ):
        return str(caller.getsockname()[0])


@pytest.mark.parametrize("hosts", [1, 3])
def test_every_client_reaches_the_server(prefix: str, hosts: int) -> None:
    before = own_links()
    plan = world.up(prefix, hosts)
    for host in plan.hosts:
        for ipv4, ipv6 in zip(plan.server_ipv4, plan.server_ipv6, strict=True):
            assert talk(plan, host.space, ipv4) == host.ipv4
            assert talk(plan, host.space, ipv6) == host.ipv6
    forwarded = Namespace(plan.router).statistics("wan0")["tx_packets"]
    assert forwarded >= 2 * hosts * len(plan.server_ipv4)
    assert own_links() == before
    assert world.down(prefix)
    assert left_behind(prefix) == []
    assert own_links() == before


def test_up_twice_is_up_once(prefix: str) -> None:
    plan = world.up(prefix)
    index = namespace.index_of(plan.router, "lan0")
    Namespace(plan.router).sysctl("ipv4/conf/lan0/forwarding", 1)
    assert world.up(prefix) == plan
    assert namespace.index_of(plan.router, "lan0") == index
    assert world.status(prefix).is_up


def test_what_is_damaged_is_rebuilt(prefix: str) -> None:
    plan = world.up(prefix)
    with namespace.netlink(plan.server) as ip:
        ip.link("del", index=ip.link_lookup(ifname="eth0")[0])
    told = world.status(prefix)
    assert not told.is_up
    assert set(told.missing) == {f"{plan.router}/wan0", f"{plan.server}/eth0"}
    world.up(prefix)
    assert world.status(prefix).is_up
    assert talk(plan, plan.hosts[0].space, plan.server_ipv4[0]) == plan.hosts[0].ipv4


def test_down_of_nothing_is_fine(prefix: str) -> None:
    assert world.down(prefix) is False
    assert not world.status(prefix).is_up
    assert left_behind(prefix) == []


@pytest.mark.parametrize("delay_ms", [0, 10, 20, 40, 60, 80, 120])
def test_down_cleans_up_after_a_kill_at_any_moment(prefix: str, delay_ms: int) -> None:
    code = f"from lab.netns import world; print('go', flush=True); world.up({prefix!r}, 4)"
    child = subprocess.Popen(
        [sys.executable, "-c", code], cwd=REPOSITORY, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    child.stdout.readline()
    time.sleep(delay_ms / 1000)
    child.kill()
    child.communicate()
    world.down(prefix)
    assert left_behind(prefix) == []
    world.up(prefix, 2)
    assert world.status(prefix).is_up


def test_down_works_without_the_record(prefix: str) -> None:
    world.up(prefix, 3)
    state.forget(prefix)
    assert world.down(prefix)
    assert left_behind(prefix) == []


def test_down_ends_what_runs_inside(prefix: str, tmp_path: Path) -> None:
    plan = world.up(prefix)
    stubborn = (
        "import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "print(1, flush=True); time.sleep(60)"
    )
    known = subprocess.Popen(["sleep", "60"])
    inside = subprocess.Popen(
        namespace.enter_command(plan.router, [sys.executable, "-c", stubborn]),
        stdout=subprocess.PIPE,
    )
    assert inside.stdout is not None
    inside.stdout.readline()
    state.remember_process(prefix, known.pid, "a sleeper")
    made = tmp_path / "made"
    made.mkdir()
    record = state.load(prefix)
    assert record is not None
    record.directories.append(str(made))
    state.save(record)
    assert [process["what"] for process in world.status(prefix).processes] == ["a sleeper"]
    world.down(prefix)
    assert known.wait(1) == -signal.SIGTERM
    assert inside.wait(1) == -signal.SIGKILL
    inside.stdout.close()
    assert not made.exists()


def test_two_commands_do_not_meet(prefix: str) -> None:
    with state.locked(prefix), pytest.raises(BlockingIOError, match="another command"):
        world.up(prefix)


def test_a_name_of_another_lab_is_left_alone(prefix: str) -> None:
    other = f"{prefix}-routerx"
    namespace.create(other)
    try:
        world.up(prefix)
        world.down(prefix)
        assert namespace.exists(other)
    finally:
        namespace.remove(other)
