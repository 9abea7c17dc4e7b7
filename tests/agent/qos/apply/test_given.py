from __future__ import annotations

import pytest

from agent.qos import matches
from agent.qos.apply import given
from agent.qos.rules import BadRule, Rule

FILE = Rule("file", 1, 2, 0)


def test_given_rules_outlive_the_agent(tmp_path):
    folder = tmp_path / "qos"
    assert given.load(folder) == ()
    tighter = Rule("video", 1, 3, 2, 26, enabled=False)
    given.save(folder, [tighter, FILE])
    assert given.load(folder) == (tighter, FILE)


@pytest.mark.parametrize("text", ["", "{", "7", '[{"traffic_type": "web"}]', "[7]"])
def test_a_damaged_file_is_named(tmp_path, text):
    (tmp_path / given.FILE).write_text(text)
    with pytest.raises(BadRule, match=f"{given.FILE}: .*: delete it"):
        given.load(tmp_path)


def test_matches_and_capacities_come_back_as_they_were(tmp_path):
    phones = matches.parse({"name": "phones", "traffic_type": "voice", "ports": "5060"})
    given.save_matches(tmp_path, [phones])
    assert given.load_matches(tmp_path) == (phones,)
    assert given.load_capacities(tmp_path) == {}
    given.save_capacities(tmp_path, {"wan": {"egress": 20_000_000}})
    assert given.load_capacities(tmp_path) == {"wan": {"egress": 20_000_000}}


@pytest.mark.parametrize("text", ["{", "[7]", '{"wan": 7}', '{"wan": {"egress": "x"}}'])
def test_damaged_capacities_are_named(tmp_path, text):
    (tmp_path / given.CAPACITIES).write_text(text)
    with pytest.raises(BadRule, match=f"{given.CAPACITIES}: .*: delete it"):
        given.load_capacities(tmp_path)
