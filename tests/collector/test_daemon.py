"""The shell: listeners, TLS, systemd."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from collector import daemon
from collector.config import Config
from collector.records import StateError
from collector.store.answers import StoreError
from collector.store.cluster import Cluster
from tests.collector.support import Server
from wire.settings import ConfigError


def test_a_port_in_use_is_one_line(shared: Server, tmp_path: Path):
    second = Server(tmp_path / "data", "--agent-port", str(shared.port))
    with pytest.raises(AssertionError) as failure:
        second.start()
    assert "Address already in use" in str(failure.value)
    assert "Traceback" not in str(failure.value)


def test_systemd_is_told_where_it_listens(tmp_path: Path):
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(path))
        daemon.notify("READY=1", {"NOTIFY_SOCKET": str(path)})
        assert listener.recv(100) == b"READY=1"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("\0weir-collector-notify-test")
        daemon.notify("STOPPING=1", {"NOTIFY_SOCKET": "@weir-collector-notify-test"})
        assert listener.recv(100) == b"STOPPING=1"


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": ""}])
def test_without_systemd_nothing_is_told(environment: dict[str, str]):
    daemon.notify("READY=1", environment)


def test_a_systemd_that_went_away_is_no_error(tmp_path: Path):
    daemon.notify("READY=1", {"NOTIFY_SOCKET": str(tmp_path / "gone")})


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"tls_certificate": "none.pem", "tls_key": "none.pem"},
         "tls_certificate none.pem, tls_key none.pem: No such file"),
        ({"tls_certificate": __file__, "tls_key": __file__}, "give readable PEM files"),
    ],
)  # fmt: skip
def test_certificates_that_cannot_be_used_are_one_line(
    changes: dict[str, str], reason: str
):
    with pytest.raises(ConfigError, match=reason) as failure:
        daemon.tls_context(Config(**changes))
    assert "\n" not in str(failure.value)


def test_without_a_certificate_there_is_no_tls():
    assert daemon.tls_context(Config()) is None


@pytest.mark.parametrize("error", [StoreError("gone"), StateError("gone"), OSError("gone")])
def test_housekeeping_that_fails_is_logged_once_and_goes_on(
    error: Exception, caplog: pytest.LogCaptureFixture
):
    with daemon.logged("housekeeping"):
        raise error
    assert [record.getMessage() for record in caplog.records] == ["housekeeping: gone"]


def test_a_mistake_of_ours_is_not_swallowed():
    with pytest.raises(ZeroDivisionError), daemon.logged("housekeeping"):
        _ = 1 // 0


def test_the_engine_that_the_settings_name(tmp_path: Path):
    found = daemon.door_of(Config(store_url="http://127.0.0.1:9", data_dir=str(tmp_path)))
    assert isinstance(found, Cluster)
    assert list(tmp_path.iterdir()) == []
