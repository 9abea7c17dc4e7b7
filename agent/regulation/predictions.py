"""The API's part of forecasting: what classes will ask for, by interface and direction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

from agent.qos.answers import BadRequest
from agent.qos.demand import Quantiles
from agent.qos.foresight import Foresight, Outlook, Where, answer, answers, model
from agent.records import CLASS_NAMES, Counters, Interface
from agent.regulation.regulator import Regulator
from agent.status.api import Refused, Route
from agent.status.server import read_json, read_object

_WAYS: Final = ("ingress", "egress")  # by hook
_BYTES: Final = 2


@dataclass(slots=True)
class Predictions:
    """Answers from one foresight, which the daemon feeds every second."""

    regulator: Regulator
    now: Callable[[], float]  # unix time
    foresight: Foresight = field(default_factory=Foresight)

    def observe(self, interfaces: Sequence[Interface], counters: Counters) -> None:
        """Take what every class has carried by now."""
        octets = {
            (item.name, way): dict(
                zip(CLASS_NAMES, by_class[:, _BYTES].tolist(), strict=False)
            )
            for item in interfaces
            for way, by_class in zip(_WAYS, counters.by_class[item.slot], strict=True)
        }
        self.foresight.observe(self.now(), octets)

    def routes(self) -> tuple[Route, ...]:
        """Return the paths of this room."""
        return (
            Route("GET", "/predict", "Demand by interface and class.", self.list),
            Route("POST", "/predict", "Demand of one traffic type.", self.one),
            Route("POST", "/predict/batch", "The same for a list.", self.many),
        )

    async def list(self, request: web.Request) -> web.Response:
        """Answer GET /predict."""
        told = [one.as_json() for one in self._outlooks()]
        return web.json_response({**model(), "count": len(told), "predictions": told})

    async def one(self, request: web.Request) -> web.Response:
        """Answer POST /predict."""
        return self._answered(answer, await read_object(request))

    async def many(self, request: web.Request) -> web.Response:
        """Answer POST /predict/batch."""
        return self._answered(answers, await read_json(request))

    def _answered(self, by: Callable[..., Any], body: object) -> web.Response:
        try:
            return web.json_response(by(body, self._outlooks(), self.now()))
        except BadRequest as error:
            raise Refused(400, str(error)) from None

    def _outlooks(self) -> Sequence[Outlook]:
        trees: Mapping[Where, Mapping[str, Quantiles]] = {
            (lane.device, lane.way): {
                name: Quantiles(*demand) for name, demand in lane.demand.items()
            }
            for lane in self.regulator.state.lanes
            if lane.expires
        }
        return self.foresight.outlooks(self.now(), trees)

    def stats(self) -> dict[str, Any]:
        """Return the predictor's part of GET /stats."""
        return {**model(), "traffic_history_size": self.foresight.points}
