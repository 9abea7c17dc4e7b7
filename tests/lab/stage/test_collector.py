from __future__ import annotations

import socket
from pathlib import Path

import aiohttp
import pytest

from lab.netns import state
from lab.netns.processes import Child
from lab.stage.collector import check_ports, collector
from lab.stage.waiting import ShowFailed
from tests.support.ports import free_port


def words(port: int, folder: Path) -> list[str]:
    data = f"--data-dir={folder / 'data'}"
    ports = [f"--agent-port={port}", f"--console-port={port}"]
    return ["--bind-host=127.0.0.1", "--auth=none", data, *ports]


async def test_a_collector_is_well_and_gone_afterwards(tmp_path: Path) -> None:
    port, known = free_port(), []
    url = f"http://127.0.0.1:{port}"

    def remember(child: Child) -> None:
        known.append({"pid": child.pid, "started": state.started_ticks(child.pid)})

    log = tmp_path / "collector.log"
    async with collector(words(port, tmp_path), url, log, remember) as child:
        async with aiohttp.ClientSession() as session, session.get(f"{url}/health") as page:
            assert (await page.json())["status"] == "ok"
        assert known[0]["pid"] == child.pid
        assert state.is_alive(known[0])
    assert not state.is_alive(known[0])


async def test_one_that_cannot_start_says_why(tmp_path: Path) -> None:
    wrong = [*words(free_port(), tmp_path), "--retention-days=0"]
    with pytest.raises(ShowFailed, match=r"collector: ended with status 2\n.*retention"):
        async with collector(wrong, "http://127.0.0.1:9", tmp_path / "log"):
            pytest.fail("it runs")


def test_a_port_in_use_is_named() -> None:
    check_ports(free_port())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ShowFailed, match=f"port {port}: Address already in use: stop"):
            check_ports(port)
