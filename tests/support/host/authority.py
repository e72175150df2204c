"""A certificate authority that answers requests, well or badly."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import NameOID

NOW = datetime.now(UTC)


def named(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Authority:
    """An authority of this test's own."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.card = self.sign(self.key.public_key(), "the authority", ca=True, days=900)

    def sign(
        self,
        key: CertificatePublicKeyTypes,
        subject: str,
        *,
        names: x509.SubjectAlternativeName | None = None,
        ca: bool = False,
        days: int = 90,
    ) -> x509.Certificate:
        made = (
            x509.CertificateBuilder().subject_name(named(subject)).issuer_name(named("the authority"))
            .public_key(key).serial_number(x509.random_serial_number())
            .not_valid_before(NOW - timedelta(days=1)).not_valid_after(NOW + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )  # fmt: skip
        if names is not None:
            made = made.add_extension(names, critical=False)
        return made.sign(self.key, hashes.SHA256())

    def answer(self, request: Path, place: Path) -> x509.Certificate:
        """Sign a request as an authority would, and leave the certificate with its chain."""
        asked = x509.load_pem_x509_csr(request.read_bytes())
        assert asked.is_signature_valid
        key = asked.public_key()
        assert isinstance(key, (rsa.RSAPublicKey, ec.EllipticCurvePublicKey))
        names = asked.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        card = self.sign(key, "the site", names=names)
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(pem(self.card) + pem(card))  # in the wrong order, as it happens
        return card


def pem(card: x509.Certificate) -> bytes:
    return card.public_bytes(serialization.Encoding.PEM)
