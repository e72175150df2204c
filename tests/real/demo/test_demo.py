"""The demo does what it says, quickly, and leaves what it promised."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from hardening.cli import run
from hardening.demo import story
from hardening.errors import ExitCode
from hardening.mailer import certificates


def test_it_ends_well_and_shows_before_and_after(tmp_path: Path) -> None:
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "hardening", "demo", "--keep", "kept"],
        cwd=tmp_path,
        env={**os.environ, "PATH": ""},  # no other program
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - begun < 60
    assert "component/adminer" in done.stdout
    assert "component/phpmyadmin" in done.stdout
    assert "credential/assignment" in done.stdout
    assert "affect it; CVE-2024-4007: " in done.stdout
    assert "removed payload/web.tar.gz!/max/var/www/html/phpMyAdmin/" in done.stdout
    assert (
        "2 true (ASP-6360, ASP-6360-credentials); 1 false (database-password); 3 not checkable" in done.stdout
    )
    assert "credential/login-call" in done.stdout
    assert "a file of passwords lies on the host: the account 'aamuser'" in done.stdout.lower()
    assert "CVE-2024-51551: a published default password is still in place" in done.stdout
    assert "tls/suite" in done.stdout
    (row,) = [line for line in done.stdout.splitlines() if line.startswith("TLS server")]
    assert row.endswith("  1 low")  # the demo's own certificate is self-signed
    assert "(1 suites" not in done.stdout
    assert "TLS after: TLSv1.2 (1 suite seen), TLSv1.3 (1 suite seen)" in done.stdout
    kept = {p.name for p in (tmp_path / "kept").iterdir()}
    assert {"report.html", story.BUNDLE, story.CLEANED, f"{story.CLEANED}.dsse.json"} <= kept
    page = (tmp_path / "kept/report.html").read_text()
    assert "server before" in page
    assert "server after" in page


def test_private_keys_are_their_owners_alone(tmp_path: Path) -> None:
    """Whatever the umask: every verb that writes a private key or a secret writes it with mode 0600 or less."""
    (tmp_path / "secret").write_text("INVENTED")
    before = os.umask(0)
    try:
        assert run(["demo", "--keep", str(tmp_path / "kept")]) == ExitCode.OK
        for name in ("ed25519", "ecdsa-p256"):
            words = ["--out", str(tmp_path / name), "--no-passphrase", "--algorithm", name]
            assert run(["bundle", "keygen", *words]) == ExitCode.OK
        certificates.make(tmp_path / "m.crt", tmp_path / "m.key")
        words = ["--key-file", str(tmp_path / "seal.key"), "--new-key"]
        assert run(["mailer", "seal", str(tmp_path / "secret"), *words]) == ExitCode.OK
    finally:
        os.umask(before)
    private = {path for path in tmp_path.rglob("*") if path.is_file() and b"PRIVATE KEY" in path.read_bytes()}
    names = {"release.key", "key.pem", "ed25519", "ecdsa-p256", "m.key"}
    assert {path.name for path in private} == names
    modes = {path.name: path.stat().st_mode & 0o777 for path in (*private, tmp_path / "seal.key")}
    assert modes == {**dict.fromkeys(names, 0o600), "seal.key": 0o400}
