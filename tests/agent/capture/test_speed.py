from __future__ import annotations

import pytest

from agent.capture.speed import speed_bps


@pytest.mark.parametrize("name", ["lo", "nosuch0", "", "../../etc"])
def test_a_device_that_claims_no_speed(name: str):
    assert speed_bps(name) == 0
