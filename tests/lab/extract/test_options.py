"""What the options ask for, and what they cannot."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from lab.extract.engine import TUNNELS
from lab.extract.options import BadUsage, arguments, plan_of
from lab.extract.run import Plan
from lab.extract.schemas import SCHEMAS


def plan(*words: str) -> Plan:
    parser = argparse.ArgumentParser()
    arguments(parser)
    return plan_of(parser.parse_args(["a.pcap", "--out", "out", *words]))


@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_schema_brings_its_own_timeouts(schema: str):
    made = plan("--schema", schema)
    wanted = SCHEMAS[schema]
    assert (made.settings.idle_timeout, made.settings.active_timeout) == wanted.defaults
    assert made.settings.flows_limit == wanted.flows_limit
    assert made.settings.mode == wanted.mode
    asked = plan("--schema", schema, "--idle-timeout", "0", "--flow-timeout", "7.5",
                 "--flows-limit", "9").settings  # fmt: skip
    assert (asked.idle_timeout, asked.active_timeout, asked.flows_limit) == (0, 7.5, 9)


def test_switches():
    settings = plan("--no-ipv4", "--unidirectional", "--keep-fragments",
                    "--drop-duplicates", "--jobs", "3").settings  # fmt: skip
    assert (settings.ipv4, settings.ipv6, settings.unidirectional) == (False, True, True)
    assert (settings.join_fragments, settings.drop_duplicates, settings.jobs) == (
        False, True, 3,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", set()),
        ("all", set(TUNNELS)),
        ("gre,vxlan", {"gre", "vxlan"}),
        (",gre,", {"gre"}),
    ],
)
def test_tunnels(text: str, names: set[str]):
    assert plan("--tunnels", text).settings.tunnels == names


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--tunnels", "gre,nosuch"), "--tunnels: nosuch"),
        (("--no-ipv4", "--no-ipv6"), "leave nothing"),
        (("--single", "x", "--resume"), "do not go together"),
    ],
)
def test_options_that_cannot_be_meant(words: tuple[str, ...], reason: str):
    with pytest.raises(BadUsage, match=reason):
        plan(*words)


@pytest.mark.parametrize(
    "words",
    [("--jobs", "0"), ("--jobs", "x"), ("--idle-timeout", "-1"), ("--idle-timeout", "nan"),
     ("--idle-timeout", "inf"), ("--schema", "nosuch"), ("--format", "xls"),
     ("--flows-limit", "0"), ("--progress", "loud")],
)  # fmt: skip
def test_values_that_are_none(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as end:
        plan(*words)
    assert end.value.code == 2
    assert words[0] in capsys.readouterr().err


def test_buckets_and_labels(tmp_path: Path):
    assert plan().bucket_us is None
    assert plan("--time-buckets").bucket_us == 60_000_000
    assert plan("--time-buckets", "0.5").bucket_us == 500_000
    (tmp_path / "rules.toml").write_text('[[rule]]\nlabel = "DoS"\n')
    made = plan("--label", "Benign", "--label-rules", str(tmp_path / "rules.toml"))
    assert made.labels.texts == ("Benign", "DoS")
