"""A page that opens draws what the collector remembers, not what comes from then on."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.console import feeder
from tests.console.conftest import Collector, Watched

pytestmark = pytest.mark.browser


def test_a_page_that_opens_shows_what_the_collector_remembers(
    watch: Callable[..., Watched], make_collector: Callable[..., Collector]
) -> None:
    collector = make_collector(auth="none")
    with feeder.LiveFeed(collector.base, (feeder.LAB,)):
        end = time.monotonic() + 30
        while not any(
            len(one["rx"]["bps"]) - one["rx"]["bps"].count(None) >= 6
            for one in collector.get("/api/live/history")["interfaces"]
        ):
            assert time.monotonic() < end, "the collector remembers nothing"
            time.sleep(0.5)
        remembered = collector.get("/api/live/history")["times"]
        watched = watch(collector.base)
        watched.page.goto(collector.base + "/")
        chart = watched.page.locator(".chart")
        expect(chart).to_have_attribute("data-first-time", str(remembered[0]))
        assert int(chart.get_attribute("data-last-time") or 0) - remembered[0] >= 5
        watched.clean()
