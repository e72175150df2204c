"""Certificates that break the rules of their own form, as old appliances have them and hostile servers could."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

_NAME = b"\x0c\x09x.example"


def sound(name: str = "x.example", *, until: int = 2051, ca: bool = False) -> bytes:
    """Return a self-signed certificate, in DER."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = x509.CertificateBuilder().subject_name(who).issuer_name(who).public_key(key.public_key())
    made = made.serial_number(7).not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
    made = made.not_valid_after(datetime(until, 1, 1, tzinfo=UTC))
    if ca:
        made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return made.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def _swapped(old: bytes, new: bytes, der: bytes) -> bytes:
    assert len(old) == len(new)
    assert old in der
    return der.replace(old, new)


def odd(until: int = 2051) -> dict[str, bytes]:
    """Return those of which client libraries read names, validity and key all the same."""
    der = sound(until=until)
    names = {
        "star in PrintableString": b"\x13\x09*.example",
        "underscore in PrintableString": b"\x13\x09x_example",
        "Latin letter in TeletexString": b"\x14\x09x.ex\xe9mple",
        "Latin letter in IA5String": b"\x16\x09x.ex\xe9mple",
        "Latin letter in UTF8String": b"\x0c\x09x.ex\xe9mple",
        "half a letter in BMPString": b"\x1e\x09x.example",
        "odd UniversalString": b"\x1c\x09x.example",
        "BIT STRING": b"\x03\x09x.example",
    }
    found = {what: _swapped(_NAME, name, der) for what, name in names.items()}
    found["serial below 0"] = _swapped(b"\x02\x01\x07", b"\x02\x01\xf9", der)
    return found | {"version 6": _swapped(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x05", der)}


def resigned(pem: bytes, key: rsa.RSAPrivateKey, digest: hashes.MD5 | hashes.SHA1) -> bytes:
    """Return a certificate that an RSA key signed over SHA-256, in PEM, signed by it over a digest that is broken."""
    one = x509.load_pem_x509_certificate(pem)
    rsa_with = bytes.fromhex("2a864886f70d0101")
    old, new = rsa_with + b"\x0b", rsa_with + (b"\x04" if isinstance(digest, hashes.MD5) else b"\x05")
    signature = key.sign(one.tbs_certificate_bytes.replace(old, new), padding.PKCS1v15(), digest)
    der = one.public_bytes(Encoding.DER).replace(old, new)[: -len(signature)] + signature
    return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM)


def unknown_curve() -> bytes:
    """Return one whose key is on a curve that does not exist."""
    known, none = bytes.fromhex("06082a8648ce3d030107"), bytes.fromhex("06082a8648ce3d030155")
    return _swapped(known, none, sound())


def no_point() -> bytes:
    """Return one whose key is a point beside its curve."""
    der = bytearray(sound())
    der[der.index(b"\x03\x42\x00\x04") + 4 + 63] ^= 1
    return bytes(der)


def hopeless() -> dict[str, bytes]:
    """Return those that nobody reads."""
    der = sound()
    return {
        "nothing": b"",
        "cut short": der[:-5],
        "something after it": der + b"xx",
        "a year 0": _swapped(b"20510101000000Z", b"00000101000000Z", der),
        "a month 99": _swapped(b"200101000000Z", b"209901000000Z", der),
        "another thing": b"\x30\x03\x02\x01\x01",
    }


def pem(der: bytes) -> bytes:
    """Return a certificate as PEM."""
    text = base64.encodebytes(der)
    return b"-----BEGIN CERTIFICATE-----\n" + text + b"-----END CERTIFICATE-----\n"
