"""docs/paths.md: every HTTP path of both daemons."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent.records import CLASS_NAMES
from agent.status.flows import LIMIT_MAX, SORTS, Query
from collector.records import Route
from reference.instance import collector
from reference.text import NOTE, cell, code, sentence, table

AGENT: Final = Path(__file__).resolve().parents[1] / "agent"

HEAD: Final = f"""{NOTE}

# HTTP paths

An answer outside 2xx is `{{"status": "error", "error": "one sentence"}}` in both
daemons.

## Agent

On the Unix socket `/run/weir/agent.sock` (readable by root and the group `weir-agent`),
and on `api_host:api_port` where `api_host` is set; there every request needs
`Authorization: Bearer` and the word in `api_token_file`. For instance:

```
curl --unix-socket /run/weir/agent.sock http://agent/status
```
"""
QUERY: Final = f"""
`GET /flows` takes {", ".join(f"`{name}`" for name in Query.__slots__)}: `limit` up to
{LIMIT_MAX}; `sort` one of {", ".join(SORTS)}; `traffic_type` one of
{", ".join(CLASS_NAMES)}; `protocol` a name or number; `address` an address or a range of
either end. Another parameter is refused with 400.

`GET /status`, for each interface in `interfaces`: `direction.rx` and `direction.tx`, each
with `interface` (the interface's own counter), `seen`, `flows`, `overflow`, `non_ip`,
`unparsed` and `filtered`, each of `frames`, `packets` and `bytes`; `seen` is the sum of the
five behind it. Then `flows`, `endpoints`, `spool`, `uplink` and `problems`, one line for
each thing that is degraded.
"""
COLLECTOR: Final = """
## Collector

Shapes of requests and answers are in [HTTP API](http-api.md); `GET /api/openapi.json`
is this table for programs. `who`: the least role that may; `listener`: the port that
serves it, `agent_port`, `console_port` or both.
"""


@dataclass(frozen=True, slots=True)
class AgentPath:
    """One path of the agent."""

    method: str
    path: str
    text: str


def agent() -> list[AgentPath]:
    """Return the agent's paths: every Route(method, path, text, …) in its source."""
    found = []
    for source in sorted(AGENT.rglob("*.py")):
        for node in ast.walk(ast.parse(source.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Route":
                words = [a.value for a in node.args if isinstance(a, ast.Constant)]
                if len(words) >= 3:
                    found.append(AgentPath(*map(str, words[:3])))
    return found


def of_collector() -> list[Route]:
    """Return the collector's paths."""
    with collector() as assembly:
        return list(assembly.routes)


def page() -> str:
    """Return the page."""
    own = [(code(f"{r.method} {r.path}"), sentence(cell(r.text))) for r in agent()]
    rows = [
        (
            code(f"{r.method} {r.path}"),
            r.role,
            r.side,
            ", ".join(code(p.name) for p in r.parameters),
            sentence(cell(r.text)),
        )
        for r in sorted(of_collector(), key=lambda route: (route.path, route.method))
    ]
    heads = ("path", "who", "listener", "parameters", "what")
    return f"{HEAD}\n{table(('path', 'what'), own)}{QUERY}{COLLECTOR}\n{table(heads, rows)}"
