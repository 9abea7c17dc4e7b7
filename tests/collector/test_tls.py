"""TLS with a private CA: a client certificate stands for its agent, and for no other."""

from __future__ import annotations

import datetime
import http.client
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.collector.support import Server, batch, body, headers


class Authority:
    """A certificate authority made for one test."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.file = folder / f"{name}.pem"
        certificate = self._signed(self.subject, self.key.public_key(), True)
        self.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def _signed(self, subject: x509.Name, key: ec.EllipticCurvePublicKey, is_ca: bool):
        now = datetime.datetime.now(datetime.UTC)
        names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(minutes=1))
            .not_valid_after(now + datetime.timedelta(hours=1))
            .add_extension(x509.BasicConstraints(is_ca, None), True)
            .add_extension(names, False)
            .sign(self.key, hashes.SHA256())
        )

    def issue(self, name: str) -> tuple[str, str]:
        """Return the files of a certificate and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = self._signed(subject, key.public_key(), False)
        base = self.folder / f"{self.name}-{name}"
        base.with_suffix(".crt").write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
        )
        base.with_suffix(".key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return str(base.with_suffix(".crt")), str(base.with_suffix(".key"))


def send(server: Server, ours: Authority, pair: tuple[str, str] | None, agent: str) -> int:
    context = ssl.create_default_context(cafile=str(ours.file))
    if pair:
        context.load_cert_chain(*pair)
    line = http.client.HTTPSConnection(
        "localhost", server.port, context=context, timeout=20
    )
    one = batch(1, agent=agent)
    try:
        line.request("POST", "/api/edge/sketches/binary", body(one), headers(one))
        return line.getresponse().status
    finally:
        line.close()


def test_certificates_stand_for_agents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    ours, foreign = Authority(tmp_path, "ours"), Authority(tmp_path, "foreign")
    certificate, key = ours.issue("localhost")
    server = Server(
        tmp_path / "data", "--tls-certificate", certificate, "--tls-key", key,
        "--tls-client-ca", str(ours.file), auth="local",
    )  # fmt: skip
    monkeypatch.setattr(server, "get", lambda path, fields=None: ready(server, ours))
    server.start()
    try:
        assert send(server, ours, ours.issue("edge-001"), "edge-001") == 200
        assert send(server, ours, ours.issue("edge-001"), "edge-002") == 403
        assert send(server, ours, None, "edge-001") == 401
        with pytest.raises((ssl.SSLError, ConnectionError)):
            send(server, ours, foreign.issue("edge-001"), "edge-001")
        with pytest.raises(ssl.SSLError):
            send(server, foreign, None, "edge-001")
    finally:
        server.kill()


def ready(server: Server, ours: Authority):
    """Answer as Server.get does for /health, over TLS."""
    context = ssl.create_default_context(cafile=str(ours.file))
    line = http.client.HTTPSConnection("localhost", server.port, context=context, timeout=5)
    try:
        line.request("GET", "/health")
        return line.getresponse()
    finally:
        line.close()
