"""Two releases differ in what was planted, and the comparison says each of it once."""

from __future__ import annotations

import io
import json
import os
import re
import secrets
import tarfile
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bundle.compare.diff import diff
from hardening.cli import run
from hardening.demo import specimen
from hardening.errors import ExitCode, InputError
from hardening.findings import Examined, Severity

SECRET = secrets.token_urlsafe(12)
BASE: dict[str, tuple[bytes, int]] = {
    "etc/httpd/conf/httpd.conf": (b"# Listen 12.34.56.78:80\nListen 80\n", 0o644),
    "etc/sudoers.d/app": (b"# the web user\napache ALL=NOPASSWD: /usr/bin/true\n", 0o440),
    "usr/bin/helper": (b"\x7fELF-like", 0o755),
    "www/app.php": (b"<?php echo 1;\n", 0o644),
}


def release(path: Path, files: dict[str, tuple[bytes, int]]) -> Path:
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w:gz") as archive:
        for name, (data, mode) in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode, info.mtime = len(data), mode, 1_600_000_000
            archive.addfile(info, io.BytesIO(data))
    with zipfile.ZipFile(path, "w") as outer:
        outer.writestr(zipfile.ZipInfo("root.tar.gz"), inner.getvalue())
    return path


def a_certificate() -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "panel.example")])
    now = datetime(2026, 1, 1, tzinfo=UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(0xABCDEF).not_valid_before(now).not_valid_after(now + timedelta(days=90))
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    form = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return made.public_bytes(serialization.Encoding.PEM), key.private_bytes(serialization.Encoding.PEM, *form)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    certificate, key = a_certificate()
    new = {
        "etc/httpd/conf/httpd.conf": (b"Listen 80\nListen [::]:8443 https\n", 0o644),
        "etc/sudoers.d/app": (b"apache ALL=NOPASSWD: \\\n  /bin/sh\n", 0o440),
        "usr/bin/helper": (b"\x7fELF-like", 0o4755),
        "www/db.php": (specimen.tool(SECRET).encode(), 0o644),
        "etc/pki/panel.crt": (certificate, 0o644),
        "etc/pki/panel.key": (key, 0o600),
    }
    return release(tmp_path / "old.zip", BASE), release(tmp_path / "new.zip", new)


def test_each_planted_difference_is_said_once(pair: tuple[Path, Path]) -> None:
    made = diff(*pair)
    said = [(f.rule.id, f.level, f.message) for f in made.findings]
    (mark,) = re.findall("sha256 ([0-9a-f]{16}) in", "\n".join(message for _, _, message in said))
    expected = {
        ("diff/port", Severity.LOW, "added: port 8443 in root.tar.gz!/etc/httpd/conf/httpd.conf (Listen)"),
        ("diff/sudoers", Severity.MEDIUM,
         "added: sudoers rule in root.tar.gz!/etc/sudoers.d/app: apache ALL=NOPASSWD: /bin/sh"),
        ("diff/sudoers", Severity.INFO,
         "removed: sudoers rule in root.tar.gz!/etc/sudoers.d/app: apache ALL=NOPASSWD: /usr/bin/true"),
        ("diff/setuid", Severity.MEDIUM,
         "added: root.tar.gz!/usr/bin/helper with mode 4755, owner 0:0"),
        ("diff/crypto", Severity.LOW,
         f"added: certificate CN=panel.example sha256 {mark} in root.tar.gz!/etc/pki/panel.crt"),
        ("diff/component", Severity.LOW, "added: Adminer 4.6.2 at root.tar.gz!/www/db.php"),
        ("diff/member", Severity.INFO, "added: root.tar.gz!/www/db.php"),
        ("diff/member", Severity.INFO, "added: root.tar.gz!/etc/pki/panel.crt"),
        ("diff/member", Severity.INFO, "added: root.tar.gz!/etc/pki/panel.key"),
        ("diff/member", Severity.INFO, "removed: root.tar.gz!/www/app.php"),
        ("diff/member", Severity.INFO, "changed: root.tar.gz!/usr/bin/helper (mode 0755 to 4755)"),
        ("diff/member", Severity.INFO, "changed: root.tar.gz!/etc/httpd/conf/httpd.conf (size, content)"),
        ("diff/member", Severity.INFO, "changed: root.tar.gz!/etc/sudoers.d/app (size, content)"),
    }  # fmt: skip
    assert expected <= set(said)
    rest = [s for s in said if s not in expected]
    assert {(rule, level) for rule, level, _ in rest} == {
        ("diff/crypto", Severity.LOW),  # the private key, in the words of its detector
        ("diff/credential", Severity.HIGH),
    }
    assert len(said) == len(set(said))
    assert made.exit_code() is ExitCode.FINDINGS


def test_no_secret_is_in_the_report(
    pair: tuple[Path, Path], capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    code = run(["bundle", "diff", *map(str, pair), "--format", "json"])
    out = capfdbinary.readouterr().out
    assert code == ExitCode.FINDINGS
    assert json.loads(out)["subjects"][0]["stats"]["port"] == 1
    assert SECRET.encode() not in out
    assert b"PRIVATE KEY-----" not in out


def test_equal_bundles_have_no_difference(pair: tuple[Path, Path]) -> None:
    made = diff(pair[1], pair[1])
    assert not made.findings
    assert made.exit_code() is ExitCode.OK


def test_an_archive_that_went_is_one_line(tmp_path: Path) -> None:
    old = release(tmp_path / "old.zip", BASE)
    new = tmp_path / "new.zip"
    with zipfile.ZipFile(new, "w") as archive:
        archive.writestr("README", b"empty release\n")
    members = [f.message for f in diff(old, new).findings if f.rule.id == "diff/member"]
    assert members == ["added: README", "removed: root.tar.gz with 4 members in it"]


def test_what_cannot_be_read_is_said(pair: tuple[Path, Path], tmp_path: Path) -> None:
    cut = tmp_path / "cut.zip"
    cut.write_bytes(pair[1].read_bytes()[:-400])
    made = diff(pair[0], cut)
    assert made.subjects[0].examined is Examined.PARTIAL
    text = tmp_path / "text"
    text.write_text("nothing\n")
    assert diff(text, text).exit_code() is ExitCode.NOTHING_EXAMINED
    with pytest.raises(InputError):
        diff(pair[0], tmp_path / "absent")


@pytest.mark.parametrize("content", [b"", b"<html>404 Not Found</html>\n", b"\x00\x8f" * 4000])
def test_a_side_that_is_no_archive_is_no_clean_comparison(
    pair: tuple[Path, Path], tmp_path: Path, content: bytes
) -> None:
    other = tmp_path / "download.zip"
    other.write_bytes(content)
    for made in (
        diff(pair[0], other),
        diff(other, release(tmp_path / "plain.zip", {"a.txt": (b"a\n", 0o644)})),
    ):
        assert made.subjects[0].examined is Examined.PARTIAL
        assert made.subjects[0].reason == f"{other}: no archive with members"
        assert made.exit_code() is ExitCode.PARTLY_EXAMINED


def test_folders_are_compared_file_by_file(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for folder, text in ((old, "a\n"), (new, "b\n")):
        (folder / "etc").mkdir(parents=True)
        (folder / "etc" / "motd").write_text(text)
        release(folder / "web.zip", {"index.php": (b"<?php echo 1;\n", 0o644)})
    (new / "db.php").write_text(specimen.tool(SECRET))
    made = diff(old, new)
    assert made.subjects[0].examined is Examined.FULL
    said = {f.message.split(" [")[0].split(" (")[0] for f in made.findings}
    assert {"changed: etc/motd", "added: db.php"} <= said
    assert any(f.rule.id == "diff/credential" and f.where == f"{new}!/db.php" for f in made.findings)
    assert not any("index.php" in f.message for f in made.findings)


def test_a_name_that_is_no_utf8_makes_no_difference(pair: tuple[Path, Path], tmp_path: Path) -> None:
    old, new = (tmp_path / os.fsdecode(raw) for raw in (b"old\xff.zip", b"new\xff.zip"))
    for path in (old, new):
        path.write_bytes(pair[1].read_bytes())
    made = diff(old, new)
    assert not made.findings
    assert made.subjects[0].examined is Examined.FULL


def test_a_file_with_other_bytes_changed_though_what_is_read_out_of_it_is_the_same(tmp_path: Path) -> None:
    """The text of UTF-16 is looked at beside the file; it is not what the release holds."""
    old, new = tmp_path / "old", tmp_path / "new"
    for folder, code in ((old, "utf-16-le"), (new, "utf-16-be")):
        folder.mkdir()
        (folder / "notes.txt").write_bytes(("\ufeff" + "what is new in this release\r\n" * 20).encode(code))
        os.utime(folder / "notes.txt", (1, 1))
    (found,) = diff(old, new).findings
    assert (found.rule.id, found.message) == ("diff/member", "changed: notes.txt (content)")


def test_what_went_is_placed_in_the_old_bundle_and_everything_else_in_the_new(
    pair: tuple[Path, Path],
) -> None:
    old, new = pair
    for first, second in ((old, new), (new, old)):
        for found in diff(first, second).findings:
            assert found.where.startswith(f"{first if found.message.startswith('removed: ') else second}!/")
