"""Keys that are not what was asked for, or that no host could verify with, are one clear error each."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bundle.trust import keys
from hardening.cli import run
from hardening.errors import ExitCode, UsageError


def test_a_key_that_is_to_be_encrypted_and_not_to_be_is_not_made(tmp_path: Path) -> None:
    """The passphrase was not heeded, and the key lay there for everybody who reads the disk."""
    secret, key = tmp_path / "passphrase", tmp_path / "release.key"
    secret.write_text("correct horse\n")
    keygen = ["bundle", "keygen", "--out", str(key), "--passphrase-file", str(secret)]
    assert run([*keygen, "--no-passphrase"]) == ExitCode.USAGE
    secret.write_text("x" * 1024)
    assert run(keygen) == ExitCode.USAGE  # longer than OpenSSL reads: it was an internal error
    assert not key.exists()
    secret.write_text("x" * 1023)
    assert run(keygen) == ExitCode.OK
    keys.load_private(key, passphrase=b"x" * 1023)


@pytest.mark.parametrize("curve", [ec.SECP384R1(), ec.SECP256K1(), ec.SECP521R1()])
def test_a_key_that_no_host_can_verify_with_signs_nothing(tmp_path: Path, curve: ec.EllipticCurve) -> None:
    """Such signatures held here, and every host refused the key as no key of its kinds."""
    key = ec.generate_private_key(curve)
    path, public = tmp_path / "k", tmp_path / "k.pub"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    public.write_bytes(
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    with pytest.raises(UsageError, match="not an Ed25519 or ECDSA key"):
        keys.load_private(path)
    with pytest.raises(UsageError, match="not an Ed25519 or ECDSA key"):
        keys.load_public(public)


@pytest.mark.parametrize(
    ("begin", "whose"),
    [("OPENSSH PRIVATE KEY", "OpenSSH"), ("ENCRYPTED SIGSTORE PRIVATE KEY", "cosign")],
)
def test_a_key_in_another_programs_form_is_called_that(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], begin: str, whose: str
) -> None:
    """It was called damaged, or its passphrase wrong: one tries passphrases for an hour."""
    path, bundle = tmp_path / "k", tmp_path / "x.zip"
    path.write_text(f"-----BEGIN {begin}-----\nAAAA\n-----END {begin}-----\n")
    bundle.write_text("x")
    assert run(["bundle", "sign", str(bundle), "--key", str(path)]) == ExitCode.USAGE
    assert f"a private key in {whose}'s own form" in capsys.readouterr().err


def test_the_key_whose_passphrase_is_asked_for_is_named_and_odd_letters_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A terminal of Latin-1 under a locale of UTF-8 was an internal error; of three keys nobody knew which was meant."""
    key, bundle, asked = tmp_path / "release.key", tmp_path / "x.zip", []
    keys.write(keys.generate(), key, passphrase=b"correct")
    bundle.write_text("x")

    def prompt(text: str, **_how: object) -> str:
        asked.append(text)
        if len(asked) == 1:
            return "correct"
        return b"p\xe4ss".decode()

    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("click.prompt", prompt)
    sign = ["bundle", "sign", str(bundle), "--key", str(key)]
    assert run(sign) == ExitCode.OK
    assert run(sign) == ExitCode.USAGE
    assert "not in the encoding of the locale" in capsys.readouterr().err
    assert asked == [f"Passphrase of the key {key}"] * 2
