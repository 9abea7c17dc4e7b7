"""After a restart of the machine everything is back by itself."""

from __future__ import annotations

from balance import Balance, counted_now
from counting import collector_has_it_all
from guest import ready, until
from router import make_router, traffic

WATCHED = 4  # two interfaces, two directions


def reboot_comes_back() -> None:
    for unit in ("weir-collector", "weir-agent"):
        ready(unit)
    make_router()
    until(lambda: len(counted_now()) == WATCHED, 60, "new interfaces are watched")
    with Balance():
        traffic()


CHECKS = (reboot_comes_back, collector_has_it_all)
