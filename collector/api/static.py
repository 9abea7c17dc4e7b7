"""The built console: its files, its pages, and a plain page when it is not built."""

from __future__ import annotations

import hashlib
import mimetypes
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import web

from collector.records import Refused, StateError

HASHED: Final = re.compile(r"[-.][A-Za-z0-9_-]{8,}\.\w+$")
"""Vite puts a hash of the content into the name: such a file never changes."""
FOREVER: Final = "public, max-age=31536000, immutable"
BYTES_MAX: Final = 32 * 1024 * 1024
"""Of all files together, for they stay in memory; a build has a hundredth of that."""
NOT_BUILT: Final = """<!doctype html><html lang="en"><meta charset="utf-8">
<title>Weir collector</title><h1>The collector runs; the console is not built</h1>
<p>Build it with <code>make console</code> and start the collector again.
The API works without it: <a href="/api/openapi.json">/api/openapi.json</a>,
<a href="/health">/health</a>.</p></html>
"""


@dataclass(frozen=True, slots=True)
class Page:
    """One file of the build, ready to be sent."""

    body: bytes
    kind: str
    caching: str
    etag: str


class Console:
    """Serves one build from memory; what looks like a page is the single page itself."""

    def __init__(self, folder: Path) -> None:
        """Read the build, so that no request asks the disk. Raises StateError, OSError."""
        self._pages = {name: page_of(name, body) for name, body in files_of(folder)}

    async def serve(self, request: web.Request) -> web.Response:
        """Answer any GET that no route has taken."""
        name = request.match_info["path"]
        if name.startswith("api/"):
            raise Refused(404, f"no such path: {request.path[:100]}: see /api/openapi.json")
        index = self._pages.get("index.html")
        if index is None:
            return web.Response(text=NOT_BUILT, content_type="text/html", status=503)
        page = self._pages.get(name)
        if page is None and Path(name).suffix:
            raise Refused(404, f"no such file: {name[:100]}")
        return answer(request, page or index)


def files_of(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the name and content of every file in a folder. Raises StateError, OSError."""
    left = BYTES_MAX
    root = folder.resolve()
    for path in sorted(root.rglob("*")):
        if not (path.is_file() and path.resolve().is_relative_to(root)):
            continue
        left -= path.stat().st_size
        if left < 0:
            raise StateError(
                f"console_dir {folder}: more than {BYTES_MAX >> 20} MiB: "
                "give the folder that `make console` fills"
            )
        yield path.relative_to(root).as_posix(), path.read_bytes()


def page_of(name: str, body: bytes) -> Page:
    """Return a file with its type and how long browsers may keep it."""
    return Page(
        body,
        mimetypes.guess_type(name)[0] or "application/octet-stream",
        FOREVER if HASHED.search(name) else "no-cache",
        hashlib.blake2b(body, digest_size=16).hexdigest(),
    )


def answer(request: web.Request, page: Page) -> web.Response:
    """Return a file, or that the browser's copy of it is still good."""
    known = request.if_none_match or ()
    is_known = any(one.value in (page.etag, "*") for one in known)
    response = web.Response(status=304) if is_known else web.Response(body=page.body)
    if not is_known:
        response.headers["Content-Type"] = page.kind
    response.headers["Cache-Control"] = page.caching
    response.etag = page.etag
    return response
