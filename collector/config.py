"""Settings of the collector: flag, then environment, then TOML, then default; read once."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from wire.settings import (
    Check,
    ConfigError,
    File,
    between,
    example as example_section,
    key,
    one_of,
    overrides,
    rows,
)

SECTION: Final = "collector"
ENVIRONMENT_PREFIX: Final = "WEIR_COLLECTOR_"
DEFAULT_PATH: Final = Path("/etc/weir/collector.toml")

FOREIGN: Final = ("agent", "capture", "qos", "forecast")
"""One file may configure both daemons."""

WEB_ADDRESS: Final = Check(
    "empty or an http:// or https:// address without a trailing slash",
    lambda value: (
        value == "" or (value.startswith(("http://", "https://")) and value[-1] != "/")
    ),
)
IDENTIFIER: Final = Check(
    "letters, digits and underscores",
    lambda value: value.isascii() and (value == "" or value.isidentifier()),
)


@dataclass(frozen=True, slots=True)
class Config:
    """Every setting; the name is the TOML key, the flag and the variable."""

    bind_host: str = key("0.0.0.0", "address that both listeners bind to")
    agent_port: int = key(8080, "port for batches from agents", between(0, 65535))
    console_port: int = key(3000, "port for console and API", between(0, 65535))
    data_dir: str = key("/var/lib/weir-collector", "where everything is stored")
    backend_url: str = key("", "relay batches to this collector, store none", WEB_ADDRESS)
    auth: str = key("local", "local users, or none on loopback", one_of("local", "none"))
    console_dir: str = key("", "built console; empty: the one beside the program")
    console_origins: str = key("", "further origins of the console, by commas")
    tls_certificate: str = key("", "PEM file; empty: plain HTTP")
    tls_key: str = key("", "PEM file with the private key")
    tls_client_ca: str = key(
        "", "PEM file; agents may sign in with certificates of this CA"
    )
    session_hours: float = key(12.0, "how long a sign-in lasts", between(0.1, 720))
    store_url: str = key("", "ClickHouse over HTTP; empty: embedded", WEB_ADDRESS)
    store_database: str = key("weir", "database in the store", IDENTIFIER)
    store_cluster: str = key("", "ClickHouse cluster name; empty: one server", IDENTIFIER)
    store_user: str = key("default", "user at the ClickHouse server")
    store_password: str = key(
        "", "password there; prefer the environment variable", secret=True
    )
    retention_days: int = key(
        30, "days that totals and endpoints are kept", between(1, 3650)
    )
    flow_retention_days: int = key(7, "days that flows are kept", between(1, 3650))
    size_cap_mb: int = key(
        0, "purge oldest days above this; 0: no cap", between(0, 100_000_000)
    )
    journal_max_mb: int = key(
        256, "accepted but not yet stored; beyond it 503", between(1, 65536)
    )
    body_max_mb: int = key(8, "largest request body", between(1, 256))
    decoded_max_mb: int = key(64, "largest body after decompression", between(1, 1024))
    request_rate: float = key(
        100.0, "requests a second that one client may make", between(1, 1_000_000)
    )
    agent_timeout: float = key(
        180.0, "seconds of silence until an agent is offline", between(1, 86400)
    )
    log_level: str = key(
        "INFO", "least severe level logged", one_of("DEBUG", "INFO", "WARNING", "ERROR")
    )
    log_format: str = key("text", "text or json", one_of("text", "json"))


FIELDS: Final = {row.name: row for row in rows(SECTION, Config)}
"""The table of settings, by name."""


def load(
    path: Path | None,
    environment: Mapping[str, str],
    flags: Mapping[str, str],
) -> Config:
    """Read every source and return checked settings.

    path None means DEFAULT_PATH where it exists. flags maps key to the text given.
    Raises ConfigError.
    """
    values = from_file(path)
    values |= overrides(FIELDS, ENVIRONMENT_PREFIX, environment, flags)
    config = Config(**values)
    check_together(config)
    return config


def from_file(path: Path | None) -> dict[str, Any]:
    """Return the collector's section of a file, where there is one. Raises ConfigError."""
    if path is None and DEFAULT_PATH.exists():
        path = DEFAULT_PATH
    if path is None:
        return {}
    try:
        file = File(path, path.read_bytes())
    except OSError as error:
        reason = f"{error.strerror or error}: give a readable file with -c"
        raise ConfigError(f"{path}: {reason}") from error
    tables = file.tables((SECTION,), FOREIGN)
    return file.values(tuple(FIELDS.values()), SECTION, tables.get(SECTION, {}))


def example() -> str:
    """Return the collector's part of config.toml.example."""
    about = "The collector: what it listens on, stores and shows."
    return example_section(f"[{SECTION}]", about, tuple(FIELDS.values()))


def check_together(config: Config) -> None:
    """Refuse combinations that are unsafe or half finished. Raises ConfigError."""
    if config.auth == "none" and not is_loopback(config.bind_host):
        raise ConfigError(
            f'auth: "none" lets anyone in who reaches {config.bind_host}: '
            'set bind_host = "127.0.0.1", or auth = "local"'
        )
    if bool(config.tls_certificate) != bool(config.tls_key):
        raise ConfigError("tls_certificate and tls_key: set both or neither")
    if config.tls_client_ca and not config.tls_certificate:
        raise ConfigError("tls_client_ca: needs tls_certificate and tls_key as well")
    if config.backend_url and config.store_url:
        raise ConfigError(
            "backend_url and store_url: a relay stores nothing; set one of them"
        )


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach the address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
