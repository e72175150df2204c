"""Servers' configurations inside a bundle: judged as on a host, for the release that the bundle names."""

from __future__ import annotations

import io
import json
import tarfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from bundle import audit
from bundle.configurations import wanted
from bundle.walk.member import Member
from hardening.cli import run as harden
from hardening.findings import Examined, Run, Severity
from hardening.tls import policy
from hardening.tls.targets import Target, targets

CONF = (
    b"Listen 443\n<VirtualHost *:443>\nSSLEngine on\nSSLProtocol all -SSLv2 -SSLv3\nSSLCipherSuite HIGH:!aNULL\n"
    b"SSLCertificateFile /etc/pki/c.pem\n</VirtualHost>\n"
)
RELEASE = b"CentOS release 6.10 (Final)\n"
PLACE = "etc/httpd/conf.d/ssl.conf"


def card(bits: int) -> bytes:
    """Return a certificate in PEM form with its key behind it, as appliances have them."""
    key = rsa.generate_private_key(65537, bits)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bms.example")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=300))
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM) + private


def packed(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as out:
        for name, content in files.items():
            row = tarfile.TarInfo(name)
            row.size = len(content)
            out.addfile(row, io.BytesIO(content))
    return path


def tls(found: Run) -> set[tuple[str, str]]:
    return {
        (one.rule.id, one.where.rpartition("!/")[2].partition(":")[0])
        for one in found.findings
        if one.rule.id.startswith("tls/") and one.level >= Severity.MEDIUM
    }


def test_a_configuration_and_its_certificate_are_judged_for_the_release_that_the_bundle_names(
    tmp_path: Path,
) -> None:
    files = {
        f"rootfs/{PLACE}": CONF,
        "rootfs/etc/centos-release": RELEASE,
        "rootfs/etc/pki/c.pem": card(1024),
    }
    path = packed(tmp_path / "u.tar.gz", files)
    found = audit([str(path)], jobs=1)
    expected = {("tls/protocol", f"rootfs/{PLACE}"), ("tls/certificate-key", "rootfs/etc/pki/c.pem")}
    assert tls(found) >= expected
    (server,) = [one for one in found.subjects if one.offer]
    assert server.id.endswith(f"!/rootfs/{PLACE}#_default_:443")
    assert (server.policies, server.stats["release"]) == ({"aspect": "fail"}, "2.2.15-el6")
    assert server.offer is not None
    assert server.offer["certificates"][0]["file"].endswith("!/rootfs/etc/pki/c.pem")
    assert "/bundle/" not in repr(found)
    assert tls(audit([str(path)], policies=())) == set()


def test_where_no_release_is_named_the_verdict_is_given_for_each(tmp_path: Path) -> None:
    path = packed(tmp_path / "u.tar.gz", {PLACE: CONF.replace(b"-SSLv3", b"-SSLv3 -TLSv1 -TLSv1.1")})
    found = audit([str(path)], jobs=1)
    (one,) = [f for f in found.findings if f.rule.id == "tls/inconclusive" and f.evidence == "release"]
    assert "is not known. aspect: " in one.message
    assert "2.4.6-el7" in one.message
    assert one.level is Severity.INFO
    assert one.advice == f"Name the release: `harden tls audit {path} --target httpd@VERSION`."
    (server,) = [s for s in found.subjects if s.offer]
    assert server.examined is Examined.FULL
    assert server.stats["verdicts"]["2.4.6-el7"].keys() == {"aspect"}


def test_the_same_in_an_inner_archive_in_forks_and_from_a_cache(tmp_path: Path) -> None:
    inner = packed(tmp_path / "in.tar.gz", {PLACE: CONF, "etc/centos-release": RELEASE}).read_bytes()
    path = packed(tmp_path / "u.tar.gz", {"in.tar.gz": inner, "pad": bytes(3 << 20)})
    cache = tmp_path / "cache"
    runs = [audit([str(path)], jobs=jobs, cache=str(cache)) for jobs in (1, 2, 1)]
    assert tls(runs[0]) == tls(runs[1]) == tls(runs[2]) != set()
    kept = b"".join(one.read_bytes() for one in cache.iterdir())
    assert b"SSLEngine" not in kept


def test_a_configuration_where_no_server_looks_is_information(tmp_path: Path) -> None:
    files = {f"opt/old/{PLACE}": CONF, "etc/centos-release": RELEASE}
    found = audit([str(packed(tmp_path / "u.tar.gz", files))])
    assert tls(found) == set()
    assert any(one.rule.id == "tls/protocol" for one in found.findings)


@pytest.mark.parametrize(("policy", "code"), [("aspect", 10), ("mozilla-old", 10)])
def test_policies_are_an_option(
    policy: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {PLACE: CONF, "etc/centos-release": RELEASE, "etc/pki/c.pem": card(1024)}
    path = packed(tmp_path / "u.tar.gz", files)
    assert harden(["bundle", "audit", str(path), "--policy", policy, "--format", "json"]) == code
    said = json.loads(capsys.readouterr().out)
    (server,) = [one for one in said["subjects"] if one.get("offer")]
    assert list(server["policies"]) == [{"mozilla-old": "mozilla-old-5.8"}.get(policy, policy)]
    assert "PRIVATE KEY" not in json.dumps(said)


def test_an_archive_is_audited_as_the_folder_that_it_unpacks_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {PLACE: CONF, "etc/centos-release": RELEASE, "etc/pki/c.pem": card(1024)}
    path = packed(tmp_path / "etc.tar.gz", files)
    folder = tmp_path / "unpacked"
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    said = []
    for one, before in ((path, f"{path}!/"), (folder, f"{folder}/")):
        assert harden(["tls", "audit", str(one), "--format", "json"]) == 10
        report = json.loads(capsys.readouterr().out)
        said.append({(f["rule"], f["message"].replace(before, "")) for f in report["findings"]})
    assert said[0] == said[1]
    assert len(said[0]) > 20


@pytest.mark.parametrize(("name", "content"), [("a.txt", b"x"), ("etc/motd", b"hello")])
def test_an_archive_without_a_server_is_not_examined(
    name: str, content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = packed(tmp_path / "a.tar.gz", {name: content})
    assert harden(["tls", "audit", str(path)]) == 3
    assert "no server's configuration that speaks of TLS is in it" in capsys.readouterr().out


def test_an_archive_of_which_nothing_names_the_release(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = packed(tmp_path / "a.tar.gz", {PLACE: CONF})
    assert harden(["tls", "audit", str(path), "--target", "httpd@2.4.6-el7", "--format", "json"]) == 10
    (server,) = json.loads(capsys.readouterr().out)["subjects"]
    assert server["stats"]["release"] == "2.4.6-el7"


@pytest.mark.parametrize(("named", "examined"), [(True, Examined.PARTIAL), (False, Examined.FULL)])
def test_a_policy_that_is_named_has_to_be_answered_and_a_missing_certificate_leaves_it_open(
    tmp_path: Path, named: bool, examined: Examined
) -> None:
    path = packed(tmp_path / "u.tar.gz", {f"rootfs/{PLACE}": CONF, "rootfs/etc/centos-release": RELEASE})
    found = audit([str(path)], jobs=1, policies=[policy.load("aspect")] if named else None)
    (server,) = [one for one in found.subjects if one.offer]
    assert server.examined is examined
    assert "certificate" in server.reason
    assert "the bundle has no certificate or key of that name" in server.reason


def test_missing_certificates_are_one_row_with_their_servers(tmp_path: Path) -> None:
    other = CONF.replace(b"443", b"8443").replace(b"c.pem", b"d.pem")
    files = {PLACE: CONF, "etc/httpd/conf.d/two.conf": other, "etc/centos-release": RELEASE}
    path = packed(tmp_path / "u.tar.gz", files)
    found = audit([str(path)], jobs=1)
    (row,) = [one for one in found.findings if one.rule.id == "tls/certificate-unread"]
    assert row.message.startswith("not examined: certificate /etc/pki/c.pem was not read")
    assert "(server _default_:443)" in row.message
    assert (
        "certificate /etc/pki/d.pem was not read: the bundle has no certificate or key of that name (server _default_:8443)"
        in (row.message)
    )
    assert {one.path.rpartition("!/")[2] for one in row.further} == {"etc/pki/d.pem"}


def test_a_summary_says_that_a_verdict_without_its_certificate_is_unknown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server = (
        "server { listen %d ssl; ssl_certificate /etc/pki/c.pem; ssl_certificate_key /etc/pki/k.pem; "
        "ssl_protocols TLSv1.2; ssl_ciphers ECDHE-RSA-AES128-GCM-SHA256; ssl_ecdh_curve prime256v1; }"
    )
    servers = "".join(server % port for port in (443, 8443, 9443))
    text = f"events {{}}\nhttp {{ {servers} }}\n"
    release = b'ID="almalinux"\nVERSION_ID="9.4"\n'
    path = packed(tmp_path / "u.tar.gz", {"etc/nginx/nginx.conf": text.encode(), "etc/os-release": release})
    assert harden(["bundle", "audit", str(path)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("nothing to change in what was examined\n")
    assert "3 unknown: certificate /etc/pki/c.pem was not read: the bundle has no" in said
    assert said.splitlines()[-1].startswith("INCONCLUSIVE: ")
    assert harden(["bundle", "audit", str(path), "--policy", "aspect"]) == 4
    assert capsys.readouterr().out.splitlines()[-1].startswith("INCOMPLETE: ")
    assert harden(["bundle", "audit", str(path), "--require", "certificate"]) == 4
    assert capsys.readouterr().out.splitlines()[-1].startswith("INCOMPLETE: ")


GOOD = (
    "events {}\nhttp { %s\nserver { listen 443 ssl; ssl_certificate /etc/pki/c; ssl_certificate_key /etc/pki/c; "
    "ssl_protocols TLSv1.2; ssl_ciphers ECDHE-RSA-AES128-GCM-SHA256; ssl_ecdh_curve prime256v1; } }\n"
)
ALMA = b'ID="almalinux"\nVERSION_ID="9.4"\n'


@pytest.mark.parametrize(
    ("line", "code", "word", "verdicts"),
    [
        ("", 0, "OK", [{"aspect": "pass"}]),
        ("include /etc/nginx/site.conf;", 0, "INCONCLUSIVE", [{"aspect": "unknown"}]),
        ("server_name 'a;", 4, "INCOMPLETE", [{}]),
        ("# " + "x" * (1 << 20), 4, "INCOMPLETE", []),
    ],
    ids=["whole", "a-file-of-the-site", "not-understood", "too-large"],
)
def test_what_is_in_the_bundle_is_required_and_what_the_site_adds_leaves_the_verdict_open(
    line: str,
    code: int,
    word: str,
    verdicts: list[dict[str, str]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    certificate = card(2048).partition(b"-----BEGIN PRIVATE")[0]
    files = {"etc/nginx/nginx.conf": (GOOD % line).encode(), "etc/os-release": ALMA, "etc/pki/c": certificate}
    path = packed(tmp_path / "u.tar.gz", files)
    assert harden(["bundle", "audit", str(path), "--format", "json"]) == code
    told = json.loads(capsys.readouterr().out)
    servers = [one for one in told["subjects"] if one["kind"] == "file"]
    assert [one["policies"] for one in servers] == verdicts
    assert harden(["bundle", "audit", str(path)]) == code
    assert capsys.readouterr().out.splitlines()[-1].startswith(f"{word}: ")


@pytest.mark.parametrize("target", targets(), ids=lambda one: one.name)
def test_the_main_file_of_every_target_is_kept_of_a_bundle(target: Target) -> None:
    for main in target.main:
        one = Member(parts=("u.tar", f"etc/{main.replace('*', 'x')}"), kind="file", size=4, content=b"a b\n")
        assert wanted(one) == b"a b\n", main
