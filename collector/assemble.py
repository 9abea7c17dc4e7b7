"""One collector put together: stores, intake, routes, listeners; nothing runs yet."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from aiohttp import web

from collector.api import site
from collector.api.data import Data
from collector.api.gate import Gate, Rules
from collector.api.live import LiveHub
from collector.api.overview import Overview
from collector.api.rates import Rates
from collector.api.rules import RuleBook
from collector.api.service import Service
from collector.api.sign_in import SignIn
from collector.api.socket import LiveSocket
from collector.api.static import Console
from collector.config import FIELDS, Config
from collector.forward.relay import Relay
from collector.ingest.http import Uploads
from collector.ingest.journal import Journal
from collector.pipeline import Intake
from collector.records import Busy, Principal, Route, Token
from collector.state.control import Control
from collector.store import tables
from collector.store.answers import StoreError
from collector.store.read import Reader
from collector.store.store import Door, Store
from collector.threads import Threads

VERSION: Final = "0.1.0"
MEGABYTE: Final = 1 << 20
LIVE: Final = ("log_level", "request_rate", "agent_timeout", "size_cap_mb")
"""Settings that a running collector takes on; certificates are read again as well."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """The daemon's clocks: unix seconds, unix nanoseconds, and one that never jumps."""

    now: Callable[[], float]
    now_ns: Callable[[], int]
    steady: Callable[[], float]


class Part(Protocol):
    """Handlers that name their paths."""

    def routes(self) -> tuple[Route, ...]:
        """Return them."""


class Identities:
    """Tokens from memory, sessions from a reader thread."""

    def __init__(self, control: Control, threads: Threads, clocks: Clocks) -> None:
        self._clocks = clocks
        self._control = control
        self._threads = threads

    def token(self, secret: str) -> Token | None:
        """Return what a bearer secret stands for."""
        return self._control.tokens.check(secret)

    async def session(self, secret: str) -> Principal | None:
        """Return whose session a cookie holds."""
        users, now = self._control.users, int(self._clocks.now())
        found: Principal | None = await self._threads.run(
            self._threads.readers, users.session, secret, now
        )
        return found


class Assembly:
    """One collector, from its folder to its applications."""

    def __init__(self, config: Config, door: Door, clocks: Clocks) -> None:
        self.config = config
        self.clocks = clocks
        folder = Path(config.data_dir)
        self.threads = Threads(
            decode=ThreadPoolExecutor(2, "decode"),
            journal=ThreadPoolExecutor(1, "journal"),
            writer=ThreadPoolExecutor(1, "writer"),
            readers=ThreadPoolExecutor(3, "reader"),
        )
        self.control = Control(folder)
        self.store = Store(door, site_of(config))
        journal = Journal(folder / "journal", self.control.ledger.positions()[0])
        self.relay: Relay | None = None
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
            },
            config.agent_timeout,
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
            rules,
            Identities(control, self.threads, self.clocks),
            table,
            self.rates,
            self.clocks.steady,
            lambda: self.overview.is_ready,
        )
        self.socket = LiveSocket(self.hub, gate, self.read, self.clocks.now)
        self.overview.watching = lambda: (self.socket.watching, self.socket.dropped)
        self.service = Service(
            self.overview,
            (control.registry, control.alerts, control.ledger, self.hub),
            self.read,
            self.clocks.now,
            config.agent_timeout,
        )
        parts: tuple[Part, ...] = (
            *self._uploads(),
            self.service,
            Data(self.reader, self.read, self.clocks.now),
            RuleBook(control.rules, self.read, self.clocks.now),
            SignIn(
                control.users,
                self.read,
                self.clocks.now,
                int(config.session_hours * 3600),
                rules.is_tls,
            ),
        )
        for part in parts:
            routes.extend(part.routes())
        routes.extend(site.description_routes(tuple(routes), VERSION))
        table.update(site.table(routes))
        self.routes, self.gate = tuple(routes), gate

    def _uploads(self) -> tuple[Part, ...]:
        """Return what takes uploads: our own intake, or the relay to another collector."""
        body_bytes_max = self.config.body_max_mb * MEGABYTE
        if self.config.backend_url:
            self.relay = Relay(self.config.backend_url, body_bytes_max)
            self.overview.relay = self.relay
            return (self.relay,)
        return (Uploads(self.intake, self.clocks.now_ns, body_bytes_max), self.socket)

    async def read(self, question: Any, *arguments: Any) -> Any:
        """Run a blocking question on a reader thread. Raises Busy: the store fails."""
        try:
            return await self.threads.run(self.threads.readers, question, *arguments)
        except StoreError as error:
            raise Busy(f"the store fails: {error}") from error

    def adopt(self, config: Config) -> str:
        """Take what can change while running; return the names of what cannot."""
        changed = [
            name for name in FIELDS if getattr(config, name) != getattr(self.config, name)
        ]
        self.rates.change(config.request_rate)
        self.service.agent_timeout = config.agent_timeout
        self.overview.agent_timeout = config.agent_timeout
        live = {name: getattr(config, name) for name in LIVE}
        self.config = dataclasses.replace(self.config, **live)
        return ", ".join(name for name in changed if name not in LIVE)

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


def site_of(config: Config) -> tables.Site:
    """Return what the tables depend on."""
    return tables.Site(
        config.store_database,
        config.store_cluster,
        config.retention_days,
        config.flow_retention_days,
    )
