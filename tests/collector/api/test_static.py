"""The built console, and a plain page without it."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.api.static import HASHED, file
from tests.collector.support import Server


def test_without_a_built_console_a_page_says_so(tmp_path: Path):
    server = Server(tmp_path / "data", "--console-dir", str(tmp_path / "none")).start()
    try:
        page = server.get("/")
        assert page.status == 503
        assert b"make console" in page.data
    finally:
        assert server.stop() == 0


def test_the_console_is_served_with_caching_and_no_way_out(tmp_path: Path):
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<html>console</html>")
    (folder / "assets" / "index-CzhYu10a.js").write_text("1")
    (tmp_path / "secret.txt").write_text("secret")
    server = Server(tmp_path / "data", "--console-dir", str(folder)).start()
    try:
        assert server.get("/").headers["Cache-Control"] == "no-cache"
        assert server.get("/agents?x=1").data == b"<html>console</html>"
        script = server.get("/assets/index-CzhYu10a.js")
        assert "immutable" in script.headers["Cache-Control"]
        assert script.headers["Content-Type"].startswith("text/javascript")
        for path in (
            "/../secret.txt",
            "/%2e%2e/secret.txt",
            "/assets/..%2f..%2fsecret.txt",
        ):
            assert b"secret" not in server.get(path).data
        assert server.get("/assets/none.js").status == 404
    finally:
        server.kill()


@pytest.mark.parametrize(
    ("name", "hashed"),
    [
        ("index-CzhYu10a.js", True), ("index.CzhYu10a.css", True),
        ("a-12345678.woff2", True),
        ("index.html", False), ("index.js", False), ("a-1234567.js", False),
        ("favicon.svg", False), ("-CzhYu10a", False),
    ],
)  # fmt: skip
def test_names_that_never_change_their_content(name: str, hashed: bool):
    assert bool(HASHED.search(name)) is hashed


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.js", "text/javascript"), ("a.css", "text/css"), ("a.svg", "image/svg+xml"),
     ("a.nosuchkind", "application/octet-stream")],
)  # fmt: skip
def test_kinds_of_files(tmp_path: Path, name: str, kind: str):
    (tmp_path / name).write_text("x")
    assert file(tmp_path / name, "no-cache").headers["Content-Type"] == kind
