"""The collector's vocabulary: plain data that rooms hand to each other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from wire import schema

CLASS_NAMES: Final = schema.CLASS_NAMES
"""Traffic classes; the index is the number on the wire."""

OUTCOMES: Final = schema.VOLUME_NAMES
UNITS: Final = ("frames", "packets", "bytes")
DIRECTIONS: Final = ("rx", "tx")

NANOSECONDS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class BatchId:
    """What makes one delivery unique: agent name, 16 bytes of its boot, number from 1."""

    agent: str
    boot: bytes
    sequence: int


@dataclass(frozen=True, slots=True)
class Rows:
    """What one batch adds to one table: column name to equally long sequences."""

    table: str
    columns: Mapping[str, Sequence[Any]]
    count: int


@dataclass(frozen=True, slots=True)
class Arrival:
    """One upload as it came: what the journal keeps and what replay starts from."""

    agent: str
    received_ns: int
    form: str  # msgpack | json | framed
    encoding: str  # identity | gzip | zstd
    body: bytes  # still compressed
    serial: str = ""  # names an upload that carries no number of its own
    sent_ns: int = 0  # the agent's clock when it sent this; 0: not told


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a batch tells about its agent."""

    agent: str
    received_ns: int
    end_ns: int  # the agent's clock when it closed the batch
    sent_ns: int  # and when it sent it; 0: not told
    version: str
    hostname: str
    boot: bytes
    sequence: int
    interfaces: tuple[Mapping[str, Any], ...]
    health: Mapping[str, Any]
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Accepted:
    """One upload understood: its identity and what it adds to every table."""

    id: BatchId
    arrival: Arrival
    rows: tuple[Rows, ...]
    sighting: Sighting
    endpoint_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the sender of a batch is told once it is durable."""

    duplicate: bool
    new_endpoints: tuple[str, ...]
    total_sketches: int


@dataclass(slots=True)
class Counts:
    """What happened to uploads; the metrics page shows it."""

    stored: int = 0
    duplicate: int = 0
    busy: int = 0
    refused: dict[int, int] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    store_errors: int = 0
    replayed: int = 0
    sketches: int = 0  # in the store, and on their way there
    restamped: int = 0
    commit_groups: int = 0

    def refuse(self, status: int) -> None:
        """Count an upload that was answered with this HTTP status."""
        self.refused[status] = self.refused.get(status, 0) + 1


class StateError(Exception):
    """The control store cannot be used; the text says why and what to do."""


class Busy(Exception):
    """Nothing was stored; the sender should come back after some seconds."""

    def __init__(self, reason: str, retry_after: int = 5) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class Refused(Exception):
    """The request is at fault; the text tells the sender, status is the HTTP answer."""

    def __init__(self, status: int, reason: str, **facts: Any) -> None:
        super().__init__(reason)
        self.status = status
        self.facts = facts


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in the journal: segment number and byte offset behind an entry."""

    segment: int
    offset: int


@dataclass(frozen=True, slots=True)
class User:
    """A person who may sign in."""

    id: int
    username: str
    name: str
    email: str
    role: str  # admin | viewer
    created_at: int
    last_signed_in: int


@dataclass(frozen=True, slots=True)
class Token:
    """A secret's description; the secret itself is shown once and never kept."""

    id: int
    kind: str  # agent | api
    subject: str  # the agent's name, or a label
    role: str  # agent | admin | viewer
    created_at: int


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that a person should know; one subject, one condition."""

    subject: str
    severity: str  # info | warning | critical
    title: str
    message: str
    extent: int = 0  # how much, where more of it is news


@dataclass(frozen=True, slots=True)
class Principal:
    """Who makes a request."""

    name: str
    role: str  # admin | viewer | agent
    by: str  # session | token | certificate | open
    csrf: str = ""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One query parameter of a route, for checking and for the API's description."""

    name: str
    kind: str  # string | integer | number | boolean
    text: str


@dataclass(frozen=True, slots=True)
class Route:
    """One path of the HTTP interface: who may, what it does, and what answers."""

    method: str
    path: str
    role: str  # open | agent | viewer | admin
    text: str
    handler: Callable[[Any], Awaitable[Any]]
    side: str = "console"  # console | agent | both: which listener serves it
    parameters: tuple[Parameter, ...] = ()
