"""Calls beside eight downloads: Weir against cake, in one run; and a long table."""

from __future__ import annotations

import json
import statistics
import subprocess
import time

from guest import say
from router import inside
from shaping_link import HERE, LINK_MBPS, far_end, order, settings, under

FAR = "10.2.0.2"
# Downloads and the best-effort probe have one port: they are of one class everywhere.
CALLS = {"voice": (7000, 0xB8), "unmarked voice": (5060, 0), "best effort": (443, 0)}
SHAPERS = ("tail drop", "cake", "weir htb", "weir cake")
WARM_S = 3.0
Figures = dict[str, float]


def role(space: str | None, name: str, **options: object) -> subprocess.Popen:
    """Start one part of the traffic (shaping_traffic.py); space None: on the router."""
    words = [text for key, value in options.items() for text in (f"--{key}", str(value))]
    program = str(HERE / "shaping_traffic.py")
    command = ("python3", "-S", "-B", program, name, *words)
    if space is not None:
        command = inside(space, *command)
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def part(values: list[float], share: float) -> float:
    """A quantile; NaN of nothing."""
    return sorted(values)[int(len(values) * share)] if values else float("nan")


def measure(flows: int, seconds: float) -> Figures:
    """One-way delays in ms, what was lost, payload of the downloads in Mbit/s."""
    warm = WARM_S if flows else 0.0
    ports = ",".join(str(port) for port, _ in CALLS.values())
    far = role("right", "hear", ports=ports, bulk=443, begin=warm, seconds=seconds)
    assert far.stdout.readline() == "ready\n"
    source = None
    if flows:
        many = ",".join(["443"] * flows)
        source = role("left", "pour", address=FAR, bulk=many, seconds=warm + seconds)
    time.sleep(warm)
    calls = ",".join(f"{port}:{tos}" for port, tos in CALLS.values())
    phone = role("left", "talk", address=FAR, calls=calls, seconds=seconds)
    sent = int(phone.communicate()[0])
    heard = json.loads(far.communicate(timeout=120)[0])
    if source is not None:
        source.wait(60)
    found: Figures = {"goodput": sum(rate for _, rate in heard["megabits"])}
    for name, (port, _) in CALLS.items():
        delays = [one / 1000 for one in heard["calls"][str(port)]["delays_us"]]
        found[f"{name} p50"] = part(delays, 0.5)
        found[f"{name} p99"] = part(delays, 0.99)
        found[f"{name} lost"] = sent - len(delays)
    return found


def rounds(count: int, seconds: float) -> dict[str, list[Figures]]:
    """All shapers in turn, so often; the first row is the link at rest."""
    found: dict[str, list[Figures]] = {name: [] for name in SHAPERS}
    order("revert", settings=settings())
    with far_end():
        found["at rest"] = [measure(0, seconds)]
        say("FACT latency", "at rest", json.dumps(rounded(found["at rest"][0])))
        for _ in range(count):
            for name in SHAPERS:
                with under(name):
                    # What tells packets their class is written once a second.
                    time.sleep(1.5)
                    found[name].append(measure(8, seconds))
                say("FACT latency", name, json.dumps(rounded(found[name][-1])))
    order("apply", settings=settings())
    return found


def rounded(figures: Figures) -> Figures:
    """For people to read."""
    return {key: round(value, 2) for key, value in figures.items()}


def middle(runs: list[Figures], key: str) -> float:
    """The median of a figure."""
    return statistics.median(one[key] for one in runs)


def judge(found: dict[str, list[Figures]]) -> list[str]:
    """What Weir owes: against cake and against the link, medians of one run."""
    wrong = []
    rest, cake = found["at rest"], found["cake"]
    for name in ("weir htb", "weir cake"):
        runs = found[name]
        for call in ("voice", "unmarked voice"):
            late = middle(runs, f"{call} p99")
            if not late <= middle(cake, "voice p99") + 2:
                wrong.append(f"{name}: {call} p99 {late:.2f} ms, more than cake's + 2 ms")
        added = middle(runs, "voice p99") - middle(rest, "voice p99")
        if not added <= 2:
            wrong.append(f"{name}: voice p99 {added:.2f} ms more than at rest, not 2 ms")
        late, bound = middle(runs, "best effort p99"), 1.5 * middle(cake, "best effort p99")
        if not late <= bound:
            wrong.append(f"{name}: best effort p99 {late:.2f} ms, not {bound:.2f} ms")
        rate, least = middle(runs, "goodput"), 0.97 * middle(cake, "goodput")
        if not rate >= max(least, 0.94 * LINK_MBPS):
            wrong.append(f"{name}: {rate:.2f} Mbit/s, not {least:.2f} nor 94 % of the link")
        if not rate <= (most := 1.005 * middle(cake, "goodput")):
            wrong.append(f"{name}: {rate:.2f} Mbit/s, more than cake's {most:.2f}")
        if lost := max(one["voice lost"] for one in runs):
            wrong.append(f"{name}: {lost:.0f} packets of voice lost")
    if not middle(found["tail drop"], "voice p99") > 100:
        wrong.append("the link is not full: tail drop delays no voice")
    return wrong


def calls_are_in_time_beside_downloads() -> None:
    """Two runs of 6 s; time in this guest is counted in instructions, so they repeat."""
    wrong = judge(rounds(2, 6))
    assert not wrong, "; ".join(wrong)


def cell(runs: list[Figures], key: str) -> str:
    """Median and range, as the table has them."""
    values = [one[key] for one in runs]
    if len(values) == 1:
        return f"{values[0]:.2f}"
    return f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


def table(count: int) -> None:
    """Print the rows that docs/benchmarks.md has."""
    found = rounds(count, 8)
    keys = [f"{name} {share}" for name in CALLS for share in ("p50", "p99")]
    say("TABLE | shaper |", " | ".join([*keys, "goodput"]), "|")
    for name in ("at rest", *SHAPERS):
        cells = [cell(found[name], key) for key in (*keys, "goodput")]
        say("TABLE |", name, "|", " | ".join(cells), "|")
    for line in judge(found):
        say("RESULT FAIL table:", line)


CHECKS = (calls_are_in_time_beside_downloads,)
