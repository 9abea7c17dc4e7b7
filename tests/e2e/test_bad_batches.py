"""Bad uploads to a real collector: one clear reason, and nobody else notices."""

from __future__ import annotations

import gzip
import http.client
import itertools
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgpack
import pytest
import zstandard

from tests.collector.support import Answer, Server, batch, headers
from tests.support.namespaces import wait_until
from tests.support.refusals import fill, small_disk
from wire.batch import Batch, encode

UPLOAD = "/api/edge/sketches/binary"
BODY_MB, DECODED_MB = 1, 4
BOMB_BYTES = 256 << 20


@dataclass
class Site:
    """A collector with two agents: one behaves, one does not."""

    server: Server
    tokens: dict[str, str]
    peak_mb: int = 0  # of memory, before anything bad came
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def send(self, data: bytes, fields: dict[str, str]) -> tuple[int, dict[str, Any]]:
        answer = self.server.request("POST", UPLOAD, data, fields)
        return answer.status, answer.json

    def memory_mb(self) -> int:
        assert self.server.process is not None
        status = Path(f"/proc/{self.server.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) >> 10

    def good_is_served(self) -> bool:
        one = batch(next(self.numbers), agent="good")
        return self.server.post(one, self.tokens["good"]).status == 200


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("collector") / "data"
    limits = ("--body-max-mb", str(BODY_MB), "--decoded-max-mb", str(DECODED_MB))
    server = Server(folder, *limits, auth="local").start()
    tokens = {
        name: server.command("token", "add", "--agent", name).stdout.strip()
        for name in ("good", "bad")
    }
    made = Site(server, tokens)
    try:
        assert made.good_is_served()
        server.settled()
        made.peak_mb = made.memory_mb()
        yield made
    finally:
        server.stop()


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


def zeros_zstd() -> bytes:
    """Far too much once decompressed, and it does not say so in its header."""
    stream = zstandard.ZstdCompressor().compressobj()
    piece = bytes(1 << 20)
    parts = [stream.compress(piece) for _ in range(BOMB_BYTES >> 20)]
    return b"".join((*parts, stream.flush()))


def changed(one: Batch, **fields: Any) -> bytes:
    message = msgpack.unpackb(encode(one), strict_map_key=False)
    return zstd(msgpack.packb(message | fields))


@dataclass
class Case:
    """What is sent instead of a good batch, and what comes back."""

    status: int
    says: str  # a regular expression
    body: Callable[[Batch], bytes] = lambda one: zstd(encode(one))
    fields: dict[str, str] = field(default_factory=dict)


CASES = {
    "zstd cut short": Case(
        400, "body is not one whole zstd frame", lambda o: zstd(encode(o))[:-40]
    ),
    "two zstd frames": Case(
        400, "body is not one whole zstd frame", lambda o: zstd(encode(o)) * 2
    ),
    "no zstd at all": Case(400, "body is not zstd: .*", lambda _: b"\x00" * 100),
    "msgpack cut short": Case(
        400, "not msgpack: .*incomplete.*", lambda o: zstd(encode(o)[:-10])
    ),
    "no msgpack at all": Case(400, "not msgpack: .*", lambda _: zstd(b"GET / HTTP/1.1")),
    "something behind the batch": Case(
        400, "not msgpack: .*extra data.*", lambda o: zstd(encode(o) + b"\x01")
    ),
    "empty": Case(400, "body is not one whole zstd frame", lambda _: b""),
    "too large": Case(
        413, "body is larger than 1048576 bytes", lambda _: bytes((BODY_MB << 20) + 1)
    ),
    "a zstd bomb": Case(
        413, "body is larger than 4194304 bytes once decompressed", lambda _: zeros_zstd()
    ),
    "a gzip bomb": Case(
        413, "body is larger than 4194304 bytes once decompressed",
        lambda _: gzip.compress(bytes(64 << 20)), {"Content-Encoding": "gzip"},
    ),
    "another version": Case(
        409, r"batch version 99 is not understood \(understood: 1\)",
        lambda o: changed(o, version=99),
    ),
    "a number that is none": Case(400, "sequence: .+", lambda o: changed(o, sequence=0)),
    "a nameless agent": Case(400, "agent: 1 to 128 .*", lambda o: changed(o, agent="")),
    "another count": Case(
        400, "X-Sketch-Count says 7, the body 3", fields={"X-Sketch-Count": "7"}
    ),
    "another sequence": Case(
        400, "X-Weir-Sequence says 9, the body 1", fields={"X-Weir-Sequence": "9"}
    ),
    "a count that is no number": Case(
        400, "X-Sketch-Count: 'many' is not a whole number",
        fields={"X-Sketch-Count": "many"},
    ),
    "an unknown coding": Case(
        415, "Content-Encoding br: use one of identity, gzip, zstd",
        fields={"Content-Encoding": "br"},
    ),
    "an unknown type": Case(
        415, "Content-Type text/plain: send application/msgpack",
        fields={"Content-Type": "text/plain"},
    ),
    "no token": Case(401, "sign in, or send .*", fields={"Authorization": ""}),
    "a token nobody has": Case(
        401, "this token is not known here: .*", fields={"Authorization": "Bearer weir_x"}
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_bad_upload_is_refused_with_its_reason(name, site):
    case, one = CASES[name], batch(1, agent="bad")
    fields = headers(one, site.tokens["bad"]) | case.fields
    sent = {key: value for key, value in fields.items() if value}
    status, answer = site.send(case.body(one), sent)
    assert status == case.status, answer
    assert answer["status"] == "error"
    assert re.fullmatch(case.says, answer["error"]), answer["error"]
    assert len(answer["error"]) < 300
    assert site.good_is_served()


def test_the_token_of_another_agent_is_refused(site):
    one = batch(1, agent="bad")
    status, answer = site.send(zstd(encode(one)), headers(one, site.tokens["good"]))
    assert status == 403
    assert answer["error"] == "this token belongs to good, not to bad"
    assert site.good_is_served()


def test_a_body_of_unknown_length_ends_at_the_limit(site):
    one = batch(1, agent="bad")
    connection = http.client.HTTPConnection("127.0.0.1", site.server.port, timeout=30)
    pieces = (bytes(65536) for _ in range(1 << 10))
    fields = headers(one, site.tokens["bad"]) | {"Transfer-Encoding": "chunked"}
    try:
        connection.request("POST", UPLOAD, pieces, fields, encode_chunked=True)
        answer = connection.getresponse()
        assert answer.status == 413
        assert json.loads(answer.read())["error"] == "body is larger than 1048576 bytes"
    except (BrokenPipeError, ConnectionResetError):
        pass  # It hung up on us in the middle, which ends the upload as well.
    finally:
        connection.close()
    assert site.good_is_served()


def test_nothing_bad_was_kept_and_nothing_grew(site):
    """Last: after all of the above."""
    assert site.good_is_served()
    site.server.settled()
    token = site.server.command("token", "add", "--api", "reader").stdout.strip()
    fields = {"Authorization": f"Bearer {token}"}
    agents = site.server.get("/api/agents", fields).json["agents"]
    sent = next(site.numbers) - 1
    assert [(one["name"], one["batches"]) for one in agents] == [("good", sent)]
    assert "Traceback" not in site.server.log()
    assert site.memory_mb() - site.peak_mb < BOMB_BYTES >> 22


@pytest.mark.root
def test_a_collector_with_a_full_disk_refuses_and_recovers(tmp_path):
    with small_disk(tmp_path / "data", megabytes=64) as data:
        server = Server(data)
        try:
            server.start()
            assert server.post(batch(1)).status == 200
            server.settled()
            fill(data / "ballast")
            numbers = itertools.count(2)
            refused = wait_until("it is full", lambda: refusal(server, next(numbers)))
            assert refused.status == 503
            assert refused.headers["Retry-After"] == "30"
            assert refused.json["error"].endswith("No space left on device")
            wait_until("it says so", lambda: "agents wait" in server.log())
            assert server.get("/health").json["status"] == "failing"
            (data / "ballast").unlink()
            last = next(numbers)
            for number in range(2, last):
                assert server.post(batch(number)).status == 200
            server.settled()
            (agent,) = server.get("/api/agents").json["agents"]
            assert (agent["batches"], agent["missing_batches"]) == (last - 1, 0)
            wait_until("it says so", lambda: "uploads go on" in server.log())
            assert server.get("/health").json["status"] == "ok"
            assert server.log().count("agents wait") == 1, server.log()
        finally:
            server.stop()


def refusal(server: Server, number: int) -> Answer | None:
    answer = server.post(batch(number))
    return None if answer.status == 200 else answer
