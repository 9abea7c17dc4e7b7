"""Shaping on a stock kernel, by the installed package: runs in a machine of its own, whose
clock counts instructions, so that delays are those of the queues and not of the emulation.
"""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable

import shaping_latency
import shaping_marks
import shaping_safety
import shaping_shares
from guest import AGENT_TOML, PAYLOAD, install, journal, run, say, until
from router import make_router
from shaping_link import obeyed, problems, settings, tree


def the_agent_shapes_the_link() -> None:
    """As an operator has it: the package installed, a link in the settings, a start."""
    say(install("first/weir-agent.deb")[-500:])
    make_router()
    AGENT_TOML.write_text(AGENT_TOML.read_text() + settings(mode="shape"))
    run("systemctl", "restart", "weir-agent")
    until(lambda: "qdisc htb 5745: root" in tree(), 60, "its tree")
    obeyed()
    leaves = {line.split()[1] for line in tree().splitlines() if "parent 5745:" in line}
    assert leaves == {"cake"}, leaves
    assert tree().count("besteffort dual-srchost nat") == 14, tree()
    assert not problems(), problems()


CHECKS: tuple[Callable[[], None], ...] = (
    the_agent_shapes_the_link,
    *shaping_latency.CHECKS,
    *shaping_shares.CHECKS,
    *shaping_marks.CHECKS,
    *shaping_safety.CHECKS,
)


def perform(check: Callable[[], None]) -> bool:
    """Run one check and print how it went."""
    started = time.monotonic()
    try:
        check()
    except Exception as error:  # noqa: BLE001 - the next check is run whatever this one met
        say(f"RESULT FAIL {check.__name__}: {error}")
        if not isinstance(error, AssertionError):
            traceback.print_exc(file=sys.stdout)
        return False
    say(f"RESULT ok {check.__name__} {time.monotonic() - started:.1f} s")
    return True


def main() -> None:
    """Run what `only` asks for; `table 5`: the long table, so many runs."""
    say(f"BOOT {run('uname', '-r').strip()}")
    only = PAYLOAD / "only"
    wanted = only.read_text().split() if only.exists() else []
    runs = int(wanted[1]) if wanted[:1] == ["table"] else 0
    well = perform(CHECKS[0])
    if well and runs:
        shaping_latency.table(runs)
    for check in CHECKS[1:] if well and not runs else ():
        if not wanted or check.__name__ in wanted:
            well = perform(check) and well
    if not well:
        say(journal("weir-agent", 60))
        say(run("dmesg")[-2000:])
    say("END")
    run("systemctl", "--no-block", "poweroff")


if __name__ == "__main__":
    main()
