"""Private keys in every form, made here, plain and sealed with what everybody tries first."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import os

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12

from bundle.detect.keys import KeyDetector
from bundle.walk.member import Member
from hardening.findings import Confidence, Finding, InFile, Severity

EC = ec.generate_private_key(ec.SECP256R1())
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ED = ed25519.Ed25519PrivateKey.generate()
NONE = form.NoEncryption()
PEM, DER = form.Encoding.PEM, form.Encoding.DER
PKCS8, OLD, SSH = form.PrivateFormat.PKCS8, form.PrivateFormat.TraditionalOpenSSL, form.PrivateFormat.OpenSSH


def sealed(word: str) -> form.KeySerializationEncryption:
    return form.BestAvailableEncryption(word.encode())


def findings(data: bytes, path: str) -> list[Finding]:
    member = Member(parts=("b.zip", path), kind="file", size=len(data), content=data)
    return list(KeyDetector().check(member, "b.zip"))


def rules(data: bytes, path: str = "etc/x") -> list[str]:
    found = findings(data, path)
    assert not any(part in repr(found) for part in data.decode("latin-1").split("\n")[1:-2] if len(part) > 30)
    return [f.rule.id for f in found]


@pytest.mark.parametrize("key", [EC, RSA, ED], ids=["ec", "rsa", "ed25519"])
@pytest.mark.parametrize("shape", [(PEM, PKCS8), (DER, PKCS8), (PEM, SSH)], ids=["pem", "der", "ssh"])
def test_plain_keys(key: ec.EllipticCurvePrivateKey, shape: tuple[form.Encoding, form.PrivateFormat]) -> None:
    assert rules(key.private_bytes(*shape, NONE)) == ["key/private"]


@pytest.mark.parametrize("key", [EC, RSA], ids=["ec", "rsa"])
def test_keys_of_the_old_form(key: ec.EllipticCurvePrivateKey) -> None:
    assert rules(key.private_bytes(PEM, OLD, NONE)) == ["key/private"]
    assert rules(key.private_bytes(PEM, OLD, sealed("changeit"))) == ["key/weak-passphrase"]


def test_sealed_keys() -> None:
    assert rules(EC.private_bytes(PEM, PKCS8, sealed("changeit"))) == ["key/weak-passphrase"]
    assert rules(EC.private_bytes(PEM, PKCS8, sealed("vR9-tq.0Lz"))) == ["key/encrypted"]
    assert rules(EC.private_bytes(DER, PKCS8, sealed("vR9-tq.0Lz"))) == ["key/encrypted"]


@pytest.mark.parametrize(
    ("path", "sure"), [("etc/x", Confidence.HIGH), ("tests/x", Confidence.LOW)], ids=["etc", "tests"]
)
def test_a_sealed_key_of_a_test_opens_nothing(path: str, sure: Confidence) -> None:
    data = EC.private_bytes(PEM, PKCS8, sealed("vR9-tq.0Lz"))
    member = Member(parts=("b.zip", path), kind="file", size=len(data), content=data)
    assert [f.confidence for f in KeyDetector().check(member, "b.zip")] == [sure]


def test_a_key_of_pgp_whose_program_says_who_it_is() -> None:
    body = base64.b64encode(b"".join(hashlib.sha256(bytes([n])).digest() for n in range(12)))
    lines = b"\n".join(body[at : at + 64] for at in range(0, len(body), 64))
    head = b"Version: GnuPG v2.0.22 (GNU/Linux)\nComment: <ops@site.local>\n\n"
    for said in (b"\n", head):
        block = b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n%s%s\n=aB3d\n-----END PGP PRIVATE KEY BLOCK-----\n"
        assert rules(block % (said, lines)) == ["key/private"]
    assert rules(b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n" + lines) == []


@pytest.mark.parametrize(
    ("head", "length"), [(b"\x95", b"\x03\x00"), (b"\xc5", b"\xc2\x00")], ids=["old", "new"]
)
def test_a_ring_of_pgp_that_nobody_armoured(head: bytes, length: bytes) -> None:
    numbers = RSA.public_key().public_numbers()
    public = b"".join(
        number.bit_length().to_bytes(2, "big") + number.to_bytes((number.bit_length() + 7) // 8, "big")
        for number in (numbers.n, numbers.e)
    )
    key = head + length + b"\x04\x5f\x00\x00\x00\x01" + public
    assert rules(key + b"\x00" + bytes(range(64))) == ["key/private"]
    assert rules(key + b"\xfe\x09\x03" + bytes(range(64))) == ["key/encrypted"]
    for at in range(len(key)):
        assert rules(key[:at]) == []
    assert rules(b"\x99" + key[1:] + bytes(64)) == []  # a public key


@pytest.mark.parametrize("key", [EC, RSA], ids=["ec", "rsa"])
def test_pem_in_base64_once_more(key: ec.EllipticCurvePrivateKey) -> None:
    for shape in (PKCS8, OLD):
        coded = base64.b64encode(key.private_bytes(PEM, shape, NONE))
        assert rules(b"kind: Secret\ndata:\n  tls.key: %s\n" % coded, "s.yaml") == ["key/private"]
    coded = base64.b64encode(key.private_bytes(PEM, PKCS8, sealed("vR9-tq.0Lz")))
    assert rules(b'{"key": "%s"}' % coded, "a.json") == ["key/encrypted"]
    public = base64.b64encode(key.public_key().public_bytes(PEM, form.PublicFormat.SubjectPublicKeyInfo))
    assert rules(b'{"key": "%s"}' % public, "a.json") == []


def test_a_key_without_an_end_keeps_nobody_busy() -> None:
    assert rules(b"-----BEGIN RSA PRIVATE KEY-----\n" + b"Ab+9" * 4000 + b"!") == []


def test_der_in_base64() -> None:
    for shape in (PKCS8, OLD):
        coded = base64.b64encode(RSA.private_bytes(DER, shape, NONE))
        assert rules(b'<?php $k = "%s";\n' % coded, "pay.php") == ["key/private"]
        assert rules(b'<?php $k = "%s";\n' % coded[:-8], "pay.php") == []
        assert rules(b"-----BEGIN RSA PRIVATE KEY-----\n%s\n-----END RSA PRIVATE KEY-----" % coded) == [
            "key/private"
        ]
    public = RSA.public_key().public_bytes(DER, form.PublicFormat.SubjectPublicKeyInfo)
    assert rules(b'<?php $k = "%s";\n' % base64.b64encode(public), "pay.php") == []


def test_stores() -> None:
    assert rules(pkcs12.serialize_key_and_certificates(b"a", EC, None, None, sealed("changeit"))) == [
        "key/weak-passphrase"
    ]
    assert rules(pkcs12.serialize_key_and_certificates(b"a", EC, None, None, sealed("vR9-tq.0Lz"))) == [
        "key/store"
    ]


def test_a_signature_is_no_store() -> None:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a")])
    day = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    made = x509.CertificateBuilder(name, name, EC.public_key(), 1, day, day + dt.timedelta(days=9))
    signed = pkcs7.PKCS7SignatureBuilder().set_data(b"a").add_signer(made.sign(EC, SHA256()), EC, SHA256())
    assert rules(signed.sign(DER, [])) == []


def test_a_key_in_a_docstring_is_documentation() -> None:
    text = RSA.private_bytes(PEM, PKCS8, NONE).decode()
    for head in ("def a():", "def a():  # a note"):
        shown = f'{head}\n    """\n{text}\n    """\n'.encode()
        (found,) = findings(shown, "a.py")
        assert (found.severity, found.confidence) == (Severity.INFO, Confidence.LOW)
    (found,) = findings(f'KEY = """{text}"""\n'.encode(), "a.py")
    assert found.confidence is Confidence.HIGH


def test_a_key_is_one_whatever_its_file_is_called() -> None:
    text, der = RSA.private_bytes(PEM, PKCS8, NONE), RSA.private_bytes(DER, PKCS8, NONE)
    for name, content in {
        "license.der": der,
        "LICENSE.pem": text,
        "licence.key": text,
        "key.txt": text,
    }.items():
        (found,) = findings(content, name)
        assert (found.level, found.confidence) == (Severity.CRITICAL, Confidence.HIGH), name
    for name in ("LICENSE", "readme.txt"):
        (found,) = findings(b"Make a key of your own, as this one:\n\n" + text, name)
        assert found.severity is Severity.INFO, name


def test_stores_of_certificates_alone_hold_no_key() -> None:
    def entry(tag: int, alias: bytes) -> bytes:
        kind = b"\0\5X.509" + b"\0\0\0\3abc" if tag == 2 else b""
        return tag.to_bytes(4, "big") + len(alias).to_bytes(2, "big") + alias + bytes(8) + kind

    head, seal = b"\xfe\xed\xfe\xed\0\0\0\2", bytes(20)
    assert rules(head + b"\0\0\0\1" + entry(2, b"ca") + seal) == []
    assert rules(head + b"\0\0\0\2" + entry(2, b"ca") + entry(1, b"a") + seal) == ["key/store"]
    assert rules(head + b"\0\0\0\2" + entry(2, b"ca")) == []


def test_putty() -> None:
    head = b"PuTTY-User-Key-File-3: ssh-ed25519\r\nEncryption: "
    assert rules(head + b"none\r\nComment: x\r\n") == ["key/private"]
    assert rules(head + b"aes256-cbc\r\nComment: x\r\n") == ["key/encrypted"]


def test_what_is_no_key() -> None:
    public = EC.public_key().public_bytes(PEM, form.PublicFormat.SubjectPublicKeyInfo)
    picture = b"-----BEGIN PRIVATE KEY-----\n" + b"A" * 200 + b"\n-----END PRIVATE KEY-----\n"
    short = b"-----BEGIN PRIVATE KEY-----\nMIIE...\n-----END PRIVATE KEY-----\n"
    lines = EC.private_bytes(PEM, PKCS8, NONE).split(b"\n")
    cut = b"\n".join([*lines[:2], b"(more lines) ...", *lines[2:]])
    assert [rules(one) for one in (public, picture, short, cut, b"", b"\x30\x82\x01")] == [[]] * 6


@pytest.mark.parametrize(
    "before",
    [
        b"-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----\n",
        b'if b"-----BEGIN PRIVATE KEY-----" in text: parse(text)\n',
        b"-----BEGIN PRIVATE KEY-----\n",
    ],
)
def test_what_only_begins_like_a_key_hides_none_behind_it(before: bytes) -> None:
    one = EC.private_bytes(PEM, PKCS8, NONE)
    other = EC.private_bytes(PEM, form.PrivateFormat.TraditionalOpenSSL, NONE)
    assert rules(before + other + one) == ["key/private"] * 2


def test_keys_in_a_phar_are_told_of_its_files_alone() -> None:
    key = EC.private_bytes(PEM, PKCS8, NONE)
    stub = b"<?php\n" + b"$key = '" + key + b"';\n__HALT_COMPILER(); ?>\r\n"
    manifest = (1).to_bytes(4, "little") + b"\0" * 60
    phar = stub + len(manifest).to_bytes(4, "little") + manifest + key
    one = Member(parts=("b.zip", "a.phar"), kind="file", size=len(phar), content=phar, format="php")
    assert [f.location.line for f in KeyDetector().check(one, "b.zip") if isinstance(f.location, InFile)] == [
        2
    ]


def table(*, realm: bytes = b"PLANT.LOCAL", size: int = 32, hole: bool = False) -> bytes:
    """Return a key table of Kerberos, as its format is written down by MIT."""

    def counted(part: bytes) -> bytes:
        return len(part).to_bytes(2, "big") + part

    entry = (
        (2).to_bytes(2, "big") + counted(realm) + counted(b"host") + counted(b"engine.plant.local")
        + (1).to_bytes(4, "big") + bytes(4) + b"\2" + (18).to_bytes(2, "big") + counted(os.urandom(size))
    )  # fmt: skip
    before = (-20).to_bytes(4, "big", signed=True) + bytes(20) if hole else b""
    return b"\5\2" + before + len(entry).to_bytes(4, "big") + entry


@pytest.mark.parametrize("hole", [False, True])
def test_key_tables_of_kerberos(hole: bool) -> None:
    (found,) = findings(table(hole=hole), "etc/krb5.keytab")
    assert found.rule.id == "key/private"
    assert "host/engine.plant.local@PLANT.LOCAL" in found.message


def test_what_only_begins_like_a_key_table() -> None:
    for data in (b"\5\2", table()[:40], table(size=7), b"\5\2" + bytes(80), b"\5\1" + table()[2:]):
        assert findings(data, "etc/x") == []


def test_keys_of_onion_services() -> None:
    key = b"== ed25519v1-secret: type0 ==\0\0\0" + os.urandom(64)
    assert rules(key, "var/lib/tor/panel/hs_ed25519_secret_key") == ["key/private"]
    assert rules(key[:-1]) == []


@pytest.mark.parametrize("curve", [False, True])
def test_keys_of_zones(curve: bool) -> None:
    if curve:
        number = EC.private_numbers().private_value.to_bytes(32, "big")
        said = f"Algorithm: 13 (ECDSAP256SHA256)\nPrivateKey: {base64.b64encode(number).decode()}\n"
    else:
        secret = RSA.private_numbers().d
        coded = base64.b64encode(secret.to_bytes(256, "big")).decode()
        said = f"Algorithm: 8 (RSASHA256)\nModulus: {coded}\nPublicExponent: AQAB\nPrivateExponent: {coded}\n"
    assert rules(
        f"Private-key-format: v1.3\n{said}Created: 20240101000000\n".encode(), "etc/bind/K.private"
    ) == ["key/private"]
    assert rules(b"Private-key-format: v1.3 is written by dnssec-keygen; PrivateExponent: is secret\n") == []


def test_keys_of_windows() -> None:
    blob = b"\x07\x02\0\0\0\x24\0\0RSA2" + (2048).to_bytes(4, "little") + os.urandom(1160)
    assert rules(blob, "src/engine.snk") == ["key/private"]
    assert rules(blob.replace(b"RSA2", b"RSA1"), "src/engine.snk") == []  # a public one
    pvk = b"\x1e\xf1\xb5\xb0\0\0\0\0\2\0\0\0" + bytes(8) + len(blob).to_bytes(4, "little") + blob
    assert rules(pvk, "sign.pvk") == ["key/private"]
    assert rules(pvk[:12] + b"\1" + pvk[13:], "sign.pvk") == ["key/encrypted"]
