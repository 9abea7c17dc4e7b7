"""What an answer of the collector means for the batch that was sent. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from agent.ship.parcel import Parcel


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. status 0: nothing did, and error says why."""

    status: int
    body: Mapping[str, Any] = field(default_factory=dict)  # empty: it was no JSON object
    error: str = ""
    retry_after: float | None = None  # seconds that the collector asked for
    seconds: float = 0.0
    unix_seconds: float | None = None  # the collector's clock when it answered


class Verdict(StrEnum):
    """What to do with the batch."""

    DELIVERED = "delivered"  # forget it
    RETRY = "retry"  # the collector or the way to it has a bad moment
    HOLD = "hold"  # a person has to put something right; nothing is lost meanwhile
    POISON = "poison"  # it will never be taken


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, its kind for counters and one line for the log."""

    verdict: Verdict
    kind: str
    reason: str


_POISON: Final = (400, 413, 415, 422)
_BUSY: Final = (408, 425, 429, 503)
_HOLD: Final = {
    401: ("unauthorized", "the token is not accepted: renew token_file"),
    403: ("forbidden", "the token belongs to another agent: set switch_id or token_file"),
    409: ("version", "the collector does not know this batch format: update it"),
}


def judge(answer: Answer, parcel: Parcel, agent: str, version: int) -> Judgement:
    """Return what an answer to a parcel means for the agent of this name and version."""
    if answer.status == 0:
        return Judgement(Verdict.RETRY, "unreachable", answer.error)
    if answer.status == 200:
        return _committed(answer)
    said = str(answer.body.get("error", ""))[:200]
    return _refused(answer.status, said, _is_foreign(answer.status, parcel, agent, version))


def _refused(status: int, said: str, foreign: bool) -> Judgement:
    says = said or f"status {status}"
    if foreign:
        return Judgement(Verdict.POISON, "foreign", says)
    # Only a collector says why; a proxy on the way must not condemn a batch.
    if status in _POISON and said:
        return Judgement(Verdict.POISON, "poison", says)
    if status in _BUSY or status >= 500:
        return Judgement(Verdict.RETRY, "busy" if status in _BUSY else "server", says)
    other = ("unexpected", "no collector there? see backend_url")
    kind, remedy = _HOLD.get(status, other)
    return Judgement(Verdict.HOLD, kind, f"{remedy} ({says})")


def _committed(answer: Answer) -> Judgement:
    # A captive portal answers 200 as well.
    if answer.body.get("status") == "ok":
        kind = "duplicate" if answer.body.get("duplicate") is True else "stored"
        return Judgement(Verdict.DELIVERED, kind, "")
    reason = "no collector there? see backend_url (status 200 without a receipt)"
    return Judgement(Verdict.HOLD, "unexpected", reason)


def _is_foreign(status: int, parcel: Parcel, agent: str, version: int) -> bool:
    """Tell a batch of an earlier name or program, which blocks those of this one."""
    return (status == 403 and parcel.agent != agent) or (
        status == 409 and parcel.version != version
    )
