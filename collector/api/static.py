"""The built console: its files, its pages, and a plain page when it is not built."""

from __future__ import annotations

import mimetypes
import re
from pathlib import Path
from typing import Final

from aiohttp import web

from collector.records import Refused

HASHED: Final = re.compile(r"[-.][A-Za-z0-9_-]{8,}\.\w+$")
"""Vite puts a hash of the content into the name: such a file never changes."""
FOREVER: Final = "public, max-age=31536000, immutable"
NOT_BUILT: Final = """<!doctype html><html lang="en"><meta charset="utf-8">
<title>Weir collector</title><h1>The collector runs; the console is not built</h1>
<p>Build it with <code>make console</code> and reload this page.
The API works without it: <a href="/api/openapi.json">/api/openapi.json</a>,
<a href="/health">/health</a>.</p></html>
"""


class Console:
    """Serves one folder; anything that looks like a page is the single page itself."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer any GET that no route has taken."""
        name = request.match_info["path"]
        if name.startswith("api/"):
            raise Refused(404, f"no such path: {request.path[:100]}: see /api/openapi.json")
        index = self._folder / "index.html"
        if not index.is_file():
            return web.Response(text=NOT_BUILT, content_type="text/html", status=503)
        path = (self._folder / name).resolve()
        if not path.is_relative_to(self._folder):
            raise Refused(404, "no such file")
        if path.is_file() and path != index:
            return file(path, FOREVER if HASHED.search(path.name) else "no-cache")
        if Path(name).suffix:
            raise Refused(404, f"no such file: {name[:100]}")
        return file(index, "no-cache")


def file(path: Path, caching: str) -> web.FileResponse:
    """Return a file with its type and how long browsers may keep it."""
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return web.FileResponse(path, headers={"Cache-Control": caching, "Content-Type": kind})
