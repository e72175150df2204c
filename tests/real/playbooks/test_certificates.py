"""Certificates replaced on a real nginx by the shipped playbook: keys stay on the host, the swap is proved or undone."""

from __future__ import annotations

import socket
import ssl
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.support.host.authority import NOW, Authority, named, pem
from tests.support.host.little import digest
from tests.support.playbooks.site import Played, Site

TASK = "Look after the certificates of each server"


def presented(site: Site) -> x509.Certificate:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    with (
        socket.create_connection(("127.0.0.1", site.port), timeout=10) as plain,
        context.wrap_socket(plain) as secure,
    ):
        return x509.load_der_x509_certificate(secure.getpeercert(binary_form=True) or b"")


@pytest.fixture
def dated(site: Site) -> Site:
    """The site with a certificate of RSA 1024 that expires in ten days, speaking TLS 1.2 and 1.3."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.DNSName("www.example.org")])
    card = (
        x509.CertificateBuilder().subject_name(named("old")).issuer_name(named("old")).public_key(key.public_key())
        .serial_number(7).not_valid_before(NOW - timedelta(days=300)).not_valid_after(NOW + timedelta(days=10))
        .add_extension(names, critical=False).sign(key, hashes.SHA256())
    )  # fmt: skip
    conf = site.etc / "nginx.conf"
    text = conf.read_text().replace("TLSv1 TLSv1.1 TLSv1.2;", "TLSv1.2 TLSv1.3;")  # 1.3 goes with every key
    conf.write_text(text.replace("http {\n", "http {\n  ssl_ciphers ALL:@SECLEVEL=0;\n", 1))
    (site.etc / "cert.pem").write_bytes(pem(card))
    (site.etc / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    site.stop()
    site.start()
    return site


def run(site: Site, mode: str, *flags: str, **more: object) -> Played:
    return site.play("harden.yml", "--tags", "tls_certificates", *flags, tls_certificate=mode, **more)


def result(played: Played) -> dict[str, Any]:
    (row,) = played.tasks[TASK]["results"]
    assert isinstance(row, dict)
    return row


def test_weak_and_ending_is_reported_and_nothing_is_touched(dated: Site) -> None:
    before = digest(dated.etc, times=True)
    done = dated.play("harden.yml", "--tags", "tls_certificates")
    assert (done.code, done.stats["changed"]) == (0, 0), done.output
    said = " ".join(done.output.split())
    assert "cert.pem (CN=old), named in" in said
    assert "has a key of rsa:1024 and expires in 9 days, on" in said
    late = run(dated, "report", tls_certificate_expiry_days=5)
    said = " ".join(late.output.split())
    assert "has a key of rsa:1024" in said, said
    assert "expires in" not in said
    assert digest(dated.etc, times=True) == before
    assert not dated.state.exists()


def test_a_self_signed_one_takes_its_place_and_goes_back(dated: Site) -> None:
    before, conf = digest(dated.etc, times=True), (dated.confd / "site.conf").read_text()
    predicted = run(dated, "self-signed", "--check", "--diff")
    assert (predicted.code, predicted.stats["changed"]) == (0, 1), predicted.output
    assert digest(dated.etc, times=True) == before
    assert not dated.state.exists()

    done = run(dated, "self-signed", "--diff", tls_certificate_names=["192.0.2.7"])
    assert (done.code, done.stats["changed"]) == (0, 1), done.output
    for played in (predicted, done):
        assert {str(dated.etc / "cert.pem"), str(dated.etc / "key.pem")} <= {
            row["path"] for row in result(played)["files"]
        }
    card = presented(dated)
    key = card.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    assert key.key_size == 2048
    assert card.not_valid_after_utc - card.not_valid_before_utc <= timedelta(days=397)
    assert isinstance(card.signature_hash_algorithm, hashes.SHA256)
    names = card.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {"localhost", "www.example.org", socket.gethostname()} <= set(
        names.get_values_for_type(x509.DNSName)
    )
    assert [str(one) for one in names.get_values_for_type(x509.IPAddress)] == ["192.0.2.7"]
    assert (dated.etc / "key.pem").stat().st_mode & 0o777 == 0o600
    nowhere(dated, done)
    assert list((dated.state / "certificates").iterdir()) == [], "no second copy of the key waits about"

    after = digest(dated.etc, times=True)
    again = run(dated, "self-signed")
    assert (again.code, again.stats["changed"], digest(dated.etc, times=True)) == (0, 0, after)
    back = dated.play("rollback.yml")
    assert (back.code, digest(dated.etc, times=True)) == (0, before), back.output
    assert (dated.confd / "site.conf").read_text() == conf


def nowhere(site: Site, *played: Played) -> None:
    """No line of the key is in what was said, in the receipt or in a journal."""
    lines = [
        line
        for line in (site.etc / "key.pem").read_text().splitlines()
        if len(line) > 20 and "-----" not in line
    ]
    assert lines
    told = "".join(one.output + repr(one.tasks) for one in played) + (site.root / "receipt.jsonl").read_text()
    told += "".join(p.read_text() for p in site.state.rglob("*") if p.name in ("journal", "manifest"))
    assert not [line for line in lines if line in told]


def test_a_request_goes_out_and_the_signed_one_comes_in(dated: Site, tmp_path: Path) -> None:
    ways = {
        "tls_csr_dir": str(tmp_path / "out"),
        "tls_signed_dir": str(tmp_path / "in"),
        "tls_certificate_key": "p256",
    }
    before, old = digest(dated.etc, times=True), presented(dated)
    first = run(dated, "csr", **ways)
    assert (first.code, first.stats["changed"]) == (0, 1), first.output
    assert run(dated, "csr", **ways).stats["changed"] == 0
    assert (digest(dated.etc, times=True), presented(dated)) == (before, old)
    (request,) = (tmp_path / "out").iterdir()
    (key,) = dated.state.rglob("key.pem")
    assert key.stat().st_mode & 0o777 == 0o600
    assert "PRIVATE" not in request.read_text()

    authority, place = Authority(), tmp_path / "in" / "localhost.pem"
    card = authority.answer(request, place)
    meant = run(dated, "csr", "--check", **ways)
    done = run(dated, "csr", **ways)
    assert (done.code, done.stats["changed"]) == (0, 1), done.output
    assert result(meant)["files"] == result(done)["files"]
    assert presented(dated) == card
    assert isinstance(card.public_key(), ec.EllipticCurvePublicKey)
    assert (dated.etc / "cert.pem").read_bytes() == pem(card) + pem(authority.card)
    nowhere(dated, first, done)
    assert run(dated, "csr", **ways).stats["changed"] == 0


def test_what_came_back_for_another_key_is_refused(dated: Site, tmp_path: Path) -> None:
    before, authority, place = digest(dated.etc, times=True), Authority(), tmp_path / "localhost.pem"
    place.write_bytes(pem(authority.sign(authority.key.public_key(), "another")))
    refused = run(dated, "csr", tls_csr_dir=str(tmp_path / "out"), tls_signed_dir=str(tmp_path))
    assert (refused.code, refused.stats["failures"]) == (2, 1), refused.output
    assert "no certificate belongs to a key that waits on localhost" in " ".join(refused.output.split())
    assert "Traceback" not in refused.output
    assert digest(dated.etc, times=True) == before


def test_a_swap_the_server_does_not_take_up_is_undone(dated: Site) -> None:
    before, old = digest(dated.etc, times=True), presented(dated)
    deaf = {**dated.server, "reload": ["/bin/true"]}
    undone = run(dated, "self-signed", tls_servers=[deaf])
    assert undone.code == 2
    assert "does not present the certificate it should" in " ".join(undone.output.split())
    assert (digest(dated.etc, times=True), presented(dated)) == (before, old)
