"""The dialects: as many columns as theirs have, each from one that there is."""

from __future__ import annotations

import pytest

from lab.extract.schemas import CIC_FIXED, PYTHON, SCHEMAS
from lab.extract.text import Kind
from wire.features import COLUMNS


@pytest.mark.parametrize(
    ("schema", "count"),
    [("weir", 84), ("cic", 84), ("cic-fixed", 94), ("cic2017", 85), ("cic2018", 84),
     ("cic-py", 82)],
)  # fmt: skip
def test_how_many_columns(schema: str, count: int):
    assert len(SCHEMAS[schema].columns) == count


@pytest.mark.parametrize("schema", SCHEMAS)
def test_every_column_is_made_of_one_that_there_is(schema: str):
    sources = CIC_FIXED if SCHEMAS[schema].mode == "cic-fixed" else COLUMNS
    assert {of for _, of in SCHEMAS[schema].columns} <= set(sources)
    assert SCHEMAS[schema].timestamp in Kind.__members__
    assert SCHEMAS[schema].seconds <= {name for name, _ in SCHEMAS[schema].columns}


@pytest.mark.parametrize("schema", sorted(set(SCHEMAS) - {"cic2017"}))
def test_no_name_stands_twice(schema: str):
    names = [name for name, _ in SCHEMAS[schema].columns]
    assert len(set(names)) == len(names)


def test_the_data_set_of_2017_has_its_double_and_its_spaces():
    names = [name for name, _ in SCHEMAS["cic2017"].columns]
    assert [name for name in set(names) if names.count(name) > 1] == [" Fwd Header Length"]
    assert names[0] == "Flow ID"
    assert all(name.startswith(" ") for name in names[1:])


def test_the_label_is_the_last_column_where_there_is_one():
    for name, schema in SCHEMAS.items():
        if name != "cic-py":
            assert schema.columns[-1][1] == "Label"
    assert "label" not in PYTHON
