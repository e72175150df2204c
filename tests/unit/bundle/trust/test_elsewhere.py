"""Signatures that are made elsewhere, by plain openssl or in a token, and reports signed by the same means."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from bundle.trust import dsse, keys
from hardening.cli import run
from hardening.demo import specimen
from hardening.errors import ExitCode


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    path = tmp_path / "u.zip"
    path.write_bytes(specimen.bundle())
    assert run(["bundle", "sign", str(path), "--unsigned"]) == ExitCode.OK
    return path


def test_a_report_is_signed_and_verified(tmp_path: Path, bundle: Path) -> None:
    report = tmp_path / "audit.html"
    run(["bundle", "audit", str(bundle), "--format", "html", "-o", str(report)])
    key = tmp_path / "k"
    public = str(keys.write(keys.generate(), key, passphrase=None))
    verify = ["report", "verify", str(report), "--key", public]
    assert run(verify) == ExitCode.REFUSED
    assert run(["report", "sign", str(report), "--key", str(key)]) == ExitCode.OK
    assert run(["report", "sign", str(report), "--unsigned"]) == ExitCode.USAGE  # the signature would be lost
    assert run(verify) == ExitCode.OK
    assert run([*verify, "--threshold", "2"]) == ExitCode.REFUSED
    trust = tmp_path / "trust.toml"
    trust.write_text('[[key]]\nfile = "k.pub"\nrevoked = "laptop lost"\n')
    assert run(["report", "verify", str(report), "--trust", str(trust)]) == ExitCode.REFUSED
    report.write_bytes(report.read_bytes().replace(b"high", b"low", 1))
    assert run(verify) == ExitCode.REFUSED
    assert run(["report", "verify", str(tmp_path / "absent"), "--key", public]) == ExitCode.USAGE
    assert run(["report", "verify", str(report)]) == ExitCode.USAGE


def test_an_envelope_is_written_whole_or_stays_as_it_was(bundle: Path) -> None:
    """It holds the signatures of others: on a full disk the second one destroyed the first."""
    keys_ = [keys.generate(), keys.generate()]
    public = [keys.write(key, bundle.with_name(f"key{n}"), passphrase=None) for n, key in enumerate(keys_)]
    envelope, signature = bundle.with_name("u.zip.dsse.json"), bundle.with_name("sig")
    message = dsse.pae(dsse.IN_TOTO, dsse.parse(envelope.read_bytes()).payload)
    envelope.chmod(0o640)
    for number, (key, pub) in enumerate(zip(keys_, public, strict=True)):
        signature.write_bytes(keys.sign(key, message))
        add = ["bundle", "envelope", str(envelope), "--add", str(signature), "--key", str(pub)]
        if number == 0:
            assert run(add) == ExitCode.OK
            continue
        before = envelope.read_bytes()
        done = subprocess.run(
            [sys.executable, "-m", "hardening", *add],
            check=False, capture_output=True, text=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500)),
        )  # fmt: skip
        assert done.returncode == ExitCode.USAGE
        assert "cannot write" in done.stderr
        assert envelope.read_bytes() == before
        assert run(add) == ExitCode.OK
    verify = ["bundle", "verify", str(bundle), "--threshold", "2"]
    assert run([*verify, *(w for p in public for w in ("--key", str(p)))]) == ExitCode.OK
    assert envelope.stat().st_mode & 0o777 == 0o640
    assert not list(bundle.parent.glob(".*"))


def test_where_nothing_can_be_written_is_said_before_the_work(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        import_module("bundle.audit"), "audit", lambda *_args, **_more: pytest.fail("hours of work")
    )
    keys.write(keys.generate(), bundle.with_name("key"), passphrase=None)
    sign = ["bundle", "sign", str(bundle), "--key", str(bundle.with_name("key")), "--audit"]
    bundle.with_name("u.zip.audit.dsse.json").mkdir()
    assert run(sign) == ExitCode.USAGE
    salt = ["--cleaned-from", str(bundle), "--salt", str(bundle.parent / "none" / "salt")]
    assert run([*sign[:-1], *salt]) == ExitCode.USAGE
    for out in (["-o", str(bundle.parent / "none" / "c.zip")], ["-o", str(bundle.with_name("c.zip")), "--secrets", "/none/s"]):  # fmt: skip
        assert run(["bundle", "clean", str(bundle), *out]) == ExitCode.USAGE
    assert not bundle.with_name("c.zip").exists()


def test_a_result_without_its_list_of_secrets_is_not_kept(bundle: Path) -> None:
    out = bundle.with_name("c.zip")
    assert run(["bundle", "clean", str(bundle), "-o", str(out), "--secrets", "/dev/full"]) == ExitCode.USAGE
    assert not out.exists()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGHUP])
def test_a_job_that_is_ended_leaves_no_result_that_nobody_audited(bundle: Path, how: signal.Signals) -> None:
    """A pipeline that was cancelled left one, and the next run was refused."""
    out = bundle.with_name("c.zip")
    text = (
        "import os, importlib; a = importlib.import_module('bundle.audit'); whole = a.audit\n"
        f"def audit(paths, **more):\n    if paths[0].name == 'c.zip': os.kill(os.getpid(), {int(how)})\n"
        "    return whole(paths, **more)\n"
        "a.audit = audit; from hardening.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", text, "bundle", "clean", str(bundle), "-o", str(out)], check=False, capture_output=True
    )  # fmt: skip
    assert done.returncode == ExitCode.INTERRUPTED
    assert not out.exists()
    assert not list(bundle.parent.glob(".harden*"))
