"""Mutual TLS: whether a server asks clients for a certificate, requires it, and what it makes of the one given."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import trustme
from cryptography.x509 import load_pem_x509_certificate
from OpenSSL import SSL

from hardening.cli import run as harden
from hardening.findings import Run
from hardening.tls import policy
from hardening.tls.scan.run import ScanSettings, scan
from hardening.tls.scan.strategy.messages import Identity
from tests.support.tls.scan.flawed import serving

SITE, OTHER = trustme.CA(organization_name="Site"), trustme.CA(organization_name="Elsewhere")
PAGE = b"HTTP/1.1 400 Bad Request\r\n\r\n<center>No required SSL certificate was sent</center>"


@pytest.fixture(scope="module")
def identities(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Identity]:
    found = {}
    for name, authority in (("known", SITE), ("unknown", OTHER)):
        folder = tmp_path_factory.mktemp(name)
        card = authority.issue_cert("node", key_type=trustme.KeyType.ECDSA)
        (folder / "key").write_bytes(card.private_key_pem.bytes())
        (folder / "cert").write_bytes(b"".join(b.bytes() for b in card.cert_chain_pems))
        found[name] = Identity(str(folder / "cert"), str(folder / "key"))
    return found


@contextmanager
def server(verify: ssl.VerifyMode, version: ssl.TLSVersion, reply: bytes = b"") -> Iterator[str]:
    """Serve with Python's own TLS; `reply` answers whatever a client says."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    SITE.issue_cert("127.0.0.1", key_type=trustme.KeyType.ECDSA).configure_cert(context)
    SITE.configure_trust(context)
    context.verify_mode = verify
    context.minimum_version = context.maximum_version = version

    def serve(sock: socket.socket) -> None:
        with context.wrap_socket(sock, server_side=True) as wrapped:
            if wrapped.recv(4096) and reply:
                wrapped.sendall(reply)

    with serving(serve) as endpoint:
        yield endpoint


def _scan(endpoint: str, identity: Identity | None = None, name: str = "bacnet-sc") -> Run:
    return scan([endpoint], [policy.load(name)], ScanSettings(identity=identity))


def _told(run: Run) -> tuple[object, object, object]:
    offer = run.subjects[0].offer
    assert offer is not None
    found = offer["client_certificate"]
    return found["wants"], found.get("given"), found.get("how")


V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


@pytest.mark.parametrize("version", [V12, V13], ids=["1.2", "1.3"])
def test_what_a_server_makes_of_clients(version: ssl.TLSVersion, identities: dict[str, Identity]) -> None:
    alert = {V12: "handshake failure", V13: "certificate required"}[version]
    for verify, given, expected in (
        (ssl.CERT_NONE, "known", ("none", "not asked for", None)),
        (ssl.CERT_OPTIONAL, None, ("optional", None, None)),
        (ssl.CERT_REQUIRED, None, ("required", None, f"alert {alert}")),
        (ssl.CERT_REQUIRED, "known", ("required", "accepted", f"alert {alert}")),
        (ssl.CERT_REQUIRED, "unknown", ("required", "refused: alert unknown ca", f"alert {alert}")),
    ):
        with server(verify, version) as endpoint:
            run = _scan(endpoint, identities[given] if given else None)
        assert _told(run) == expected, (verify, given)


def test_a_hub_passes_only_if_it_requires_a_certificate(identities: dict[str, Identity]) -> None:
    verdicts = {}
    for verify in (ssl.CERT_NONE, ssl.CERT_OPTIONAL, ssl.CERT_REQUIRED):
        with server(verify, V13) as endpoint:
            run = _scan(endpoint, identities["known"])
        verdicts[verify] = run.subjects[0].policies["bacnet-sc"]
        found = [f for f in run.findings if f.rule.id == "tls/client-certificate"]
        assert bool(found) is (verify is not ssl.CERT_REQUIRED)
        if verify is ssl.CERT_OPTIONAL:  # the policy says it, and it is not said once more
            assert [f.policies for f in found] == [("bacnet-sc",)]
    assert list(verdicts.values()) == ["fail", "fail", "pass"]


def _naming(identity: Identity) -> Callable[[socket.socket], None]:
    """Return a server that names its authority, which Python's own ssl module cannot."""
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.use_certificate_chain_file(identity.certificate)
    context.use_privatekey_file(identity.key)
    context.add_client_ca(load_pem_x509_certificate(SITE.cert_pem.bytes()))
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)

    def serve(sock: socket.socket) -> None:
        sock.settimeout(None)
        connection = SSL.Connection(context, sock)
        connection.set_accept_state()
        with suppress(SSL.Error):
            connection.do_handshake()

    return serve


def test_the_acceptable_authorities_are_named(identities: dict[str, Identity]) -> None:
    with serving(_naming(identities["known"])) as endpoint:
        run = _scan(endpoint, identities["unknown"])
    offer = run.subjects[0].offer
    assert offer is not None
    [name] = offer["client_certificate"]["authorities"]
    assert "O=Site" in name
    [refused] = [f for f in run.findings if "refused" in f.evidence]
    assert name in refused.message


def test_a_handshake_is_finished_only_where_it_is_wanted() -> None:
    with server(ssl.CERT_REQUIRED, V13) as endpoint:
        run = _scan(endpoint, name="aspect")
    assert _told(run) == ("requested", None, None)


def test_an_http_server_that_refuses_after_the_handshake_requires_a_certificate() -> None:
    with server(ssl.CERT_OPTIONAL, V13, reply=PAGE) as endpoint:
        run = scan([f"https://{endpoint}"], [policy.load("bacnet-sc")], ScanSettings())
    assert _told(run) == ("required", None, "HTTP 400")


def test_files_that_do_not_fit_are_one_line(
    tmp_path: Path, identities: dict[str, Identity], capsys: pytest.CaptureFixture[str]
) -> None:
    known, unknown = identities["known"], identities["unknown"]
    for words in (
        ("--client-cert", known.certificate, "--client-key", unknown.key),
        ("--client-cert", str(tmp_path / "absent")),
        ("--client-key", known.key),
    ):
        assert harden(["tls", "scan", "127.0.0.1:1", *words]) in {2, 3}
        said = capsys.readouterr().err
        assert "Traceback" not in said
        assert "client-cert" in said or "client certificate" in said
