from __future__ import annotations

import pytest

from lab.demo.traffic import Traffic, TrafficFailed, Wish, summary
from lab.netns import world
from lab.netns.topology import design
from tests.support.namespaces import World

WISH = Wish(1.5, 2e6, 1, ("voice", "background"), 0.3)


def test_a_summary_names_trouble() -> None:
    count = {"sent_bytes": 1_500_000, "received_bytes": 0, "errors": 2}
    assert summary({"web": count}) == "web 1.5 MB (2 errors)"
    assert summary({}) == "starting"


@pytest.mark.root
def test_without_namespaces_it_does_not_start(netns: World) -> None:
    import asyncio

    async def run() -> None:
        async with Traffic(design(netns.prefix), WISH):
            raise AssertionError("it started")

    try:
        with pytest.raises(TrafficFailed, match="traffic of server: did not start"):
            asyncio.run(run())
    finally:
        world.down(netns.prefix)


@pytest.mark.root
def test_sums_are_those_of_all_clients(netns: World) -> None:
    import asyncio

    plan = world.up(netns.prefix, 2)

    async def run() -> dict[str, dict[str, int]]:
        async with Traffic(plan, WISH) as traffic:
            await traffic.finished()
            report = await traffic.report()
        assert report["clients"] == traffic.totals()
        assert report["server"]["voice"]["received_bytes"] > 0
        return traffic.totals()

    try:
        totals = asyncio.run(run())
    finally:
        world.down(netns.prefix)
    assert totals["voice"]["sessions"] == 2
    assert totals["video"]["sessions"] == 0
    assert totals["background"]["messages"] > 2
