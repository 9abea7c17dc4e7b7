"""The tables' statements."""

from __future__ import annotations

import pytest

from collector.store import tables


@pytest.mark.parametrize("cluster", ["", "main"])
def test_ddl_of_one_server_and_of_a_cluster(cluster: str):
    site = tables.Site("weir", cluster)
    text = " ".join(tables.prepare(site) + tables.first(site))
    assert text.count("CREATE TABLE") == len(tables.TABLES) + 1
    assert ("ON CLUSTER main" in text) == bool(cluster)
    assert ("ReplicatedMergeTree" in text) == bool(cluster)
    assert "30 DAY" in text
    assert "7 DAY" in text


def test_tables_have_what_inserts_and_queries_name():
    for name, table in tables.TABLES.items():
        columns = [column for column, _ in table.columns]
        assert table.name == name
        assert len(set(columns)) == len(columns)
        assert columns[:4] == ["agent", "start", "end", "origin"]
        assert set(table.order.replace(",", " ").split()) <= set(columns)


@pytest.mark.parametrize(
    ("name", "days"), [("class_totals", 30), ("sketches", 30), ("flows", 7)]
)
def test_retention_follows_the_kind_of_table(name: str, days: int):
    table = tables.TABLES[name]
    assert f"INTERVAL {days} DAY" in tables.ttl(table, tables.Site("weir"))
    site = tables.Site("weir", "main", retention_days=1, flow_retention_days=2)
    wanted = 2 if name == "flows" else 1
    assert tables.retention(table, site) == (
        f"ALTER TABLE weir.{name} ON CLUSTER main "
        f"MODIFY TTL toDate(start) + INTERVAL {wanted} DAY"
    )


def test_replicas_share_a_path_and_differ_by_name():
    found = tables.engine("flows", tables.Site("weir", "main"))
    assert found == (
        "ReplicatedMergeTree('/clickhouse/tables/{shard}/weir/flows', '{replica}')"
    )
