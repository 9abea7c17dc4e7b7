from __future__ import annotations

import pytest

from agent.qos import words
from agent.qos.tree import HOOK, ROOT, Change, Class, Link, Qdisc, Redirect

VOICE = Class("wan", 0x57450011, 0x57450001, 2_000_000, 6_000_000, 64, 64)
SLOW = Class("wan", 0x57450011, 0x57450001, 1_000_000, 6_000_000, 64, 64)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            Change(VOICE, SLOW),
            "~ wan: class voice rate 2 Mbit/s ceil 6 Mbit/s priority 0  ->  "
            "rate 1 Mbit/s ceil 6 Mbit/s priority 0",
        ),
        (
            Change(None, Qdisc("wan", ROOT, 0x57450000, "htb", (("default", 32),))),
            "+ wan: root qdisc 5745: htb default 32",
        ),
        (
            Change(Qdisc("wan", 0x57450026, 0x60260000, "pfifo", (("limit", 9),)), None),
            "- wan: queue of background (baseline) pfifo limit 9",
        ),
        (Change(None, Qdisc("wan", HOOK, 0xFFFF0000, "clsact")), "+ wan: hook clsact"),
        (
            Change(None, Link("wi-wan", "ifb")),
            "+ wi-wan: device ifb gso 65536 gro 65536",
        ),
        (Change(None, Redirect("wan", "wi-wan")), "+ wan: ingress through wi-wan"),
    ],
)
def test_a_step_is_a_line(change, text):
    assert words.steps([change]) == [text]


@pytest.mark.parametrize(
    ("handle", "name"),
    [
        (0x57450001, "all"),
        (0x57450002, "all (baseline)"),
        (0x57490010, "unknown"),
        (0x57490017, "5749:17"),
        (0x57490999, "5749:999"),
    ],
)
def test_names_of_classes(handle, name):
    assert words.class_name(handle) == name


def test_summaries():
    assert words.summary([]) == "nothing to change"
    steps = [
        Change(None, VOICE),
        Change(VOICE, SLOW),
        Change(SLOW, None),
        Change(SLOW, None),
    ]
    assert words.summary(steps) == "1 to add, 1 to change in place, 2 to remove"
