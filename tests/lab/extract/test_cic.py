"""CICFlowMeter's cells from its own counts: nothing, one, and what it gets wrong."""

from __future__ import annotations

import numpy as np
import pytest

from lab.extract.cic import ends, table
from lab.extract.layout import CIC_FLOW
from lab.extract.schemas import CIC_FIXED
from lab.extract.text import Kind, Writer
from wire.features import COLUMNS


def flow(**values: object) -> np.ndarray:
    one = np.zeros(1, CIC_FLOW)
    one["source_port"], one["destination_port"], one["protocol"] = 1000, 53, 17
    one["packets"], one["subflows"] = [[3, 2]], 2
    for name, value in values.items():
        one[name] = value
    return one


def cells(fixed: bool, **values: object) -> dict[str, str]:
    made = table(flow(**values), Kind.TIME_ISO if fixed else Kind.TIME_12H, fixed)
    names = list(made)
    (line,) = b"".join(Writer().lines(list(made.values()))).decode().splitlines()
    return dict(zip(names, line.split(","), strict=True))


@pytest.mark.parametrize(("fixed", "columns"), [(False, COLUMNS), (True, CIC_FIXED)])
def test_every_column_of_the_dialect_is_there(fixed: bool, columns: tuple[str, ...]):
    assert set(columns) <= set(table(flow(), Kind.TIME_12H, fixed))
    empty = table(np.zeros(0, CIC_FLOW), Kind.TIME_12H, fixed)
    assert {len(column.values) for column in empty.values()} == {0}


@pytest.mark.parametrize(
    ("fixed", "rate", "ratio"),
    [(False, "Infinity", "0.0"), (True, "-1", "0.666666666666666")],
)
def test_a_flow_without_duration(fixed: bool, rate: str, ratio: str):
    found = cells(fixed)
    assert found["Flow Packets/s"] == rate
    assert found["Fwd Packets/s"] == "0.0"
    assert found["Down/Up Ratio"].startswith(ratio)


def test_statistics_of_nothing_are_an_integer_zero_only_where_they_are_guarded():
    found = cells(fixed=False)
    assert found["Fwd IAT Mean"] == found["Active Max"] == found["Idle Std"] == "0"
    assert found["Flow IAT Mean"] == "NaN"
    assert cells(fixed=True)["Flow IAT Mean"] == "0.0"


@pytest.mark.parametrize(("fixed", "per"), [(False, "1"), (True, "1.5")])
def test_averages_divide_whole_numbers_in_one_and_real_ones_in_the_other(
    fixed: bool, per: str
):
    assert cells(fixed)["Subflow Fwd Packets"] == per
    assert cells(fixed, subflows=0)["Subflow Fwd Packets"] in ("0", "0.0")


@pytest.mark.parametrize("turned", [0, 1])
def test_a_flow_id_keeps_the_order_of_the_maps_key(turned: int):
    one = flow(reversed=turned)
    one["source"][0, -1], one["destination"][0, -1] = 1, 2
    assert ends(one)["source_port"].tolist() == [1000]
    made = table(one, Kind.TIME_12H, fixed=False)
    (line,) = b"".join(Writer().lines([made["Flow ID"]])).decode().splitlines()
    assert line == ("::2-::1-53-1000-17" if turned else "::1-::2-1000-53-17")
