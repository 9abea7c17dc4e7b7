"""The shell: clocks, signals, listeners, one TaskGroup; it decides nothing."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from aiohttp import web

from collector.assemble import MEGABYTE, Assembly, Clocks
from collector.config import Config
from collector.records import Busy, StateError
from collector.state.folder import Hold
from collector.store.answers import StoreError
from collector.store.cluster import Cluster
from collector.store.store import Door
from wire.settings import ConfigError

LOG: Final = logging.getLogger("collector")
DRAIN_SECONDS: Final = 10.0
HOUSEKEEPING_SECONDS: Final = 30.0
TRIAL_SECONDS: Final = 5.0
RETRY_SECONDS: Final = 2.0

Reload = Callable[[], Config]


class Daemon:
    """One collector, running."""

    def __init__(self, assembly: Assembly, reload: Reload) -> None:
        self.parts = assembly
        self._reload = reload
        self._tls = tls_context(assembly.config)
        self._is_failing = False  # as far as the log knows

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT, then finish what was accepted."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._read_settings_again)
        runners = [await self._listen(port, app) for port, app in self.parts.applications()]
        try:
            async with asyncio.TaskGroup() as tasks:
                work = tasks.create_task(self._work(runners))
                await stop.wait()
                await self._finish(runners)
                work.cancel()
        except* (StateError, StoreError, OSError) as group:
            raise group.exceptions[0] from None

    async def _work(self, runners: list[web.AppRunner]) -> None:
        """Get ready while the listeners say so, then do everything there is to do."""
        await self._reach_the_store()
        await self.parts.intake.replay()
        await self._try_the_way()
        self.parts.overview.is_ready = True
        notify("READY=1")
        is_tls = self._tls is not None
        LOG.info("ready: %s", ", ".join(address_of(one, is_tls) for one in runners))
        async with asyncio.TaskGroup() as tasks:
            for work in (
                self.parts.intake.run_commits(),
                self.parts.intake.backlog.run(),
                self._each_second(),
                self._show(),
                self._keep_trying(),
                self._keep_house(),
            ):
                tasks.create_task(work)

    async def _finish(self, runners: list[web.AppRunner]) -> None:
        """Take nothing more, and bring what was taken where it belongs."""
        notify("STOPPING=1")
        self.parts.overview.is_ready = False
        for runner in runners:
            await runner.cleanup()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                await self.parts.intake.drained()
        if self.parts.relay is not None:
            await self.parts.relay.close()

    async def _reach_the_store(self) -> None:
        """Open the tables; a server that starts later than we do is waited for."""
        overview, threads = self.parts.overview, self.parts.threads
        while True:
            try:
                await threads.run(threads.writer, self.parts.store.migrate)
            except StoreError as error:
                if not overview.waits_for:
                    LOG.error("%s: waiting for the store", error)
                overview.waits_for = f"the store fails: {error}"
                await asyncio.sleep(RETRY_SECONDS)
            else:
                overview.waits_for = ""
                return

    async def _listen(self, port: int, app: web.Application) -> web.AppRunner:
        """Open one listener. Bodies stay as they came: the ingest bounds them."""
        runner = web.AppRunner(
            app, auto_decompress=False, access_log=None, shutdown_timeout=2
        )
        await runner.setup()
        host = self.parts.config.bind_host
        try:
            await web.TCPSite(runner, host, port, ssl_context=self._tls).start()
        except OSError as error:
            raise StateError(
                f"bind_host {host}, port {port}: {os.strerror(error.errno or 0)}: "
                "stop what uses it, or set agent_port or console_port"
            ) from error
        return runner

    def _read_settings_again(self) -> None:
        """On SIGHUP: take new settings and renewed certificates, or keep the old ones."""
        try:
            config = self._reload()
            if self._tls is not None:
                self._tls.load_cert_chain(config.tls_certificate, config.tls_key)
        except (ConfigError, OSError) as error:
            LOG.error("settings stay as they were: %s", error)
            return
        logging.getLogger().setLevel(config.log_level)
        waiting = self.parts.adopt(config)
        LOG.info(
            "settings read again%s", f"; after a restart: {waiting}" if waiting else ""
        )

    async def _each_second(self) -> None:
        """Do what waits for nothing, and feed the watchdog."""
        while True:
            await asyncio.sleep(1.0 - time.time() % 1.0)
            notify("WATCHDOG=1")
            self._tell_of_trouble()
            self.parts.socket.remember()

    async def _show(self) -> None:
        """Send the live picture, each second where the store answers in time."""
        while True:
            await asyncio.sleep(1.0 - time.time() % 1.0)
            if self.parts.socket.watching:
                with logged("the live picture"):
                    found = await self.parts.overview.picture(self.parts.read, time.time())
                    self.parts.socket.push(*found)

    def _tell_of_trouble(self) -> None:
        """Log that uploads are held up, and that they go on: once each."""
        failing = self.parts.overview.failing()
        if failing and not self._is_failing:
            LOG.error("%s: agents wait: see to that disk or server", failing)
        elif self._is_failing and not failing:
            LOG.info("uploads go on")
        self._is_failing = bool(failing)

    async def _keep_trying(self) -> None:
        """Try the way of uploads also when none come: agents ask for health first."""
        while True:
            await asyncio.sleep(TRIAL_SECONDS)
            await self._try_the_way()

    async def _try_the_way(self) -> None:
        """Find out whether an upload could go where it has to."""
        if self.parts.relay is not None:
            await self.parts.relay.try_backend()
        else:
            await self.parts.intake.try_journal()

    async def _keep_house(self) -> None:
        """Raise and resolve alerts, forget what is old, keep the store under its cap."""
        while True:
            await asyncio.sleep(HOUSEKEEPING_SECONDS)
            cap = self.parts.config.size_cap_mb * MEGABYTE
            parts = self.parts
            with logged("housekeeping"):
                await parts.read(parts.overview.keep_house, time.time())
                await parts.threads.run(parts.threads.writer, parts.store.keep_below, cap)


@contextlib.contextmanager
def logged(what: str) -> Iterator[None]:
    """Go on after a failure: uploads must not end for it."""
    try:
        yield
    except (Busy, StoreError, StateError, OSError) as error:
        LOG.warning("%s: %s", what, error)


def door_of(config: Config) -> Door:
    """Open the engine that the settings name."""
    if config.store_url:
        return Cluster(config.store_url, config.store_user, config.store_password)
    # Not above: it takes hundreds of megabytes, and the process ends where AVX2 is missing.
    from collector.store.embedded import Embedded

    return Embedded(Path(config.data_dir) / "store")


def tls_context(config: Config) -> ssl.SSLContext | None:
    """Return the TLS settings of the listeners, or None for plain HTTP."""
    if not config.tls_certificate:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(config.tls_certificate, config.tls_key)
    except OSError as error:
        names = f"tls_certificate {config.tls_certificate}, tls_key {config.tls_key}"
        raise ConfigError(f"{names}: {error.strerror}: give readable PEM files") from error
    if config.tls_client_ca:
        try:
            context.load_verify_locations(config.tls_client_ca)
        except OSError as error:
            name = f"tls_client_ca {config.tls_client_ca}"
            raise ConfigError(f"{name}: {error.strerror}: give a PEM file") from error
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


def address_of(runner: web.AppRunner, is_tls: bool) -> str:
    """Return the address that a listener really has."""
    host, port = runner.addresses[0][:2]
    scheme = "https" if is_tls else "http"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


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


def run(config: Config, reload: Reload) -> None:
    """Run one collector to its end; reload gives the settings as they are then."""
    if config.auth == "none":
        LOG.warning("auth = none: everyone on this machine is admin")
    hold = Hold(Path(config.data_dir))
    clocks = Clocks(time.time, time.time_ns, time.monotonic)
    assembly = Assembly(config, door_of(config), clocks)
    try:
        asyncio.run(Daemon(assembly, reload).run())
    finally:
        assembly.close()
        hold.release()
