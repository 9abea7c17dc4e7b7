"""A live view in the terminal: two answers of the API in, a screen out."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from agent.status.client import Client

FLOWS_ASKED: Final = 500
"""The largest flows so far; the fastest of them are shown."""
FLOWS_SHOWN: Final = 20

Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class View:
    """What is on the screen: /status twice, and /flows of the last two walks."""

    before: Answer
    now: Answer
    flows_before: Answer
    flows: Answer


def first(status: Answer, flows: Answer) -> View:
    """Return the view before there is anything to compare with."""
    return View(status, status, flows, flows)


def following(view: View, status: Answer, flows: Answer) -> View:
    """Return the next view. Flows change only when the map was walked."""
    walked = flows["as_of"] != view.flows["as_of"]
    return View(view.now, status, view.flows if walked else view.flows_before, flows)


def render(view: View, rows: int = FLOWS_SHOWN) -> RenderableType:
    """Return the screen."""
    return Group(_heading(view.now), _interfaces(view), _classes(view), _flows(view, rows))


def watch(client: Client, interval_seconds: float, console: Console) -> None:
    """Show the view until interrupted. Raises NotRunning, AgentError."""
    view = first(*_ask(client))
    with Live(render(view), console=console, screen=True, auto_refresh=False) as live:
        while True:
            time.sleep(interval_seconds)
            view = following(view, *_ask(client))
            rows = max(5, console.height - len(view.now["interfaces"]) * 2 - 20)
            live.update(render(view, rows), refresh=True)


def bits(rate: float) -> str:
    """Return bits a second for people: three digits and a unit."""
    for unit in ("", "k", "M", "G"):
        if rate < 999.5:
            return f"{rate:.3g} {unit}bit/s"
        rate /= 1000
    return f"{rate:.4g} Tbit/s"


def size(octets: float) -> str:
    """Return bytes for people."""
    for unit in ("B", "kB", "MB", "GB"):
        if octets < 999.5:
            return f"{octets:.3g} {unit}"
        octets /= 1000
    return f"{octets:.4g} TB"


def _ask(client: Client) -> tuple[Answer, Answer]:
    return client.get("/status"), client.get(f"/flows?limit={FLOWS_ASKED}&sort=bytes")


def _heading(now: Answer) -> Text:
    uplink, spool, flows = now["uplink"], now["spool"], now["flows"]
    where = uplink["backend_url"] or "no collector yet"
    line = Text(f"{now['switch_id']}  ", style="bold")
    line.append(now["status"], style="green" if now["status"] == "ok" else "yellow")
    line.append(
        f"  flows {flows['live']}/{flows['max']}"
        f"  endpoints {now['endpoints']['tracked']}/{now['endpoints']['max']}"
        f"  memory {size(now['rss_bytes'])}\n{where}"
        f" {'connected' if uplink['connected'] else 'not connected'}"
        f"  sent {uplink['batches_sent']}  waiting {spool['batches']}"
        f" ({size(spool['bytes'])})  dropped {spool['dropped_batches']}",
        style="default",
    )
    for device, ways in now["qos"]["devices"].items():
        for way, lane in ways.items():
            line.append(f"\n{device} {way}  {_shaped(lane)}", style="default")
    for problem in now["problems"]:
        line.append(f"\n! {problem}", style="yellow")
    return line


def _shaped(lane: Answer) -> str:
    """Return how a direction is shaped, in a line."""
    if not lane["link_mbps"]:
        return "its capacity is being measured"
    link, rate = lane["link_mbps"] * 1e6, lane["rate_mbps"] * 1e6
    if not lane["obeyed_until"]:
        return f"not shaped; {bits(link)} by {lane['capacity_source']}"
    held = ", ".join(
        f"{name} at {bits(lane['classes'][name]['ceiling_mbps'] * 1e6)}"
        for name in lane["throttled"]
    )
    now = f"shaped to {bits(rate)}" + ("" if rate == link else f" of {bits(link)}")
    return now + (f"; held back: {held}" if held else "")


def _interfaces(view: View) -> Table:
    table = _table("interface", "way", "mode", "rate", "packets/s", "overflow", "unparsed")
    for item in view.now["interfaces"]:
        for way in ("rx", "tx"):
            counts = item["direction"][way]
            old = _direction(view.before, item["name"], way) or counts
            seconds = view.now["timestamp"] - view.before["timestamp"]
            table.add_row(
                Text(item["name"], style="" if item["is_up"] else "red"),
                way,
                item["mode"][way],
                bits(_rate(counts["seen"]["bytes"], old["seen"]["bytes"], seconds) * 8),
                f"{_rate(counts['seen']['packets'], old['seen']['packets'], seconds):.0f}",
                str(counts["overflow"]["packets"]),
                str(counts["unparsed"]["packets"]),
            )
    return table


def _classes(view: View) -> Table:
    table = _table("class", "rx", "tx", "bytes")
    seconds = view.now["timestamp"] - view.before["timestamp"]
    names = view.now["interfaces"][0]["classes"]["rx"] if view.now["interfaces"] else {}
    for name in names:
        now = {way: _class_bytes(view.now, way, name) for way in ("rx", "tx")}
        old = {way: _class_bytes(view.before, way, name) for way in ("rx", "tx")}
        if sum(now.values()):
            rates = [bits(_rate(now[way], old[way], seconds) * 8) for way in ("rx", "tx")]
            table.add_row(name, *rates, size(sum(now.values())))
    return table


def _flows(view: View, rows: int) -> Table:
    table = _table("flow", "", "", "class", "allocated", "rate", "bytes")
    # An address is worth more than the space around it: never cut, folded where it must be.
    for column in table.columns[:2]:
        column.overflow = "fold"
        column.no_wrap = False
    for column in table.columns[2:]:
        column.no_wrap = True
    seconds = view.flows["as_of"] - view.flows_before["as_of"]
    old = {flow["id"]: flow["byte_count"] for flow in view.flows_before["flows"]}
    rated = [
        (_rate(flow["byte_count"], old.get(flow["id"], flow["byte_count"]), seconds), flow)
        for flow in view.flows["flows"]
    ]
    rated.sort(key=lambda pair: (pair[0], pair[1]["byte_count"]), reverse=True)
    for rate, flow in rated[:rows]:
        table.add_row(
            # As text: in brackets, rich takes an address like fd00:: for markup.
            Text(_end(flow["source_ip"], flow["source_port"])),
            Text(_end(flow["destination_ip"], flow["destination_port"])),
            flow["protocol"],
            flow["traffic_type"],
            _allocated(flow),
            bits(rate * 8),
            size(flow["byte_count"]),
        )
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", expand=False)
    numbers = (
        "rate",
        "allocated",
        "packets/s",
        "overflow",
        "unparsed",
        "rx",
        "tx",
        "bytes",
    )
    for column in columns:
        table.add_column(column, justify="right" if column in numbers else "left")
    return table


def _direction(status: Answer, name: str, way: str) -> Answer | None:
    found = (
        item["direction"][way] for item in status["interfaces"] if item["name"] == name
    )
    return next(found, None)


def _class_bytes(status: Answer, way: str, name: str) -> int:
    return sum(item["classes"][way][name]["bytes"] for item in status["interfaces"])


def _rate(now: int, before: int, seconds: float) -> float:
    """Return units a second; a counter that went back has begun anew."""
    return (now - before) / seconds if seconds > 0 and now >= before else 0.0


def _allocated(flow: Answer) -> str:
    """Return what the flow's class has for sure, where it is shaped."""
    megabits = flow.get("allocated_bandwidth_mbps")
    return "" if megabits is None else bits(megabits * 1e6)


def _end(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
