"""docs/configuration.md: every key of both daemons, from their tables of settings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from agent.config import OVERRIDES, SETTINGS
from agent.qos import section as qos
from agent.reload import LIVE
from collector.config import FIELDS
from reference.text import NOTE, cell, code, sentence, table
from wire.settings import Setting

HEAD: Final = f"""{NOTE}

# Configuration

`weir-agent` reads `/etc/weir/agent.toml`, `weir-collector` reads
`/etc/weir/collector.toml`; `-c FILE` names another. One file with all sections serves
both. Every key has a default, so a file holds only what differs; `config.toml.example`
is this page as TOML.

A value comes from, first found wins:

1. a flag: the key `sync_interval` is `--sync-interval`;
2. a variable: `WEIR_AGENT_SYNC_INTERVAL`, `WEIR_COLLECTOR_SESSION_HOURS`;
3. the file;
4. the default.

Lists are written with commas in flags and variables. An unknown key, a bad value or two
keys that exclude each other end the program with status 2 and one line: file, line,
key, reason. `weir-agent check` and `weir-collector check` say so without starting
anything.

`systemctl reload weir-agent` (SIGHUP) reads the settings again and takes over, without
losing a packet's count, the keys marked **live** and all of `[qos]`; `systemctl reload
weir-collector` takes over `log_level`, `request_rate`, `agent_timeout` and `size_cap_mb`
and reads certificates again. Both log the names of changed keys that need a restart.
Wrong settings change nothing, and one line says why.

Secrets belong into files (`token_file`, `api_token_file`) or variables
(`WEIR_COLLECTOR_STORE_PASSWORD`), not into a file that others may read.
"""
_LINE: Final = re.compile(r"^(?:# )?(\w+) = (.*?)(?:  # (.*))?$")


def page() -> str:
    """Return the page."""
    agent = [row for row in SETTINGS if row.section == "agent"]
    capture = [row for row in SETTINGS if row.section == "capture"]
    parts = (
        HEAD,
        _section("agent", "Who the agent is, where it reports, what it keeps.", agent),
        _section("capture", "What the agent counts, and how.", capture),
        _section(
            "[capture.interface]",
            "What differs for the interfaces of one name or glob; there may be several.",
            OVERRIDES,
        ),
        _qos(),
        _section(
            "collector",
            "What the collector listens on, stores and shows.",
            FIELDS.values(),
        ),
    )
    return "\n".join(parts)


def _section(name: str, about: str, settings: Iterable[Setting]) -> str:
    rows = [
        (
            code(row.name),
            code(_toml(row.default)),
            _meaning(row.text, row.check) + (" **live**" if _is_live(row) else ""),
        )
        for row in settings
    ]
    return f"## [{name}]\n\n{about}\n\n{table(('key', 'default', 'meaning'), rows)}"


def _qos() -> str:
    heads = ("key", "default", "meaning")
    about = {
        "[qos]": "Shaping by the agent; [QoS](qos.md) explains it.",
        "[[qos.interface]]": "One for each device that is shaped.",
        "[[qos.rule]]": "One for each class that gets other than its default share.",
        "[[qos.match]]": "One for flows whose class is not as their ports say; the first "
        "that fits wins. There may be 64.",
    }
    parts = []
    for heading, rows in qos_keys():
        parts.append(f"## {heading}\n\n{about[heading]}\n\n{table(heads, rows)}")
    return "\n".join(parts)


def qos_keys() -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    """Yield heading and rows (key, default, meaning), read from the room's own example."""
    heading, rows = "", list[tuple[str, str, str]]()
    for line in qos.example().splitlines():
        stripped = line.removeprefix("# ")
        if stripped.startswith("["):
            if heading:
                yield heading, rows
            heading, rows = stripped, []
        elif match := _LINE.match(line):
            name, value, text = match[1], match[2], match[3] or ""
            if heading == "[[qos.rule]]":
                value, text = "", RULE[name]
            rows.append((code(name), code(value), sentence(cell(text))))
    yield heading, rows


def _is_live(row: Setting) -> bool:
    if row.section == "capture.interface":
        return "interface" in LIVE
    return row.section in ("agent", "capture") and row.name in LIVE


RULE: Final = {
    "traffic_type": "the class: voice, video, interactive, web, file, background, unknown",
    "min_bandwidth": "guaranteed, Mbit/s",
    "max_bandwidth": "never exceeded, Mbit/s",
    "priority": "0 to 3; 3 is served first",
    "dscp": "code point of its packets, 0 to 63; left out: the profile's",
    "enabled": "whether it applies; false: as if it were not written",
}


def _meaning(text: str, check: Any) -> str:
    return sentence(cell(text) + (f" ({cell(check.must_be)})" if check else ""))


def _toml(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)
