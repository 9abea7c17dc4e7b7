"""Rules over addresses, ports and times, and files of them that cannot be meant."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lab.extract.identity import ENDS
from lab.extract.labels import BadRules, Labels, Rule, matches, read_rules
from lab.extract.layout import CIC_FLOW, FLOW

STARTED = np.array([1_000], np.int64)


def who(source: str = "10.0.0.1", destination: str = "192.0.2.9") -> np.ndarray:
    one = np.zeros(1, ENDS)
    for name, text in (("source", source), ("destination", destination)):
        packed = ip_address(text).packed
        mapped = packed if len(packed) == 16 else bytes(10) + b"\xff\xff" + packed
        one[name] = np.frombuffer(mapped, "u1")
    one["source_port"], one["destination_port"], one["protocol"] = 5000, 80, 6
    return one


@pytest.mark.parametrize(
    ("rule", "meant"),
    [
        ({}, True),
        ({"source": ip_network("10.0.0.0/8")}, True),
        ({"source": ip_network("10.0.0.1/32")}, True),
        ({"source": ip_network("10.0.0.2/32")}, False),
        ({"source": ip_network("0.0.0.0/0")}, True),
        ({"source": ip_network("2001:db8::/32")}, False),
        ({"source": ip_network("192.0.2.0/24")}, True),  # the other way round
        ({"source": ip_network("192.0.2.0/24"), "either_direction": False}, False),
        ({"destination_port": 80}, True),
        ({"source_port": 80}, True),
        ({"source_port": 80, "either_direction": False}, False),
        ({"source": ip_network("10.0.0.0/8"), "source_port": 80}, False),
        ({"protocol": 6}, True),
        ({"protocol": 17}, False),
        ({"start_ns": 1_000}, True),
        ({"start_ns": 1_001}, False),
        ({"end_ns": 1_000}, False),
        ({"end_ns": 1_001}, True),
    ],
)
def test_what_a_rule_means(rule: dict[str, Any], meant: bool):
    assert matches(Rule("x", **rule), who(), STARTED).tolist() == [meant]


def test_a_network_of_the_other_family_is_not_its_mapped_form():
    six = Rule("x", source=ip_network("::/0"), either_direction=False)
    assert matches(six, who("2001:db8::1", "2001:db8::2"), STARTED).tolist() == [True]
    four = Rule("x", source=ip_network("0.0.0.0/0"), either_direction=False)
    assert matches(four, who("2001:db8::1", "2001:db8::2"), STARTED).tolist() == [False]


@pytest.mark.parametrize("layout", [FLOW, CIC_FLOW])
def test_the_first_rule_wins_and_silence_is_an_attempt(layout: np.dtype[Any]):
    flows = np.zeros(1, layout)
    rules = (Rule("first", protocol=6, attempted="tried"), Rule("second"))
    labels = Labels("none", rules)
    assert labels.texts == ("none", "first", "second", "tried")
    assert labels.texts[labels.indices(who(), flows)[0]] == "tried"
    if layout is FLOW:
        flows["record"]["direction"]["payload_bytes"][:, 0] = 1
    else:
        flows["payload_bytes"][:, 0] = 1
    assert labels.texts[labels.indices(who(), flows)[0]] == "first"
    other = Labels("none", rules[1:])
    assert other.texts[other.indices(who(), flows)[0]] == "second"
    assert Labels("none").indices(who(), flows).tolist() == [0]
    assert len(Labels().indices(np.zeros(0, ENDS), np.zeros(0, layout))) == 0


def test_a_whole_rule_is_read(tmp_path: Path):
    path = tmp_path / "rules.toml"
    path.write_text(
        '[[rule]]\nlabel = "DoS"\nsource = "10.0.0.7/24"\ndestination_port = 80\n'
        'protocol = "TCP"\nstart = 1970-01-01T00:00:01.000002Z\nend = 2.5\n'
        'either_direction = false\nattempted = "DoS - Attempted"\n'
    )
    assert read_rules(path) == (
        Rule("DoS", ip_network("10.0.0.0/24"), None, None, 80, 6, 1_000_002_000,
             2_500_000_000, either_direction=False, attempted="DoS - Attempted"),
    )  # fmt: skip
    path.write_text("")
    assert read_rules(path) == ()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("rule = 3", "must be a list"),
        ("rule = [3]", "rule 1: must be a table"),
        ("nosuch = 1", "nosuch: there is no such key"),
        ("[[rule]]", "rule 1: has no label"),
        ('[[rule]]\nlabel = ""', "label: must be a text"),
        ("[[rule]]\nlabel = 7", "label: must be a text"),
        ('[[rule]]\nlabel = "a"\nport = 1', "port: there is no such key"),
        ('[[rule]]\nlabel = "a"\nsource = "10.0.0"', "source: "),
        ('[[rule]]\nlabel = "a"\nsource_port = 65536', "must be a port"),
        ('[[rule]]\nlabel = "a"\nsource_port = true', "must be a port"),
        ('[[rule]]\nlabel = "a"\nprotocol = "x"', "protocol: must be"),
        ('[[rule]]\nlabel = "a"\nprotocol = 256', "protocol: must be"),
        ('[[rule]]\nlabel = "a"\nstart = "now"', "start: must be a date"),
        ('[[rule]]\nlabel = "a"\nstart = nan', "start: "),
        ('[[rule]]\nlabel = "a"\nend = inf', "end: "),
        ('[[rule]]\nlabel = "a"\neither_direction = 1', "true or false"),
        ('[[rule]]\nlabel = "a"\n[[rule]]', "rule 2: has no label"),
        ("[[rule]", ""),
        ("\x00", ""),
    ],
)
def test_files_that_cannot_be_meant_are_one_line(tmp_path: Path, text: str, reason: str):
    path = tmp_path / "rules.toml"
    path.write_text(text)
    with pytest.raises(BadRules) as failure:
        read_rules(path)
    assert str(failure.value).startswith(f"{path}: ")
    assert reason in str(failure.value)
    assert "\n" not in str(failure.value)


def test_a_file_that_is_not_there_or_no_text(tmp_path: Path):
    with pytest.raises(BadRules, match="No such file"):
        read_rules(tmp_path / "none.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(BadRules):
        read_rules(tmp_path / "bytes.toml")
