"""The cryptographic assets of one bundle, word for word: what changes in them is seen and meant (`make golden`)."""

from __future__ import annotations

import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from bundle.sbom import cyclonedx
from bundle.sbom.contents import contents
from tests.support.odd_certificates import no_point, odd, pem, unknown_curve
from tests.support.places import DATA

GOLDEN = DATA / "bundle/sbom/crypto.json"
NGINX = (
    "events {}\nhttp { server { listen 443 ssl; server_name x.example; ssl_protocols TLSv1.2 TLSv1.3;\n"
    "ssl_ciphers ECDHE-RSA-AES256-GCM-SHA384:AES128-CCM:RC4-SHA:AES128-SHA:ADH-AES128-SHA:NULL-SHA; } }\n"
)
SSHD = "KexAlgorithms curve25519-sha256\nCiphers aes256-gcm@openssh.com,aes128-ctr,arcfour\nMACs hmac-sha2-256\nHostKeyAlgorithms ssh-ed25519\n"


def _signed(
    key: rsa.RSAPrivateKey | dsa.DSAPrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey, name: str
) -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer")])
    made = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    made = made.serial_number(7).not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
    made = made.not_valid_after(datetime(2030, 1, 1, tzinfo=UTC))
    of_itself = isinstance(key, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey)
    return made.sign(key, None if of_itself else hashes.SHA256()).public_bytes(Encoding.DER)


def _bundle(path: Path) -> Path:
    key = rsa.generate_private_key(65537, 2048)
    files = {
        "rsa.pem": pem(_signed(key, "rsa")),
        "again/rsa.der": _signed(key, "rsa"),
        "dsa.pem": pem(_signed(dsa.generate_private_key(1024), "dsa")),
        "ed25519.pem": pem(_signed(ed25519.Ed25519PrivateKey.generate(), "ed25519")),
        "ed448.pem": pem(_signed(ed448.Ed448PrivateKey.generate(), "ed448")),
        "ec.pem": pem(odd()["serial below 0"]).replace(b"CERTIFICATE", b"TRUSTED CERTIFICATE"),
        "none.pem": pem(unknown_curve()),
        "off.pem": pem(no_point()),
        "key.pem": key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()),
        "etc/os-release": b'ID=debian\nVERSION_ID="13"\n',
        "etc/nginx/nginx.conf": NGINX.encode(),
        "etc/ssh/sshd_config": SSHD.encode(),
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def test_the_assets_are_what_the_golden_file_says(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    found = contents(_bundle(tmp_path / "u.zip"))
    said = json.loads(cyclonedx.document(found, now=datetime(2026, 11, 24, tzinfo=UTC)))
    rows = [one for one in said["components"] if one["type"] == "cryptographic-asset"]
    text = json.dumps(rows, sort_keys=True)
    for one in rows:  # keys are made when the test runs, and a certificate is named by its digest
        if one["bom-ref"].startswith("certificate:"):
            place = one["evidence"]["occurrences"][0]["location"]
            text = text.replace(one["bom-ref"], f"certificate:{place}")
    rows = sorted(json.loads(text), key=lambda one: str(one["bom-ref"]))
    text = json.dumps(rows, indent=1, sort_keys=True) + "\n"
    if request.config.getoption("--regolden"):
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(text, "utf-8")
    assert text == GOLDEN.read_text("utf-8")
