"""A signed bundle verifies; any change to it, to its signature or to the time does not."""

from __future__ import annotations

import base64
import io
import json
import os
import random
import signal
import tarfile
import threading
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from bundle.trust import dsse, keys, statement
from bundle.trust.digest import Early, digest
from bundle.trust.inventory import first_difference, inventory, top_level
from bundle.trust.toplevel import members
from bundle.trust.verify import signature_of, verify
from hardening.errors import ExitCode, HardeningError, InputError, RefusedError, UsageError
from hardening.findings import Run, Verdict

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def a_tar(mode: int = 0o644, order: tuple[str, ...] = ("a.php", "b.php"), body: bytes = b"<?php\n") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name in order:
            info = tarfile.TarInfo(f"www/{name}")
            info.size, info.mode, info.mtime = len(body), mode, 1_700_000_000
            archive.addfile(info, io.BytesIO(body))
    return out.getvalue()


def a_bundle(path: Path, **inner: Any) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("install.sh"), b"#!/bin/sh\n" * 20)
        archive.writestr(zipfile.ZipInfo("payload/web.tar.gz"), a_tar(**inner))
    return path


def sign(
    path: Path, key: keys.PrivateKey, *, created: datetime = NOW, expires: datetime | None = None
) -> Path:
    said = statement.state(path, inventory(path), created=created, expires=expires, release="3.07.02")
    signature_of(path).write_bytes(dsse.seal(said.to_bytes(), key).to_bytes())
    return path


@pytest.fixture
def key() -> keys.PrivateKey:
    return keys.generate()


@pytest.fixture
def signed(tmp_path: Path, key: keys.PrivateKey) -> Path:
    return sign(a_bundle(tmp_path / "upgrade.zip"), key)


def check(path: Path, key: keys.PrivateKey, **how: Any) -> Run:
    return verify(path, [key.public_key()], now=how.pop("now", NOW), **how)


def refused(run: Run) -> str:
    assert run.exit_code() is ExitCode.REFUSED
    (finding,) = run.findings
    return f"{finding.rule.id}: {finding.message}"


@pytest.mark.parametrize("algorithm", keys.ALGORITHMS)
def test_what_was_signed_verifies(tmp_path: Path, algorithm: str) -> None:
    key = keys.generate(algorithm)
    run = check(sign(a_bundle(tmp_path / "u.zip"), key), key)
    assert run.exit_code() is ExitCode.OK
    assert {r.verdict for r in run.results} == {Verdict.PASS}
    assert run.subjects[0].stats["signers"] == [keys.keyid(key.public_key())]
    assert run.subjects[0].stats["members"] == 4


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"mode": 0o755}, "payload/web.tar.gz!/www/a.php was changed (mode 0644 to 0755)"),
        ({"order": ("a.php",)}, "payload/web.tar.gz!/www/b.php was removed"),
        ({"order": ("a.php", "b.php", "c.php")}, "payload/web.tar.gz!/www/c.php was added"),
        ({"order": ("b.php", "a.php")}, "payload/web.tar.gz!/www/a.php was removed or moved"),
        ({"body": b"<?PHP\n"}, "payload/web.tar.gz!/www/a.php was changed (content)"),
    ],
)
def test_the_first_difference_is_named(
    signed: Path, key: keys.PrivateKey, change: dict[str, Any], said: str
) -> None:
    a_bundle(signed, **change)
    outer, inner = refused(check(signed, key)).removeprefix("trust/content: ").split(": ", 1)
    assert outer.startswith("payload/web.tar.gz was changed (")
    assert inner.startswith(said)


def test_a_damaged_archive_is_named_before_what_it_seems_to_hold(signed: Path, key: keys.PrivateKey) -> None:
    data = a_tar()
    with zipfile.ZipFile(signed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("install.sh"), b"#!/bin/sh\n" * 20)
        archive.writestr(zipfile.ZipInfo("payload/web.tar.gz"), data[:-8] + bytes(8))
    assert refused(check(signed, key)).startswith("trust/content: payload/web.tar.gz was changed (content")


def test_each_flipped_bit_is_refused(signed: Path, key: keys.PrivateKey) -> None:
    rng = random.Random(6360)
    good = signed.read_bytes()
    for _ in range(60):
        bad = bytearray(good)
        bad[rng.randrange(len(bad))] ^= 1 << rng.randrange(8)
        signed.write_bytes(bad)
        assert refused(check(signed, key)).startswith("trust/content: ")


def test_appended_and_missing_bytes_are_refused(signed: Path, key: keys.PrivateKey) -> None:
    good = signed.read_bytes()
    signed.write_bytes(good + b"\0")
    refused(check(signed, key))
    signed.write_bytes(good[:-30])
    refused(check(signed, key))


def _other_type(envelope: dict[str, Any]) -> None:
    envelope["payloadType"] = "text/plain"


def _no_signatures(envelope: dict[str, Any]) -> None:
    envelope["signatures"] = []


def _newer_payload(envelope: dict[str, Any]) -> None:
    said = json.loads(base64.b64decode(envelope["payload"]))
    said["predicate"]["release"] = "9.99"
    envelope["payload"] = base64.b64encode(json.dumps(said).encode()).decode()


@pytest.mark.parametrize(
    "change",
    [
        {"created": "2026-11-29T00:00:00"}, {"expires": "2099-01-01"}, {"size": float("inf")}, {"size": []}, {"members": 7},
        {"created": 7},
    ],
)  # fmt: skip
def test_a_statement_that_makes_no_sense_is_refused(
    signed: Path, key: keys.PrivateKey, change: dict[str, Any]
) -> None:
    """Envelopes may be made elsewhere."""
    said = json.loads(base64.b64decode(json.loads(signature_of(signed).read_bytes())["payload"]))
    said["predicate"].update(change)
    signature_of(signed).write_bytes(dsse.seal(json.dumps(said).encode(), key).to_bytes())
    assert "malformed" in refused(check(signed, key))


@pytest.mark.parametrize("change", [_other_type, _no_signatures, _newer_payload])
def test_a_changed_envelope_is_refused(
    signed: Path, key: keys.PrivateKey, change: Callable[[dict[str, Any]], None]
) -> None:
    envelope = json.loads(signature_of(signed).read_bytes())
    change(envelope)
    signature_of(signed).write_text(json.dumps(envelope))
    assert refused(check(signed, key)).startswith("trust/signature: ")


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"\xff\xfe", b'{"payload": 1}', b"[" * 100_000,
    b'{"payloadType": "\\ud800", "payload": "", "signatures": [{"sig": "AA=="}]}'])  # fmt: skip
def test_a_file_that_is_no_envelope_is_refused(signed: Path, key: keys.PrivateKey, data: bytes) -> None:
    signature_of(signed).write_bytes(data)
    assert "not a DSSE envelope" in refused(check(signed, key))


def test_without_a_signature_it_is_refused(signed: Path, key: keys.PrivateKey) -> None:
    signature_of(signed).unlink()
    assert "no signature" in refused(check(signed, key))


def test_another_key_is_refused(signed: Path) -> None:
    assert "0 of 1 needed signatures" in refused(check(signed, keys.generate()))


def test_a_changed_envelope_is_told_from_one_that_somebody_else_signed() -> None:
    ours, theirs = keys.generate(), keys.generate()
    our_id, their_id = keys.keyid(ours.public_key())[:16], keys.keyid(theirs.public_key())[:16]
    sealed = dsse.seal(b"{}", ours)
    with pytest.raises(RefusedError, match=f"key; signed by {our_id}, trusted: {their_id}$"):
        sealed.verify([theirs.public_key()])
    with pytest.raises(RefusedError, match=f"key; the one by {our_id}, which is trusted, does not hold$"):
        replace(sealed, payload=b"[]").verify([ours.public_key(), theirs.public_key()])
    unnamed = replace(sealed, signatures=(dsse.Signature("", sealed.signatures[0].sig),))
    with pytest.raises(RefusedError, match=r"signatures are made with a trusted key$"):
        unnamed.verify([theirs.public_key()])
    steering = replace(sealed, signatures=(dsse.Signature("\x1b[2J" + "a" * 9_000, b""),) * 50)
    with pytest.raises(RefusedError) as refusal:
        steering.verify([ours.public_key()])
    assert "\x1b" not in str(refusal.value)
    assert len(str(refusal.value)) < 200


def test_no_trusted_key_is_refused(signed: Path) -> None:
    assert "no key is trusted" in refused(verify(signed, [], now=NOW))


def test_one_key_that_signs_twice_is_not_two(signed: Path, key: keys.PrivateKey) -> None:
    envelope = json.loads(signature_of(signed).read_bytes())
    envelope["signatures"] *= 2
    signature_of(signed).write_text(json.dumps(envelope))
    run = verify(signed, [key.public_key(), keys.generate().public_key()], threshold=2, now=NOW)
    assert "1 of 2 needed signatures" in refused(run)


def test_time(tmp_path: Path, key: keys.PrivateKey) -> None:
    path = sign(a_bundle(tmp_path / "u.zip"), key, expires=NOW + timedelta(days=30))
    assert check(path, key, now=NOW + timedelta(days=29)).exit_code() is ExitCode.OK
    assert "expired on 2026-12-24" in refused(check(path, key, now=NOW + timedelta(days=31)))
    assert "before the signature" in refused(check(path, key, now=NOW - timedelta(days=1)))


def test_a_statement_of_another_kind_is_refused() -> None:
    with pytest.raises(RefusedError, match="unknown statement"):
        statement.parse(
            json.dumps({"_type": statement.STATEMENT, "predicateType": "x", "predicate": {}}).encode()
        )
    with pytest.raises(RefusedError, match="malformed"):
        statement.parse(b"{}")


def test_keys_are_encrypted_private_and_never_overwritten(tmp_path: Path, key: keys.PrivateKey) -> None:
    public = keys.write(key, tmp_path / "k", passphrase=b"correct horse")
    assert (tmp_path / "k").stat().st_mode & 0o777 == 0o600
    assert keys.is_encrypted(tmp_path / "k")
    again = keys.load_private(tmp_path / "k", passphrase=b"correct horse")
    assert keys.keyid(again.public_key()) == keys.keyid(keys.load_public(public))
    with pytest.raises(UsageError, match="exists already"):
        keys.write(key, tmp_path / "k", passphrase=None)


@pytest.mark.parametrize(
    ("load", "said"),
    [
        (lambda f: keys.load_private(f / "k"), "the key is encrypted"),
        (lambda f: keys.load_private(f / "k", passphrase=b"wrong"), "wrong passphrase"),
        (lambda f: keys.load_private(f / "k.pub"), "not a private key"),
        (lambda f: keys.load_public(f / "k"), "a private key"),
        (lambda f: keys.load_public(f / "rsa.pub"), "not an Ed25519 or ECDSA key"),
        (lambda f: keys.load_public(f / "absent"), "No such file"),
        (keys.load_public, "directory"),
    ],
)
def test_a_wrong_key_file_is_one_clear_error(
    tmp_path: Path, key: keys.PrivateKey, load: Callable[[Path], object], said: str
) -> None:
    from cryptography.hazmat.primitives.asymmetric import rsa

    keys.write(key, tmp_path / "k", passphrase=b"x")
    pem = (
        rsa.generate_private_key(65537, 2048)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    (tmp_path / "rsa.pub").write_bytes(pem)
    with pytest.raises(HardeningError, match=said):
        load(tmp_path)


def test_an_absent_bundle_is_a_usage_error(tmp_path: Path, key: keys.PrivateKey) -> None:
    for path in (tmp_path / "absent.zip", tmp_path):
        with pytest.raises(InputError):
            check(path, key)


def test_a_member_nobody_can_look_into_is_signed_by_its_digest(tmp_path: Path, key: keys.PrivateKey) -> None:
    path = tmp_path / "u.zip"
    for body in (a_tar()[:-40], b"\x5d\0\0\x80\0" + bytes(range(200))):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("inner", body)
        sign(path, key)
        assert check(path, key).exit_code() is ExitCode.OK
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(HardeningError):
        sign(path, key)


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_whichever_byte_is_changed_the_bundle_is_refused(tmp_path: Path, method: int) -> None:
    """Each decompressor has its own word for what is damaged."""
    rng, path, key = random.Random(1), tmp_path / "upgrade.zip", keys.generate()
    text = b"".join(b"line %d of text %d\n" % (n, rng.randrange(10**9)) for n in range(3000))
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("a.txt", text)
        archive.writestr("b.txt", b"x" * 100)
    said = statement.state(path, members, created=NOW, nested=False)
    signature_of(path).write_bytes(dsse.seal(said.to_bytes(), key).to_bytes())
    whole = path.read_bytes()
    for at in range(0, len(whole), len(whole) // 40):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        assert refused(check(path, key)).startswith("trust/content: ")


def test_names_that_are_not_in_the_encoding_they_claim_are_listed_by_the_walker(tmp_path: Path) -> None:
    path = tmp_path / "upgrade.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("n\u00e4me", "x")
    path.write_bytes(path.read_bytes().replace("n\u00e4me".encode(), b"n\xff\xfeme"))
    assert list(members(path)) == list(top_level(path))


@pytest.mark.parametrize("time", ["nan", "inf", "-inf", "1e999"])
def test_a_time_that_is_none_is_as_it_was_signed(tmp_path: Path, time: str) -> None:
    """Not a number is unequal to itself, and JSON has no word for it."""
    path = tmp_path / "upgrade.tar"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("a")
        info.pax_headers = {"mtime": time}
        archive.addfile(info)
    (item,) = inventory(path)
    assert item.mtime is None
    signed = json.loads(json.dumps([item.to_json()], allow_nan=False))
    assert first_difference(signed, inventory(path)) == ""


def test_a_digest_that_was_begun_early_is_the_one_that_is_made_late(tmp_path: Path) -> None:
    path, none = a_bundle(tmp_path / "upgrade.zip"), tmp_path / "none"
    with Early(path) as early:
        assert early.result() == digest(path)
    with Early(none) as early, pytest.raises(InputError, match="none: No such file"):
        early.result()
    before = children()
    with Early(path):
        assert len(children() - before) == 1
    assert children() == before  # nobody asked, and nobody is left behind


def test_whoever_interrupts_a_digest_is_told_so(tmp_path: Path) -> None:
    """The descriptor that was closed on the way is not closed again: it may be another file's by then."""
    path = tmp_path / "upgrade.zip"
    path.touch()
    os.truncate(path, 64 << 30)  # of nothing: longer to read than it takes to stop who reads it

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before, handler = children(), signal.signal(signal.SIGALRM, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt), Early(path) as early:  # noqa: PT012 - the signal comes in `result`
            (child,) = children() - before
            os.kill(int(child), signal.SIGSTOP)
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            early.result()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
    assert children() == before


def children() -> set[str]:
    return set(Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split())


def test_a_key_is_written_with_its_public_half_or_not_at_all(tmp_path: Path, key: keys.PrivateKey) -> None:
    long = tmp_path / ("k" * 253)  # the name of the public half is longer than a name may be
    with pytest.raises(UsageError, match="cannot write"):
        keys.write(key, long, passphrase=None)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UsageError, match="cannot write"):
        keys.write(key, tmp_path / ("k" * 300), passphrase=None)
