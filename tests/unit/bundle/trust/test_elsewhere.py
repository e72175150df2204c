"""Signatures that are made elsewhere, by plain openssl or in a token, and reports signed by the same means."""

from __future__ import annotations

import os
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
from tests.support.programs import need


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    path = tmp_path / "u.zip"
    path.write_bytes(specimen.bundle())
    assert run(["bundle", "sign", str(path), "--unsigned"]) == ExitCode.OK
    return path


def openssl(*words: str | Path, **more: str) -> None:
    subprocess.run(
        [need("openssl"), *map(str, words)], check=True, capture_output=True, env={**os.environ, **more}
    )


def signed_with(bundle: Path, name: str, algorithm: str) -> Path:
    """Sign every envelope beside the bundle with a key that openssl made, and openssl alone; return the public key."""
    folder = bundle.parent
    key, public = folder / name, folder / f"{name}.pub"
    kind = ["ed25519"] if algorithm == "ed25519" else ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
    openssl("genpkey", "-algorithm", *kind, "-out", key)
    openssl("pkey", "-in", key, "-pubout", "-out", public)
    for envelope in folder.glob("*.dsse.json"):
        message, signature = folder / "message", folder / "signature"
        assert run(["bundle", "envelope", str(envelope), "--export", str(message)]) == ExitCode.OK
        if algorithm == "ed25519":
            openssl("pkeyutl", "-sign", "-inkey", key, "-rawin", "-in", message, "-out", signature)
        else:
            openssl("dgst", "-sha256", "-sign", key, "-out", signature, message)
        add = ["bundle", "envelope", str(envelope), "--add", str(signature), "--key", str(public)]
        assert run(add) == ExitCode.OK
    return public


@pytest.mark.parametrize("algorithm", keys.ALGORITHMS)
def test_openssl_signs_and_the_tool_verifies(bundle: Path, algorithm: str) -> None:
    verify = ["bundle", "verify", str(bundle), "--require", "inventory", "--key"]
    other = keys.write(keys.generate(), bundle.with_name("other"), passphrase=None)
    assert run([*verify, str(other)]) == ExitCode.REFUSED
    public = signed_with(bundle, "k", algorithm)
    assert run([*verify, str(public)]) == ExitCode.OK
    assert run([*verify, str(other)]) == ExitCode.REFUSED


def test_two_people_sign_one_after_the_other(bundle: Path) -> None:
    first, second = signed_with(bundle, "a", "ed25519"), signed_with(bundle, "b", "ecdsa-p256")
    verify = ["bundle", "verify", str(bundle), "--key", str(first), "--threshold", "2"]
    assert run(verify) == ExitCode.REFUSED
    assert run([*verify, "--key", str(second)]) == ExitCode.OK


def test_a_signature_that_is_not_the_keys_is_not_added(bundle: Path) -> None:
    public = signed_with(bundle, "k", "ed25519")
    envelope = bundle.with_name("u.zip.dsse.json")
    before = envelope.read_bytes()
    (bundle.parent / "signature").write_bytes(b"\0" * 64)
    add = [
        "bundle",
        "envelope",
        str(envelope),
        "--add",
        str(bundle.parent / "signature"),
        "--key",
        str(public),
    ]
    assert run(add) == ExitCode.REFUSED
    assert envelope.read_bytes() == before
    for words in ([], ["--export", "x", "--key", str(public)], ["--add", "x"]):
        assert run(["bundle", "envelope", str(envelope), *words]) == ExitCode.USAGE
    assert run(["bundle", "sign", str(bundle)]) == ExitCode.USAGE


class Token:
    """A token of SoftHSM's with a P-256 key that never leaves it."""

    def __init__(self, folder: Path) -> None:
        need("softhsm2-util")
        self._tool = need("pkcs11-tool")
        (folder / "tokens").mkdir()
        conf = folder / "softhsm.conf"
        conf.write_text(f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\n")
        self._environment = {**os.environ, "SOFTHSM2_CONF": str(conf)}
        self._module = next(Path("/usr/lib").glob("**/libsofthsm2.so"))
        init = ["--init-token", "--free", "--label", "release", "--so-pin", "0000", "--pin", "1234"]
        subprocess.run(["softhsm2-util", *init], check=True, capture_output=True, env=self._environment)
        self.run("--keypairgen", "--key-type", "EC:prime256v1", "--label", "signing", "--id", "01")

    def run(self, *words: str | Path) -> None:
        login = ["--module", self._module, "--token-label", "release", "--login", "--pin", "1234"]
        command = [self._tool, *map(str, login), *map(str, words)]
        subprocess.run(command, check=True, capture_output=True, env=self._environment)


def test_a_key_in_a_token_signs(bundle: Path) -> None:
    folder, token = bundle.parent, Token(bundle.parent)
    public = folder / "token.pub"
    token.run("--read-object", "--type", "pubkey", "--id", "01", "--output-file", folder / "der")
    openssl("pkey", "-pubin", "-inform", "DER", "-in", folder / "der", "-out", public)
    envelope, message, signature = bundle.with_name("u.zip.dsse.json"), folder / "m", folder / "s"
    assert run(["bundle", "envelope", str(envelope), "--export", str(message)]) == ExitCode.OK
    openssl("dgst", "-sha256", "-binary", "-out", folder / "hash", message)
    form = ["--mechanism", "ECDSA", "--signature-format", "openssl"]
    token.run("--sign", "--id", "01", *form, "--input-file", folder / "hash", "--output-file", signature)
    add = ["bundle", "envelope", str(envelope), "--add", str(signature), "--key", str(public)]
    assert run(add) == ExitCode.OK
    assert run(["bundle", "verify", str(bundle), "--key", str(public)]) == ExitCode.OK


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


def test_a_link_to_an_envelope_stays_a_link(bundle: Path, tmp_path: Path) -> None:
    envelope, store = bundle.with_name("u.zip.dsse.json"), tmp_path / "store.json"
    envelope.rename(store)
    envelope.symlink_to(store)
    public = signed_with(bundle, "k", "ed25519")
    assert envelope.is_symlink()
    assert run(["bundle", "verify", str(bundle), "--key", str(public)]) == ExitCode.OK


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
