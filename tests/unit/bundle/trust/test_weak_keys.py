"""Ed25519 keys of small order: anybody can sign for them, so both verifiers refuse them when they are loaded."""

from __future__ import annotations

import base64
import json
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bundle.trust import keys, policy, repository, statement
from bundle.trust.inventory import inventory
from bundle.trust.repository import Signers
from bundle.trust.verify import signature_of
from hardening.cli import run
from hardening.errors import ExitCode, RefusedError, UsageError
from hardening.onhost.verifier import ed25519, envelope, main, problems
from hardening.onhost.verifier import keys as host_keys

P = ed25519.P
SIGN = 1 << 255


def _eighth() -> tuple[int, int]:
    """Return a point of order 8: a point of the curve times the order of the large group, until it is one."""
    y = 2
    while True:
        x = ed25519._x(y, 0)
        if x is not None:
            found = ed25519._times(ed25519.L, (x, y, 1, x * y % P))
            if (
                ed25519._times(4, found)[0] % P
                or (ed25519._times(4, found)[1] - ed25519._times(4, found)[2]) % P
            ):
                inverse = pow(found[2], P - 2, P)
                return found[0] * inverse % P, found[1] * inverse % P
        y += 1


def _encodings() -> list[bytes]:
    """Return every 32 bytes that some program decodes to one of the eight points: canonical or not."""
    x, y = _eighth()
    values = set()
    point = (x, y, 1, x * y % P)
    for k in range(8):
        found = ed25519._times(k, point)
        inverse = pow(found[2], P - 2, P)
        small = found[1] * inverse % P
        values |= {v | sign for v in (small, small + P) if v < SIGN for sign in (0, SIGN)}
    return [v.to_bytes(32, "little") for v in sorted(values)]


ENCODINGS = _encodings()


def pem(raw: bytes, folder: Path) -> Path:
    path = folder / "weak.pub"
    body = base64.b64encode(host_keys._ED + raw).decode()
    path.write_text(f"-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n")
    return path


def test_there_are_as_many_as_there_can_be() -> None:
    # five values of y, of which 0 and 1 have a second form below 2**255, each with either sign
    assert len(ENCODINGS) == 14
    assert bytes([1, *[0] * 31]) in ENCODINGS


@pytest.mark.parametrize("raw", ENCODINGS, ids=lambda raw: raw.hex()[:8] + raw.hex()[-4:])
def test_each_is_refused_by_both_with_one_line(
    tmp_path: Path, raw: bytes, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = pem(raw, tmp_path)
    with pytest.raises(UsageError, match="weak Ed25519 key"):
        keys.load_public(path)
    (tmp_path / "u.zip").write_bytes(b"x")
    monkeypatch.setattr(sys, "argv", ["verifier.pyz", str(tmp_path / "u.zip"), "--key", str(path)])
    assert main.main() == 2
    assert capsys.readouterr().err == (
        f"verifier: {path}: a weak Ed25519 key (small order): anybody can sign for it\n"
    )


def test_a_good_key_is_not_weak(tmp_path: Path) -> None:
    for number in range(20):
        public = keys.write(keys.generate(), tmp_path / f"k{number}", passphrase=None)
        keys.load_public(public)
        host_keys.load_key(str(public))


def test_a_key_that_is_no_point_never_verifies_on_the_host(tmp_path: Path) -> None:
    none = next(y for y in range(2, 99) if ed25519._x(y, 0) is None)
    with pytest.raises(problems.Usage, match="weak Ed25519 key"):
        host_keys.load_key(str(pem(none.to_bytes(32, "little"), tmp_path)))


def test_a_forged_bundle_is_refused_by_every_way_to_name_the_key(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The signature 01 00..00 holds for everything under the key 01 00..00."""
    weak = pem(bytes([1, *[0] * 31]), tmp_path)
    bundle = tmp_path / "u.zip"
    with zipfile.ZipFile(bundle, "w") as archive:
        archive.writestr("VERSION", "99")
    said = statement.state(
        bundle, inventory(bundle), created=datetime.now(UTC), product="aspect", release="99"
    )
    forged = base64.b64encode(bytes([1, *[0] * 63])).decode()
    payload = base64.b64encode(said.to_bytes()).decode()
    signature_of(bundle).write_text(
        json.dumps({"payloadType": envelope.TYPE, "payload": payload, "signatures": [{"sig": forged}]})
    )
    trust = tmp_path / "trust.toml"
    trust.write_text('threshold = 1\n[[key]]\nfile = "weak.pub"\n')
    with pytest.raises(UsageError, match="weak Ed25519 key"):
        policy.load(trust)
    for named in (["--key", str(weak)], ["--trust", str(trust)]):
        assert run(["bundle", "verify", str(bundle), *named]) == ExitCode.USAGE
        told = capfd.readouterr().err
        assert "anybody can sign for it" in told
        assert "Traceback" not in told


def test_metadata_that_trust_one_are_refused(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    good = keys.generate()
    signers = Signers([good], [good], [good])
    root = repository.init(tmp_path / "repo", signers, threshold={}, now=now)
    file = tmp_path / "u.zip"
    file.write_bytes(b"x")
    repository.add(tmp_path / "repo", [file], signers, now=now)
    raw = json.loads(root.read_text())
    key = {"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": bytes([1, *[0] * 31]).hex()}}
    raw["signed"]["keys"]["f" * 64] = key
    root.write_text(json.dumps(raw))
    with pytest.raises(RefusedError, match="weak Ed25519 key"):
        repository.fetch(tmp_path / "repo", "u.zip", root=root, state=tmp_path / "s", out=tmp_path / "o")
    assert not (tmp_path / "o").exists()
    with pytest.raises(RefusedError, match="weak Ed25519 key"):
        repository.refresh(tmp_path / "repo", signers, now=now)


def test_a_later_root_that_trusts_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime.now(UTC)
    good = keys.generate()
    signers = Signers([good], [good], [good])
    root = repository.init(tmp_path / "repo", signers, threshold={}, now=now)
    file = tmp_path / "u.zip"
    file.write_bytes(b"x")
    repository.add(tmp_path / "repo", [file], signers, now=now)
    public = tmp_path / "weak.pub"
    pem(bytes([1, *[0] * 31]), tmp_path)
    with monkeypatch.context() as patch:  # the signer was led to add it by a program that does not look
        patch.setattr(keys, "weak", lambda _raw: False)
        repository.rotate(
            tmp_path / "repo",
            "root",
            [keys.load_public(public), good.public_key()],
            signers,
            threshold=1,
            now=now,
        )
    with pytest.raises(RefusedError, match=r"2\.root\.json: the key .* is a weak Ed25519 key"):
        repository.fetch(tmp_path / "repo", "u.zip", root=root, state=tmp_path / "s", out=tmp_path / "o")
    assert list((tmp_path / "o").iterdir()) == []
