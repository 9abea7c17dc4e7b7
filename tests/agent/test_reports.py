from __future__ import annotations

from agent.reports import SECONDS_BUCKETS, UplinkState


def test_there_is_a_bucket_for_each_edge_and_one_for_the_rest():
    assert len(UplinkState().upload_buckets) == len(SECONDS_BUCKETS) + 1
    assert list(SECONDS_BUCKETS) == sorted(SECONDS_BUCKETS)
