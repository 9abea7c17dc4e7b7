"""Print the manual page of weir-agent or weir-collector, from its own parser.

Usage: manual.py PROGRAM VERSION DATE
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from commands import Command, Option, commands, is_setting, parser_of

FILES = {
    "weir-agent": (
        ("/etc/weir/agent.toml", "settings"),
        ("/run/weir/agent.sock", "where status and top ask; for root and group weir-agent"),
        ("/sys/fs/bpf/weir", "programs and maps, which outlive the agent"),
        ("/var/lib/weir-agent", "batches that no collector has confirmed yet"),
    ),
    "weir-collector": (
        ("/etc/weir/collector.toml", "settings"),
        ("/var/lib/weir-collector", "everything that is kept"),
    ),
}
OTHER = {"weir-agent": "weir-collector", "weir-collector": "weir-agent"}


def escaped(text: str) -> str:
    """Text as roff takes it."""
    safe = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + safe if safe.startswith((".", "'")) else safe


def manual(program: str, version: str, date: str) -> Iterator[str]:
    """Lines of the page."""
    parser = parser_of(program)
    found = list(commands(parser))
    about = (parser.description or "").rstrip(".")
    yield f'.TH {program.upper()} 8 "{date}" "weir {version}" "System administration"'
    yield ".SH NAME"
    yield f"{escaped(program)} \\- {escaped(about[0].lower() + about[1:])}"
    yield ".SH SYNOPSIS"
    yield f".B {escaped(program)}\n.I COMMAND\n.RI [ OPTION \\&.\\|.\\|.]"
    yield ".SH COMMANDS"
    for command in found:
        if command.path and not command.is_group:
            yield from _command(command, program)
    yield ".SH SETTINGS"
    yield "Every command takes these; they win over environment and file."
    settings: dict[str, Option] = {}
    for option in (option for command in found for option in command.options):
        if option.flags and (_is_file(option) or is_setting(option, parser)):
            settings.setdefault(option.flags[-1], option)
    for option in settings.values():
        yield f".TP\n{_head(option)}\n{escaped(option.text or _text(program, option))}"
    prefix = program.upper().replace("-", "_")
    yield ".SH ENVIRONMENT"
    yield f".TP\n.B {prefix}_NAME\nSets what the flag of that name sets."
    yield ".SH FILES"
    for path, text in FILES[program]:
        yield f".TP\n.I {escaped(path)}\n{escaped(text)}"
    yield ".SH EXIT STATUS"
    yield "0: done. 1: failed. 2: wrong use or wrong settings; one line says which."
    yield ".SH SEE ALSO"
    yield f".BR {escaped(OTHER[program])} (8),\n.BR systemctl (1),\n.BR journalctl (1)"
    yield f"\n.I /usr/share/doc/{program}"


def _command(command: Command, program: str) -> Iterator[str]:
    parser = parser_of(program)
    own = [o for o in command.options if not (_is_file(o) or is_setting(o, parser))]
    words = [f"\\fB{escaped(' '.join(command.path))}\\fR"]
    words += [f"\\fI{escaped(option.value)}\\fR" for option in own if not option.flags]
    yield f".TP\n{' '.join(words)}\n{escaped(command.text or 'see above')}"
    flags = [o for o in own if o.flags and "--help" not in o.flags]
    if flags:
        yield ".RS"
        for option in flags:
            yield f".TP\n{_head(option)}\n{escaped(option.text)}"
        yield ".RE"


def _is_file(option: Option) -> bool:
    return "--config" in option.flags


def _head(option: Option) -> str:
    flags = ", ".join(f"\\fB{escaped(flag)}\\fR" for flag in option.flags)
    return f"{flags} \\fI{escaped(option.value)}\\fR" if option.value else flags


def _text(program: str, option: Option) -> str:
    if program != "weir-agent":
        return ""
    from agent.config import SETTINGS

    name = option.flags[0][2:].replace("-", "_")
    return next(row.text for row in SETTINGS if row.name == name)


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in manual(*sys.argv[1:]))
