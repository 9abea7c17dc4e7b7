"""The API's part of QoS: rules given and told, flows put in their place, what stands."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import web

from agent import settled
from agent.capture.matches import BadMatch
from agent.qos import matches, rules
from agent.qos.answers import BadRequest, RuleBook
from agent.qos.apply import given
from agent.qos.matches import Match
from agent.qos.rules import BadRule, Rule
from agent.qos.section import Settings
from agent.records import CLASS_NAMES
from agent.regulation.placing import Ends, Placement
from agent.regulation.regulator import Regulator
from agent.status.api import Refused, Route
from agent.status.server import read_object

_Read = TypeVar("_Read")


@dataclass(slots=True)
class Rulings:
    """Answers about the rules in force; one change at a time."""

    regulator: Regulator
    placement: Placement
    own: Callable[[], Settings]  # what the file says, as it was last read
    flow: Callable[[int], Awaitable[Ends | None]]  # a live flow by its id
    active_flows: Callable[[], int]
    hurry: Callable[[], None] = lambda: None  # have the next tick at once
    changing: asyncio.Lock = field(default_factory=asyncio.Lock)  # held by reloads too
    _last: dict[str, float] = field(default_factory=dict)  # what was allocated

    def routes(self) -> tuple[Route, ...]:
        """Return the paths of this room."""
        one = "/qos/rules/{traffic_type}"
        return (
            Route("POST", "/qos/rule", "Give a traffic type a rule.", self.put),
            Route("GET", "/qos/rules", "Rules in force.", self.rules),
            Route(
                "POST", "/qos/rules", "Give a type its first rule; else 409.", self.create
            ),
            Route("PUT", one, "Give a traffic type a rule.", self.update),
            Route("DELETE", one, "Take back a rule that was given here.", self.delete),
            Route("GET", "/qos/matches", "Match rules in force, in order.", self.matches),
            Route("POST", "/qos/matches", "Give a match rule, tried first.", self.match),
            Route("DELETE", "/qos/matches/{name}", "Take back a match rule.", self.unmatch),
            Route(
                "POST", "/qos/apply", "Judge a flow and put it in its class.", self.judge
            ),
            Route("POST", "/allocate", "Share a link among demands.", self.allocate),
            Route("GET", "/plan", "What applying the settings would change.", self.plan),
        )

    @property
    def _book(self) -> RuleBook:
        regulator = self.regulator
        settings = regulator.settings
        in_force = {rule.traffic_type: rule for rule in settings.rules}
        marks = dict(zip(CLASS_NAMES, settings.marks(), strict=True))
        return RuleBook(in_force, settings.capacity_bps, marks, self._last)

    async def put(self, request: web.Request) -> web.Response:
        """Answer POST /qos/rule: in force, on disk, and in the trees within a second."""
        return await self._put(await read_object(request))

    async def create(self, request: web.Request) -> web.Response:
        """Answer POST /qos/rules."""
        body = await read_object(request)
        name = body.get("traffic_type")
        if isinstance(name, str) and name in self._book.rules:
            raise Refused(
                409, f"rule {name}: there is one: PUT /qos/rules/{name} changes it"
            )
        return await self._put(body, status=201)

    async def update(self, request: web.Request) -> web.Response:
        """Answer PUT /qos/rules/{traffic_type}."""
        name = request.match_info["traffic_type"]
        body = {"traffic_type": name, **await read_object(request)}
        if body["traffic_type"] != name:
            raise Refused(
                400, f"traffic_type {body['traffic_type']!r}: the path says {name}"
            )
        return await self._put(body)

    async def _put(self, body: dict[str, Any], status: int = 200) -> web.Response:
        async with self.changing:
            with _refusing():
                answer = self._book.put(body)
                rule = rules.parse(body)
                others = await self._read(given.load)
                kept = [one for one in others if one.traffic_type != rule.traffic_type]
                await self._keep_rules([*kept, rule])
        return web.json_response(answer, status=status)

    async def delete(self, request: web.Request) -> web.Response:
        """Answer DELETE /qos/rules/{traffic_type}."""
        name = request.match_info["traffic_type"]
        async with self.changing:
            with _refusing():
                others = await self._read(given.load)
                kept = [one for one in others if one.traffic_type != name]
                if len(kept) == len(others):
                    raise _not_given("rule", name, name in self._book.rules)
                await self._keep_rules(kept)
        rest = self._book.rules.get(name)
        back = "; the settings' rule is in force again" if rest else ""
        return web.json_response(
            {"status": "success", "message": f"QoS rule removed for {name}{back}"}
        )

    async def _read(self, load: Callable[[Path], _Read]) -> _Read:
        return await asyncio.to_thread(load, self.regulator.directory)

    async def _keep_rules(self, kept: list[Rule]) -> None:
        """On disk first: what is refused shall not be in force."""
        regulator = self.regulator
        matched = await self._read(given.load_matches)
        settings = settled.joined(self.own(), kept, matched)
        await regulator.ask(lambda: regulator.check(settings))
        await asyncio.to_thread(given.save, regulator.directory, kept)
        await regulator.ask(lambda: regulator.take(settings))

    async def rules(self, request: web.Request) -> web.Response:
        """Answer GET /qos/rules."""
        return web.json_response(self._book.list())

    async def matches(self, request: web.Request) -> web.Response:
        """Answer GET /qos/matches."""
        with _refusing():
            here = {one.name for one in await self._read(given.load_matches)}
        told = [
            {**one.as_json(), "origin": "api" if one.name in here else "settings"}
            for one in self.placement.rules
        ]
        return web.json_response({"count": len(told), "matches": told})

    async def match(self, request: web.Request) -> web.Response:
        """Answer POST /qos/matches: packets get it within two seconds."""
        body = await read_object(request)
        async with self.changing:
            with _refusing():
                one = matches.parse(body)
                others = await self._read(given.load_matches)
                kept = (one, *(other for other in others if other.name != one.name))
                await self._keep_matches(kept)
        answer = {"status": "success", "message": one.words(), "match": one.as_json()}
        return web.json_response(answer)

    async def unmatch(self, request: web.Request) -> web.Response:
        """Answer DELETE /qos/matches/{name}."""
        name = request.match_info["name"]
        async with self.changing:
            with _refusing():
                others = await self._read(given.load_matches)
                kept = tuple(one for one in others if one.name != name)
                if len(kept) == len(others):
                    known = any(one.name == name for one in self.placement.rules)
                    raise _not_given("match", name, known)
                await self._keep_matches(kept)
        return web.json_response({"status": "success", "message": f"match {name} removed"})

    async def _keep_matches(self, kept: tuple[Match, ...]) -> None:
        settings = settled.joined(self.own(), await self._read(given.load), kept)
        self.placement.check(settings.matches)
        await asyncio.to_thread(given.save_matches, self.regulator.directory, kept)
        self.placement.take(settings.matches)
        self.hurry()

    async def judge(self, request: web.Request) -> web.Response:
        """Answer POST /qos/apply, and put the flow into the class whose rule is to hold."""
        body = await read_object(request)
        with _refusing():
            answer = self._book.apply(body)
            enforced, detail = await self._enforce(body, answer["action"])
        return web.json_response({**answer, "enforced": enforced, "detail": detail})

    async def _enforce(self, body: Mapping[str, Any], action: str) -> tuple[bool, str]:
        number = _flow_id(body.get("flow_id"))
        if action == "none":
            self.placement.release(number or 0)
            self.hurry()
            return False, "no rule: the flow keeps the class that it has"
        ends = await self.flow(number) if number is not None else None
        if ends is None:
            return False, "no live flow has this flow_id: GET /flows tells them"
        name = body["traffic_type"]
        if not self.placement.place(ends.id, ends.as_match(name)):
            return False, "the table of match rules is full: remove one"
        self.hurry()
        standing = [one for one in self.regulator.state.lanes if one.expires]
        if ends.interface not in {one.device for one in standing}:
            return False, f"{ends.interface} is not shaped: run weir-agent qos apply"
        return True, f"in class {name} on {ends.interface}, whose rule holds it"

    async def allocate(self, request: web.Request) -> web.Response:
        """Answer POST /allocate."""
        body = await read_object(request)
        with _refusing():
            book = self._book
            answer = book.allocate(body)
            self._last = book.last
        return web.json_response(answer)

    async def plan(self, request: web.Request) -> web.Response:
        """Answer GET /plan; 409 where the settings cannot be carried out here."""
        try:
            steps, notes = await self.regulator.ask(self.regulator.plan)
        except (OSError, ValueError) as error:
            raise Refused(409, getattr(error, "strerror", "") or str(error)) from None
        told = [one.words() for one in self.placement.rules]
        return web.json_response({"steps": steps, "notes": notes, "matches": told})

    def stats(self) -> dict[str, Any]:
        """Return QoS's part of GET /stats."""
        return self._book.stats(self.active_flows())


@contextmanager
def _refusing() -> Iterator[None]:
    """Turn what a request cannot have into its answer."""
    try:
        yield
    except (BadRule, BadRequest, BadMatch) as error:
        raise Refused(400, str(error)) from None
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise Refused(503, f"{where}{error.strerror or error}") from None


def _not_given(kind: str, name: str, is_known: bool) -> Refused:
    if is_known:
        return Refused(409, f"{kind} {name}: the settings have it: take it out of the file")
    return Refused(404, f"{kind} {name}: there is none")


def _flow_id(value: object) -> int | None:
    """Return the number behind an id of GET /flows; None: it is none."""
    try:
        return int(value, 16) if isinstance(value, str) and len(value) == 16 else None
    except ValueError:
        return None
