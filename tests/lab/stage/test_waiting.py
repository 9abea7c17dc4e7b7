from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from lab.netns import processes
from lab.stage import waiting


async def test_the_first_end_is_waited_for_and_what_it_raises_is_raised() -> None:
    forever = asyncio.Event()
    await waiting.until([forever.wait(), asyncio.sleep(0.01)])

    async def fail() -> None:
        raise waiting.ShowFailed("reason")

    with pytest.raises(waiting.ShowFailed, match="reason"):
        await waiting.until([forever.wait(), fail()])


async def test_meanwhile_progress_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "PROGRESS_S", 0.02)
    told: list[int] = []
    await waiting.until([asyncio.sleep(0.2)], lambda: told.append(1))
    assert len(told) >= 2


async def test_a_child_that_ends_is_named_with_its_last_words(tmp_path) -> None:
    child = await processes.start(
        "agent", ["sh", "-c", "echo no BTF; exit 2"], log=tmp_path / "agent.log"
    )
    with pytest.raises(waiting.ShowFailed, match="^agent: ended with status 2\nno BTF$"):
        await waiting.ended(child)
    await child.stop()


async def test_patience_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "READY_S", 0.05)
    child = await processes.start("collector", ["sleep", "30"])
    with pytest.raises(waiting.ShowFailed, match="collector: not ready after 0 s"):
        await waiting.within(asyncio.Event().wait(), child)
    await child.stop()


async def test_a_command_answers_or_is_named() -> None:
    assert await waiting.told("x", ["printf", "one\\ntwo\\n"]) == "one\ntwo"
    with pytest.raises(waiting.ShowFailed, match="token: ended with status 1"):
        await waiting.told("token", ["false"])


async def test_blocking_work_is_finished_even_when_we_are_cancelled() -> None:
    done: list[str] = []

    def work() -> None:
        import time

        time.sleep(0.2)
        done.append("yes")

    task = asyncio.ensure_future(waiting.whole(work))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done == ["yes"]


async def test_healthy_waits_for_200() -> None:
    answers = iter((503, 500, 200))

    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=next(answers))

    app = web.Application()
    app.router.add_get("/health", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    await asyncio.wait_for(waiting.healthy(f"http://127.0.0.1:{port}/health"), 5)
    assert next(answers, None) is None
    await runner.cleanup()
