"""bpf/records.h and agent/capture/layout.py say the same, by the object's own types."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.capture import layout
from agent.capture.loader import bcc, bpf, create
from tests.bpf.engine import OBJECT, Engine
from tests.shared_data import REPOSITORY

pytestmark = pytest.mark.skipif(not OBJECT.exists(), reason="make bpf builds the object")

Types = dict[int, dict[str, Any]]


@pytest.fixture(scope="module")
def types() -> Types:
    dump = ["bpftool", "-j", "btf", "dump", "file", str(OBJECT)]
    done = subprocess.run(dump, capture_output=True, check=True)
    return {entry["id"]: entry for entry in json.loads(done.stdout)["types"]}


def structure(types: Types, name: str) -> dict[str, Any]:
    found = [t for t in types.values() if t["kind"] == "STRUCT" and t["name"] == name]
    assert len(found) == 1, name
    return found[0]


def size_of(types: Types, number: int) -> int:
    entry = types[number]
    if entry["kind"] == "ARRAY":
        return int(entry["nr_elems"]) * size_of(types, entry["type_id"])
    if "size" in entry:
        return int(entry["size"])
    return size_of(types, entry["type_id"])


def leaves(dtype: np.dtype[Any]) -> list[tuple[str, int, int]]:
    return [
        (name, int(entry[1]), int(entry[0].itemsize))
        for name, entry in (dtype.fields or {}).items()
    ]


@pytest.mark.parametrize("name", layout.STRUCTURES)
def test_a_structure_is_its_dtype(types: Types, name: str) -> None:
    entry = structure(types, name)
    dtype = layout.STRUCTURES[name]
    there = [
        (
            member["name"],
            member["bits_offset"] // 8,
            size_of(types, member["type_id"]),
        )
        for member in entry["members"]
    ]
    assert entry["size"] == dtype.itemsize
    assert there == leaves(dtype)


def test_every_shared_structure_is_in_the_table(types: Types) -> None:
    mine = {"weir_scratch", "weir_packet", "weir_sight", "weir_cursor_bytes"}
    wire = {
        t["name"]
        for t in types.values()
        if t["kind"] == "STRUCT"
        and t["name"].startswith("weir_")
        and t["name"] not in mine
        and not _is_header(types, t)
    }
    # Headers of packets are no part of the seam.
    assert wire <= layout.STRUCTURES.keys()


def _is_header(types: Types, entry: dict[str, Any]) -> bool:
    headers = "ethernet tag pppoe ipv4 ipv6 extension tcp tcp_timestamp ports icmp"
    return entry["name"].removeprefix("weir_") in headers.split()


@pytest.mark.parametrize(
    ("name", "here"),
    [
        ("WEIR_RX", layout.RX),
        ("WEIR_TX", layout.TX),
        ("WEIR_HOOKS", layout.HOOKS),
        ("WEIR_CLASSES", layout.CLASSES),
        ("WEIR_OUTCOMES", len(layout.OUTCOMES)),
        ("WEIR_CLOSING_ASKED", layout.CLOSING_ASKED),
        ("WEIR_CLOSING_DONE", layout.CLOSING_DONE),
        ("WEIR_CLOSING_GONE", layout.CLOSING_GONE),
        ("WEIR_TEST_FAMILY", layout.TEST_FAMILY),
        ("WEIR_TEST_PROTOCOL", layout.TEST_PROTOCOL),
        ("WEIR_TEST_NET", layout.TEST_NET),
        ("WEIR_TEST_PORT", layout.TEST_PORT),
    ],
)
def test_numbers_of_enums(types: Types, name: str, here: int) -> None:
    values = (v for t in types.values() if t["kind"] == "ENUM" for v in t["values"])
    found = {value["name"]: value["val"] for value in values}
    if name in found:  # BTF keeps the enums that programs use
        assert found[name] == here


@pytest.mark.parametrize(
    ("macro", "here"),
    [
        ("WEIR_LAYOUT_VERSION", layout.LAYOUT_VERSION),
        ("WEIR_SLOTS", layout.SLOTS),
        ("WEIR_INTERFACE_ENTRIES", layout.INTERFACE_ENTRIES),
        ("WEIR_KEY_FRAGMENT", layout.KEY_FRAGMENT),
        ("WEIR_KEY_UNIDIRECTIONAL", layout.KEY_UNIDIRECTIONAL),
        ("WEIR_STATE_FORWARD_IS_LOW", layout.STATE_FORWARD_IS_LOW),
        ("WEIR_STATE_FIN_FORWARD", layout.STATE_FIN_FORWARD),
        ("WEIR_STATE_FIN_BACKWARD", layout.STATE_FIN_BACKWARD),
        ("WEIR_STATE_RST", layout.STATE_RST),
        ("WEIR_STATE_MERGED", layout.STATE_MERGED),
        ("WEIR_INTERFACE_NO_V4", layout.INTERFACE_NO_V4),
        ("WEIR_INTERFACE_NO_V6", layout.INTERFACE_NO_V6),
        ("WEIR_INTERFACE_UNIDIRECTIONAL", layout.INTERFACE_UNIDIRECTIONAL),
        ("WEIR_INTERFACE_LAYER3", layout.INTERFACE_LAYER3),
        ("WEIR_INTERFACE_FILTER", layout.INTERFACE_FILTER),
        ("WEIR_INTERFACE_SHAPED", layout.INTERFACE_SHAPED),
        ("WEIR_TESTS", layout.TESTS),
        ("WEIR_FILTER_TAKE", layout.FILTER_TAKE),
        ("WEIR_FILTER_REFUSE", layout.FILTER_REFUSE),
        ("WEIR_END_SOURCE", layout.END_SOURCE),
        ("WEIR_END_OTHER", layout.END_OTHER),
        ("WEIR_MATCHES", layout.MATCHES),
        ("WEIR_NO_PORT", layout.NO_PORT),
        ("WEIR_CLASS_KEEP", layout.CLASS_KEEP),
        ("WEIR_LIMITS", layout.LIMITS),
        ("WEIR_DROP", layout.DROP),
    ],
)
def test_numbers_of_macros(macro: str, here: int) -> None:
    heads = (REPOSITORY / "bpf" / name for name in ("records.h", "orders.h"))
    text = "\n".join(head.read_text() for head in heads)
    found = re.search(rf"^#define {macro}\s+(\w+)", text, re.MULTILINE)
    assert found
    assert int(found[1], 0) == here


def test_scratch_is_as_large_as_the_second_back_end_makes_it(types: Types) -> None:
    assert structure(types, "weir_scratch")["size"] == layout.SCRATCH_BYTES


@pytest.mark.root
def test_both_back_ends_make_the_same_maps(loaded: Engine) -> None:
    for name, fd in loaded.pinned.maps.items():
        kind, entries = bcc.GEOMETRY[name]
        information = bpf.map_information(fd)
        value = layout.MAPS[name]
        assert information.type == kind, name
        assert information.key_size == (40 if name == "flows" else 4), name
        size = layout.SCRATCH_BYTES if value is None else value.itemsize
        assert information.value_size == size, name
        if name not in ("flows", "closing", "samples", "reported"):
            assert information.max_entries == entries, name


def test_both_back_ends_make_the_same_kinds_of_programs(loaded: Engine) -> None:
    kinds = {}
    for name, fd in loaded.pinned.programs.items():
        lines = Path(f"/proc/self/fdinfo/{fd}").read_text().splitlines()
        told = dict(line.split() for line in lines)
        kinds[name] = int(told["prog_type:"])
    # A walk of tc's kind would hold back all packets of its CPU.
    assert kinds.pop("weir_walk") == create.FLOW_DISSECTOR
    assert kinds.pop("weir_xdp") == create.XDP
    assert set(kinds.values()) == {create.SCHED_CLS}
