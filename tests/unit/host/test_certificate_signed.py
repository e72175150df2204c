"""What came back signed is held against the key, the request and the day; everything that is wrong is said at once."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from hardening.errors import InputError, RefusedError, UsageError
from hardening.host import certificate_signed
from hardening.host.plans.certificate import CertificateRequest, spki
from tests.support import odd_certificates
from tests.support.host.authority import NOW, Authority, named, pem

KEY = ec.generate_private_key(ec.SECP256R1())
NAMES = x509.SubjectAlternativeName([x509.DNSName("a.example"), x509.DNSName("b.example")])
SHORT = x509.SubjectAlternativeName([x509.DNSName("a.example")])
REQUEST = (
    x509.CertificateSigningRequestBuilder()
    .subject_name(named("a.example"))
    .add_extension(NAMES, critical=False)
    .sign(KEY, hashes.SHA256())
)
OURS = Authority()


def chosen(folder: Path, *cards: x509.Certificate) -> str | None:
    (folder / "host.pem").write_bytes(b"".join(map(pem, cards)))
    came = certificate_signed.load(folder, "host")
    return certificate_signed.chosen(came, REQUEST, spki(KEY.public_key()), NOW)


def test_the_chain_is_put_in_order(tmp_path: Path) -> None:
    leaf = OURS.sign(KEY.public_key(), "a", names=NAMES)
    assert chosen(tmp_path, OURS.card, leaf) == (pem(leaf) + pem(OURS.card)).decode()
    assert chosen(tmp_path, leaf) == pem(leaf).decode()


def test_a_certificate_for_another_key_is_none(tmp_path: Path) -> None:
    assert chosen(tmp_path, OURS.card) is None


@pytest.mark.parametrize(
    ("cards", "words"),
    [
        ([OURS.sign(KEY.public_key(), "a", names=SHORT)], "it lacks the names b.example"),
        ([OURS.sign(KEY.public_key(), "a", names=NAMES, days=9)], "it expires in"),
        ([OURS.sign(KEY.public_key(), "a", names=NAMES, ca=True)], "of an authority, not of a server"),
        (
            [OURS.sign(KEY.public_key(), "a", names=NAMES), Authority().card],
            "the chain is broken",
        ),
    ],
    ids=["names", "dates", "authority", "chain"],
)
def test_what_is_wrong_is_said(tmp_path: Path, cards: list[x509.Certificate], words: str) -> None:
    with pytest.raises(RefusedError, match=words):
        chosen(tmp_path, *cards)


def test_one_not_valid_yet_is_refused(tmp_path: Path) -> None:
    leaf = OURS.sign(KEY.public_key(), "a", names=NAMES)
    (tmp_path / "host.pem").write_bytes(pem(leaf))
    came = certificate_signed.load(tmp_path, "host")
    with pytest.raises(RefusedError, match="it is valid from"):
        certificate_signed.chosen(came, REQUEST, spki(KEY.public_key()), NOW - timedelta(days=2))


def test_files_are_found_by_host_and_rubbish_is_named(tmp_path: Path) -> None:
    (tmp_path / "host.web.pem").write_bytes(pem(OURS.card))
    (tmp_path / "hostess.pem").write_bytes(b"rubbish")
    came = certificate_signed.load(tmp_path, "host")
    assert list(came) == [tmp_path / "host.web.pem"]
    assert certificate_signed.stale(came, [certificate_signed.fingerprint(OURS.card)])
    assert not certificate_signed.stale(came, [])
    (tmp_path / "host.pem").write_bytes(b"rubbish")
    with pytest.raises(InputError, match="no certificate in PEM"):
        certificate_signed.load(tmp_path, "host")
    (tmp_path / "host.pem").write_bytes(odd_certificates.pem(odd_certificates.odd()["version 6"]))
    with pytest.raises(InputError, match="no certificate in PEM"):
        certificate_signed.load(tmp_path, "host")


@pytest.mark.parametrize(
    ("left", "days", "due"), [(40, 30, False), (40, 45, True), (9, 5, False), (9, 30, True)]
)
def test_a_certificate_is_due_the_given_days_before_its_end(
    left: int, days: int, due: bool, tmp_path: Path
) -> None:
    leaf = OURS.sign(KEY.public_key(), "a", names=NAMES, days=left)
    wish = CertificateRequest.of({"expiry_days": days})
    (tmp_path / "host.pem").write_bytes(pem(leaf))
    came = certificate_signed.load(tmp_path, "host")
    if due:
        with pytest.raises(RefusedError, match="it expires in"):
            certificate_signed.chosen(came, REQUEST, spki(KEY.public_key()), NOW, wish.expiry_days)
    else:
        assert certificate_signed.chosen(came, REQUEST, spki(KEY.public_key()), NOW, wish.expiry_days)


@pytest.mark.parametrize("days", ["soon", -1, 366, "1e2", None])
def test_a_number_of_days_is_a_whole_one(days: object) -> None:
    with pytest.raises(UsageError, match="tls_certificate_expiry_days"):
        CertificateRequest.of({"expiry_days": days})
    assert CertificateRequest.of({}).expiry_days == 30
    assert CertificateRequest.of({"expiry_days": "7"}).expiry_days == 7
