"""Runs in the virtual machine, as root, after every boot: installs Weir as an operator
would, uses it, breaks it, and takes it away again. One `RESULT` line a check.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from types import ModuleType

import counting
import installation
import loaders
import lockdown
import reboot
import reloading
import removal
import upgrades
from guest import PAYLOAD, STATE, run, say

BOOTS: tuple[tuple[ModuleType, ...], ...] = (
    (installation, counting, reloading, upgrades, loaders, lockdown),
    (reboot, removal),
)
"""What each boot checks. A module has its checks, in order, in CHECKS."""

PREREQUISITES = (installation.installed, reboot.reboot_comes_back)
"""Where one of these fails the boot's other checks would only say so again."""

JOURNAL_LINES = "120"


def checks(boot: int) -> Iterator[Callable[[], None]]:
    """This boot's checks; only those wanted, by their name or their module's."""
    only = PAYLOAD / "only"
    wanted = set(only.read_text().split()) if only.exists() else None
    for module in BOOTS[boot]:
        for one in module.CHECKS:
            if wanted is None or {one.__name__, module.__name__} & wanted:
                yield one


def passes(check: Callable[[], None]) -> bool:
    """Perform one check and say how it went, with the journal where it failed."""
    started, since = time.monotonic(), time.time()
    try:
        check()
    except Exception as error:
        say(f"RESULT FAIL {check.__name__}: {error}")
        if not isinstance(error, AssertionError):
            traceback.print_exc(file=sys.stdout)
        units = ("-u", "weir-agent", "-u", "weir-collector")
        lately = ("--since", f"@{since:.0f}", "-n", JOURNAL_LINES, "--no-pager")
        say(run("journalctl", *lately, *units, check=False))
        say(run("dmesg", check=False)[-1500:])
        return False
    say(f"RESULT ok {check.__name__} {time.monotonic() - started:.1f} s")
    return True


def main() -> None:
    """Do what this boot is for, then boot again or switch off."""
    mark = STATE / "boot"
    boot = int(mark.read_text()) if mark.exists() else 0
    say(f"BOOT {boot} {os.uname().release} {time.monotonic():.0f} s")
    goes_on = boot + 1 < len(BOOTS)
    for check in checks(boot):
        if not passes(check) and check in PREREQUISITES:
            goes_on = False
            break
    STATE.mkdir(parents=True, exist_ok=True)
    mark.write_text(str(boot + 1))
    # What stops the machine stops this service too; dying of that would be a failure.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if goes_on:
        run("systemctl", "--no-block", "reboot")
    else:
        say("END")
        run("systemctl", "--no-block", "poweroff")


if __name__ == "__main__":
    main()
