"""The demo does what it says, quickly, and leaves what it promised."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hardening.cli import run
from hardening.demo import server, story
from hardening.errors import ExitCode, HardeningError
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
    assert "credential/login-call" in done.stdout
    assert "tls/suite" in done.stdout
    (row,) = [line for line in done.stdout.splitlines() if line.startswith("TLS server")]
    assert row.endswith("clean")
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


def test_what_it_kept_says_the_same_to_the_commands(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    assert run(["demo", "--keep", str(kept)]) == ExitCode.OK
    assert run(["bundle", "audit", str(kept / story.BUNDLE)]) == ExitCode.FINDINGS
    assert run(["bundle", "audit", str(kept / story.CLEANED)]) == ExitCode.OK
    key = kept / "release.key.pub"
    assert run(["bundle", "verify", str(kept / story.CLEANED), "--key", str(key)]) == ExitCode.OK
    signature = kept / f"{story.CLEANED}.dsse.json"
    again = ["bundle", "verify", str(kept / story.BUNDLE), "--key", str(key), "--signature", str(signature)]
    assert run(again) == ExitCode.REFUSED


def test_the_weak_server_is_found_weak_by_the_command(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    story._certificate(tmp_path)
    (tmp_path / "server.conf").write_text(server.WEAK)
    with story._running(tmp_path) as endpoint:
        code = run(["tls", "scan", endpoint, "--policy", "aspect", "--format", "json"])
        said = json.loads(capfdbinary.readouterr().out)
        assert code == ExitCode.FINDINGS
        host, _, port = endpoint.partition(":")
        with socket.create_connection((host, int(port)), timeout=5):
            pass
    rules = {f["rule"] for f in said["findings"]}
    assert {"tls/protocol", "tls/suite"} <= rules
    assert said["subjects"][0]["policies"] == {"aspect": "fail"}
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((host, int(port)), timeout=5)


def test_a_folder_with_something_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    assert run(["demo", "--keep", str(tmp_path)]) == ExitCode.USAGE
    assert run(["demo", "--keep", str(tmp_path / "mine")]) == ExitCode.USAGE


def test_a_step_that_fails_fails_the_demo() -> None:
    with pytest.raises(HardeningError, match="not clean"):
        story._expect(held=False, otherwise="the cleaned bundle is not clean")
