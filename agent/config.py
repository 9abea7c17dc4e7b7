"""Settings of the agent: flag, then environment, then TOML, then default; read once."""

from __future__ import annotations

import dataclasses
import ipaddress
import socket
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from wire.settings import (
    Check,
    ConfigError,
    File,
    absolute,
    absolute_or_empty,
    between,
    each,
    example as example_section,
    key,
    matching,
    one_of,
    overrides,
    rows,
)

DEFAULT_PATH: Final = Path("/etc/weir/agent.toml")
ENVIRONMENT_PREFIX: Final = "WEIR_AGENT_"
PASSED_THROUGH: Final = ("qos", "forecast")
"""Sections whose rooms check their own keys."""

_SECTIONS: Final = ("agent", "capture", *PASSED_THROUGH)
_FOREIGN: Final = ("collector",)  # One file may configure both daemons.

_PREFACE: Final = """\
# Settings of weir-agent and weir-collector, each with its default: a file needs only what
# differs. Agent: /etc/weir/agent.toml. Collector: /etc/weir/collector.toml. One file with
# all sections serves both.
#
# A key sync_interval of the agent is also the flag --sync-interval and the variable
# WEIR_AGENT_SYNC_INTERVAL; the collector's begin with WEIR_COLLECTOR_. A flag wins over a
# variable, a variable over this file. Lists are written with commas there.

"""


def _is_network(value: str) -> bool:
    try:
        return bool(ipaddress.ip_network(value))
    except ValueError:
        return False


def _is_time_zone(value: str) -> bool:
    try:
        return value == "local" or bool(zoneinfo.ZoneInfo(value).key)
    except (OSError, ValueError, zoneinfo.ZoneInfoNotFoundError):
        return False


_NETWORK: Final = Check("address ranges like 192.168.0.0/16", _is_network)
_TIME_ZONE: Final = Check("local or a name like Europe/Berlin", _is_time_zone)
_WEB_ADDRESS: Final = matching(
    r"https?://[^\s/?#@]+(/[^\s?#]*[^\s?#/])?",
    "http:// or https:// addresses without user, query or trailing slash",
)
_PLUGIN: Final = matching(r"[A-Za-z_]\w*:[A-Za-z_]\w*", "a name like module:Class")
_LINK_NAME: Final = matching(r"[^\s/]{1,64}", "a name or glob like eth0 or wan*")


@dataclass(frozen=True, slots=True)
class Agent:
    """[agent]: who this is, where it reports, what it keeps."""

    switch_id: str = key(
        "edge-001", "name of this agent at the collector; empty: the host name",
        matching(r"[A-Za-z0-9._:-]{0,64}", "up to 64 letters, digits and . _ : -"),
    )  # fmt: skip
    backend_url: tuple[str, ...] = key(
        (), "collectors, the first one preferred; none: keep everything here",
        each(_WEB_ADDRESS),
    )  # fmt: skip
    token: str = key("", "secret for the collector; prefer token_file", secret=True)
    token_file: str = key("", "file that holds that secret", absolute_or_empty)
    ca_file: str = key("", "PEM file: trust only these for TLS", absolute_or_empty)
    client_cert: str = key("", "PEM file: sign in with this certificate", absolute_or_empty)
    client_key: str = key("", "PEM file: the certificate's private key", absolute_or_empty)
    compression: str = key(
        "zstd",
        "compression of batches, on disk and on the way",
        one_of("zstd", "gzip", "identity"),
    )
    sync_interval: float = key(60.0, "seconds that one batch covers", between(1, 3600))
    retry_attempts: int = key(
        3, "failures in a row until the next collector is tried", between(1, 100)
    )
    retry_backoff: float = key(
        1.5, "seconds to wait after the first failure; doubles, jittered", between(0.05, 60)
    )
    upload_timeout: float = key(30.0, "seconds that one upload may take", between(1, 600))
    data_dir: str = key("/var/lib/weir-agent", "where unsent batches are kept", absolute)
    runtime_dir: str = key("/run/weir", "where the socket agent.sock is made", absolute)
    buffer_hours: float = key(
        24.0,
        "hours that unsent batches are kept; older ones are dropped",
        between(0.01, 8760),
    )
    buffer_mb: int = key(
        256,
        "megabytes that unsent batches may take; the oldest go first",
        between(1, 1_000_000),
    )
    max_endpoints: int = key(
        500,
        "endpoints that have sketches at once; the least recent one goes first",
        between(1, 8192),
    )
    local_networks: tuple[str, ...] = key(
        ("10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16",
         "fc00::/7", "fe80::/10"),
        "addresses that are endpoints of this site; all others are peers", each(_NETWORK),
    )  # fmt: skip
    timezone: str = key("local", "zone that active hours are counted in", _TIME_ZONE)
    api_host: str = key("", "address of the HTTP API; empty: only the Unix socket")
    api_port: int = key(8080, "port of the HTTP API", between(1, 65535))
    api_token_file: str = key("", "file with the secret for the API", absolute_or_empty)
    plugins: tuple[str, ...] = key((), "plug-ins that hear of flows", each(_PLUGIN))
    plugin_dir: str = key("/etc/weir/plugins", "where their files are, root's", absolute)
    log_level: str = key(
        "INFO", "least severe level logged", one_of("DEBUG", "INFO", "WARNING", "ERROR")
    )
    log_format: str = key("text", "form of log lines", one_of("text", "json"))


@dataclass(frozen=True, slots=True)
class InterfaceOverride:
    """[[capture.interface]]: what differs for the interfaces of this name or glob."""

    name: str = key("", "name or glob", _LINK_NAME)
    ipv4: bool = key(True, "count IPv4")
    ipv6: bool = key(True, "count IPv6")
    bidirectional: bool = key(True, "both directions in one flow")


@dataclass(frozen=True, slots=True)
class Capture:
    """[capture]: what is counted and how."""

    interfaces: tuple[str, ...] = key(
        (), 'names or globs, such as "eth0" or "wan*"', each(_LINK_NAME)
    )
    loader: str = key(
        "auto",
        "where programs come from: a prebuilt object, or bcc, which compiles here",
        one_of("auto", "libbpf", "bcc"),
    )
    xdp: str = key(
        "auto", "ingress hook; auto: native where the driver has it, else tc",
        one_of("auto", "native", "generic", "off"),
    )  # fmt: skip
    tc: str = key(
        "auto",
        "egress hook, and ingress without XDP; auto: TCX from kernel 6.6, else clsact",
        one_of("auto", "tcx", "clsact"),
    )
    promiscuous: bool = key(False, "also take frames for other stations")
    snap_length: int = key(256, "bytes of a frame that are looked at", between(64, 9216))
    filter: str = key("", 'count only this, such as "tcp port 443"; empty: everything')
    max_flows: int = key(65536, "flows in the kernel at once", between(64, 4_194_304))
    closing_entries: int = key(16384, "most flows ended by a walk", between(64, 1_048_576))
    idle_timeout: float = key(120.0, "seconds of silence ending a flow", between(1, 86400))
    active_timeout: float = key(
        1800.0, "seconds after which a long flow starts anew", between(1, 604_800)
    )
    fin_linger: float = key(5.0, "seconds a closed TCP flow is kept", between(0, 300))
    walk_interval: float = key(10.0, "seconds between walks of the map", between(0.1, 300))
    pin_directory: str = key(
        "/sys/fs/bpf/weir", "where programs and maps outlive the agent", absolute
    )
    interface: tuple[InterfaceOverride, ...] = ()


def _nothing() -> Mapping[str, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Config:
    """Everything an operator can set; a room gets its own section only."""

    agent: Agent = Agent()
    capture: Capture = Capture()
    qos: Mapping[str, Any] = field(default_factory=_nothing)
    forecast: Mapping[str, Any] = field(default_factory=_nothing)


_AGENT: Final = tuple(rows("agent", Agent))
_CAPTURE: Final = tuple(rows("capture", Capture))
SETTINGS: Final = _AGENT + _CAPTURE
"""Names are unique across sections, so that flags and variables need no section."""
OVERRIDES: Final = tuple(rows("capture.interface", InterfaceOverride))

_BY_NAME: Final = {row.name: row for row in SETTINGS}


def load(
    path: Path | None, environment: Mapping[str, str], flags: Mapping[str, str]
) -> Config:
    """Read every source and return checked settings.

    path None means DEFAULT_PATH where it exists; flags maps a setting's name to its text.
    Raises ConfigError.
    """
    values, interface, passed = _from_file(path)
    values |= overrides(_BY_NAME, ENVIRONMENT_PREFIX, environment, flags)
    by_section = {
        section: {n: v for n, v in values.items() if _BY_NAME[n].section == section}
        for section in ("agent", "capture")
    }
    agent = Agent(**by_section["agent"])
    _check_together(agent)
    if not agent.switch_id:
        agent = dataclasses.replace(agent, switch_id=socket.gethostname())
    capture = Capture(**by_section["capture"], interface=interface)
    return Config(agent, capture, **passed)


def example() -> str:
    """Return the agent's part of config.toml.example."""
    parts = (
        example_section("[agent]", "The agent: who it is, where it reports.", _AGENT),
        example_section("[capture]", "What the agent counts, and how.", _CAPTURE),
        example_section(
            "[[capture.interface]]",
            "What differs for some interfaces; once for each name or glob.",
            OVERRIDES,
            lead="# ",
        ),
    )
    return _PREFACE + "\n".join(parts)


def _from_file(
    path: Path | None,
) -> tuple[dict[str, Any], tuple[InterfaceOverride, ...], dict[str, Mapping[str, Any]]]:
    """Return settings, overrides and passed-through sections of a file, if there is one."""
    if path is None and DEFAULT_PATH.exists():
        path = DEFAULT_PATH
    if path is None:
        return {}, (), {}
    try:
        file = File(path, path.read_bytes())
    except OSError as error:
        reason = f"{error.strerror or error}: name a readable file with -c"
        raise ConfigError(f"{path}: {reason}") from None
    tables = file.tables(_SECTIONS, _FOREIGN)
    capture = tables.get("capture", {})
    interface = _overrides(file, capture.pop("interface", []))
    values = file.values(SETTINGS, "agent", tables.get("agent", {}))
    values |= file.values(SETTINGS, "capture", capture)
    passed: dict[str, Mapping[str, Any]] = {
        name: MappingProxyType(tables[name]) for name in PASSED_THROUGH if name in tables
    }
    return values, interface, passed


def _overrides(file: File, tables: object) -> tuple[InterfaceOverride, ...]:
    section = "capture.interface"
    if not isinstance(tables, list) or not all(isinstance(t, dict) for t in tables):
        raise file.error("capture", "interface", f"must be sections: write [[{section}]]")
    found = [InterfaceOverride(**file.values(OVERRIDES, section, t)) for t in tables]
    names = [override.name for override in found]
    for override in found:
        if not override.name:
            raise file.error(section, "name", "missing: say which interface is meant")
        if names.count(override.name) > 1:
            raise file.error(section, "name", f"{override.name!r} comes twice: keep one")
        if not (override.ipv4 or override.ipv6):
            reason = f"ipv4 and ipv6 are both off for {override.name!r}: leave one on"
            raise file.error(section, "ipv6", reason)
    return tuple(found)


def _check_together(agent: Agent) -> None:
    """Refuse combinations that are unsafe or half finished. Raises ConfigError."""
    if agent.token and agent.token_file:
        raise ConfigError("token and token_file: set one of them")
    if bool(agent.client_cert) != bool(agent.client_key):
        raise ConfigError("client_cert and client_key: set both or neither")
    if agent.api_host and not agent.api_token_file:
        raise ConfigError(
            f"api_host: anyone who reaches {agent.api_host} could read the traffic: "
            "set api_token_file as well"
        )
