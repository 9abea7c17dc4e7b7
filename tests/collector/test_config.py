"""Settings: four sources in order, every refusal one line, every key in the example."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.config import FIELDS, Config, ConfigError, example, load

EXAMPLE = Path(__file__).parents[2] / "config.toml.example"


def test_the_example_has_every_key_at_its_default():
    assert EXAMPLE.read_text().endswith(example())
    assert load(EXAMPLE, {}, {}) == Config()


def test_flag_wins_over_variable_over_file_over_default(tmp_path: Path):
    path = tmp_path / "c.toml"
    path.write_text("[collector]\nagent_port = 1\nconsole_port = 1\nretention_days = 1\n")
    environment = {
        "WEIR_COLLECTOR_CONSOLE_PORT": "2",
        "WEIR_COLLECTOR_RETENTION_DAYS": "2",
        "WEIR_COLLECTOR_SERVICE_HOST": "10.0.0.1",
        "WEIR_COLLECTOR_PORT_8080_TCP": "tcp://10.0.0.1:8080",
        "WEIR_AGENT_SWITCH_ID": "x",
    }
    config = load(path, environment, {"retention_days": "3"})
    assert (config.agent_port, config.console_port, config.retention_days) == (1, 2, 3)
    assert config.body_max_mb == Config().body_max_mb


def test_every_key_can_be_set_by_variable():
    for name, field in FIELDS.items():
        if name not in ("auth", "tls_certificate", "tls_key", "tls_client_ca"):
            load(None, {f"WEIR_COLLECTOR_{name.upper()}": str(field.default)}, {})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[collector]\n\nagent_prt = 1", "c.toml:3: [collector] agent_prt: unknown key"),
        ("[collector]\nagent_port = '1'", "agent_port: must be a whole number, not '1'"),
        ("[collector]\nagent_port = true", "agent_port: must be a whole number, not True"),
        ("[collector]\nagent_port = 70000", "must be between 0 and 65535, not 70000"),
        (
            "[agent]\nx=1\n[collector]\nauth = 'no'",
            "c.toml:4: [collector] auth: must be one",
        ),
        ("[collector]\nauth = 'none'", 'set bind_host = "127.0.0.1"'),
        ("[collector]\nstore_url = 'ftp://x'", "store_url: must be empty or an http://"),
        ("[collector]\nstore_database = 'a;b'", "letters, digits and underscores"),
        ("[collector]\ntls_key = 'x'", "tls_certificate and tls_key"),
        ("[colector]\n", "c.toml:1: colector: unknown section"),
        ("[collector\n", "not valid TOML"),
        ("collector = 3", "write [collector]"),
    ],
)
def test_bad_files_are_refused_in_one_line(tmp_path: Path, text: str, reason: str):
    path = tmp_path / "c.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as refusal:
        load(path, {}, {})
    assert reason in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("environment", "flags", "reason"),
    [
        ({"WEIR_COLLECTOR_PROT": "1"}, {}, "WEIR_COLLECTOR_PROT: unknown setting"),
        ({"WEIR_COLLECTOR_AGENT_PORT": "x"}, {}, "must be a whole number, not 'x'"),
        ({}, {"agent_port": "-1"}, "--agent-port: must be between"),
        ({}, {"session_hours": "nan"}, "--session-hours: must be a number, not nan"),
    ],
)
def test_bad_variables_and_flags_are_refused(environment, flags, reason):
    with pytest.raises(ConfigError, match=reason):
        load(None, environment, flags)


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(
        ConfigError, match=r"none\.toml: No such file.*give a readable file"
    ):
        load(tmp_path / "none.toml", {}, {})
