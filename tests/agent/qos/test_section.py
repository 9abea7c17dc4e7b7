from __future__ import annotations

from pathlib import Path

import pytest
import tomli

from agent.qos.htb import Layer
from agent.qos.plan import Target
from agent.qos.rules import BadRule, Rule
from agent.qos.section import Settings, example, parse

WAN = {"name": "wan", "egress_mbps": 20, "ingress_mbps": 50.5}


def test_nothing_set_shapes_nothing():
    found = parse({})
    assert found == Settings(
        "observe", "standard", "keep", False, "baseline", False, (), ()
    )
    assert found.marks() == (0, 46, 34, 18, 0, 10, 1)


def test_an_interface_and_a_rule():
    rule = {"traffic_type": "video", "min_bandwidth": 5, "max_bandwidth": 9, "priority": 2}
    found = parse(
        {
            "mode": "shape",
            "interface": [WAN | {"overhead": 44, "mpu": 64, "atm": True, "strict": False}],
            "rule": [rule | {"dscp": 26}],
        }
    )
    (one,) = found.interfaces
    layer = Layer(44, 64, True)
    assert one.target(0) == Target("wan", 20_000_000, 50_500_000, "auto", False, layer)
    assert found.rules == (Rule("video", 5, 9, 2, 26),)
    assert found.marks()[2] == 26


def test_a_rule_without_a_code_point_leaves_the_mark_to_the_profile():
    rule = {"traffic_type": "voice", "min_bandwidth": 1, "max_bandwidth": 2, "priority": 3}
    assert parse({"rule": [rule]}).marks()[1] == 46
    assert parse({"rule": [rule | {"dscp": 0}]}).marks()[1] == 0


def test_capacity_from_the_device():
    (one,) = parse({"interface": [{"name": "wan", "egress_mbps": "auto"}]}).interfaces
    assert one.target(100_000_000) == Target("wan", 95_000_000, 0)
    with pytest.raises(BadRule, match="wan: the device does not tell its speed: give"):
        one.target(0)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"mode": "on"}, "qos: mode 'on' is not one of observe, shape"),
        ({"profile": "rfc"}, "qos: profile 'rfc' is not one of standard, predecessor"),
        ({"when_dead": "panic"}, "when_dead 'panic' is not one of baseline, unshaped"),
        ({"adopt": "yes"}, "qos: adopt must be true or false, not 'yes'"),
        ({"speed": 1}, "qos: key 'speed' is unknown: keys are mode"),
        ({"interface": WAN}, r"qos.interface: write \[\[qos.interface\]\]"),
        ({"interface": [{}]}, "qos.interface: name is missing"),
        ({"interface": [WAN, WAN]}, "qos.interface wan: there are two"),
        ({"interface": [WAN | {"egress_mbps": -1}]}, "wan: egress_mbps -1 is outside 0-1e"),
        ({"interface": [WAN | {"egress_mbps": "fast"}]}, "egress_mbps must be a number"),
        (
            {"interface": [WAN | {"egress_mbps": float("nan")}]},
            "egress_mbps nan is outside",
        ),
        ({"interface": [WAN | {"shaper": "tbf"}]}, "shaper 'tbf' is not one of auto, htb"),
        ({"interface": [WAN | {"overhead": 300}]}, "overhead 300 is outside 0-256"),
        ({"interface": [WAN | {"mpu": True}]}, "mpu must be a whole number, not True"),
        ({"rule": [{"traffic_type": "video"}]}, "rule: min_bandwidth is missing"),
        ({"rule": [3]}, r"write \[\[qos.rule\]\]"),
    ],
)
def test_refusals_are_one_line(section, message):
    with pytest.raises(BadRule, match=message) as refused:
        parse(section)
    assert "\n" not in str(refused.value)


def test_the_example_is_the_defaults_and_every_line_of_it_works():
    from agent.qos.section import example

    text = example()
    assert parse(tomli.loads(text)["qos"]) == parse({})
    opened = "\n".join(
        line.removeprefix("# ")
        for line in text.splitlines()
        if not line.startswith("# One for")
    ).replace('name = ""', 'name = "wan"')
    found = parse(tomli.loads(opened)["qos"])
    assert found.interfaces[0].target(0) == Target("wan", 0)
    assert found.rules == (Rule("video", 5.0, 50.0, 2, 34),)


def test_the_example_file_has_every_key_with_its_default():
    text = (Path(__file__).parents[3] / "config.toml.example").read_text()
    assert example() in text
    assert parse(tomli.loads(text)["qos"]) == parse({})
    commented = [
        line.removeprefix("# ")
        if line.startswith("# ") and (" = " in line or "[[" in line)
        else line
        for line in example().splitlines()
    ]
    tables = tomli.loads("\n".join(line for line in commented if not line.startswith("#")))
    tables["qos"]["interface"][0] |= {"name": "wan", "egress_mbps": 20}
    found = parse(tables["qos"])
    assert found.rules[0].traffic_type == "video"
    assert found.interfaces[0].name == "wan"
