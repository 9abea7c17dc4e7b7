from __future__ import annotations

import dataclasses
from types import MappingProxyType

import pytest

from agent.config import Agent, Capture, Config
from agent.reload import LIVE, change, check
from agent.ship.door import DoorError
from wire.settings import ConfigError

OLD = Config(Agent(), Capture(interfaces=("wan",)))


def other(**keys):
    """The old settings with some keys changed, wherever they are."""
    agent = {name: value for name, value in keys.items() if hasattr(OLD.agent, name)}
    capture = {name: value for name, value in keys.items() if name not in agent}
    return Config(
        dataclasses.replace(OLD.agent, **agent),
        dataclasses.replace(OLD.capture, **capture),
    )


def test_nothing_new():
    found = change(OLD, other())
    assert (found.taken, found.waiting, found.config) == ((), (), OLD)
    assert found.words() == "settings read again: nothing has changed"


def test_what_can_be_taken_is_and_what_cannot_is_named():
    new = other(log_level="DEBUG", switch_id="x", filter="tcp", max_flows=128)
    found = change(OLD, new)
    assert found.config.agent == dataclasses.replace(OLD.agent, log_level="DEBUG")
    assert found.config.capture == dataclasses.replace(OLD.capture, filter="tcp")
    assert found.words() == (
        "settings read again: log_level, filter; "
        "restart weir-agent for switch_id, max_flows"
    )


def test_all_of_qos_is_taken_and_forecast_waits():
    qos = MappingProxyType({"mode": "shape"})
    new = dataclasses.replace(OLD, qos=qos, forecast=qos)
    found = change(OLD, new)
    assert (found.config.qos, found.config.forecast) == (qos, OLD.forecast)
    assert (found.taken, found.waiting) == (("[qos]",), ("[forecast]",))


def test_live_keys_exist():
    keys = {one.name for room in (Agent, Capture) for one in dataclasses.fields(room)}
    assert keys >= LIVE


@pytest.mark.parametrize("key", ["token_file", "api_token_file"])
def test_a_missing_secret_is_named_with_key_and_remedy(tmp_path, key):
    missing = tmp_path / "secret"
    config = other(data_dir=str(tmp_path), **{key: str(missing)})
    with pytest.raises(DoorError) as refused:
        check(config)
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
    config = dataclasses.replace(other(data_dir=str(tmp_path)), qos=qos)
    with pytest.raises(ConfigError, match=message) as refused:
        check(config)
    assert "\n" not in str(refused.value)
