"""The tables hold together, and with the agent's vocabulary and the written format."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent import records
from wire.schema import (
    CLASS_NAMES,
    ENDPOINT,
    ENDPOINT_FIELDS,
    ENDPOINT_SKETCHES,
    FLOW,
    FLOW_FIELDS,
    VOLUME_NAMES,
)

FORMAT = Path(__file__).parents[2] / "docs" / "wire-format.md"


def test_classes_are_the_agents():
    assert CLASS_NAMES == records.CLASS_NAMES


@pytest.mark.parametrize(
    ("dtype", "fields", "size"),
    [(FLOW, FLOW_FIELDS, 104), (ENDPOINT, ENDPOINT_FIELDS, 124)],
)
def test_rows_are_packed_in_the_tables_order(dtype, fields, size):
    assert dtype.names == tuple(field.name for field in fields)
    assert dtype.itemsize == size
    assert all(
        dtype[field.name].shape == (field.width,) * (field.width > 1) for field in fields
    )


@pytest.mark.parametrize(
    "name",
    [field.name for field in (*FLOW_FIELDS, *ENDPOINT_FIELDS)]
    + [*ENDPOINT_SKETCHES, *VOLUME_NAMES, *CLASS_NAMES],
)
def test_every_name_is_in_the_written_format(name):
    assert f"`{name}`" in FORMAT.read_text()
