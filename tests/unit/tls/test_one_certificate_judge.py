"""One judge of certificates: a scan, an audit of files, of a host and of a bundle find the same in the same certificate."""

from __future__ import annotations

import io
import json
import re
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from hardening.cli import run as harden
from hardening.tls import policy
from hardening.tls.judging import trust
from hardening.tls.scan.endpoint import parse
from hardening.tls.scan.report.offers import offer_of
from hardening.tls.scan.run import EndpointExamination, judged
from hardening.tls.scan.strategy.endpoint_state import Endpoint

NOW = datetime.now(UTC).replace(microsecond=0)
DV = x509.ObjectIdentifier("2.23.140.1.2.1")
SMALL, KEY, OTHER, ROOT = (rsa.generate_private_key(65537, bits) for bits in (1024, 2048, 2048, 2048))


def name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def card(
    case: str,
    *,
    key: rsa.RSAPrivateKey = KEY,
    since: int = 30,
    left: int = 200,
    issuer: str = "root",
    signer: rsa.RSAPrivateKey = ROOT,
    host: str = "",
    public: bool = False,
    staple: bool = False,
) -> bytes:
    """Return a certificate in DER that is named after its case."""
    made = x509.CertificateBuilder().subject_name(name(case)).issuer_name(name(issuer))
    made = made.public_key(key.public_key()).serial_number(7)
    made = made.not_valid_before(NOW - timedelta(days=since)).not_valid_after(
        NOW + timedelta(days=left, hours=1)
    )
    alternative = x509.SubjectAlternativeName([x509.DNSName(host or f"{case}.example")])
    made = made.add_extension(alternative, critical=False)
    if public:
        policies = x509.CertificatePolicies([x509.PolicyInformation(DV, None)])
        made = made.add_extension(policies, critical=False)
    if staple:
        made = made.add_extension(x509.TLSFeature([x509.TLSFeatureType.status_request]), critical=False)
    return made.sign(signer, hashes.SHA256()).public_bytes(Encoding.DER)


def old(der: bytes) -> bytes:
    """Return a certificate that says it is signed over SHA-1, which the library that made it no longer does."""
    return der.replace(bytes.fromhex("06092a864886f70d01010b"), bytes.fromhex("06092a864886f70d010105"))


def authority() -> bytes:
    """Return the authority that issued most of them."""
    made = x509.CertificateBuilder().subject_name(name("root")).issuer_name(name("root"))
    made = made.public_key(ROOT.public_key()).serial_number(1)
    made = made.not_valid_before(NOW - timedelta(days=900)).not_valid_after(NOW + timedelta(days=3000))
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return made.sign(ROOT, hashes.SHA256()).public_bytes(Encoding.DER)


UNTRUSTED = "certificate-untrusted"
CASES: dict[str, tuple[bytes, set[str]]] = {
    "sound": (card("sound"), set()),
    "weak": (card("weak", key=SMALL), {"certificate-key"}),
    "sha1": (old(card("sha1")), {"certificate-signature", UNTRUSTED}),
    "expired": (card("expired", since=300, left=-10), {"certificate-expired", UNTRUSTED}),
    "early": (card("early", since=-10), {"certificate-expired", UNTRUSTED}),
    "ending": (card("ending", left=40), {"certificate-expiring"}),
    "long": (
        card("long", public=True, since=100, left=500),
        {"certificate-lifetime", "certificate-chain-incomplete"},
    ),
    "own": (card("own", issuer="own", signer=KEY), {"certificate-trust", UNTRUSTED}),
    "stranger": (card("stranger", issuer="nobody", signer=OTHER), {UNTRUSTED}),
    "named": (card("named", host="other.example"), {"certificate-hostname"}),
    "stapled": (card("stapled", staple=True), {"certificate-must-staple"}),
    "keyed": (card("keyed", key=OTHER), {"certificate-key-mismatch"}),
}
"""Certificates, and what is wrong with each; all but `keyed`, which no scan can see."""


def pem(der: bytes) -> bytes:
    return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the `/` of a host with one server for each case."""
    folder = tmp_path_factory.mktemp("root")
    for part in ("etc/nginx", "etc/pki"):
        (folder / part).mkdir(parents=True)
    (folder / "etc/os-release").write_text('ID="almalinux"\nVERSION_ID="9.4"\n')
    servers = ""
    for case, (der, _) in CASES.items():
        (folder / f"etc/pki/{case}.pem").write_bytes(pem(der))
        servers += (
            f"server {{ listen 443 ssl; server_name {case}.example; ssl_certificate /etc/pki/{case}.pem; "
            f"ssl_certificate_key /etc/pki/{'small' if case == 'weak' else 'key'}.key; }}\n"
        )
    for file, key in (("small", SMALL), ("key", KEY)):
        text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / f"etc/pki/{file}.key").write_bytes(text)
    (folder / "etc/nginx/nginx.conf").write_text(
        f"events {{}}\nhttp {{ ssl_protocols TLSv1.2; ssl_ciphers ECDHE+AESGCM;\n{servers} }}\n"
    )
    (folder / "ca.crt").write_bytes(pem(authority()))
    return folder


def of_report(found: dict[str, Any]) -> dict[str, set[str]]:
    """Return the rules about certificates that each case breaks."""
    made: dict[str, set[str]] = {case: set() for case in CASES}
    for one in found["findings"]:
        match = re.search(r"certificate CN=(\w+)", one["message"])
        if one["rule"].startswith("tls/certificate-") and match and match[1] in made:
            made[match[1]].add(one["rule"].removeprefix("tls/"))
    return made


def entries(root: Path, folder: Path) -> Iterator[list[str]]:
    packed = folder / "u.tar.gz"
    with tarfile.open(packed, "w:gz") as out:
        for path in sorted((root / "etc").rglob("*")):
            if path.is_file():
                row = tarfile.TarInfo(str(path.relative_to(root)))
                row.size = path.stat().st_size
                out.addfile(row, io.BytesIO(path.read_bytes()))
    yield ["tls", "audit", str(root / "etc/nginx")]
    yield ["tls", "audit", str(packed)]
    yield ["host", "audit", "--root", str(root)]
    yield ["bundle", "audit", str(packed)]


EXPECTED = {case: wrong for case, (_, wrong) in CASES.items()}


def test_files_hosts_and_bundles_are_judged_alike(
    root: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for verb in entries(root, tmp_path):
        harden([*verb, "--trust", str(root / "ca.crt"), "--expiry-days", "60", "--format", "json"])
        found = of_report(json.loads(capfd.readouterr().out))
        assert found == EXPECTED, verb


def test_a_scan_judges_as_files_are_judged(root: Path) -> None:
    store = trust.load_store(str(root / "ca.crt"))
    found: dict[str, set[str]] = {}
    for case, (der, _) in CASES.items():
        endpoint = Endpoint(chains={"0": (der,)}, answered=True)
        target = parse(f"{case}.example:443")
        one = EndpointExamination(
            target=target,
            found=endpoint,
            offer=offer_of(endpoint, target.text, full=True, connections=1),
            seconds=0.0,
            connections=1,
        )
        _, findings, _ = judged(one, [policy.load("aspect")], NOW, store, frozenset(), 60)
        found[case] = {
            f.rule.id.removeprefix("tls/") for f in findings if f.rule.id.startswith("tls/certificate-")
        }
    assert found == {**EXPECTED, "keyed": set()}


def test_without_the_options_the_same_certificates_are_only_what_they_are(
    root: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for verb in entries(root, tmp_path):
        harden([*verb, "--format", "json"])
        found = of_report(json.loads(capfd.readouterr().out))
        assert found["ending"] == found["stranger"] == set(), verb
