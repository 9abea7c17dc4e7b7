"""Everybody is asked once: collectors that answer, that fail, and that are not there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import TestServer

from agent import consultation
from agent.config import Agent, Capture, Config
from agent.status.doctor import Finding, Level


async def collector(status: int) -> TestServer:
    async def health(_: web.Request) -> web.Response:
        return web.json_response({}, status=status)

    app = web.Application()
    app.router.add_get("/health", health)
    server = TestServer(app)
    await server.start_server()
    return server


def config(folder: Path, *urls: str) -> Config:
    return Config(
        Agent(backend_url=urls, data_dir=str(folder), runtime_dir=str(folder),
              upload_timeout=1.0),
        Capture(interfaces=("lo",)),
    )  # fmt: skip


def level(found: Iterable[Finding], subject: str, text: str = "") -> list[Level]:
    return [one.level for one in found if one.subject == subject and text in one.text]


async def test_each_collector_is_judged_by_its_own_answer(tmp_path: Path):
    well, ill = await collector(200), await collector(503)
    urls = [str(one.make_url("")).rstrip("/") for one in (well, ill)]
    found = await consultation.findings(config(tmp_path, *urls, "http://127.0.0.1:9"))
    assert level(found, "collector", urls[0]) == [Level.OK]
    assert level(found, "collector", urls[1])[0] is not Level.OK
    assert level(found, "collector", "127.0.0.1:9")[0] is not Level.OK
    assert not level(found, "clock", " of http") + level(found, "clock", "behind")
    for server in (well, ill):
        await server.close()


async def test_without_collectors_nobody_is_asked(tmp_path: Path):
    found = await asyncio.wait_for(consultation.findings(config(tmp_path)), 10)
    assert {"kernel", "interfaces", "disk"} <= {one.subject for one in found}
    assert all("127.0.0.1" not in one.text for one in found)
