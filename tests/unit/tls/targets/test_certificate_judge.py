"""What is wrong with a certificate or with DH parameters under any policy: lifetimes, ends, keys, chains, primes."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID

from hardening.findings import Finding, Run, Severity
from hardening.tls import policy, primes
from hardening.tls.auditing.audit import audit
from hardening.tls.auditing.mains import AuditInput
from hardening.tls.certificate import half_alone, half_of_private
from hardening.tls.judging import certificate_facts
from hardening.tls.judging.trust import load_store

KEY = ec.generate_private_key(ec.SECP256R1())
RSA = rsa.generate_private_key(65537, 2048)
DV = "2.23.140.1.2.1"
FFDHE2048 = int(
    "FFFFFFFFFFFFFFFFADF85458A2BB4A9AAFDC5620273D3CF1D8B9C583CE2D3695A9E13641146433FBCC939DCE249B3EF97D2FE363630C75D8"
    "F681B202AEC4617AD3DF1ED5D5FD65612433F51F5F066ED0856365553DED1AF3B557135E7F57C935984F0C70E0E68B77E2A689DAF3EFE872"
    "1DF158A136ADE73530ACCA4F483A797ABC0AB182B324FB61D108A94BB2C8E3FBB96ADAB760D7F4681D4F42A3DE394DF4AE56EDE76372BB19"
    "0B07A7C8EE0A6D709E02FCE1CDF7E2ECC03404CD28342F619172FE9CE98583FF8E4F1232EEF28183C3FE3B1B4C6FAD733BB5FCBC2EC22005"
    "C58EF1837D1683B2C6F34A26C1B2EFFA886B423861285C97FFFFFFFFFFFFFFFF",
    16,
)


def certificate(
    issued: datetime,
    days: int,
    *,
    public: bool = True,
    issuer: str = "Public CA",
    staple: bool = False,
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey = KEY,
) -> bytes:
    """Return a certificate in PEM form, as a public authority makes it or as a private one does."""
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bms.example")]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(issued)
        .not_valid_after(issued + timedelta(days=days) - timedelta(seconds=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("bms.example")]), critical=False)
    )
    if public:
        one = x509.PolicyInformation(x509.ObjectIdentifier(DV), None)
        made = made.add_extension(x509.CertificatePolicies([one]), critical=False)
    if staple:
        made = made.add_extension(x509.TLSFeature([x509.TLSFeatureType.status_request]), critical=False)
    return made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def audited(
    folder: Path, content: bytes, now: datetime, *, key: bytes = b"", dh: bytes = b"", **more: object
) -> dict[str, Finding]:
    """Return the findings about certificates and parameters of one nginx, by rule."""
    (folder / "etc/nginx").mkdir(parents=True)
    lines = "listen 443 ssl; ssl_certificate /etc/c.pem; ssl_protocols TLSv1.2;"
    for name, text, word in (("c", content, ""), ("k", key, "certificate_key"), ("d", dh, "dhparam")):
        if text:
            (folder / f"etc/{name}.pem").write_bytes(text)
            lines += f" ssl_{word} /etc/{name}.pem;" if word else ""
    (folder / "etc/nginx/nginx.conf").write_text(f"events {{}}\nhttp {{ server {{ {lines} }} }}\n")
    asked = AuditInput(now=now, version="1.20.1-el7", **more)  # type: ignore[arg-type]  # whatever a test gives
    found = audit([folder / "etc/nginx"], [policy.load("aspect")], asked)
    run = Run.of(found.subjects, found.findings, found.results, started=now, finished=now)
    return {one.rule.id: one for one in run.findings if "certificate" in one.rule.id or "dh" in one.rule.id}


@pytest.mark.parametrize(
    ("issued", "most"),
    [
        ("2020-08-31", 825),
        ("2020-09-01", 398),
        ("2026-03-14", 398),
        ("2026-03-15", 200),
        ("2027-03-14", 200),
        ("2027-03-15", 100),
        ("2029-03-15", 47),
    ],
)
def test_a_public_certificate_has_the_lifetime_of_its_day(issued: str, most: int, tmp_path: Path) -> None:
    day = datetime.fromisoformat(issued).replace(tzinfo=UTC)
    now = day + timedelta(days=1)
    assert certificate_facts.limit(day) == certificate_facts.Limit(certificate_facts.limit(day).since, most)  # type: ignore[union-attr]  # there is a limit since 2015
    for days, wrong in ((most, False), (most + 1, True)):
        found = audited(tmp_path / str(days), certificate(day, days), now)
        assert ("tls/certificate-lifetime" in found) is wrong, days
    assert f"has at most {most}" in found["tls/certificate-lifetime"].message


def test_a_private_certificate_has_no_limit_and_is_called_private(tmp_path: Path) -> None:
    day = datetime(2027, 6, 1, tzinfo=UTC)
    assert "tls/certificate-lifetime" not in audited(tmp_path, certificate(day, 3650, public=False), day)


@pytest.mark.parametrize(
    ("left", "level"),
    [(31, None), (29, Severity.LOW), (13, Severity.MEDIUM), (6, Severity.HIGH), (0, Severity.HIGH)],
)
def test_a_certificate_that_ends_soon(left: int, level: Severity | None, tmp_path: Path) -> None:
    issued = datetime(2026, 1, 1, tzinfo=UTC)
    now = issued + timedelta(days=90 - left, seconds=-2)
    one = audited(tmp_path, certificate(issued, 90, public=False), now).get("tls/certificate-expiring")
    assert (one and one.level) == level
    if one is not None:
        assert f"expires in {left} day" in one.message
        assert "tls/certificate-expired" not in audited(
            tmp_path / "b", certificate(issued, 90, public=False), now
        )


def test_the_days_are_an_option(tmp_path: Path) -> None:
    issued = datetime(2026, 1, 1, tzinfo=UTC)
    content, now = certificate(issued, 90, public=False), issued + timedelta(days=40)
    assert "tls/certificate-expiring" not in audited(tmp_path / "a", content, now)
    assert "tls/certificate-expiring" in audited(tmp_path / "b", content, now, expiry_days=60)
    assert "tls/certificate-expiring" not in audited(
        tmp_path / "c", content, now + timedelta(days=40), expiry_days=0
    )


def test_a_key_of_another_certificate(tmp_path: Path) -> None:
    now = datetime(2026, 5, 1, tzinfo=UTC)
    content, other = certificate(now, 90, public=False), ec.generate_private_key(ec.SECP256R1())
    assert "tls/certificate-key-mismatch" not in audited(tmp_path / "a", content, now, key=private(KEY))
    found = audited(tmp_path / "b", content, now, key=private(other))
    one = found["tls/certificate-key-mismatch"]
    assert one.message.endswith(f"the private key in {tmp_path}/b/etc/k.pem does not belong to it")
    assert base64.b64encode(b"PRIVATE") not in repr(one).encode()


def test_a_key_that_cannot_be_read_is_not_called_another(tmp_path: Path) -> None:
    now = datetime(2026, 5, 1, tzinfo=UTC)
    sealed = b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"
    found = audited(tmp_path, certificate(now, 90, public=False), now, key=sealed)
    assert "tls/certificate-key-mismatch" not in found


def test_must_staple_and_a_chain_that_lacks_its_issuer(tmp_path: Path) -> None:
    now = datetime(2026, 5, 1, tzinfo=UTC)
    found = audited(tmp_path, certificate(now, 90, staple=True), now)
    assert found["tls/certificate-must-staple"].level is Severity.INFO
    assert "its issuer CN=Public CA is not sent" in found["tls/certificate-chain-incomplete"].message
    private_one = audited(tmp_path / "b", certificate(now, 90, public=False), now)
    assert "tls/certificate-chain-incomplete" not in private_one


def test_an_authority_that_is_not_in_the_store(tmp_path: Path) -> None:
    now = datetime(2026, 5, 1, tzinfo=UTC)
    own = certificate(now, 90, public=False, issuer="bms.example")
    (tmp_path / "own.pem").write_bytes(own)
    store = load_store(str(tmp_path / "own.pem"))
    assert "tls/certificate-untrusted" not in audited(tmp_path / "a", own, now, store=store)
    strange = certificate(now, 90, public=False, issuer="somebody")
    assert "tls/certificate-untrusted" in audited(tmp_path / "b", strange, now, store=store)


def _parameters(prime: int) -> bytes:
    def integer(number: int) -> bytes:
        content = number.to_bytes(number.bit_length() // 8 + 1, "big")
        return b"\x02" + _size(len(content)) + content

    def _size(size: int) -> bytes:
        return bytes([size]) if size < 128 else b"\x82" + size.to_bytes(2, "big")

    body = integer(prime) + integer(2)
    text = base64.encodebytes(b"\x30" + _size(len(body)) + body)
    return b"-----BEGIN DH PARAMETERS-----\n" + text + b"-----END DH PARAMETERS-----\n"


@pytest.mark.parametrize(
    ("prime", "why"),
    [
        (FFDHE2048, ""),
        (FFDHE2048 - 2, "not a prime"),
        (2**2203 - 1, "not a safe prime"),
        ((2**521 - 1) * (2**1607 - 1) * 3, "not a prime"),
    ],
    ids=["ffdhe2048", "composite", "unsafe", "product"],
)
def test_the_prime_of_a_parameters_file(prime: int, why: str, tmp_path: Path) -> None:
    now = datetime(2026, 5, 1, tzinfo=UTC)
    found = audited(tmp_path, certificate(now, 90, public=False, key=RSA), now, dh=_parameters(prime))
    one = found.get("tls/dh-unsafe-prime")
    assert why in one.message if one else not why


@pytest.mark.parametrize(
    ("number", "prime"),
    [(0, False), (1, False), (2, True), (9, False), (23, True), (561, False), (7919, True)],
)
def test_which_numbers_are_primes(number: int, prime: bool) -> None:
    assert ("not a prime" not in primes.problem(number)) is prime


@pytest.mark.parametrize("exponent", [3, 65537])
@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_the_public_half_of_a_key_is_the_one_that_its_certificate_has(
    exponent: int, form: PrivateFormat
) -> None:
    """Of an RSA key it is read from the text: a library that looks at the primes takes 30 to 200 ms for each file."""
    for key in (rsa.generate_private_key(exponent, 1024), ec.generate_private_key(ec.SECP256R1())):
        text = key.private_bytes(Encoding.PEM, form, NoEncryption())
        half = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        assert half_of_private(text) == half_of_private(text.replace(b"\n", b"\r\n")) == half
        assert half_of_private(half_alone(half)) == half
        cut = text[: len(text) // 2] + text[text.index(b"\n-----END") :]
        assert half_of_private(cut) in (None, half)  # the half stands before the cut
