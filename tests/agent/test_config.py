from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
import tomli

from agent.config import OVERRIDES, SETTINGS, Config, InterfaceOverride, example, load
from wire.settings import ConfigError

EXAMPLE = Path(__file__).parents[2] / "config.toml.example"


def loaded(tmp_path: Path, text: str, **environment: str) -> Config:
    path = tmp_path / "agent.toml"
    path.write_text(text)
    return load(path, environment, {})


def test_the_example_has_every_key_at_its_default():
    assert EXAMPLE.read_text().startswith(example())
    document = tomli.loads(EXAMPLE.read_text())
    written = {
        (s, name): v for s in ("agent", "capture") for name, v in document[s].items()
    }
    as_toml = {
        (row.section, row.name): list(row.default)
        if isinstance(row.default, tuple)
        else row.default
        for row in SETTINGS
    }
    assert written == as_toml
    for row in OVERRIDES:
        assert f"\n# {row.name} = " in example()


def test_the_example_loads_and_changes_nothing():
    config = load(EXAMPLE, {}, {})
    assert (config.agent, config.capture) == (Config().agent, Config().capture)


def test_every_default_passes_its_own_check():
    assert [row.name for row in SETTINGS if row.checked(row.default)[1]] == []


def test_a_name_is_used_once():
    names = [row.name for row in SETTINGS]
    assert len(names) == len(set(names))


def test_a_flag_beats_a_variable_beats_the_file_beats_the_default(tmp_path):
    text = "[agent]\nsync_interval = 30\n"
    path = tmp_path / "agent.toml"
    path.write_text(text)
    variable = {"WEIR_AGENT_SYNC_INTERVAL": "20"}
    for environment, flags, expected in (
        (variable, {"sync_interval": "10"}, 10.0),
        (variable, {}, 20.0),
        ({}, {}, 30.0),
    ):
        assert load(path, environment, flags).agent.sync_interval == expected
    path.write_text("")
    assert load(path, {}, {}).agent.sync_interval == 60.0


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("INTERFACES", "eth0, wan*,", ("eth0", "wan*")),
        (
            "BACKEND_URL",
            "https://a:8080,http://[::1]:2",
            ("https://a:8080", "http://[::1]:2"),
        ),
        ("PROMISCUOUS", "Yes", True),
        ("PROMISCUOUS", "0", False),
        ("MAX_FLOWS", "1000", 1000),
        ("WALK_INTERVAL", "0.5", 0.5),
    ],
)
def test_text_becomes_the_setting_s_type(name: str, text: str, value: Any):
    config = load(Path("/dev/null"), {"WEIR_AGENT_" + name: text}, {})
    rooms = (config.agent, config.capture)
    assert value in [getattr(room, name.lower(), None) for room in rooms]


def test_an_empty_switch_id_is_the_host_name(tmp_path):
    assert (
        loaded(tmp_path, '[agent]\nswitch_id = ""').agent.switch_id == socket.gethostname()
    )


def test_sections_of_others_are_passed_on_or_left_alone(tmp_path):
    config = loaded(
        tmp_path, "[qos]\nshaper = 'cake'\n[forecast]\nx = 1\n[collector]\ny = 2\n"
    )
    assert dict(config.qos) == {"shaper": "cake"}
    assert dict(config.forecast) == {"x": 1}


def test_overrides_are_kept_in_order(tmp_path):
    config = loaded(
        tmp_path,
        "[[capture.interface]]\nname = 'wan*'\nipv6 = false\n"
        "[[capture.interface]]\nname = 'lan0'\nbidirectional = false\n",
    )
    assert config.capture.interface == (
        InterfaceOverride("wan*", ipv6=False),
        InterfaceOverride("lan0", bidirectional=False),
    )


def test_variables_that_kubernetes_makes_for_a_service_are_left_alone():
    made = {
        "WEIR_AGENT_SERVICE_HOST": "10.0.0.1", "WEIR_AGENT_SERVICE_PORT_HTTP": "80",
        "WEIR_AGENT_PORT": "tcp://10.0.0.1:80", "WEIR_AGENT_PORT_80_TCP_ADDR": "10.0.0.1",
    }  # fmt: skip
    assert load(Path("/dev/null"), made, {}).agent == Config().agent


REFUSED = {
    "[agent]\nsync_intervall = 1":
        "2: [agent] sync_intervall: unknown key: see config.toml.example",
    "[agent]\nmax_flows = 1000":
        "2: [agent] max_flows: unknown key: see config.toml.example",
    "\n[agnet]":
        "2: agnet: unknown section: there are [agent], [capture], [qos], [forecast]",
    "agent = 1": "1: agent: must be a section: write [agent]",
    "[agent]\ntoken = ''\nsync_interval = '5'":
        "3: [agent] sync_interval: must be a number, not '5'",
    "[agent]\nsync_interval = true": "2: [agent] sync_interval: must be a number, not True",
    "[agent]\nsync_interval = nan": "2: [agent] sync_interval: must be a number, not nan",
    "[agent]\nsync_interval = 0":
        "2: [agent] sync_interval: must be between 1 and 3600, not 0.0",
    "[agent]\nlog_level = 'loud'":
        "2: [agent] log_level: must be one of DEBUG, INFO, WARNING, ERROR, not 'loud'",
    "[agent]\nswitch_id = 'a b'":
        "2: [agent] switch_id: must be up to 64 letters, digits and . _ : -, not 'a b'",
    "[agent]\nbackend_url = ['https://a/']":
        "2: [agent] backend_url: must be http:// or https:// addresses without user, query"
        " or trailing slash, not ['https://a/']",
    "[agent]\nbackend_url = ['http://user:secret@a']":
        "2: [agent] backend_url: must be http:// or https:// addresses without user, query"
        " or trailing slash, not ['http://user:secret@a']",
    "[agent]\nbackend_url = 'https://a'":
        "2: [agent] backend_url: must be a list of texts, not 'https://a'",
    "[agent]\nlocal_networks = ['10.0.0.1/8']":
        "2: [agent] local_networks: must be address ranges like 192.168.0.0/16, not"
        " ['10.0.0.1/8']",
    "[agent]\ntimezone = 'Mars/Base'":
        "2: [agent] timezone: must be local or a name like Europe/Berlin, not 'Mars/Base'",
    "[agent]\ntimezone = '../etc/passwd'":
        "2: [agent] timezone: must be local or a name like Europe/Berlin, not"
        " '../etc/passwd'",
    "[agent]\ndata_dir = 'here'":
        "2: [agent] data_dir: must be an absolute path, not 'here'",
    "[agent]\ntoken = 12345": "2: [agent] token: must be text in quotes",
    "[capture]\ninterfaces = ['eth0', '']":
        "2: [capture] interfaces: must be a name or glob like eth0 or wan*, not"
        " ['eth0', '']",
    "[capture]\nxdp = 'fast'":
        "2: [capture] xdp: must be one of auto, native, generic, off, not 'fast'",
    "[capture]\nmax_flows = 1.5":
        "2: [capture] max_flows: must be a whole number, not 1.5",
    "[capture]\npromiscuous = 1":
        "2: [capture] promiscuous: must be true or false, not 1",
    "[capture]\ninterface = 1":
        "2: [capture] interface: must be sections: write [[capture.interface]]",
    "[[capture.interface]]\nipv4 = false":
        "1: [capture.interface] name: missing: say which interface is meant",
    "[[capture.interface]]\nname = 'a'\nipv4 = false\nipv6 = false":
        "4: [capture.interface] ipv6: ipv4 and ipv6 are both off for 'a': leave one on",
    "[[capture.interface]]\nname = 'a'\n[[capture.interface]]\nname = 'a'":
        "4: [capture.interface] name: 'a' comes twice: keep one",
    "[[capture.interface]]\nname = 'a'\nipv5 = true":
        "3: [capture.interface] ipv5: unknown key: see config.toml.example",
}  # fmt: skip


@pytest.mark.parametrize("text", REFUSED)
def test_a_bad_file_is_refused_in_one_line(tmp_path, text: str):
    with pytest.raises(ConfigError) as refusal:
        loaded(tmp_path, text)
    assert str(refusal.value) == f"{tmp_path}/agent.toml:{REFUSED[text]}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("token = 'a'\ntoken_file = '/b'", "token and token_file: set one of them"),
        ("client_cert = '/a'", "client_cert and client_key: set both or neither"),
        (
            "api_host = '0.0.0.0'",
            "api_host: anyone who reaches 0.0.0.0 could read the traffic: "
            "set api_token_file as well",
        ),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(tmp_path, text: str, message: str):
    with pytest.raises(ConfigError, match="^" + message + "$"):
        loaded(tmp_path, "[agent]\n" + text)


def test_what_is_no_toml_is_refused_with_its_place(tmp_path):
    with pytest.raises(ConfigError) as refusal:
        loaded(tmp_path, "[agent]\nsync_interval 5")
    message = str(refusal.value)
    assert message.startswith(f"{tmp_path}/agent.toml: not valid TOML: ")
    assert "line 2" in message
    (tmp_path / "agent.toml").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match=r"not valid TOML: 'utf-8'"):
        load(tmp_path / "agent.toml", {}, {})


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ConfigError) as refusal:
        load(tmp_path / "no.toml", {}, {})
    reason = "No such file or directory: name a readable file with -c"
    assert str(refusal.value) == f"{tmp_path}/no.toml: {reason}"


def test_a_bad_variable_or_flag_is_named_as_it_was_written():
    for environment, flags, message in (
        ({"WEIR_AGENT_SYNC": "1"}, {}, "WEIR_AGENT_SYNC: unknown setting: see"),
        (
            {"WEIR_AGENT_API_PORT": "x"},
            {},
            "WEIR_AGENT_API_PORT: must be a whole number, not",
        ),
        ({}, {"max_flows": "1"}, "--max-flows: must be between 64 and 4194304, not 1"),
        ({}, {"promiscuous": "maybe"}, "--promiscuous: must be true or false, not 'maybe'"),
    ):
        with pytest.raises(ConfigError, match="^" + message):
            load(Path("/dev/null"), environment, flags)


def test_a_secret_shows_in_no_repr():
    config = load(Path("/dev/null"), {"WEIR_AGENT_TOKEN": "hush"}, {})
    assert config.agent.token == "hush"
    assert "hush" not in repr(config)
