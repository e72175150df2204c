"""A trust file says whom to trust and until when; an empty or misspelt one is an error, never a pass."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from bundle.trust import dsse, keys, policy
from hardening.cli import run
from hardening.errors import DataError, ExitCode, RefusedError

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
def two(tmp_path: Path) -> tuple[keys.PrivateKey, keys.PrivateKey]:
    made = (keys.generate(), keys.generate("ecdsa-p256"))
    for name, key in zip(("a", "b"), made, strict=True):
        keys.write(key, tmp_path / name, passphrase=None)
    return made


def said(folder: Path, text: str) -> policy.TrustPolicy:
    (folder / "trust.toml").write_text(text)
    return policy.load(folder / "trust.toml")


def test_keys_with_validity_and_threshold(
    tmp_path: Path, two: tuple[keys.PrivateKey, keys.PrivateKey]
) -> None:
    text = 'threshold = 2\n[[key]]\nfile = "a.pub"\nnot_before = 2026-01-01\n[[key]]\nfile = "b.pub"\nnot_after = 2026-11-24\n'
    loaded = said(tmp_path, text)
    assert loaded.threshold == 2
    assert [keys.keyid(k) for k in loaded.usable(NOW)] == [keys.keyid(k.public_key()) for k in two]
    assert "expired on 2026-11-24" in loaded.objections(datetime(2026, 11, 25, tzinfo=UTC))
    assert "is not valid before 2026-01-01" in loaded.objections(datetime(2025, 12, 31, tzinfo=UTC))
    assert loaded.trusted[1].not_after == date(2026, 11, 24)


def test_a_rotated_key_counts_beside_the_old_one(
    tmp_path: Path, two: tuple[keys.PrivateKey, keys.PrivateKey]
) -> None:
    old, new = two
    envelope = dsse.seal(b"statement", new)
    rotated = said(tmp_path, '[[key]]\nfile = "a.pub"\nrevoked = "laptop lost"\n[[key]]\nfile = "b.pub"\n')
    assert envelope.verify(rotated.usable(NOW)) == (keys.keyid(new.public_key()),)
    with pytest.raises(RefusedError, match="0 of 1"):
        dsse.seal(b"statement", old).verify(rotated.usable(NOW))


def test_a_signature_that_names_another_key_does_not_count(
    two: tuple[keys.PrivateKey, keys.PrivateKey],
) -> None:
    made = dsse.seal(b"statement", two[0])
    named = dsse.Envelope(
        made.payload_type, made.payload, (dsse.Signature("0" * 64, made.signatures[0].sig),)
    )
    unnamed = dsse.Envelope(made.payload_type, made.payload, (dsse.Signature("", made.signatures[0].sig),))
    with pytest.raises(RefusedError):
        named.verify([two[0].public_key()])
    assert unnamed.verify([two[0].public_key()])


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("threshold = 2\n[[key]]\nfile = 'a.pub'\n", "threshold"),
        ("threshold = 0\n[[key]]\nfile = 'a.pub'\n", "threshold"),
        ("[[key]]\nfile = 'a.pub'\nexpires = 2026-01-01\n", "expires"),
        ("[[key]]\nfile = 'a.pub'\n[[key]]\nfile = 'a.pub'\n", "is named twice"),
        ("treshold = 2\n[[key]]\nfile = 'a.pub'\n", "treshold"),
        ("[[key]]\n", "file"),
        ("[[key]]\nfile = 'a.pub'\nnot_after = 'soon'\n", "not_after"),
        ("[[key]]\nfile = 'a.pub'\nrevoked = ''\n", "revoked: has to say why"),
    ],
)
@pytest.mark.usefixtures("two")
def test_a_wrong_trust_file_is_an_error(tmp_path: Path, text: str, word: str) -> None:
    with pytest.raises(DataError, match=word):
        said(tmp_path, text)


@pytest.mark.parametrize("text", ["", "threshold = 1\n", "# nobody\n"])
def test_an_empty_policy_is_a_refusal(tmp_path: Path, text: str) -> None:
    (tmp_path / "x").write_text("x")
    (tmp_path / "trust.toml").write_text(text)
    assert (
        run(["bundle", "verify", str(tmp_path / "x"), "--trust", str(tmp_path / "trust.toml")])
        == ExitCode.REFUSED
    )


@pytest.mark.parametrize("verb", ["bundle", "report"])
def test_a_threshold_beside_a_trust_file_asks_for_more_and_never_for_fewer(
    tmp_path: Path, two: tuple[keys.PrivateKey, keys.PrivateKey], verb: str
) -> None:
    """It was taken and not heeded: a bundle with one signature held where two were asked for."""
    path, trust = tmp_path / "x.zip", tmp_path / "trust.toml"
    path.write_text("x")
    trust.write_text('[[key]]\nfile = "a.pub"\n[[key]]\nfile = "b.pub"\n')
    assert run([verb, "sign", str(path), "--key", str(tmp_path / "a")]) == ExitCode.OK
    verify = [verb, "verify", str(path), "--trust", str(trust), "--threshold"]
    assert run([*verify, "1"]) == ExitCode.OK
    assert run([*verify, "2"]) == ExitCode.REFUSED
    assert run([*verify, "3"]) == ExitCode.USAGE
    trust.write_text("threshold = 2\n" + trust.read_text())
    assert run([*verify, "1"]) == ExitCode.REFUSED
    assert len(two) == 2


def test_one_of_key_and_trust(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("x")
    assert run(["bundle", "verify", str(tmp_path / "x")]) == ExitCode.USAGE
