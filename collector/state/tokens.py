"""Tokens of agents and of API users: hashed at rest, found by their hash."""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

from collector.records import Token
from collector.state.database import Database

PREFIX: Final = "weir_"
COLUMNS: Final = "id, kind, subject, role, created_at"


class Tokens:
    """All tokens, kept in memory by hash and read again when any process changed them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._seen_version = -1
        self._generation = -1
        self._by_hash: dict[bytes, Token] = {}

    def add(self, kind: str, subject: str, role: str, now: int) -> tuple[Token, str]:
        """Make a token; return its description and the secret, which is shown only here."""
        secret = PREFIX + secrets.token_urlsafe(32)
        number = self._database.insert(
            "INSERT INTO tokens (hash, kind, subject, role, created_at) "
            "VALUES (?, ?, ?, ?, ?)",
            (digest(secret), kind, subject, role, now),
        )
        return Token(number, kind, subject, role, now), secret

    def list(self) -> list[Token]:
        """Return every token's description, oldest first."""
        rows = self._database.query(f"SELECT {COLUMNS} FROM tokens ORDER BY id")
        return [Token(*row) for row in rows]

    def revoke(self, number: int) -> bool:
        """Delete a token, effective with the next request; tell whether it was there."""
        return self._database.execute("DELETE FROM tokens WHERE id = ?", (number,)) > 0

    def check(self, secret: str) -> Token | None:
        """Return what a secret stands for, or None. Never waits for the disk.

        Looked up by its hash: how long that takes tells nothing about any other secret,
        and it is the same for ten tokens and for ten thousand.
        """
        self._refresh()
        return self._by_hash.get(digest(secret))

    def _refresh(self) -> None:
        version = self._database.data_version()
        if version == self._seen_version:
            return
        generation: int = self._database.watch("SELECT number FROM generation")[0][0]
        if generation != self._generation:
            rows = self._database.watch(f"SELECT hash, {COLUMNS} FROM tokens")
            self._by_hash = {bytes(row[0]): Token(*row[1:]) for row in rows}
        self._seen_version, self._generation = version, generation


def digest(secret: str) -> bytes:
    """Return the hash kept in place of a secret; 256 random bits need no slow hash."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()
