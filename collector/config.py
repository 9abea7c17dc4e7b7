"""Settings of the collector: flag, then environment, then TOML, then default; read once."""

from __future__ import annotations

import dataclasses
import ipaddress
import re
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import tomli

SECTION: Final = "collector"
ENVIRONMENT_PREFIX: Final = "WEIR_COLLECTOR_"
DEFAULT_PATH: Final = Path("/etc/weir/collector.toml")

SECTIONS: Final = ("agent", "capture", "qos", "forecast", SECTION)
"""One file may configure both daemons."""
# What Kubernetes puts into every container when a service is named weir-collector.
KUBERNETES: Final = re.compile(r"SERVICE_(HOST|PORT\w*)|PORT(_\d+_\w+)?")


class ConfigError(Exception):
    """One line for the operator: where, which key, why."""


@dataclass(frozen=True, slots=True)
class Check:
    """What a value must be, in words and as a test."""

    must_be: str
    holds: Callable[[Any], bool]


def between(low: float, high: float) -> Check:
    """Accept numbers from low to high, both included."""
    return Check(f"between {low:g} and {high:g}", lambda value: low <= value <= high)


def one_of(*choices: str) -> Check:
    """Accept the named words only."""
    return Check(f"one of {', '.join(choices)}", lambda value: value in choices)


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


def key(default: Any, text: str, check: Check | None = None) -> Any:
    """Declare one setting: default, a sentence for the operator and an optional check."""
    return dataclasses.field(default=default, metadata={"text": text, "check": check})


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
    store_password: str = key("", "password there; prefer the environment variable")
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
        100.0, "requests a second that one client may make", between(1, 1e6)
    )
    agent_timeout: float = key(
        180.0, "seconds of silence until an agent is offline", between(1, 86400)
    )
    log_level: str = key(
        "INFO", "least severe level logged", one_of("DEBUG", "INFO", "WARNING", "ERROR")
    )
    log_format: str = key("text", "text or json", one_of("text", "json"))


FIELDS: Final = {field.name: field for field in dataclasses.fields(Config)}


def load(
    path: Path | None,
    environment: Mapping[str, str],
    flags: Mapping[str, str],
) -> Config:
    """Read every source and return checked settings.

    path None means DEFAULT_PATH where it exists. flags maps key to the text given.
    Raises ConfigError.
    """
    values: dict[str, Any] = {}
    if path is None and DEFAULT_PATH.exists():
        path = DEFAULT_PATH
    if path is not None:
        text, section = read_toml(path)
        for name, value in section.items():
            where = f"{path}:{line_of(text, name)}: [{SECTION}] {name}"
            values[name] = check_typed(name, value, where)
    for variable, text in environment.items():
        name = variable.removeprefix(ENVIRONMENT_PREFIX)
        if name != variable and not KUBERNETES.fullmatch(name):
            values[name.lower()] = parse_text(name.lower(), text, variable)
    for name, text in flags.items():
        values[name] = parse_text(name, text, "--" + name.replace("_", "-"))
    config = Config(**values)
    check_together(config)
    return config


def read_toml(path: Path) -> tuple[str, dict[str, Any]]:
    """Return a TOML file's text and the collector's section of it. Raises ConfigError."""
    try:
        text = path.read_text(encoding="utf-8")
        document = tomli.loads(text)
    except OSError as error:
        raise ConfigError(
            f"{path}: {error.strerror}: give a readable file with -c"
        ) from error
    except (tomli.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error
    for name in document:
        if name not in SECTIONS:
            where = f"{path}:{line_of(text, name)}: {name}"
            raise ConfigError(f"{where}: unknown section: use one of {', '.join(SECTIONS)}")
    section = document.get(SECTION, {})
    if not isinstance(section, dict):
        raise ConfigError(f"{path}: {SECTION} must be a table: write [{SECTION}]")
    return text, section


def line_of(text: str, name: str) -> int:
    """Return the line of a key in the collector's section, or of a section's heading."""
    is_inside = False
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split("#")[0]
        heading = words.strip().strip("[]").strip()
        if words.lstrip().startswith("["):
            is_inside = heading == SECTION
            if heading == name:
                return number
        elif is_inside and words.split("=")[0].strip().strip("\"'") == name:
            return number
    return 1


def example() -> str:
    """Return the collector's part of config.toml.example."""
    blocks = [f"# The collector: what it listens on, stores and shows.\n[{SECTION}]\n"]
    for name, field in FIELDS.items():
        check: Check | None = field.metadata["check"]
        text: str = field.metadata["text"]
        about = text[0].upper() + text[1:] + (f" ({check.must_be})." if check else ".")
        about = textwrap.fill(about, 90, initial_indent="# ", subsequent_indent="# ")
        blocks.append(f"{about}\n{name} = {toml_of(field.default)}\n")
    return "\n".join(blocks)


def toml_of(value: Any) -> str:
    """Return a default as TOML."""
    return f'"{value}"' if isinstance(value, str) else str(value)


def check_typed(name: str, value: Any, where: str) -> Any:
    """Return value when its type and range suit key name. Raises ConfigError."""
    field = FIELDS.get(name)
    if field is None:
        raise ConfigError(f"{where}: unknown key: see config.toml.example")
    wanted = type(field.default)
    if wanted is float and type(value) is int:
        value = float(value)
    if type(value) is not wanted:
        raise ConfigError(f"{where}: must be {wanted.__name__}, not {value!r}")
    check: Check | None = field.metadata["check"]
    if check and not check.holds(value):
        raise ConfigError(f"{where}: must be {check.must_be}, not {value!r}")
    return value


def parse_text(name: str, text: str, where: str) -> Any:
    """Turn the text of a flag or variable into the key's type. Raises ConfigError."""
    field = FIELDS.get(name)
    if field is None:
        raise ConfigError(f"{where}: unknown setting: see config.toml.example")
    value: Any = text
    try:
        if isinstance(field.default, (int, float)):
            value = type(field.default)(text)
    except ValueError:
        raise ConfigError(f"{where}: must be a number, not {text!r}") from None
    return check_typed(name, value, where)


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
