"""The compiled engine, built where its sources are newer."""

from __future__ import annotations

import pytest

from lab.extract.build import build, is_current


@pytest.fixture(scope="session", autouse=True)
def engine_is_built() -> None:
    if not is_current():
        build()
