"""Blocking work runs beside the event loop."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from collector.threads import Threads


async def test_work_runs_elsewhere_and_its_result_or_error_comes_back():
    with ThreadPoolExecutor(1, "elsewhere") as pool:
        threads = Threads(pool, pool, pool, pool)
        name = await threads.run(pool, lambda: threading.current_thread().name)
        assert name.startswith("elsewhere")
        assert await threads.run(pool, divmod, 7, 2) == (3, 1)
        with pytest.raises(ZeroDivisionError):
            await threads.run(pool, divmod, 7, 0)
