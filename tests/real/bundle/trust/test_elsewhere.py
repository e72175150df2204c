"""Signatures that are made elsewhere, by plain openssl or in a token, and reports signed by the same means."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from bundle.trust import keys
from hardening.cli import run
from hardening.errors import ExitCode
from tests.support.programs import need
from tests.unit.bundle.trust.test_elsewhere import bundle

__all__ = ["bundle"]


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


def test_a_link_to_an_envelope_stays_a_link(bundle: Path, tmp_path: Path) -> None:
    envelope, store = bundle.with_name("u.zip.dsse.json"), tmp_path / "store.json"
    envelope.rename(store)
    envelope.symlink_to(store)
    public = signed_with(bundle, "k", "ed25519")
    assert envelope.is_symlink()
    assert run(["bundle", "verify", str(bundle), "--key", str(public)]) == ExitCode.OK
