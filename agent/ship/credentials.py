"""What signing in needs: the settings of TLS, and a secret in a file."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

from agent.config import Agent


class CredentialsError(Exception):
    """A file for signing in or for TLS cannot be used: one line naming it."""


def tls_context(agent: Agent) -> ssl.SSLContext:
    """Return the settings of TLS: CA, client certificate. Raises CredentialsError."""
    try:
        context = ssl.create_default_context(cafile=agent.ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise CredentialsError(f"ca_file {agent.ca_file}: {words(error)}") from None
    if agent.client_cert:
        try:
            context.load_cert_chain(agent.client_cert, agent.client_key)
        except (OSError, ssl.SSLError) as error:
            names = f"client_cert {agent.client_cert}, client_key {agent.client_key}"
            raise CredentialsError(f"{names}: {words(error)}") from None
    return context


def read_secret(path: str) -> str:
    """Return the one line that a file holds. Raises CredentialsError."""
    try:
        secret = Path(path).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise CredentialsError(f"{path}: {words(error)}") from None
    if not secret.isprintable() or " " in secret or not secret:
        raise CredentialsError(f"{path}: must hold one word: the token")
    return secret


def words(error: Exception, tls: tuple[type[Exception], ...] = (ssl.SSLError,)) -> str:
    """Return why something failed, in a few words. tls: errors of TLS.

    Those carry a number of their own; names that are not found, a negative one.
    """
    number = getattr(error, "errno", None)
    if isinstance(number, int) and number > 0 and not isinstance(error, tls):
        return os.strerror(number)
    return " ".join((str(error) or type(error).__name__).split())[:200]
