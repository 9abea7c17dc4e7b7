"""The built console, and a plain page without it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from collector.api import static
from collector.api.static import HASHED, files_of, page_of
from collector.records import StateError
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
    (tmp_path / "secret.txt").write_text("hidden")
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
            "/%00",
        ):
            assert b"hidden" not in server.get(path).data
        assert server.get("/assets/none.js").status == 404
        # The disk is read at the start only.
        (folder / "assets" / "index-CzhYu10a.js").unlink()
        (folder / "assets" / "later-CzhYu10a.js").write_text("2")
        again = server.get("/assets/index-CzhYu10a.js", {"If-None-Match": "other"})
        assert (again.status, again.data) == (200, b"1")
        known = {"If-None-Match": again.headers["ETag"]}
        same = server.get("/assets/index-CzhYu10a.js", known)
        assert (same.status, same.data) == (304, b"")
        assert "immutable" in same.headers["Cache-Control"]
        assert server.get("/", known).data == b"<html>console</html>"
        assert server.get("/assets/later-CzhYu10a.js").status == 404
    finally:
        server.kill()


def test_links_that_lead_out_are_left_out(tmp_path: Path):
    folder = tmp_path / "dist"
    folder.mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "inside.txt").write_text("inside")
    (folder / "out.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "up").symlink_to(tmp_path)
    (folder / "same.txt").symlink_to("inside.txt")
    assert dict(files_of(folder)) == {"inside.txt": b"inside", "same.txt": b"inside"}
    assert dict(files_of(tmp_path / "none")) == {}


def test_a_folder_that_is_no_build_is_not_read_into_memory(
    tmp_path: Path, monkeypatch: Any
):
    monkeypatch.setattr(static, "BYTES_MAX", 10)
    (tmp_path / "a").write_bytes(bytes(10))
    assert dict(files_of(tmp_path)) == {"a": bytes(10)}
    (tmp_path / "b").write_bytes(bytes(1))
    with pytest.raises(StateError, match="console_dir"):
        dict(files_of(tmp_path))


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
def test_kinds_of_files(name: str, kind: str):
    assert page_of(name, b"x").kind == kind
