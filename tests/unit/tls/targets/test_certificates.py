"""What a certificate file says decides which suites a server can use, fixed ECDH by who signed it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from hardening.cli import run
from hardening.findings import in_file
from hardening.tls.offer import Located
from hardening.tls.targets.reading import certificates, served
from hardening.tls.targets.reading.tree import Tree
from tests.support.odd_certificates import odd, pem, unknown_curve

RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())


def _written(path: Path, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, signer: str) -> Path:
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "www.example")])
    now = datetime.now(UTC)
    card = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=9))
        .sign(RSA if signer == "rsa" else EC, hashes.SHA256())
    )
    path.write_bytes(card.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.mark.parametrize(
    ("key", "signer", "kinds", "fixed"),
    [
        (RSA, "rsa", {"rsa"}, set()),
        (RSA, "ec", {"rsa"}, set()),
        (EC, "ec", {"ec", "ec:secp256r1", "ecdh-ecdsa"}, {"TLS_ECDH_ECDSA_WITH_AES_128_CBC_SHA"}),
        (EC, "rsa", {"ec", "ec:secp256r1", "ecdh-rsa"}, {"TLS_ECDH_RSA_WITH_AES_128_CBC_SHA"}),
    ],
)
def test_fixed_ecdh_asks_for_the_right_signature(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
    signer: str,
    kinds: set[str],
    fixed: set[str],
    tmp_path: Path,
) -> None:
    path = _written(tmp_path / "www.crt", key, signer)
    found = certificates.keys_of(Tree.on_disk(path), [str(path)])
    assert found == frozenset(kinds)
    at = in_file("x", 1)
    offer = served.offer(
        served.ServedSettings(
            subject="x",
            at=at,
            protocols=(Located("TLSv1.0", at),),
            ciphers=Located(
                "ECDH-RSA-AES128-SHA:ECDH-ECDSA-AES128-SHA:AES256-SHA:ECDHE-ECDSA-AES256-SHA", at
            ),
            keys=found,
        ),
        "1.0.2k-el7",
    )
    names = {said.value for p in offer.protocols for said in p.suites}
    assert {n for n in names if n.startswith("TLS_ECDH_")} == fixed


@pytest.mark.filterwarnings("error")
def test_a_serial_below_zero_is_no_warning_of_a_library(tmp_path: Path) -> None:
    path = tmp_path / "odd.pem"
    path.write_bytes(pem(odd()["serial below 0"]))
    assert certificates.keys_of(Tree.on_disk(path), [str(path)]) is not None


@pytest.mark.parametrize("der", [odd()["version 6"], unknown_curve()], ids=["version 6", "unknown curve"])
def test_a_certificate_that_breaks_the_rules_says_nothing(der: bytes, tmp_path: Path) -> None:
    """Either was an internal error of the whole audit."""
    path = tmp_path / "odd.pem"
    path.write_bytes(pem(der))
    assert certificates.keys_of(Tree.on_disk(path), [str(path)]) is None
    main = tmp_path / "nginx.conf"
    main.write_text(
        f"http {{ server {{ listen 443 ssl; ssl_certificate {path}; ssl_certificate_key k; }} }}\n"
    )
    assert run(["tls", "audit", str(main), "--target", "nginx", "-q"]) == 10
