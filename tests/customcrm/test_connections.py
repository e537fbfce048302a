"""How a Customcrm is reached: certificates, a proxy, and how long an answer may take."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from small_server import Asked, Said, SmallServer

import keapbridge as kb

PAGE = {"Items": [{"Id": "1"}], "NextCursor": None}
ONCE = kb.RetryPolicy(attempts=1)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate of 127.0.0.1 that nobody trusts, with its key."""
    pytest.importorskip("cryptography")
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "crm")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = tmp_path / "crm.pem"
    file.write_bytes(key.private_bytes(*private) + made.public_bytes(serialization.Encoding.PEM))
    return file


def names(crm: kb.CustomcrmClient) -> list[str]:
    return [str(record.id) for record in crm.contacts.list()]


@pytest.mark.parametrize("how", ["file", "context"])
def test_a_certificate_of_the_hosts_own_is_trusted(certificate: Path, how: str) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    verify: Any = str(certificate) if how == "file" else ssl.create_default_context(cafile=certificate)
    with SmallServer(lambda _: Said(200, PAGE), tls) as server:
        with kb.CustomcrmClient(server.url, verify=verify, retry=ONCE) as crm:
            assert names(crm) == ["1"]
        with kb.CustomcrmClient(server.url, retry=ONCE) as crm, pytest.raises(kb.TransportError, match="certificate"):
            names(crm)
    assert len(server.requests) == 1


def test_all_calls_go_through_a_proxy() -> None:
    with SmallServer(lambda _: Said(200, PAGE)) as proxy:
        auth = kb.BearerToken("t0ken")
        with kb.CustomcrmClient("http://crm.invalid/api", auth=auth, proxy=proxy.url, retry=ONCE) as crm:
            assert names(crm) == ["1"]
    [asked] = proxy.requests
    assert (asked.headers["host"], asked.path) == ("crm.invalid", "/api/contacts")


def test_detection_goes_the_same_way(certificate: Path) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)

    def answer(asked: Asked) -> Said:
        return Said(200, PAGE) if asked.path == "/contacts" else Said(404, {})

    with SmallServer(answer, tls) as server:
        found = kb.detect_api(server.url, verify=str(certificate), contacts="/contacts", customers="/a", products="/b")
    assert found.schema is not None
    with SmallServer(answer) as proxy:
        found = kb.detect_api(
            "http://crm.invalid", proxy=proxy.url, contacts="/contacts", customers="/a", products="/b"
        )
    assert found.schema is not None


def test_an_answer_that_does_not_come_is_given_up() -> None:
    over = Event()

    def answer(_: Asked) -> Said:
        over.wait(60)
        return Said(200, PAGE)

    with SmallServer(answer) as server:
        try:
            with (
                kb.CustomcrmClient(server.url, timeout=0.05, retry=ONCE) as crm,
                pytest.raises(kb.TransportError, match="read timeout"),
            ):
                names(crm)
        finally:
            over.set()
