"""The shell: clocks, threads, signals, listeners, one TaskGroup; it decides nothing."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import ssl
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from collector.api import site
from collector.api.data import Data
from collector.api.gate import Gate, Rules
from collector.api.live import LiveHub
from collector.api.overview import Overview
from collector.api.rates import Rates
from collector.api.service import Service
from collector.api.sign_in import SignIn
from collector.api.socket import LiveSocket
from collector.api.static import Console
from collector.config import Config, is_loopback
from collector.ingest.http import Uploads
from collector.ingest.journal import Journal
from collector.pipeline import Intake, Threads
from collector.records import Principal, Route, Token
from collector.state.control import Control
from collector.store import tables
from collector.store.cluster import Cluster
from collector.store.embedded import Embedded
from collector.store.read import Reader
from collector.store.store import Door, Store

LOG: Final = logging.getLogger("collector")
VERSION: Final = "0.1.0"
MEGABYTE: Final = 1 << 20
DRAIN_SECONDS: Final = 10.0
HOUSEKEEPING_SECONDS: Final = 30.0


class Identities:
    """Tokens from memory, sessions from a reader thread."""

    def __init__(self, control: Control, threads: Threads) -> None:
        self._control = control
        self._threads = threads

    def token(self, secret: str) -> Token | None:
        """Return what a bearer secret stands for."""
        return self._control.tokens.check(secret)

    async def session(self, secret: str) -> Principal | None:
        """Return whose session a cookie holds."""
        users = self._control.users
        return await self._threads.run(
            self._threads.readers, users.session, secret, int(time.time())
        )


class Daemon:
    """One collector, from its folder to its listeners."""

    def __init__(self, config: Config) -> None:
        self.config = config
        folder = Path(config.data_dir)
        self.threads = Threads(
            decode=ThreadPoolExecutor(2, "decode"),
            journal=ThreadPoolExecutor(1, "journal"),
            writer=ThreadPoolExecutor(1, "writer"),
            readers=ThreadPoolExecutor(3, "reader"),
        )
        self.control = Control(folder)
        self.store = Store(door_of(config), site_of(config))
        self.store.migrate()
        journal = Journal(folder / "journal", self.control.ledger.positions()[0])
        limits = (config.decoded_max_mb * MEGABYTE, config.journal_max_mb * MEGABYTE)
        self.intake = Intake(self.control, self.store, journal, self.threads, limits)
        self.hub = LiveHub()
        self.reader = Reader(self.store)
        self.rates = Rates(config.request_rate)
        control = self.control
        self.overview = Overview(
            self.intake,
            self.reader,
            (control.registry, control.alerts, control.ledger),
            (self.hub, self.rates),
            {
                "version": VERSION,
                "backend_url": config.backend_url,
                "data_dir": config.data_dir,
                "agent_timeout": config.agent_timeout,
            },
        )
        self._build()

    def _build(self) -> None:
        """Wire handlers to routes, and routes to listeners."""
        config, control = self.config, self.control
        rules = Rules(
            is_open=config.auth == "none",
            origins=frozenset(filter(None, config.console_origins.split(","))),
            is_tls=bool(config.tls_certificate),
        )
        routes: list[Route] = []
        table: dict[tuple[str, str], Route] = {}
        gate = Gate(
            rules, Identities(control, self.threads), table, self.rates, time.monotonic
        )
        self.socket = LiveSocket(self.hub, gate, time.time)
        self.overview.watching = lambda: (self.socket.watching, self.socket.dropped)
        parts = (
            Uploads(self.intake, time.time_ns, config.body_max_mb * MEGABYTE),
            self.socket,
            Service(
                self.overview,
                (control.registry, control.alerts, control.ledger, self.hub),
                self._read,
                time.time,
                config.agent_timeout,
            ),
            Data(self.reader, self._read, time.time),
            SignIn(
                control.users,
                self._read,
                time.time,
                int(config.session_hours * 3600),
                rules.is_tls,
            ),
        )
        for part in parts:
            routes.extend(part.routes())
        routes.append(site.description_route(routes, VERSION))
        table.update(site.table(routes))
        self.routes, self.gate = tuple(routes), gate

    async def _read(self, question: Any, *arguments: Any) -> Any:
        """Run a blocking question on a reader thread."""
        return await self.threads.run(self.threads.readers, question, *arguments)

    def applications(self) -> list[tuple[int, web.Application]]:
        """Return (port, application) of each listener."""
        built = self.config.console_dir or Path(__file__).parent / "console" / "dist"
        console = Console(Path(built))
        agent, people = self.config.agent_port, self.config.console_port
        if agent == people:
            sides = ("agent", "console")
            return [(agent, site.application(self.routes, sides, self.gate, console))]
        return [
            (agent, site.application(self.routes, ("agent",), self.gate, None)),
            (people, site.application(self.routes, ("console",), self.gate, console)),
        ]

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT, then finish what was accepted."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        await self.intake.replay()
        runners = [await self._listen(port, app) for port, app in self.applications()]
        self.overview.is_ready = True
        notify("READY=1")
        LOG.info("ready: %s", ", ".join(address_of(runner) for runner in runners))
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(work)
                for work in (
                    self.intake.run_commits(),
                    self.intake.run_applies(),
                    self._each_second(),
                    self._keep_house(),
                )
            ]
            await stop.wait()
            notify("STOPPING=1")
            self.overview.is_ready = False
            for runner in runners:
                await runner.cleanup()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DRAIN_SECONDS):
                    await self.intake.drained()
            for task in running:
                task.cancel()

    async def _listen(self, port: int, app: web.Application) -> web.AppRunner:
        """Open one listener. Bodies stay as they came: the ingest bounds them."""
        runner = web.AppRunner(
            app, auto_decompress=False, access_log=None, shutdown_timeout=2
        )
        await runner.setup()
        context = tls_context(self.config)
        await web.TCPSite(runner, self.config.bind_host, port, ssl_context=context).start()
        return runner

    async def _each_second(self) -> None:
        """Send the live picture and feed the watchdog."""
        while True:
            await asyncio.sleep(1.0 - time.time() % 1.0)
            if self.socket.watching:
                update, by_type = await self.overview.picture(self._read, time.time())
                self.socket.push(update, by_type)
            notify("WATCHDOG=1")

    async def _keep_house(self) -> None:
        """Raise and resolve alerts, forget what is old, keep the store under its cap."""
        while True:
            await asyncio.sleep(HOUSEKEEPING_SECONDS)
            await self._read(self.overview.keep_house, time.time())
            await self.threads.run(
                self.threads.writer,
                self.store.keep_below,
                self.config.size_cap_mb * MEGABYTE,
            )

    def close(self) -> None:
        """Let go of threads, store and control store."""
        for pool in (
            self.threads.decode,
            self.threads.journal,
            self.threads.writer,
            self.threads.readers,
        ):
            pool.shutdown(wait=True, cancel_futures=True)
        self.intake.journal.close()
        self.store.close()
        self.control.close()


def door_of(config: Config) -> Door:
    """Open the engine that the settings name."""
    if config.store_url:
        return Cluster(config.store_url, config.store_user, config.store_password)
    return Embedded(Path(config.data_dir) / "store")


def site_of(config: Config) -> tables.Site:
    """Return what the tables depend on."""
    return tables.Site(
        config.store_database,
        config.store_cluster,
        config.retention_days,
        config.flow_retention_days,
    )


def tls_context(config: Config) -> ssl.SSLContext | None:
    """Return the TLS settings of the listeners, or None for plain HTTP."""
    if not config.tls_certificate:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(config.tls_certificate, config.tls_key)
    if config.tls_client_ca:
        context.load_verify_locations(config.tls_client_ca)
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


def address_of(runner: web.AppRunner) -> str:
    """Return the address that a listener really has."""
    host, port = runner.addresses[0][:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def notify(message: str, environment: Mapping[str, str] = os.environ) -> None:
    """Tell systemd, where it started us (sd_notify(3))."""
    path = environment.get("NOTIFY_SOCKET")
    if not path:
        return
    address = "\0" + path[1:] if path[0] == "@" else path
    # An error is left alone: systemd may be restarting, and the next message will tell.
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender,
        contextlib.suppress(OSError),
    ):
        sender.sendto(message.encode(), address)


def now() -> int:
    """Return unix seconds."""
    return int(time.time())


def run(config: Config) -> None:
    """Run one collector to its end."""
    if config.auth == "none" and is_loopback(config.bind_host):
        LOG.warning("auth = none: everyone on this machine is admin")
    daemon = Daemon(config)
    try:
        asyncio.run(daemon.run())
    finally:
        daemon.close()
