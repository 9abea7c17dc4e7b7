from __future__ import annotations

import pytest

from tests.agent.qos.apply.worlds import Bench


@pytest.fixture
def bench(quiet_pair, tmp_path):
    """left0 of a pair, as Weir finds it."""
    left, _ = quiet_pair
    return Bench(left, tmp_path / "qos")
