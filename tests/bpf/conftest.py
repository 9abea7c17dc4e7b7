"""Loaded engines: one a back end for the whole session, and ones with a clock."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.bpf.engine import Engine, engine

BACK_ENDS = (
    pytest.param("libbpf", marks=pytest.mark.root),
    pytest.param("bcc", marks=[pytest.mark.root, pytest.mark.bcc]),
)


@pytest.fixture(scope="session", params=BACK_ENDS)
def loaded(
    request: pytest.FixtureRequest, reasons_to_skip: dict[str, str]
) -> Iterator[Engine]:
    """An engine of each back end, shared: a test begins with clear() or see()."""
    # Before the function's own check of its marks, because this fixture lives longer.
    needed = ("root",) if request.param == "libbpf" else ("root", "bcc")
    for reason in filter(None, map(reasons_to_skip.__getitem__, needed)):
        if os.environ.get("WEIR_REQUIRE_ROOT") == "1":
            pytest.fail(f"WEIR_REQUIRE_ROOT=1, but {reason}")
        pytest.skip(reason)
    yield from engine(request.param)


@pytest.fixture(scope="module", params=BACK_ENDS)
def clocked(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """An engine whose clock is the frame's."""
    yield from engine(request.param, {"flows": 4}, {"clock_from_frame": 1})
