"""Deliver the spool: oldest first, forgotten only once the collector has committed it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from agent.config import Agent
from agent.reports import SECONDS_BUCKETS, UplinkState
from agent.ship import backoff
from agent.ship.backoff import Breaker, Policy, State
from agent.ship.judge import Answer, Judgement, Verdict, judge
from agent.ship.parcel import Parcel
from agent.ship.spool import SpoolError
from wire import batch as batches

LOG: Final = logging.getLogger(__name__)


class Queue(Protocol):
    """The spool, as far as it is needed here."""

    def oldest(self) -> Parcel | None:
        """Return the first parcel, again until one of the next two."""

    def acknowledge(self) -> None:
        """Forget it."""

    def set_aside(self) -> None:
        """Put it where it blocks nothing."""


class Collectors(Protocol):
    """The door."""

    async def send(self, url: str, parcel: Parcel, sent_ns: int) -> Answer:
        """Upload."""

    async def health(self, url: str) -> Answer:
        """Ask whether it is ready."""

    async def live(self, url: str, sample: Mapping[str, Any]) -> Answer:
        """Post a live sample."""


@dataclass(frozen=True, slots=True)
class Clock:
    """Where time and chance come from."""

    monotonic: Callable[[], float]
    unix_ns: Callable[[], int]
    chance: Callable[[], float]  # in [0, 1)


class Uplink:
    """One task that delivers. Failing over means that a batch whose answer got lost may
    be stored at two collectors, unless they share a ledger."""

    def __init__(
        self, queue: Queue, collectors: Collectors, agent: Agent, clock: Clock
    ) -> None:
        self._queue = queue
        self._collectors = collectors
        self._name = agent.switch_id
        self._clock = clock
        self._policy = Policy(agent.retry_attempts, agent.retry_backoff)
        self._breakers = dict.fromkeys(agent.backend_url, Breaker())
        self._wake = asyncio.Event()
        self._refusals = 0  # of the first parcel of the queue
        self._troubles: dict[str, str] = {}  # what was logged last; "": that all is well
        self._state = UplinkState()
        self._next: tuple[Collectors, Agent] | None = None  # from the next step on

    def take(self, collectors: Collectors, agent: Agent) -> None:
        """Deliver to these from now on; what is on its way arrives by the old door."""
        self._next = (collectors, agent)
        self._wake.set()

    def _adopt(self) -> None:
        if self._next is None:
            return
        (self._collectors, agent), self._next = self._next, None
        self._policy = Policy(agent.retry_attempts, agent.retry_backoff)
        self._breakers = {
            url: self._breakers.get(url, Breaker()) for url in agent.backend_url
        }
        if self._state.backend_url not in self._breakers:
            self._state = replace(self._state, connected=False, backend_url="")

    async def run(self) -> None:
        """Deliver for ever."""
        while True:
            wait = await self.step()
            if wait == 0:
                continue
            self._wake.clear()
            try:
                async with asyncio.timeout(wait):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def drain(self) -> None:
        """Deliver what goes at once; return at the first obstacle or when nothing waits."""
        while await self.step() == 0:
            pass

    def wake(self, *, hurry: bool = False) -> None:
        """Say that a parcel was appended; hurry also cuts waiting after failures short."""
        if hurry:
            for url, breaker in self._breakers.items():
                self._breakers[url] = replace(breaker, not_before=0.0)
        self._wake.set()

    async def step(self) -> float | None:
        """Try one thing. Return seconds until the next is due, None: when woken."""
        self._adopt()
        url, wait = self._choose()
        if url is None or wait > 0:
            return wait if self._breakers else None
        if self._breakers[url].state is State.HALF_OPEN:
            return await self._probe(url)
        try:
            parcel = await asyncio.to_thread(self._queue.oldest)
            if parcel is None:
                return self._until_better(url)
            answer = await self._collectors.send(url, parcel, self._clock.unix_ns())
            judgement = judge(answer, parcel, self._name, batches.VERSION)
            await self._act(url, parcel, answer, judgement)
        except SpoolError as error:
            self._count_error("disk")
            self._warn("spool", Judgement(Verdict.RETRY, "disk", str(error)), "")
            return self._policy.base_seconds
        return 0.0

    async def live(self, sample: Mapping[str, Any]) -> None:
        """Post a live sample to the collector in use, where there is one; once."""
        url = self._state.backend_url
        if self._state.connected and self._breakers[url].state is State.CLOSED:
            answer = await self._collectors.live(url, sample)
            if answer.status == 200:
                self._state = replace(self._state, live_sent=self._state.live_sent + 1)

    def state(self) -> UplinkState:
        """Return counts for the metrics."""
        breakers = tuple((url, str(b.state)) for url, b in self._breakers.items())
        return replace(self._state, breakers=breakers)

    def _choose(self) -> tuple[str | None, float]:
        """Return the first collector that is not given up, and seconds to wait for it."""
        now = self._clock.monotonic()
        for url, breaker in self._breakers.items():
            self._breakers[url] = breaker = backoff.due(breaker, now)
            if breaker.state is not State.OPEN:
                return url, max(0.0, breaker.not_before - now)
        waits = [breaker.not_before - now for breaker in self._breakers.values()]
        return None, max(0.001, min(waits, default=0.0))

    def _until_better(self, url: str) -> float | None:
        """Return seconds until a preferred collector can be asked again."""
        urls = list(self._breakers)
        better = [self._breakers[other] for other in urls[: urls.index(url)]]
        now = self._clock.monotonic()
        return min((max(0.001, b.not_before - now) for b in better), default=None)

    async def _probe(self, url: str) -> float:
        answer = await self._collectors.health(url)
        if answer.status == 200 and answer.body.get("status") == "ok":
            self._succeed(url, backoff.healthy(self._breakers[url]))
        else:
            reason = answer.error or f"{url}: not ready (status {answer.status})"
            self._fail(url, answer, Judgement(Verdict.RETRY, "unreachable", reason), "")
        return 0.0

    async def _act(
        self, url: str, parcel: Parcel, answer: Answer, judgement: Judgement
    ) -> None:
        if judgement.verdict is Verdict.DELIVERED:
            await asyncio.to_thread(self._queue.acknowledge)
            self._refusals = 0
            self._count_sent(parcel, answer, judgement)
            self._succeed(url, backoff.delivered(self._breakers[url]))
            return
        if judgement.verdict is not Verdict.POISON:
            self._fail(url, answer, judgement, parcel.name)
            return
        self._refusals += 1
        self._count_error(judgement.kind)
        if self._refusals < self._policy.attempts and judgement.kind != "foreign":
            wait = backoff.delay(self._refusals, self._policy, self._clock.chance())
            breaker = self._breakers[url]
            until = self._clock.monotonic() + wait
            self._breakers[url] = replace(breaker, not_before=until)
            return
        await asyncio.to_thread(self._queue.set_aside)
        self._refusals = 0
        self._state = replace(self._state, set_aside=self._state.set_aside + 1)
        LOG.error(
            "batch set aside in quarantine: %s", judgement.reason, extra=_names(parcel.name)
        )

    def _succeed(self, url: str, breaker: Breaker) -> None:
        self._breakers[url] = breaker
        if breaker.failures == 0 and self._troubles.get(url) != "":
            self._troubles[url] = ""
            LOG.info("connected to %s", url)
        self._state = replace(
            self._state,
            connected=True,
            backend_url=url,
            last_success_ns=self._clock.unix_ns(),
        )

    def _fail(self, url: str, answer: Answer, judgement: Judgement, batch: str) -> None:
        breaker = self._breakers[url]
        wait = backoff.waiting(
            breaker.failures + 1, answer.retry_after, self._policy, self._clock.chance()
        )
        now = self._clock.monotonic()
        self._breakers[url] = backoff.failed(breaker, now, wait, self._policy)
        self._count_error(judgement.kind)
        self._warn(url, judgement, batch)
        if url == self._state.backend_url:
            self._state = replace(self._state, connected=False)

    def _warn(self, what: str, judgement: Judgement, batch: str) -> None:
        if self._troubles.get(what) != judgement.kind:  # Once; the counters go on.
            self._troubles[what] = judgement.kind
            extra = _names(batch)
            LOG.warning("%s: batches wait: %s", what, judgement.reason, extra=extra)

    def _count_error(self, kind: str) -> None:
        kinds = self._state.errors_by_kind
        self._state = replace(
            self._state,
            errors=self._state.errors + 1,
            errors_by_kind={**kinds, kind: kinds.get(kind, 0) + 1},
        )

    def _count_sent(self, parcel: Parcel, answer: Answer, judgement: Judgement) -> None:
        state = self._state
        buckets = list(state.upload_buckets)
        buckets[_bucket(answer.seconds, SECONDS_BUCKETS)] += 1
        self._state = replace(
            state,
            sketches_sent=state.sketches_sent + parcel.endpoints,
            batches_sent=state.batches_sent + 1,
            bytes_sent=state.bytes_sent + len(parcel.body),
            duplicates=state.duplicates + (judgement.kind == "duplicate"),
            upload_seconds=state.upload_seconds + answer.seconds,
            upload_buckets=tuple(buckets),
        )


def _bucket(value: float, edges: Sequence[float]) -> int:
    return next((n for n, edge in enumerate(edges) if value <= edge), len(edges))


def _names(batch: str) -> dict[str, str]:
    return {"batch": batch} if batch else {}
