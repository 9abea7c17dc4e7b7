from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lab.netns import namespace, processes
from tests.support.namespaces import World, wait_until

REPOSITORY = Path(__file__).resolve().parents[3]
STUBBORN = (
    "import signal, time; signal.signal(15, signal.SIG_IGN); print('x'); time.sleep(60)"
)


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


async def test_lines_come_as_they_are_printed() -> None:
    child = await processes.start("x", python("print('one'); print('two')"))
    assert [line async for line in child.lines()] == ["one", "two"]
    assert await child.stop() == 0
    assert child.last_words() == ""


async def test_a_log_keeps_both_streams(tmp_path: Path) -> None:
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    child = await processes.start("x", python(code), log=tmp_path / "log")
    assert await child.process.wait() == 3
    assert sorted(child.last_words().splitlines()) == ["err", "out"]
    assert await child.stop() == 3


async def test_last_words_are_the_last_of_all_that_was_said(tmp_path: Path) -> None:
    for code in ("print(*range(99), sep='\\n')", "print('more')"):
        child = await processes.start("x", python(code), log=tmp_path / "log")
        await child.process.wait()
        await child.stop()
    lines = child.last_words().splitlines()
    assert lines == [*map(str, range(99 - processes.LAST_LINES + 1, 99)), "more"]


async def test_ready_is_heard_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "notify"
    say = (
        "import os, socket, sys; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM);"
        "[s.sendto(w.encode(), os.environ['NOTIFY_SOCKET']) for w in sys.argv[1:]]"
    )
    async with processes.announcements(path) as ready:
        for words, heard in (
            (["STATUS=x", "NOT_READY=1"], False),
            (["A=1\nREADY=1"], True),
        ):
            child = await processes.start(
                "x", [*python(say), *words], more={"NOTIFY_SOCKET": str(path)}
            )
            assert await child.process.wait() == 0
            await asyncio.sleep(0.05)
            assert ready.is_set() is heard
            await child.stop()
    assert not path.exists()


async def test_stopping_is_gentle_and_then_sure(monkeypatch: pytest.MonkeyPatch) -> None:
    gentle = await processes.start("x", ["sleep", "60"])
    assert await gentle.stop() == -signal.SIGTERM
    monkeypatch.setattr(processes, "GRACE_S", 0.3)
    stubborn = await processes.start("x", python(STUBBORN))
    assert [line async for line in one(stubborn)] == ["x"]
    assert await stubborn.stop() == -signal.SIGKILL
    assert await stubborn.stop() == -signal.SIGKILL


async def one(child: processes.Child):
    async for line in child.lines():
        yield line
        return


def test_children_do_not_outlive_a_killed_parent() -> None:
    code = (
        "import asyncio\n"
        "from lab.netns import processes\n"
        "async def main():\n"
        "    child = await processes.start('x', ['sleep', '60'])\n"
        "    print(child.pid, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    parent = subprocess.Popen(
        python(code), cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    # Until it runs the command itself, it has not yet asked for its parent's death.
    cmdline = Path(f"/proc/{pid}/cmdline")
    wait_until("the child has begun", lambda: cmdline.read_bytes().startswith(b"sleep"))
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_until("the child is gone", lambda: not Path(f"/proc/{pid}").exists())


async def test_our_programs_are_found_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    child = await processes.start("x", processes.module("lab", "--help"))
    assert any("traffic" in line for line in [line async for line in child.lines()])
    assert await child.stop() == 0


@pytest.mark.root
def test_a_process_in_a_namespace_sees_its_links_and_our_mounts(netns: World) -> None:
    space = netns.namespace("x").name
    with namespace.entered(space):
        wanted = Path("/proc/thread-self/ns/net").readlink()
    mounts = Path("/proc/self/ns/mnt").readlink()

    async def told() -> list[str]:
        command = ["readlink", "/proc/self/ns/net", "/proc/self/ns/mnt"]
        child = await processes.start("x", command, space=space)
        lines = [line async for line in child.lines()]
        await child.stop()
        return lines

    assert asyncio.run(told()) == [str(wanted), str(mounts)]
