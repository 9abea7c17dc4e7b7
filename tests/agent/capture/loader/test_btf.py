"""Types written by hand, read back by bpftool."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from agent.capture import layout
from agent.capture.loader.btf import Types


def read_back(types: Types, path: Path) -> list[dict]:
    path.write_bytes(types.blob())
    dump = ["bpftool", "-j", "btf", "dump", "file", str(path)]
    done = subprocess.run(dump, capture_output=True, check=True)
    return json.loads(done.stdout)["types"]


@pytest.mark.parametrize("name", layout.STRUCTURES)
def test_a_structure_is_its_dtype(name: str, tmp_path: Path) -> None:
    dtype = layout.STRUCTURES[name]
    types = Types()
    number = types.structure(name, dtype)
    found = {t["id"]: t for t in read_back(types, tmp_path / "types.btf")}[number]
    members = {m["name"]: m["bits_offset"] // 8 for m in found["members"]}
    assert (found["name"], found["size"]) == (name, dtype.itemsize)
    assert members == {field: entry[1] for field, entry in dtype.fields.items()}


def test_a_lock_is_the_kernels(tmp_path: Path) -> None:
    types = Types()
    types.structure("weir_record", layout.RECORD)
    found = {t["name"]: t for t in read_back(types, tmp_path / "t") if t.get("name")}
    assert found["bpf_spin_lock"]["size"] == 4
    lock = next(m for m in found["weir_record"]["members"] if m["name"] == "lock")
    assert lock["type_id"] == found["bpf_spin_lock"]["id"]


def test_arrays_and_integers(tmp_path: Path) -> None:
    dtype = np.dtype([("name", "S16"), ("pair", "<u4", (2, 3)), ("byte", "u1")])
    types = Types()
    types.structure("thing", dtype)
    found = read_back(types, tmp_path / "t")
    lengths = sorted(t["nr_elems"] for t in found if t["kind"] == "ARRAY")
    assert lengths == [2, 3, 16]


def test_a_function_is_static_and_returns_an_int(tmp_path: Path) -> None:
    types = Types()
    first, second = types.function("one"), types.function("two")
    found = {t["id"]: t for t in read_back(types, tmp_path / "t")}
    assert [found[n]["name"] for n in (first, second)] == ["one", "two"]
    assert found[first]["type_id"] == found[second]["type_id"]
    assert found[first]["linkage"] == "static"
