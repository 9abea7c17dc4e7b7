from __future__ import annotations

from lab.simulate import flows, table


def test_a_flow_is_what_a_line_says() -> None:
    assert len(flows.FLOW.names or ()) == len(table.COLUMNS)
    assert flows.none().dtype == flows.FLOW
    assert len(flows.none()) == 0
