"""What keeps the daemon from starting is told before it starts, in one line each."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from agent import examine
from agent.config import Agent, Capture, Config
from agent.ship.credentials import CredentialsError
from wire.settings import ConfigError


def settings(folder: Path, **keys: str) -> Config:
    return Config(Agent(data_dir=str(folder), **keys), Capture(interfaces=("wan",)))


def test_good_settings_are_good(tmp_path):
    examine.settings(settings(tmp_path))


def test_no_interface_is_a_mistake(tmp_path):
    config = dataclasses.replace(settings(tmp_path), capture=Capture())
    with pytest.raises(ConfigError, match="no interface to watch"):
        examine.settings(config)


def test_it_loads_nothing_that_the_daemon_runs_on():
    """Every start and every reload ask: on a small router these two cost a second."""
    code = "import sys, agent.examine; print(*{'aiohttp', 'pyroute2'} & set(sys.modules))"
    command = (sys.executable, "-IB", "-c", code)
    assert subprocess.run(command, capture_output=True, check=True).stdout == b"\n"


@pytest.mark.parametrize("key", ["token_file", "api_token_file"])
def test_a_missing_secret_is_named_with_key_and_remedy(tmp_path, key):
    missing = tmp_path / "secret"
    config = settings(tmp_path, **{key: str(missing)})
    with pytest.raises(CredentialsError) as refused:
        examine.settings(config)
    assert str(refused.value) == (
        f"{key} {missing}: No such file or directory: "
        f"write the token into it, or correct {key}"
    )


@pytest.mark.parametrize(
    ("qos", "message"),
    [
        (
            {
                "interface": [{"name": "weir-no-such0", "egress_mbps": 4}],
                "rule": [
                    {
                        "traffic_type": "video",
                        "min_bandwidth": 5,
                        "max_bandwidth": 9,
                        "priority": 2,
                    }
                ],
            },
            "minima add up to 5 Mbit/s, the link has 4",
        ),
        (
            {
                "match": [
                    {
                        "name": f"{n}",
                        "traffic_type": "web",
                        "ports": "1,3",
                        "source": "::/1",
                    }
                    for n in range(20)
                ]
            },
            "80 entries; at most 64",
        ),
    ],
)
def test_what_cannot_be_shaped_is_told_before_anything_starts(tmp_path, qos, message):
    config = dataclasses.replace(settings(tmp_path), qos=qos)
    with pytest.raises(ConfigError, match=message) as refused:
        examine.settings(config)
    assert "\n" not in str(refused.value)
