"""The command `weir-agent qos`: plan, probe, apply, confirm, show, revert."""

from __future__ import annotations

import argparse
import dataclasses
import json
import signal
import sys
import time
from collections.abc import Callable, Mapping
from typing import Final

from agent import settled
from agent.config import Config
from agent.qos import words
from agent.qos.apply import transaction
from agent.qos.apply.operate import Operator
from agent.qos.choice import choose
from agent.qos.rules import BadRule
from wire.settings import ConfigError

POLL_S: Final = 0.5
LONGEST_S: Final = 3600.0


def main(config: Config, options: argparse.Namespace) -> int:
    """Carry out one verb: 0 done, 1 refused by the machine, 2 settings that cannot be.

    Raises ConfigError.
    """
    directory = settled.qos_directory(config)
    try:
        settings = settled.regulation_in_force(config)
        adopt = settings.adopt or getattr(options, "adopt", False)
        settings = dataclasses.replace(settings, adopt=adopt)
        with Operator(settings, directory, settled.speeds(settings)) as operator:
            return VERBS[options.verb](operator, options)
    except BadRule as error:
        raise ConfigError(str(error)) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else ""
        print(f"weir-agent: {reason or error}", file=sys.stderr)
        return 1


def undo(config: Config) -> int:
    """Put back what is shaped, if anything is: 0 done, 1 refused. Raises ConfigError."""
    return main(config, argparse.Namespace(verb="revert", json=False))


def plan(operator: Operator, options: argparse.Namespace) -> int:
    """Say what apply would do."""
    steps, notes = operator.plan()
    matches = [one.words() for one in operator.settings.matches]
    if options.json:
        told = {"steps": steps, "notes": notes, "matches": matches}
        print(json.dumps(told, indent=2))
    else:
        print("\n".join([*steps, *matches, *(f"note: {note}" for note in notes)]))
    return 0


def probe(operator: Operator, options: argparse.Namespace) -> int:
    """Say what this kernel can shape with, tried on a device made for the purpose."""
    found = choose(operator.abilities())
    print(
        json.dumps(found.as_json(), indent=2) if options.json else "\n".join(found.lines())
    )
    return 0


def apply(operator: Operator, options: argparse.Namespace) -> int:
    """Make it so, for good or until a moment."""
    seconds = options.confirm
    if seconds is not None and not 0 < seconds <= LONGEST_S:
        raise ConfigError(f"--confirm {seconds:g}: give 1 to {LONGEST_S:g} seconds")
    if not operator.settings.interfaces and not operator.journal.before():
        raise ConfigError("nothing to shape: add a [[qos.interface]]")
    transaction.recover(operator.kernel, operator.journal, time.time())
    by = None if seconds is None else time.time() + seconds
    steps = operator.apply(confirm_by=by)
    if options.json:
        print(json.dumps({"steps": words.steps(steps), "confirm_by": by}, indent=2))
    else:
        print("\n".join([*words.steps(steps), words.summary(steps)]))
    if by is None or not steps:
        return 0
    return _wait(operator, by)


def _wait(operator: Operator, by: float) -> int:
    """Take the change back in time, also when the terminal that asked is gone."""
    print("keep it with: weir-agent qos confirm", flush=True)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    while time.time() < by:
        if operator.journal.entry() is None:
            return 0
        time.sleep(POLL_S)
    if transaction.recover(operator.kernel, operator.journal, time.time()):
        print("not confirmed: taken back")
        return 1
    return 0


def confirm(operator: Operator, options: argparse.Namespace) -> int:
    """Keep the change that waits."""
    kept = transaction.confirm(operator.journal)
    if options.json:
        print(json.dumps({"confirmed": kept}))
    else:
        print("kept" if kept else "no change waits to be confirmed")
    return 0 if kept else 1


def show(operator: Operator, options: argparse.Namespace) -> int:
    """Print the counters of every tree."""
    shown = operator.show()
    if options.json:
        print(json.dumps(shown, indent=2))
        return 0
    for device, ways in shown.items():
        for way, classes in ways.items():
            print(f"{device} {way}")
            for name, counts in classes.items():
                print(
                    f"  {name:<12} {counts['sent_packets']:>12} packets "
                    f"{counts['sent_bytes']:>15} bytes {counts['drops']:>9} dropped "
                    f"{counts['backlog_packets']:>6} waiting"
                )
    if not shown:
        print("nothing is shaped")
    for one in operator.settings.matches:
        print(one.words())
    return 0


def revert(operator: Operator, options: argparse.Namespace) -> int:
    """Put everything back."""
    steps = operator.revert()
    if options.json:
        print(json.dumps({"steps": words.steps(steps)}, indent=2))
    else:
        print("\n".join([*words.steps(steps), words.summary(steps)]))
    return 0


VERBS: Final[Mapping[str, Callable[[Operator, argparse.Namespace], int]]] = {
    "plan": plan,
    "probe": probe,
    "apply": apply,
    "confirm": confirm,
    "show": show,
    "revert": revert,
}
