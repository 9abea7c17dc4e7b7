"""The one door to collectors: a request out, an answer in. Nothing is tried twice."""

from __future__ import annotations

import asyncio
import email.utils
import json
import ssl
from collections.abc import Callable, Mapping
from typing import Any, Final

import aiohttp

from agent.config import Agent
from agent.ship.credentials import CredentialsError, read_secret, tls_context, words
from agent.ship.judge import Answer
from agent.ship.parcel import Parcel
from wire import frame

UPLOAD_PATH: Final = "/api/edge/sketches/binary"
LIVE_PATH: Final = "/api/edge/live"
HEALTH_PATH: Final = "/health"
ANSWER_BYTES_MAX: Final = 1 << 20
"""An answer names new endpoints: 8,192 of them take a third of this."""
QUICK_SECONDS: Final = 5.0
"""For requests of a few bytes."""
_TLS_ERRORS: Final = (ssl.SSLError, aiohttp.ClientSSLError)


def open_session() -> aiohttp.ClientSession:
    """Return connections for any door, to be closed by the caller. Needs a running loop."""
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=4))


async def healths(agent: Agent, clock: Callable[[], float]) -> dict[str, Answer]:
    """Ask every collector of the list for its health. Raises CredentialsError."""
    async with open_session() as session:
        door = Door(agent, session, clock)
        answers = await asyncio.gather(*map(door.health, agent.backend_url))
        return dict(zip(agent.backend_url, answers, strict=True))


class Door:
    """Speaks to any collector of the list."""

    def __init__(
        self, agent: Agent, session: aiohttp.ClientSession, clock: Callable[[], float]
    ) -> None:
        """clock returns monotonic seconds. Reads files of TLS; raises CredentialsError."""
        self._agent = agent
        self._tls = tls_context(agent)
        self._session = session
        self._clock = clock

    async def send(self, url: str, parcel: Parcel, sent_ns: int) -> Answer:
        """Upload a parcel; sent_ns (unix time) shows the collector how clocks differ."""
        headers = {
            "Content-Type": frame.CONTENT_TYPE,
            "X-Switch-ID": parcel.agent,
            "X-Sketch-Count": str(parcel.endpoints),
            "X-Weir-Boot": parcel.boot.hex(),
            "X-Weir-Sequence": str(parcel.sequence),
            "X-Weir-Sent": str(sent_ns),
        }
        if parcel.coding != "identity":
            headers["Content-Encoding"] = parcel.coding
        seconds = self._agent.upload_timeout
        return await self._ask("POST", url + UPLOAD_PATH, headers, parcel.body, seconds)

    async def live(self, url: str, sample: Mapping[str, Any]) -> Answer:
        """Post a live sample, which nobody keeps."""
        headers = {"Content-Type": "application/json", "X-Switch-ID": self._agent.switch_id}
        body = json.dumps(sample).encode()
        return await self._ask("POST", url + LIVE_PATH, headers, body, QUICK_SECONDS)

    async def health(self, url: str) -> Answer:
        """Ask a collector whether it is ready. Carries no token."""
        return await self._exchange("GET", url + HEALTH_PATH, {}, None, QUICK_SECONDS)

    async def _ask(
        self, method: str, url: str, headers: dict[str, str], body: bytes, seconds: float
    ) -> Answer:
        try:
            # Read each time: a renewed token counts from the next request on.
            token = await asyncio.to_thread(self._token)
        except CredentialsError as error:
            return Answer(0, error=str(error))
        if token:
            headers["Authorization"] = f"Bearer {token}"
        return await self._exchange(method, url, headers, body, seconds)

    async def _exchange(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        seconds: float,
    ) -> Answer:
        begun = self._clock()
        try:
            async with self._session.request(
                method,
                url,
                data=body,
                headers={"Accept": "application/json", **headers},
                timeout=aiohttp.ClientTimeout(total=seconds),
                allow_redirects=False,  # Another host must not see the token.
                ssl=self._tls,
            ) as response:
                content = await _read(response)
                return Answer(
                    response.status,
                    _object(content),
                    retry_after=_seconds(response.headers.get("Retry-After", "")),
                    seconds=self._clock() - begun,
                    unix_seconds=_date(response.headers.get("Date", "")),
                )
        except TimeoutError:
            return Answer(0, error=f"{url}: no answer within {seconds:g} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Answer(0, error=f"{url}: {words(error, _TLS_ERRORS)}")

    def _token(self) -> str:
        agent = self._agent
        return read_secret(agent.token_file) if agent.token_file else agent.token


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """Return the body as far as it will be looked at."""
    content = bytearray()
    while len(content) <= ANSWER_BYTES_MAX and (
        piece := await response.content.read(ANSWER_BYTES_MAX)
    ):
        content += piece
    return bytes(content)


def _object(content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _seconds(text: str) -> float | None:
    """Return a Retry-After in seconds; collectors do not use its other form, a date."""
    return float(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _date(text: str) -> float | None:
    try:
        return email.utils.parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None
