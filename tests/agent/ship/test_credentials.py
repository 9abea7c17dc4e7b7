"""Files for signing in: named when they are bad, never shown."""

from __future__ import annotations

import pytest

from agent.config import Agent
from agent.ship.credentials import CredentialsError, read_secret, tls_context
from tests.agent.ship.certificates import Authority


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file or directory"),
        (b"", "must hold one word: the token"),
        (b"two words", "must hold one word: the token"),
        (b"two\nlines", "must hold one word: the token"),
        (b"\xff", "'ascii' codec can't decode"),
    ],
)
def test_a_bad_secret_is_refused_without_showing_it(tmp_path, content, reason):
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CredentialsError) as refusal:
        read_secret(str(path))
    assert str(refusal.value).startswith(f"{path}: {reason}")
    assert "two" not in str(refusal.value)


def test_bad_files_for_tls_are_named(tmp_path):
    (tmp_path / "empty").touch()
    certificate, _ = Authority(tmp_path, "ours").signed("edge")
    for agent, message in (
        (Agent(ca_file="/no/ca"), "ca_file /no/ca: No such file or directory"),
        (Agent(ca_file=str(tmp_path / "empty")), f"ca_file {tmp_path}/empty: "),
        (
            Agent(client_cert=str(certificate), client_key="/no/key"),
            f"client_cert {certificate}, client_key /no/key: No such file or directory",
        ),
    ):
        with pytest.raises(CredentialsError) as refusal:
            tls_context(agent)
        assert str(refusal.value).startswith(message)
        assert "\n" not in str(refusal.value)
