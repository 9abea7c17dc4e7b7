"""What the console does when something is missing, wrong, locked or gone."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.console import feeder
from tests.console.conftest import ROOT, Collector, Watched

pytestmark = pytest.mark.browser

Watch = Callable[..., Watched]
MakeCollector = Callable[..., Collector]
PASSWORD = "a long enough password"


@pytest.fixture(scope="module")
def empty(make_collector: MakeCollector) -> Collector:
    """A collector to which nobody has reported."""
    return make_collector(auth="none")


def part(page: Page, name: str) -> Locator:
    return page.locator(f"[data-part='{name}']")


def test_an_empty_collector_says_what_to_do_next(watch: Watch, empty: Collector) -> None:
    watched = watch(empty.base)
    page = watched.page
    page.goto(empty.base + "/")
    expect(part(page, "agents")).to_contain_text("weir-collector token add --agent NAME")
    expect(part(page, "throughput")).to_contain_text("No live samples yet")
    expect(part(page, "interfaces")).to_contain_text("/etc/weir/agent.toml")
    expect(part(page, "endpoints")).to_contain_text("No endpoint was reported")
    expect(part(page, "flows")).to_contain_text("No flow was reported")
    expect(page.locator("[data-tile='agents-online']")).to_contain_text(
        "none has reported yet"
    )
    watched.shot("empty-wide-light")
    watched.clean()


def test_an_address_without_a_page(watch: Watch, empty: Collector) -> None:
    watched = watch(empty.base)
    page = watched.page
    page.goto(empty.base + "/agents/of/fortune")
    expect(part(page, "not-found")).to_contain_text("/agents/of/fortune")
    expect(page).to_have_title("Not found · Weir")
    page.get_by_role("link", name="Go to the overview").click()
    expect(page.locator("h1")).to_have_text("Overview")
    page.go_back()
    expect(part(page, "not-found")).to_be_visible()
    watched.clean()


def test_the_policy_forbids_all_that_is_inline_or_foreign(
    watch: Watch, empty: Collector
) -> None:
    watched = watch(empty.base)
    answer = watched.page.goto(empty.base + "/")
    assert answer is not None
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    watched.clean()
    # The same record does notice a breach.
    watched.page.evaluate(
        "document.body.insertAdjacentHTML('beforeend', '<p style=\"color: red\">x</p>"
        '<img src="http://127.0.0.1:9/x.png">\')'
    )
    watched.page.wait_for_timeout(500)
    assert any("style-src" in line or "default-src" in line for line in watched.complaints)
    assert any("img-src" in line for line in watched.complaints)


def test_a_page_that_fails_leaves_the_rest_alone(watch: Watch, empty: Collector) -> None:
    watched = watch(empty.base)
    page = watched.page
    page.route(re.compile(r"/assets/agents-.*\.js"), lambda route: route.abort())
    page.goto(empty.base + "/agents")
    expect(part(page, "fault")).to_contain_text("Cannot load the page")
    page.get_by_role("link", name="Overview", exact=True).click()
    expect(page.locator("h1")).to_have_text("Overview")
    expect(part(page, "fault")).to_have_count(0)


def test_an_answer_of_the_wrong_shape_is_named(watch: Watch, empty: Collector) -> None:
    page = watch(empty.base).page
    page.route("**/api/agents", lambda route: route.fulfill(json={"agents": [{"name": 7}]}))
    page.route(
        "**/api/flows?*",
        lambda route: route.fulfill(status=503, json={"error": "the store is busy"}),
    )
    page.goto(empty.base + "/")
    alerts = page.get_by_role("alert")
    expect(
        alerts.filter(has_text="/api/agents.agents[0].name: expected text")
    ).to_be_visible()
    expect(
        alerts.filter(has_text="Could not read flows: the store is busy")
    ).to_be_visible()
    expect(part(page, "endpoints")).to_contain_text("No endpoint was reported")


def test_a_page_older_than_its_collector_asks_for_a_reload(
    watch: Watch, empty: Collector
) -> None:
    page = watch(empty.base).page
    page.route_web_socket(
        "**/api/live", lambda socket: socket.send('{"type": "throughput", "rates": []}')
    )
    page.goto(empty.base + "/")
    expect(part(page, "outdated")).to_contain_text("message.timestamp: expected a number")
    expect(page.get_by_role("button", name="Reload")).to_be_visible()


def test_a_killed_collector_is_announced_and_its_return_noticed(
    watch: Watch, make_collector: MakeCollector
) -> None:
    collector = make_collector(auth="none")
    feeder.send_batch(collector.base, feeder.batch(feeder.BERLIN, 1, time.time_ns()))
    with feeder.LiveFeed(collector.base, (feeder.BERLIN,)) as feed:
        watched = watch(collector.base)
        page = watched.page
        page.goto(collector.base + "/")
        chart = page.locator(".chart")
        expect(chart).to_be_visible()
        page.evaluate("window.mark = 'the same document'")
        expect(part(page, "reconnect")).to_have_count(0)
        expect(page.locator("[data-link]")).to_have_text("Live")
        expect(part(page, "agents")).to_contain_text("rtr-berlin-01")

        collector.end(signal.SIGKILL)
        expect(part(page, "reconnect")).to_contain_text("Connection to the collector lost")
        expect(page.locator("[data-link]")).not_to_have_text("Live")
        watched.shot("reconnect-wide-light")
        stood = int(chart.get_attribute("data-last-time") or 0)
        page.wait_for_timeout(1500)
        assert int(chart.get_attribute("data-last-time") or 0) == stood
        assert cells(page, "agents", "agent") == ["edge-berlin rtr-berlin-01"], (
            "old rows stay"
        )

        collector.start()
        expect(part(page, "reconnect")).to_have_count(0, timeout=20_000)
        expect(page.locator("[data-link]")).to_have_text("Live")
        expect(chart).not_to_have_attribute("data-last-time", str(stood), timeout=10_000)
        assert page.evaluate("window.mark") == "the same document"
        assert feed.failures > 0
        assert watched.foreign == []
        # It listens before it is ready, and says so.
        expected = ("ERR_CONNECTION", "503 (Service Unavailable)")
        assert not [
            line for line in watched.complaints if not any(one in line for one in expected)
        ]


def cells(page: Page, name: str, column: str) -> list[str]:
    found = part(page, name).locator(f"td[data-column='{column}']")
    return [" ".join(text.split()) for text in found.all_inner_texts()]


def test_an_agent_that_falls_silent_is_offline_after_two_intervals(
    watch: Watch, make_collector: MakeCollector
) -> None:
    collector = make_collector(auth="none", agent_timeout="3")
    routers = (
        feeder.BERLIN,
        feeder.LAB,
        feeder.Router("edge-gone", "gone", feeder.LAB.ports),
    )
    for router in routers:
        feeder.send_batch(
            collector.base, feeder.batch(router, 1, time.time_ns(), heavy=False)
        )
    with feeder.LiveFeed(collector.base, routers[:2]):
        watched = watch(collector.base)
        page = watched.page
        page.goto(collector.base + "/agents?agent=edge-gone")
        row = part(page, "agents").locator("tr[data-row='edge-gone']")
        expect(row.locator("[data-column='health']")).to_have_text(
            "Offline", timeout=25_000
        )
        assert dict(
            zip(
                cells(page, "agents", "agent"), cells(page, "agents", "health"), strict=True
            )
        ) == {
            "edge-berlin rtr-berlin-01": "Online",
            "edge-lab netns-router": "Online",
            "edge-gone gone": "Offline",
        }
        expect(part(page, "details")).to_contain_text("Silent for")
        watched.shot("agents-offline-wide-light")
        page.goto(collector.base + "/")
        expect(page.locator("[data-tile='agents-online']")).to_contain_text("2 of 3")
        expect(page.locator("[data-tile='agents-online']")).to_contain_text("1 silent")
        watched.clean()


def test_nobody_reads_without_signing_in(
    watch: Watch, make_collector: MakeCollector
) -> None:
    collector = make_collector(auth="local")
    subprocess.run(
        collector.command("user", "add", "olga"),
        cwd=ROOT,
        check=True,
        text=True,
        input=PASSWORD + "\n",
    )
    watched = watch(collector.base)
    page = watched.page
    page.goto(collector.base + "/agents?agent=x")
    expect(part(page, "sign-in")).to_be_visible()
    watched.shot("sign-in-wide-light")
    page.get_by_label("User name").fill("olga")
    page.get_by_label("Password").fill("not it")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("name or password is wrong")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("h1")).to_have_text("Agents")
    expect(page.locator("[data-link]")).to_have_text("Live")
    page.reload()
    expect(page.locator(".who")).to_contain_text("olga")
    page.get_by_role("button", name="Sign out").click()
    expect(part(page, "sign-in")).to_be_visible()
    assert watched.foreign == []
    assert [line for line in watched.complaints if "401" not in line] == []
    page.reload()
    expect(part(page, "sign-in")).to_be_visible()
