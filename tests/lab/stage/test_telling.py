from __future__ import annotations

import asyncio
import json
import os
import signal

import pytest

from lab.stage.telling import say, stop_event, teller


def test_a_line_for_people_or_an_object(capsys: pytest.CaptureFixture[str]) -> None:
    teller(False)("progress", "5 flows", flows=5)
    teller(True)("progress", "5 flows", flows=5)
    say(True, {"up": False}, "down")
    first, second, third = capsys.readouterr().out.splitlines()
    assert first == "5 flows"
    assert json.loads(second) == {"event": "progress", "text": "5 flows", "flows": 5}
    assert json.loads(third) == {"up": False}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_signals_stop(number: signal.Signals) -> None:
    stop = stop_event()
    try:
        assert not stop.is_set()
        os.kill(os.getpid(), number)
        await asyncio.wait_for(stop.wait(), 5)
    finally:
        asyncio.get_running_loop().remove_signal_handler(number)
