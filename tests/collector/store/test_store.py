"""One suite against both doors: chDB in this process, and an HTTP server in front of it."""

from __future__ import annotations

import pytest

from collector.records import Rows
from collector.store import queries, tables
from collector.store.answers import StoreError
from collector.store.store import Store

DAY_MS = 86_400_000
NOW_MS = 1_795_000_000_000


@pytest.fixture(params=["chdb", "http"])
def store(request: pytest.FixtureRequest) -> Store:
    door = request.getfixturevalue(request.param)
    one = Store(door, tables.Site("weir_store"))
    door.execute("DROP DATABASE IF EXISTS weir_store")
    one.migrate()
    return one


def class_rows(agent: str, start_ms: int, count: int = 1) -> Rows:
    return Rows("class_totals", {
        "agent": [agent] * count, "start": [start_ms] * count, "end": [start_ms] * count,
        "interface": ["e'th\\0"] * count, "direction": ["rx"] * count,
        "class": ["web"] * count, "frames": [1] * count, "packets": [2] * count,
        "bytes": [2**63] * count,
    }, count)  # fmt: skip


def test_migrations_run_once_and_keep_rows(store: Store):
    store.insert("class_totals", [class_rows("a", NOW_MS)], "o", "t")
    assert store.migrate() == len(tables.MIGRATIONS) == store.version()
    rows = store.query("SELECT count() AS found FROM {db}.class_totals", {})
    assert rows == [{"found": 1}]


def test_counters_are_64_bit_and_values_come_back(store: Store):
    assert store.insert("class_totals", [class_rows("a'\t\\b", NOW_MS)], "o", "t") == 1
    span = (NOW_MS - 1, NOW_MS + 1)
    found = store.query(*queries.totals(span, 1000, "interface", {"agent": "a'\t\\b"}))
    assert found == [{"bucket": NOW_MS // 1000, "name": "e'th\\0", "frames": 1,
                      "packets": 2, "bytes": 2**63}]  # fmt: skip
    assert store.query(*queries.totals(span, 1000, "agent", {"agent": "b"})) == []


def test_the_end_of_a_span_is_not_part_of_it(store: Store):
    store.insert("class_totals", [class_rows("a", NOW_MS)], "o", "t")
    for span, count in (((NOW_MS, NOW_MS + 1), 1), ((NOW_MS - 1, NOW_MS), 0)):
        assert len(store.query(*queries.totals(span, 1000, "", {}))) == count


def test_one_insert_repeated_adds_nothing_and_can_be_undone(store: Store):
    rows = [class_rows("a", NOW_MS), class_rows("b", NOW_MS - DAY_MS, 3)]
    for _ in range(3):
        assert store.insert("class_totals", rows, "o", "t") == 4
    count = "SELECT count() AS found FROM {db}.class_totals"
    assert store.query(count, {})[0]["found"] == 4
    store.insert("class_totals", [class_rows("c", NOW_MS)], "other", "u")
    store.undo("class_totals", "o")
    assert store.query(count, {})[0]["found"] == 1


def test_days_over_the_cap_go_oldest_first(store: Store):
    for day in range(4):
        store.insert(
            "class_totals", [class_rows("a", NOW_MS - day * DAY_MS)], "o", f"t{day}"
        )
    days = store.days()
    assert len(days) == 4
    assert store.keep_below(0) == 0
    assert store.keep_below(sum(size for _, size in days) - 1) == 1
    assert [day for day, _ in store.days()] == [day for day, _ in days[1:]]
    assert store.keep_below(1) == 2
    assert len(store.days()) == 1
    with pytest.raises(ValueError, match="isoformat"):
        store.purge("2026-01-01'; DROP")


def test_a_bad_statement_is_one_line(store: Store):
    with pytest.raises(StoreError) as failure:
        store.query("SELECT nosuch FROM {db}.flows", {})
    assert "\n" not in str(failure.value)
    assert "nosuch" in str(failure.value)


def test_queries_use_the_sort_key_and_the_day(store: Store):
    for day in range(3):
        start = NOW_MS - day * DAY_MS
        store.insert("class_totals", [class_rows("a", start, 5)], "o", f"t{day}")
    sql, values = queries.totals(
        (NOW_MS - 1000, NOW_MS + 1000), 1000, "class", {"agent": "a"}
    )
    plan = store.door.query(
        "EXPLAIN indexes = 1 " + sql.replace("{db}", store.site.database), values
    )
    text = "\n".join(next(iter(row.values())) for row in plan)
    assert "Partition" in text
    assert "Parts: 1/3" in text
    assert "PrimaryKey" in text


def test_retention_changes_only_where_it_differs(store: Store):
    assert store.retain() == []
    shorter = Store(store.door, tables.Site("weir_store", flow_retention_days=3))
    assert shorter.retain() == ["flows"]
    assert shorter.retain() == []
    assert store.retain() == ["flows"]


def test_what_is_too_old_goes(store: Store):
    store.insert("class_totals", [class_rows("a", 1_000_000_000_000)], "o", "t")
    store.insert("class_totals", [class_rows("a", 4_000_000_000_000)], "o", "u")
    store.door.execute("OPTIMIZE TABLE weir_store.class_totals FINAL")
    rows = store.query("SELECT count() AS found FROM {db}.class_totals", {})
    assert rows == [{"found": 1}]
