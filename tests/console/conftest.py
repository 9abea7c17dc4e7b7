"""A collector of its own for each test module, a browser, and pages that keep a record."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    expect,
    sync_playwright,
)

from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]
BUILT = ROOT / "collector/console/dist"
SHOTS = ROOT / "build/screenshots"
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
READY_SECONDS = 40.0
expect.set_options(timeout=15_000)  # a busy machine draws late; this is no benchmark


class Collector:
    """One `weir-collector run` process that can be killed and started again."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder, self.port = folder, free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.settings = {
            "bind-host": "127.0.0.1",
            "agent-port": str(self.port),
            "console-port": str(self.port),
            "console-dir": str(BUILT),
            "data-dir": str(folder),
            **{name.replace("_", "-"): value for name, value in settings.items()},
        }
        self.process: subprocess.Popen[bytes] | None = None

    def command(self, *words: str) -> list[str]:
        """The command line of a subcommand with this collector's settings."""
        flags = [
            part for name, value in self.settings.items() for part in (f"--{name}", value)
        ]
        return [sys.executable, "-m", "collector", *words, *flags]

    def start(self) -> None:
        """Start it and wait until it says that it is ready."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(self.command("run"), cwd=ROOT, stderr=log)
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end:
            try:
                with urllib.request.urlopen(f"{self.base}/health", timeout=2):
                    return
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.1)
        pytest.fail(
            f"the collector did not start: {(self.folder / 'log').read_text()[-2000:]}"
        )

    def end(self, number: int = signal.SIGTERM) -> None:
        """Send it a signal and wait for its end."""
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(20)
            self.process = None

    def get(self, path: str) -> Any:
        """What the API answers."""
        with urllib.request.urlopen(self.base + path, timeout=20) as answer:
            return json.load(answer)


@pytest.fixture(scope="module")
def make_collector(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[..., Collector]]:
    """Start collectors; all of them end with the module."""
    if not (BUILT / "index.html").is_file():
        pytest.fail("collector/console/dist is not built: run `make console`")
    with contextlib.ExitStack() as running:

        def make(**settings: str) -> Collector:
            made = Collector(tmp_path_factory.mktemp("collector"), **settings)
            running.callback(made.end)
            made.start()
            return made

        yield make


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, headless; it reaches for nothing by itself."""
    environment: dict[str, str | float | bool] = {
        name: value
        for name, value in os.environ.items()
        if not name.lower().endswith("_proxy")
    }
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=CHROMIUM, args=list(ARGUMENTS), env=environment
        )
        yield launched
        launched.close()


class Watched:
    """A page, and everything about it that ought not to happen."""

    def __init__(self, context: BrowserContext, base: str) -> None:
        self.base = base
        self.foreign: list[str] = []
        self.complaints: list[str] = []
        context.add_init_script(
            "addEventListener('securitypolicyviolation', (event) => console.error("
            "`CSP: ${event.violatedDirective} ${event.blockedURI}`));"
        )
        self.page: Page = context.new_page()
        self.page.on("request", lambda request: self._requested(request.url))
        self.page.on("websocket", lambda opened: self._requested(opened.url))
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def _requested(self, url: str) -> None:
        if url.split("://", 1)[-1].split("/")[0] != self.base.split("://")[1]:
            self.foreign.append(url)

    def shot(self, name: str) -> None:
        """Keep a picture of the whole page."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SHOTS / f"{name}.png", full_page=True)

    def clean(self) -> None:
        """Nothing foreign was asked for, nothing went wrong."""
        assert self.foreign == []
        assert self.complaints == []


@pytest.fixture
def watch(browser: Browser) -> Iterator[Callable[..., Watched]]:
    """Open watched pages; they close with the test."""
    contexts = []

    def open_page(
        base: str, width: int = 1280, height: int = 800, **options: Any
    ) -> Watched:
        context = browser.new_context(
            viewport={"width": width, "height": height}, **options
        )
        context.set_default_timeout(15_000)
        contexts.append(context)
        return Watched(context, base)

    yield open_page
    for context in contexts:
        context.close()
