"""After a restart of the machine everything is back by itself."""

from __future__ import annotations

from balance import Balance, counted_now
from counting import collected, collector_gets
from guest import ask, ready, status, until
from router import make_router, traffic

WATCHED = 4  # two interfaces, two directions


def reboot_comes_back() -> None:
    """The kernel counts from zero; what the last boot left is delivered first."""
    for unit in ("weir-collector", "weir-agent"):
        ready(unit)
    ask("/sync", "POST")
    until(lambda: status()["spool"]["batches"] == 0, 60, "the last boot is delivered")
    earlier = collected()
    make_router()
    until(lambda: len(counted_now()) == WATCHED, 60, "new interfaces are watched")
    with Balance():
        traffic()
    collector_gets(earlier)


CHECKS = (reboot_comes_back,)
