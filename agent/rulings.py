"""The API's part of QoS: rules given and told, bandwidth allocated, what stands now."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiohttp import web

from agent.qos.answers import BadRequest, RuleBook
from agent.qos.apply import given
from agent.qos.rules import BadRule
from agent.regulator import Regulator
from agent.status.api import Refused, Route
from agent.status.server import read_object


class Rulings:
    """Answers from one book of rules; one change at a time."""

    def __init__(
        self, regulator: Regulator, directory: Path, active_flows: Callable[[], int]
    ) -> None:
        rules = {rule.traffic_type: rule for rule in regulator.settings.rules}
        self._regulator = regulator
        self._directory = directory
        self._active_flows = active_flows
        self._book = RuleBook(rules, regulator.capacity_bps)
        self._changing = asyncio.Lock()

    def routes(self) -> tuple[Route, ...]:
        """Return the paths of this room."""
        return (
            Route("POST", "/qos/rule", "Give a traffic type a rule.", self.put),
            Route("GET", "/qos/rules", "Rules in force.", self.rules),
            Route("POST", "/qos/apply", "What the rules say about a flow.", self.judge),
            Route("POST", "/allocate", "Share a link among demands.", self.allocate),
            Route("GET", "/plan", "What applying the settings would change.", self.plan),
        )

    async def put(self, request: web.Request) -> web.Response:
        """Answer POST /qos/rule: in force, on disk, and in the trees within a second."""
        body = await read_object(request)
        async with self._changing:
            book = dataclasses.replace(self._book)
            try:
                answer = book.put(body)
                rules = tuple(book.rules.values())
                await self._regulator.ask(lambda: self._regulator.put_rules(rules))
                await asyncio.to_thread(self._keep, book.rules[body["traffic_type"]])
            except BadRule as error:
                raise Refused(400, str(error)) from None
            except OSError as error:
                raise Refused(503, f"{self._directory}: {error.strerror}") from None
            self._book.rules = book.rules
        return web.json_response(answer)

    def _keep(self, rule: Any) -> None:
        others = [
            one
            for one in given.load(self._directory)
            if one.traffic_type != rule.traffic_type
        ]
        given.save(self._directory, [*others, rule])

    async def rules(self, request: web.Request) -> web.Response:
        """Answer GET /qos/rules."""
        return web.json_response(self._book.list())

    async def judge(self, request: web.Request) -> web.Response:
        """Answer POST /qos/apply."""
        return await self._answer(request, self._book.apply)

    async def allocate(self, request: web.Request) -> web.Response:
        """Answer POST /allocate."""
        return await self._answer(request, self._book.allocate)

    async def _answer(
        self, request: web.Request, answer: Callable[[dict[str, Any]], dict[str, Any]]
    ) -> web.Response:
        body = await read_object(request)
        try:
            return web.json_response(answer(body))
        except BadRequest as error:
            raise Refused(400, str(error)) from None

    async def plan(self, request: web.Request) -> web.Response:
        """Answer GET /plan; 409 where the settings cannot be carried out here."""
        try:
            steps, notes = await self._regulator.ask(self._regulator.plan)
        except (OSError, ValueError) as error:
            raise Refused(409, getattr(error, "strerror", "") or str(error)) from None
        return web.json_response({"steps": steps, "notes": notes})

    def stats(self) -> dict[str, Any]:
        """Return QoS's part of GET /stats."""
        told = self._book.stats(self._active_flows())
        told["qos"] |= self._regulator.told()
        return {"predictor": {"model": "rule_based"}, **told}
