"""chDB in this process: any thread, one error, one line."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from collector.store.answers import StoreError
from collector.store.embedded import Embedded


def test_values_come_back_as_they_were_given(chdb: Embedded):
    hostile = "it's \\ a\ttab, a\nline; DROP"
    sql = "SELECT {value:String} AS value, {many:Array(String)} AS many, {n:UInt64} AS n"
    found = chdb.query(sql, {"value": hostile, "many": [hostile, ""], "n": 7})
    (row,) = found
    assert (row["value"], row["many"], int(row["n"])) == (hostile, [hostile, ""], 7)
    assert chdb.query("SELECT 1 AS one WHERE 0", {}) == []


def test_each_thread_sees_what_the_others_wrote(chdb: Embedded):
    chdb.execute("CREATE DATABASE IF NOT EXISTS threads")
    chdb.execute("CREATE TABLE threads.t (a UInt8) ENGINE = MergeTree ORDER BY a")
    block = b"\x01\x01\x01a\x05UInt8\x01"
    with ThreadPoolExecutor(3) as pool:
        jobs = [
            pool.submit(chdb.insert, "INSERT INTO threads.t (a)", block, "")
            for _ in range(9)
        ]
        for job in jobs:
            job.result()
    found = chdb.query("SELECT toUInt32(count()) AS found FROM threads.t", {})
    assert found == [{"found": 9}]
    chdb.execute("DROP DATABASE threads")


@pytest.mark.parametrize(
    "sql", ["SELEC 1", "SELECT nosuch", "SELECT {a:UInt8}", "SELECT * FROM absent.t"]
)
def test_errors_are_one_line_of_one_kind(chdb: Embedded, sql: str):
    with pytest.raises(StoreError) as failure:
        chdb.query(sql, {})
    assert "\n" not in str(failure.value)
    assert 0 < len(str(failure.value)) <= 400
    with pytest.raises(StoreError):
        chdb.execute(sql)


def test_an_insert_into_nothing_is_refused(chdb: Embedded):
    with pytest.raises(StoreError, match="absent"):
        chdb.insert("INSERT INTO absent.t (a)", b"\x01\x01\x01a\x05UInt8\x01", "")
