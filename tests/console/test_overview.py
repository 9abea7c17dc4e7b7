"""The overview in a real browser, against a real collector that real batches feed."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.console import feeder
from tests.console.conftest import Collector, Watched

pytestmark = pytest.mark.browser

Watch = Callable[..., Watched]
TILE = "[data-tile='{}'] [data-value='{}']"


@pytest.fixture(scope="module")
def collector(make_collector: Callable[..., Collector]) -> Collector:
    """A collector that has a batch of each of two agents."""
    made = make_collector(auth="none")
    now = time.time_ns()
    feeder.send_batch(made.base, feeder.batch(feeder.BERLIN, 1, now))
    feeder.send_batch(made.base, feeder.batch(feeder.LAB, 1, now, heavy=False))
    return made


@pytest.fixture(scope="module")
def feed(collector: Collector) -> Iterator[feeder.LiveFeed]:
    """Live samples of both agents, every second."""
    with feeder.LiveFeed(collector.base, (feeder.BERLIN, feeder.LAB)) as running:
        yield running


@pytest.fixture
def overview(watch: Watch, collector: Collector, feed: feeder.LiveFeed) -> Watched:
    """The overview with live figures in it."""
    watched = watch(collector.base)
    watched.page.goto(collector.base + "/")
    live(watched.page)
    return watched


def live(page: Page) -> None:
    """Wait until traffic flows on the page."""
    expect(page.locator(TILE.format("bandwidth", "rx"))).to_have_text(re.compile(r"[1-9]"))


def scaled(value: float, unit: str) -> str:
    """A quantity in words: the console's rule, written down a second time."""
    prefixes = iter("kMGT")
    prefix = ""
    while abs(value) >= 999.5:
        value, prefix = value / 1000, next(prefixes)
    digits = 0 if prefix == "" or value >= 100 else 1 if value >= 10 else 2
    rounded = Decimal(value).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
    return f"{rounded} {prefix}{unit}"


def rate(bps: float) -> str:
    return scaled(bps, "bit/s")


def size(count: float) -> str:
    return scaled(count, "B")


def cells(page: Page, part: str, column: str) -> list[str]:
    """What stands in one column of a panel's table."""
    found = page.locator(f"[data-part='{part}'] td[data-column='{column}']")
    return [" ".join(text.split()) for text in found.all_inner_texts()]


def sums(rates: feeder.Rates) -> tuple[int, int]:
    return sum(rates["rx"].values()), sum(rates["tx"].values())


def test_live_figures_are_those_that_the_agents_send(overview: Watched) -> None:
    page = overview.page
    ports = (*feeder.BERLIN.ports, *feeder.LAB.ports)
    rx, tx = (sum(sums(port.rates)[way] for port in ports) for way in (0, 1))
    expect(page.locator(TILE.format("bandwidth", "rx"))).to_have_text(rate(rx))
    expect(page.locator(TILE.format("bandwidth", "tx"))).to_have_text(rate(tx))
    busiest = sums(feeder.BERLIN.ports[0].rates)[0] / 1e9
    expect(page.locator(TILE.format("used", "main"))).to_have_text(
        f"{busiest:.1%}".replace("%", " %")
    )
    for name in feeder.DOWN:
        row = page.locator(f"[data-part='throughput'] [data-class='{name}']")
        for way in ("rx", "tx"):
            wanted = sum(port.rates[way].get(name, 0) for port in ports)
            expect(row.locator(f"[data-value='{way}']")).to_have_text(rate(wanted))
    for port, agent in (
        (feeder.BERLIN.ports[0], "edge-berlin"),
        (feeder.LAB.ports[0], "edge-lab"),
    ):
        row = page.locator(f"[data-part='interfaces'] [data-row='{agent}/{port.name}']")
        for column, wanted in zip(("rx", "tx"), sums(port.rates), strict=True):
            expect(row.locator(f"[data-column='{column}']")).to_have_text(rate(wanted))
    overview.clean()


def test_tables_show_what_the_api_answers(overview: Watched, collector: Collector) -> None:
    page = overview.page
    endpoints = collector.get("/api/endpoints?limit=15")["endpoints"]
    expect(page.locator("[data-part='endpoints'] tbody tr")).to_have_count(len(endpoints))
    assert len(endpoints) == 12
    assert cells(page, "endpoints", "endpoint") == [row["endpoint_id"] for row in endpoints]
    assert cells(page, "endpoints", "bytes") == [
        size(row["bytes_in"] + row["bytes_out"]) for row in endpoints
    ]
    assert cells(page, "endpoints", "in") == [size(row["bytes_in"]) for row in endpoints]
    assert cells(page, "endpoints", "peers") == [
        str(round(row["unique_peers"])) for row in endpoints
    ]

    flows = collector.get("/api/flows?limit=10")["flows"]
    assert len(flows) == 10
    expect(page.locator("[data-part='flows'] tbody tr")).to_have_count(len(flows))
    assert cells(page, "flows", "bytes") == [size(row["bytes"]) for row in flows]
    shown = cells(page, "flows", "flow")
    for row, text in zip(flows, shown, strict=True):
        assert row["source"] in text
        assert row["destination"] in text
        has_port = row["protocol"] != 1
        assert (str(row["source_port"]) in text) == has_port
    assert {"TCP", "UDP", "ICMP 8/0"} == set(cells(page, "flows", "protocol"))
    assert cells(page, "flows", "rtt")[0] == "–", "no round trip was measured"
    assert [name.lower() for name in cells(page, "flows", "class")] == [
        "unclassified" if row["class"] == "unknown" else row["class"] for row in flows
    ]

    agents = collector.get("/api/agents")["agents"]
    expect(page.locator("[data-part='agents'] tbody tr")).to_have_count(len(agents))
    assert cells(page, "agents", "agent") == [
        f"{row['name']} {row['hostname']}" for row in agents
    ]
    assert cells(page, "agents", "health") == ["Online", "Online"]
    assert cells(page, "agents", "processor") == ["2.0 %", "2.0 %"]
    assert cells(page, "agents", "memory") == [
        size(row["status"]["rss_bytes"]) for row in agents
    ]
    expect(page.locator(TILE.format("agents-online", "main"))).to_have_text(
        str(len(agents))
    )
    live_flows = sum(row["status"]["flows_live"] for row in agents)
    expect(page.locator(TILE.format("active-flows", "main"))).to_have_text(
        f"{live_flows:,}"
    )
    overview.clean()


def test_the_chart_moves_without_a_reload(overview: Watched, feed: feeder.LiveFeed) -> None:
    page = overview.page
    page.evaluate("window.mark = 'the same document'")
    chart = page.locator(".chart")
    before, picture = int(chart.get_attribute("data-last-time") or 0), canvas(page)
    deadline = time.monotonic() + 15
    while int(chart.get_attribute("data-last-time") or 0) < before + 3:
        assert time.monotonic() < deadline, "the chart stands still"
        page.wait_for_timeout(200)
    assert canvas(page) != picture
    feed.speed_up(3)
    try:
        wanted = rate(3 * feeder.DOWN["video"] + 3 * feeder.UP["video"])
        row = page.locator("[data-part='throughput'] [data-class='video']")
        expect(row.locator("[data-value='rx']")).to_have_text(wanted)
    finally:
        feed.speed_up(1)
    assert page.evaluate("window.mark") == "the same document"
    overview.clean()


def canvas(page: Page) -> str:
    """The chart's pixels."""
    return str(page.evaluate("document.querySelector('.chart canvas').toDataURL()"))


def test_the_whole_state_is_in_the_address(
    watch: Watch, collector: Collector, feed: feeder.LiveFeed
) -> None:
    watched = watch(collector.base, 1720)
    page = watched.page
    page.goto(collector.base + "/")
    live(page)
    page.get_by_label("Agent", exact=True).select_option("edge-berlin")
    page.get_by_label("Interface", exact=True).select_option("wan0")
    page.get_by_label("Sent", exact=True).check(force=True)
    page.get_by_label("1 min").check(force=True)
    page.get_by_role("button", name="In", exact=True).click()
    page.get_by_role("button", name="Resent").click()
    state = "agent=edge-berlin&interface=wan0&show=tx&span=60"
    state += "&endpoints=bytes_in&flows=retransmits"
    assert page.url == f"{collector.base}/?{state}"
    page.reload()
    live(page)
    assert page.url == f"{collector.base}/?{state}"
    expect(page.get_by_label("Agent", exact=True)).to_have_value("edge-berlin")
    assert cells(page, "interfaces", "interface") == ["wan0 edge-berlin"]
    expect(page.get_by_label("Sent", exact=True)).to_be_checked()
    ranked = page.locator("[data-part='endpoints'] th[aria-sort='descending']")
    expect(ranked).to_have_text(re.compile("In"))
    watched.clean()


def test_keyboard_reaches_and_reads_everything(overview: Watched) -> None:
    page = overview.page
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to content")
    page.locator(".chart").focus()
    note = page.locator("[data-part='throughput'] .panel-note")
    expect(note).to_have_text("bit/s, live")
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    expect(note).to_have_text(re.compile(r"bit/s at \d\d:\d\d:\d\d"))
    page.keyboard.press("Escape")
    expect(note).to_have_text("bit/s, live")
    page.get_by_label("Both", exact=True).focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_label("Received", exact=True)).to_be_checked()
    page.get_by_role("link", name="Agents", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Agents")
    expect(page.locator("main")).to_be_focused()
    overview.clean()


def test_everything_interactive_has_a_name_and_every_table_a_caption(
    overview: Watched,
) -> None:
    nameless = overview.page.evaluate(
        """[...document.querySelectorAll(
            'a, button, input, select, [role=img], [role=group], [role=meter]')]
        .filter((one) => !(one.getAttribute('aria-label') || one.textContent.trim()
            || one.labels?.[0]?.textContent.trim()))
        .map((one) => one.outerHTML)"""
    )
    assert nameless == []
    page = overview.page
    expect(page.locator("table").nth(4)).to_be_attached()
    bare = "[...document.querySelectorAll('table')].filter((one) => !one.caption).length"
    assert page.evaluate(bare) == 0
    assert page.locator("h1").count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("name", "width"), [("narrow", 360), ("tablet", 768), ("wide", 1280)]
)
def test_nothing_overflows(
    watch: Watch,
    collector: Collector,
    feed: feeder.LiveFeed,
    scheme: Any,
    name: str,
    width: int,
) -> None:
    watched = watch(collector.base, width, color_scheme=scheme)
    page = watched.page
    for path in ("/", "/agents?agent=edge-berlin", "/nowhere"):
        page.goto(collector.base + path)
        if path == "/":
            live(page)
            page.wait_for_timeout(2500)
        else:
            expect(page.locator("h1")).to_be_visible()
            page.wait_for_load_state("networkidle")
        too_wide = page.evaluate(
            "[...document.querySelectorAll('body *')].filter((one) =>"
            " one.getBoundingClientRect().right > document.documentElement.clientWidth + 1"
            " && !one.closest('.unseen')).map((one) => one.outerHTML.slice(0, 120))"
        )
        assert too_wide == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        kind = {"/": "overview", "/nowhere": "not-found"}.get(path, "agents")
        watched.shot(f"{kind}-{name}-{scheme}")
    watched.clean()


def test_the_theme_is_kept(overview: Watched) -> None:
    page = overview.page
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    bright = page.evaluate(ground)
    page.get_by_label("Dark", exact=True).check(force=True)
    dark = page.evaluate(ground)
    assert dark != bright
    page.reload()
    assert page.evaluate(ground) == dark
    expect(page.get_by_label("Dark", exact=True)).to_be_checked()
    overview.clean()
