"""Bills of materials are valid, complete and the same each time."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from bundle.sbom import cyclonedx, spdx
from bundle.sbom.contents import contents
from hardening.cli import run
from hardening.demo import specimen
from hardening.errors import ExitCode
from tests.support.odd_certificates import hopeless, odd, pem, unknown_curve

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def key_and_certificate() -> tuple[bytes, bytes]:
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "engine.invalid")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=90))
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pem, made.public_bytes(serialization.Encoding.PEM)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sbom") / "upgrade.zip"
    key, certificate = key_and_certificate()
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w:gz") as archive:
        for name, data in (
            ("etc/ssl/engine.pem", key + certificate),
            ("www/db.php", specimen.tool("x").encode()),
        ):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    with zipfile.ZipFile(path, "w") as outer:
        outer.writestr("payload/web.tar.gz", inner.getvalue())
        outer.writestr("app/package.json", json.dumps({"name": "left-pad", "version": "1.3.0"}))
    return path


def test_cyclonedx_is_valid_and_says_everything(bundle: Path) -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    body = cyclonedx.document(contents(bundle, files=True), now=NOW)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(body.decode()) is None
    said = json.loads(body)
    by_name = {c["name"]: c for c in said["components"]}
    assert by_name["Adminer"]["evidence"]["occurrences"] == [{"location": "payload/web.tar.gz!/www/db.php"}]
    assert by_name["Adminer"]["purl"].endswith("@4.6.2")
    crypto = [c for c in said["components"] if c["type"] == "cryptographic-asset"]
    kinds = sorted(c["cryptoProperties"]["assetType"] for c in crypto)
    assert kinds == [
        "algorithm",
        "algorithm",
        "certificate",
        "related-crypto-material",
    ]
    (certificate,) = [c for c in crypto if c["cryptoProperties"]["assetType"] == "certificate"]
    assert certificate["cryptoProperties"]["certificateProperties"]["subjectName"] == "CN=engine.invalid"
    assert any(v["id"] == "CVE-2021-43008" for v in said["vulnerabilities"])
    assert all(v["analysis"]["state"] == "in_triage" for v in said["vulnerabilities"])
    (archive,) = [c for c in said["metadata"]["component"]["components"] if c["name"] == "payload/web.tar.gz"]
    assert {c["name"] for c in archive["components"]} == {"etc/ssl/engine.pem", "www/db.php"}
    assert b"PRIVATE KEY" not in body


def test_it_is_the_same_each_time(bundle: Path) -> None:
    for form in (cyclonedx, spdx):
        assert form.document(contents(bundle), now=NOW) == form.document(contents(bundle), now=NOW)


def test_spdx_is_valid_to_another_projects_tool(bundle: Path, tmp_path: Path) -> None:
    from spdx_tools.spdx.parser.parse_anything import parse_file
    from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

    out = tmp_path / "bundle.spdx.json"
    assert run(["bundle", "sbom", str(bundle), "--format", "spdx", "-o", str(out)]) == ExitCode.OK
    document = parse_file(str(out))
    assert validate_full_spdx_document(document) == []
    assert "Adminer" in {p.name for p in document.packages}


def test_what_could_not_be_read_is_said(
    bundle: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    cut = tmp_path / "cut.zip"
    cut.write_bytes(bundle.read_bytes()[:-400])
    code = run(["bundle", "sbom", str(cut)])
    assert code in (ExitCode.PARTLY_EXAMINED, ExitCode.NOTHING_EXAMINED)
    assert "not read: " in capfd.readouterr().err


def test_what_makes_an_inventory_reports_as_well(
    bundle: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    cut, told = tmp_path / "cut.zip", tmp_path / "report.json"
    cut.write_bytes(bundle.read_bytes()[:-400])
    for path in (bundle, cut):
        code = run(["bundle", "sbom", str(path), "-o", str(tmp_path / "s.json"), "--report", f"json={told}"])
        found = json.loads(told.read_bytes())
        (subject,) = found["subjects"]
        assert found["summary"]["exit_code"] == code
        assert (subject["examined"] == "full") == (path == bundle)
        assert all(f["rule"].startswith("walk/") for f in found["findings"])
        assert bool(found["findings"]) == (path == cut)
    assert run(["bundle", "sbom", str(bundle), "-o", str(tmp_path / "s.json"), "--report", "text=-"]) == 0
    said = capfd.readouterr().out
    assert "listed, not audited" in said
    assert "nothing found" not in said  # it was not looked for


@pytest.mark.parametrize("raw", [b"upgrade \xff.zip", b"upgrade\xff"])
def test_a_name_that_is_no_utf8_is_a_name_like_any(bundle: Path, tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / os.fsdecode(raw)
    if path.suffix:
        path.write_bytes(bundle.read_bytes())
    else:
        path.mkdir()
        (path / "inner.zip").write_bytes(bundle.read_bytes())
    for form in (cyclonedx, spdx):
        said = json.loads(form.document(contents(path), now=NOW))
        assert "upgrade" not in json.dumps([c for c in said.get("components", ()) if "evidence" in c])
        name = said["name"] if form is spdx else said["metadata"]["component"]["name"]
        assert name == raw.decode("utf-8", "backslashreplace")
    assert bool(contents(path).sha256) == bool(path.suffix)


def test_a_folder_has_its_name_whatever_way_it_is_given(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "new release"
    folder.mkdir()
    (folder / "inner.zip").write_bytes(bundle.read_bytes())
    monkeypatch.chdir(folder)
    said = json.loads(cyclonedx.document(contents(Path()), now=NOW))
    assert said["metadata"]["component"]["name"] == "new release"
    listed = json.loads(spdx.document(contents(Path("../new release")), now=NOW))
    assert (listed["name"], " " in listed["documentNamespace"]) == ("new release", False)


def test_a_folder_with_other_files_has_a_document_of_another_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Serial number and namespace were made of the path alone: readers took a new release for the old document."""

    def names(path: Path) -> tuple[str, str]:
        found = contents(path)
        told = (json.loads(form.document(found, now=NOW)) for form in (cyclonedx, spdx))
        return next(told)["serialNumber"], next(told)["documentNamespace"]

    for name in ("b.txt", "a.txt"):
        (tmp_path / name).write_text("same")
    first = names(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert names(Path()) == first
    (tmp_path / "c.txt").write_text("same")
    second = names(tmp_path)
    (tmp_path / "c.txt").write_text("other")
    third = names(tmp_path)
    (tmp_path / "c.txt").rename(tmp_path / "d.txt")
    for told in zip(first, second, third, names(tmp_path), strict=True):
        assert len(set(told)) == 4


def test_an_absent_bundle_is_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["bundle", "sbom", "/absent.zip"]) == ExitCode.USAGE
    assert "/absent.zip" in capfd.readouterr().err


CONFIGURATIONS = {
    "etc/centos-release": "CentOS Linux release 8.5.2111\n",
    "etc/httpd/conf.d/ssl.conf": "Listen 443\n<VirtualHost _default_:443>\nSSLEngine on\nSSLProtocol all -SSLv2\n"
    "SSLCipherSuite HIGH:!aNULL\nSSLCertificateFile /etc/pki/x.crt\n</VirtualHost>\n",
    "opt/x/sshd_config": "Port 22\nCiphers aes128-ctr,3des-cbc\nMACs hmac-sha1\n",
    "opt/x/app.conf": "colour = blue\n",
}


def test_protocols_as_configured_are_assets_with_their_suites_and_algorithms(tmp_path: Path) -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    path, out = tmp_path / "u.zip", tmp_path / "bom.json"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in CONFIGURATIONS.items():
            archive.writestr(name, text)
    assert run(["bundle", "sbom", str(path), "-o", str(out)]) == ExitCode.OK
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(out.read_text()) is None
    crypto = {c["bom-ref"]: c for c in json.loads(out.read_bytes())["components"]}
    tls = next(c for c in crypto.values() if c["name"] == "TLSv1.2 of httpd _default_:443")
    assert tls["evidence"]["occurrences"] == [{"location": "etc/httpd/conf.d/ssl.conf"}]
    suites = {s["name"]: s for s in tls["cryptoProperties"]["protocolProperties"]["cipherSuites"]}
    one = suites["TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"]
    assert one["identifiers"] == ["0xC0,0x30"]
    assert sorted(one["algorithms"]) == [
        "algorithm:AES-256-GCM:ae",
        "algorithm:ECDHE:key-agree",
        "algorithm:RSA:signature",
    ]
    assert set(one["algorithms"]) <= crypto.keys()
    ssh = next(c for c in crypto.values() if c["name"].startswith("SSH of openssh"))
    refs = ssh["cryptoProperties"]["protocolProperties"]["cryptoRefArray"]
    assert {"algorithm:3des-cbc:block-cipher", "algorithm:hmac-sha1:mac"} <= set(refs)
    assert not [c for c in crypto.values() if "app.conf" in str(c["evidence"])]


READ = """import sys
from lib4sbom.parser import SBOMParser
parser = SBOMParser(sbom_type=sys.argv[1])
parser.parse_file(sys.argv[2])
print("\\n".join(p["name"] for p in parser.get_packages()))
"""


@pytest.mark.parametrize("form", ["cyclonedx", "spdx"])
def test_another_projects_tool_reads_the_document(bundle: Path, tmp_path: Path, form: str) -> None:
    """lib4sbom parses both formats into packages of its own; in a process of its own, for it leaves files open."""
    out = tmp_path / f"{form}.json"
    run(["bundle", "sbom", str(bundle), "--format", form, "-o", str(out)])
    command = [sys.executable, "-c", READ, form, str(out)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert {"Adminer", "left-pad"} <= set(done.stdout.splitlines())


def test_a_folder_is_listed_as_an_archive_of_its_files_would_be(bundle: Path, tmp_path: Path) -> None:
    folder = tmp_path / "unpacked"
    with zipfile.ZipFile(bundle) as archive:
        archive.extractall(folder)
    (folder / "loose.txt").write_text("as it is\n")
    packed, loose = contents(bundle, files=True), contents(folder, files=True)
    assert loose.sha256 == ""
    assert [(k.name, sorted(k.places)) for k in loose.known.values()] == [
        (k.name, sorted(k.places)) for k in packed.known.values()
    ]
    assert {a.path for a in loose.files + loose.archives} == {
        *(a.path for a in packed.files + packed.archives), "loose.txt",
    }  # fmt: skip
    assert {a.place for a in loose.assets} == {a.place for a in packed.assets}
    (plain := tmp_path / "plain").mkdir()
    (plain / "a.txt").write_text("as it is\n")
    assert run(["bundle", "sbom", str(plain), "-o", str(tmp_path / "s.json")]) == ExitCode.OK
    assert "hashes" not in json.loads((tmp_path / "s.json").read_bytes())["metadata"]["component"]
    (plain / "a.txt").unlink()
    assert run(["bundle", "sbom", str(plain), "-o", str(tmp_path / "s.json")]) == ExitCode.NOTHING_EXAMINED


def test_group_and_name_are_apart_as_consumers_match_them(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "app.jar", "w") as jar:
        jar.writestr(
            "META-INF/maven/com.example/engine-core/pom.properties",
            "groupId=com.example\nartifactId=engine-core\nversion=1.2\n",
        )
        jar.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\n")
    said = json.loads(cyclonedx.document(contents(tmp_path / "app.jar"), now=NOW))
    assert [(c.get("group"), c["name"], c["purl"]) for c in said["components"] if "purl" in c] == [
        ("com.example", "engine-core", "pkg:maven/com.example/engine-core@1.2")
    ]


@pytest.mark.parametrize("what", [*odd(), *hopeless(), "unknown curve"])
def test_a_certificate_that_breaks_the_rules_does_not_end_it(
    what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    der = {**odd(), **hopeless(), "unknown curve": unknown_curve()}[what]
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "a.der").write_bytes(der)
    (tmp_path / "b" / "a.pem").write_bytes(pem(der))
    (tmp_path / "b" / "sound.pem").write_bytes(key_and_certificate()[1])
    assert run(["bundle", "sbom", str(tmp_path / "b")]) == 0
    assert "engine.invalid" in capsys.readouterr().out


def test_one_package_is_one_component_however_it_was_recognised(tmp_path: Path) -> None:
    """Code, jar and package metadata of one version have one package URL, which a reader takes for an identity."""
    path = tmp_path / "u.zip"
    jquery = b"/*! jQuery v1.8.3 */(function(w){var jQuery=function(){};jQuery.fn={jquery:'1.8.3'};"
    jar = io.BytesIO()
    with zipfile.ZipFile(jar, "w") as packed:
        packed.writestr(
            "META-INF/maven/log4j/log4j/pom.properties", "version=1.2.17\ngroupId=log4j\nartifactId=log4j\n"
        )
        for name in ("Logger", "Category", "Level", "spi/LoggingEvent", "net/SocketServer", "Appender",
                     "net/SocketNode", "net/JMSAppender", "jdbc/JDBCAppender", "LogManager"):  # fmt: skip
            packed.writestr(f"org/apache/log4j/{name}.class", b"\xca\xfe\xba\xbe")
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("lib/a.jar", jar.getvalue())
        packed.writestr("w/a.whl/x-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: X_y\nVersion: 1\n\n")
        packed.writestr("n/package-lock.json", '{"packages":{"node_modules/jquery":{"version":"1.8.3"}}}')
        packed.writestr("n/node_modules/jquery/package.json", '{"name":"jquery","version":"1.8.3"}')
        packed.writestr("n/node_modules/jquery/j.js", jquery)
    found = contents(path)
    purls = sorted(one.purl for one in found.known.values())
    assert purls == ["pkg:maven/log4j/log4j@1.2.17", "pkg:npm/jquery@1.8.3", "pkg:pypi/x-y@1"]
    assert sorted((one.name, one.how) for one in found.known.values()) == [
        ("jquery", "its npm metadata"), ("log4j/log4j", "its maven metadata"), ("x-y", "its pypi metadata"),
    ]  # fmt: skip
    log4j = next(one for one in found.known.values() if "log4j" in one.purl)
    assert log4j.cves
    assert len(log4j.places) == 2
    refs = [one["bom-ref"] for one in json.loads(cyclonedx.document(found, now=NOW))["components"]]
    assert len(refs) == len(set(refs))


def test_a_package_of_a_distribution_has_its_own_url_and_the_flaws_of_its_version(tmp_path: Path) -> None:
    """Its release says which fixes it has, so upstream's version alone is not what a reader needs."""
    path = tmp_path / "u.zip"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("var/lib/dpkg/status",
                        "Package: sudo\nStatus: install ok installed\nVersion: 1.8.10p3-1+deb8u5\n")  # fmt: skip
    (one,) = contents(path).known.values()
    assert (one.name, one.version, one.purl) == (
        "sudo",
        "1.8.10p3-1+deb8u5",
        "pkg:deb/sudo@1.8.10p3-1+deb8u5",
    )
    assert one.cves
