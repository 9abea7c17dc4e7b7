"""The API's description as a page to read: /api/docs, made from the same document."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from html import escape
from typing import Any, Final

STYLE: Final = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere; }
h2 { font-size: 1rem; margin: 1.5rem 0 0; padding-top: .75rem; border-top: 1px solid; }
p, ul { margin: .25rem 0; }
code { font-family: ui-monospace, monospace; }
"""
DIGEST: Final = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{DIGEST}'; base-uri 'none'; "
    "frame-ancestors 'none'; form-action 'none'"
)
ROLES: Final = {
    "open": "anyone",
    "agent": "an agent with its token or certificate",
    "viewer": "viewers and administrators",
    "admin": "administrators",
}
LISTENERS: Final = {
    "console": "console_port",
    "agent": "agent_port",
    "both": "both ports",
}


def page(document: Mapping[str, Any]) -> str:
    """Return the page of an OpenAPI document."""
    operations = [
        operation(method, path, one)
        for path, methods in sorted(document["paths"].items())
        for method, one in sorted(methods.items())
    ]
    title = escape(f"{document['info']['title']} {document['info']['version']}")
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}: HTTP API</title><style>{STYLE}</style>
<h1>{title}: HTTP API</h1>
<p>For programs: <a href="/api/openapi.json">/api/openapi.json</a> (OpenAPI 3.1).
Outside 2xx the answer is <code>{{"status": "error", "error": "one sentence"}}</code>.
Send <code>Authorization: Bearer TOKEN</code>, or sign in at
<a href="/">the console</a>.</p>
{"".join(operations)}</html>
"""


def operation(method: str, path: str, one: Mapping[str, Any]) -> str:
    """Return one operation's section."""
    parameters = "".join(
        f"<li><code>{escape(known['name'])}</code> ({escape(known['in'])}, "
        f"{escape(known['schema']['type'])}): "
        f"{escape(known.get('description', 'part of the path'))}</li>"
        for known in one["parameters"]
    )
    who, where = ROLES[one["x-role"]], LISTENERS[one["x-listener"]]
    name = f"{method.upper()} {escape(path)}"
    return (
        f'<h2 id="{escape(one["operationId"])}"><code>{name}</code></h2>\n'
        f"<p>{escape(one['summary'])} For {who}; on {where}.</p>\n"
        + (f"<ul>{parameters}</ul>\n" if parameters else "")
    )
