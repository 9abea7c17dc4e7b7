from __future__ import annotations

import json

import pytest
from hypothesis import given

from agent.qos.tree import Link, from_json, is_our_handle, leaf_handle, to_json
from tests.agent.qos.trees import pairs


@given(pairs())
def test_items_survive_json(pair):
    for item in pair[0].values():
        assert from_json(json.loads(json.dumps(to_json(item)))) == item


@pytest.mark.parametrize(
    ("handle", "ours"),
    [
        (0x57450000, True),
        (0x57490011, True),
        (0x60110000, True),
        (0x6FFF0000, True),
        (0x00010000, False),
        (0x80010000, False),
        (0x70000000, False),
        (0, False),
    ],
)
def test_whose_handle(handle, ours):
    assert is_our_handle(handle) == ours


def test_a_leaf_is_named_after_its_class():
    assert leaf_handle(0x57450011) == 0x60110000


@pytest.mark.parametrize("fields", [{}, {"item": "x"}, {"item": "link", "size": 1}])
def test_not_an_item(fields):
    with pytest.raises((KeyError, TypeError)):
        from_json(fields)


def test_a_found_device_is_of_no_kind():
    assert to_json(Link("wan")) == {
        "item": "link",
        "device": "wan",
        "kind": "",
        "gso_max_bytes": 65536,
        "gro_max_bytes": 65536,
    }
