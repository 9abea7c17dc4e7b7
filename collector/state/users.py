"""Local users with argon2 hashes, and their sign-in sessions."""

from __future__ import annotations

import base64
import secrets
from typing import Final

import argon2

from collector.records import Principal, User
from collector.state.database import Database
from collector.state.tokens import digest

ROLES: Final = ("admin", "viewer")
PASSWORD_LENGTH_MIN: Final = 10
PASSWORD_LENGTH_MAX: Final = 1024
"""Longer passwords only cost argon2 time."""
COLUMNS: Final = "id, username, name, email, role, created_at, last_signed_in"

HASHER: Final = argon2.PasswordHasher()


def _number(size: int) -> str:
    return base64.b64encode(secrets.token_bytes(size)).decode().rstrip("=")


NOBODY: Final = (
    f"$argon2id$v=19$m={HASHER.memory_cost},t={HASHER.time_cost},p={HASHER.parallelism}"
    f"${_number(HASHER.salt_len)}${_number(HASHER.hash_len)}"
)
"""Checked for unknown names, so that a wrong name takes as long as a wrong password.

A digest out of nothing: one of a real password would cost each start a tenth of a second.
"""


class UserError(Exception):
    """The request about a user cannot be met; one line."""


class Users:
    """Users and sessions of the console."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, username: str, password: str, role: str, now: int) -> User:
        """Make a user. Raises UserError."""
        if not username or not username.isprintable() or len(username) > 100:
            raise UserError(f"{username!r}: a user name is 1 to 100 printable characters")
        if role not in ROLES:
            raise UserError(f"{role}: unknown role: use one of {', '.join(ROLES)}")
        try:
            number = self._database.insert(
                "INSERT INTO users (username, password_hash, role, created_at, updated_at) "
                "VALUES (?, ?, ?, ?, ?)",
                (username, hashed(password), role, now, now),
            )
        except KeyError:
            raise UserError(f"{username}: exists already: change it with passwd") from None
        return User(number, username, "", "", role, now, 0)

    def set_password(self, username: str, password: str, now: int) -> None:
        """Change a password and end the user's sessions. Raises UserError."""
        new = hashed(password)
        with self._database.transaction():
            changed = self._database.execute(
                "UPDATE users SET password_hash = ?, updated_at = ? WHERE username = ?",
                (new, now, username),
            )
            self._database.execute(
                "DELETE FROM sessions WHERE user_id = "
                "(SELECT id FROM users WHERE username = ?)",
                (username,),
            )
        if not changed:
            raise UserError(f"{username}: no such user: see `weir-collector user list`")

    def remove(self, username: str) -> None:
        """Delete a user and the user's sessions. Raises UserError."""
        if not self._database.execute("DELETE FROM users WHERE username = ?", (username,)):
            raise UserError(f"{username}: no such user: see `weir-collector user list`")

    def list(self) -> list[User]:
        """Return every user by name."""
        rows = self._database.query(f"SELECT {COLUMNS} FROM users ORDER BY username")
        return [User(*row) for row in rows]

    def sign_in(
        self, username: str, password: str, now: int, lifetime: int
    ) -> tuple[str, Principal] | None:
        """Return a session's secret and owner; None: name or password is wrong."""
        rows = self._database.query(
            "SELECT id, password_hash, role FROM users WHERE username = ?", (username,)
        )
        if not verified(rows[0][1] if rows else NOBODY, password) or not rows:
            return None
        number, _, role = rows[0]
        secret, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(24)
        with self._database.transaction():
            self._database.execute("DELETE FROM sessions WHERE expires_at <= ?", (now,))
            self._database.execute(
                "INSERT INTO sessions VALUES (?, ?, ?, ?, ?)",
                (digest(secret), number, csrf, now, now + lifetime),
            )
            self._database.execute(
                "UPDATE users SET last_signed_in = ? WHERE id = ?", (now, number)
            )
        return secret, Principal(username, role, "session", csrf)

    def session(self, secret: str, now: int) -> Principal | None:
        """Return who a session belongs to, or None when it is unknown or has ended."""
        rows = self._database.query(
            "SELECT username, role, csrf FROM sessions JOIN users ON users.id = user_id "
            "WHERE hash = ? AND expires_at > ?",
            (digest(secret), now),
        )
        return Principal(rows[0][0], rows[0][1], "session", rows[0][2]) if rows else None

    def sign_out(self, secret: str) -> None:
        """End a session."""
        self._database.execute("DELETE FROM sessions WHERE hash = ?", (digest(secret),))


def hashed(password: str) -> str:
    """Return the argon2 hash of an acceptable password. Raises UserError."""
    if not PASSWORD_LENGTH_MIN <= len(password) <= PASSWORD_LENGTH_MAX:
        raise UserError(
            f"password: use {PASSWORD_LENGTH_MIN} to {PASSWORD_LENGTH_MAX} characters"
        )
    return HASHER.hash(password)


def verified(password_hash: str, password: str) -> bool:
    """Tell whether the password is the one that was hashed."""
    if len(password) > PASSWORD_LENGTH_MAX:
        return False
    try:
        return HASHER.verify(password_hash, password)
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        return False
