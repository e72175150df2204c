"""Seeded ways to tamper with a signed bundle; each says what a refusal of it has to name."""

from __future__ import annotations

import base64
import io
import json
import random
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bundle.trust import dsse, keys, statement
from bundle.trust.inventory import inventory

Spec = dict[str, tuple[bytes, int, int]]
"""Name to content, mode and time."""


@dataclass
class Case:
    """A signed bundle and everything an attacker may touch."""

    bundle: Path
    signature: Path
    trust: Path
    key: keys.PrivateKey
    rng: random.Random
    inner: Spec
    zipped: bool
    """Whether the bundle is a zip around a tar.gz; else it is that tar.gz."""
    old_envelope: bytes = b""
    names: list[str] = field(default_factory=list)

    def remake(self, inner: Spec) -> None:
        self.bundle.write_bytes(packed(inner, zipped=self.zipped))

    def flip(self, start: int, end: int) -> None:
        data = bytearray(self.bundle.read_bytes())
        data[self.rng.randrange(start, end)] ^= 1 << self.rng.randrange(8)
        self.bundle.write_bytes(data)

    def envelope(self) -> dict[str, Any]:
        made: dict[str, Any] = json.loads(self.signature.read_bytes())
        return made

    def sign(
        self, key: keys.PrivateKey, *, created: datetime | None = None, expires: datetime | None = None
    ) -> None:
        created = created or datetime.now(UTC)
        said = statement.state(self.bundle, inventory(self.bundle), created=created, expires=expires)
        self.signature.write_bytes(dsse.seal(said.to_bytes(), key).to_bytes())


def packed(inner: Spec, *, zipped: bool, seed: int = 1) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, (data, mode, mtime) in inner.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode, info.mtime = len(data), mode, mtime
            archive.addfile(info, io.BytesIO(data))
    if not zipped:
        return out.getvalue()
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("install.sh"), b"#!/bin/sh\nexec true\n")
        archive.writestr(zipfile.ZipInfo("payload/web.tar.gz"), out.getvalue())
        archive.writestr(zipfile.ZipInfo("README"), random.Random(seed).randbytes(300))
    return whole.getvalue()


def make(folder: Path, seed: int) -> Case:
    """Return a freshly signed bundle, in the same words for the same seed."""
    rng = random.Random(seed)
    inner: Spec = {
        f"www/{n}.php": (b"<?php // " + rng.randbytes(40 + 30 * n).hex().encode(), 0o644, 1_600_000_000 + n)
        for n in range(rng.randrange(3, 7))
    }
    key = keys.generate(keys.ALGORITHMS[seed % 2])
    zipped = seed % 3 != 0
    bundle = folder / ("upgrade.zip" if zipped else "upgrade.tar.gz")
    signature, trust = bundle.with_name(bundle.name + ".dsse.json"), folder / "trust.toml"
    for path in (folder / "k", folder / "k.pub"):
        path.unlink(missing_ok=True)
    keys.write(key, folder / "k", passphrase=None)
    trust.write_text('[[key]]\nfile = "k.pub"\n')
    case = Case(bundle, signature, trust, key, rng, inner, zipped, names=list(inner))
    case.remake({name: (data + b" old", mode, mtime) for name, (data, mode, mtime) in inner.items()})
    case.sign(key)
    case.old_envelope = signature.read_bytes()
    case.remake(inner)
    case.sign(key)
    return case


# --- the bundle's bytes


def flip_first_third(case: Case) -> str:
    case.flip(0, case.bundle.stat().st_size // 3)
    return "trust/content"


def flip_middle(case: Case) -> str:
    size = case.bundle.stat().st_size
    case.flip(size // 3, 2 * size // 3)
    return "trust/content"


def flip_directory(case: Case) -> str:
    data = case.bundle.read_bytes()
    start = data.find(b"PK\x01\x02") if case.zipped else len(data) - 8
    case.flip(start, len(data))
    return "trust/content"


def append(case: Case) -> str:
    case.bundle.write_bytes(case.bundle.read_bytes() + case.rng.randbytes(case.rng.randrange(1, 400)))
    return "trust/content"


def prepend(case: Case) -> str:
    case.bundle.write_bytes(b"#!/bin/sh\nexit 0\n" + case.bundle.read_bytes())
    return "trust/content"


def truncate(case: Case) -> str:
    data = case.bundle.read_bytes()
    case.bundle.write_bytes(data[: -case.rng.randrange(1, len(data))])
    return "trust/content"


def two_directories(case: Case) -> str:
    """Two readings of one file: a second directory, of another zip, behind the first."""
    other = packed({"www/evil.php": (b"<?php evil();", 0o644, 1)}, zipped=True, seed=2)
    first = case.bundle.read_bytes()
    case.bundle.write_bytes(
        first + other[other.find(b"PK\x01\x02") :] if case.rng.random() < 0.5 else first + other
    )
    return "trust/content"


# --- the members


def _one(case: Case) -> str:
    return case.rng.choice(case.names)


def swap_members(case: Case) -> str:
    first, second = case.rng.sample(case.names, 2)
    case.remake({**case.inner, first: case.inner[second], second: case.inner[first]})
    return min(first, second)


def reorder(case: Case) -> str:
    case.remake(dict(reversed(case.inner.items())))
    return "moved"


def change_mode(case: Case) -> str:
    name = _one(case)
    data, mode, mtime = case.inner[name]
    wanted = case.rng.choice([0o4755, 0o666, 0o777, 0o2644])
    case.remake({**case.inner, name: (data, wanted, mtime)})
    return f"{name} was changed (mode {mode:04o} to {wanted:04o})"


def change_time(case: Case) -> str:
    name = _one(case)
    data, mode, mtime = case.inner[name]
    case.remake({**case.inner, name: (data, mode, mtime + case.rng.randrange(1, 9999))})
    return f"{name} was changed (time)"


def change_content(case: Case) -> str:
    name = _one(case)
    data, *rest = case.inner[name]
    case.remake({**case.inner, name: (data[:-1] + b"?", rest[0], rest[1])})
    return f"{name} was changed (content)"


def add_member(case: Case) -> str:
    name = f"www/extra{case.rng.randrange(99)}.php"
    case.remake({**case.inner, name: (b"<?php", 0o644, 1)})
    return f"{name} was added"


def remove_member(case: Case) -> str:
    name = _one(case)
    case.remake({k: v for k, v in case.inner.items() if k != name})
    return name


# --- the signature


def flip_envelope(case: Case) -> str:
    data = bytearray(case.signature.read_bytes())
    data[case.rng.randrange(len(data))] ^= 1 << case.rng.randrange(8)
    case.signature.write_bytes(data)
    return "trust/signature"


def edit_statement(case: Case) -> str:
    envelope = case.envelope()
    said = json.loads(base64.b64decode(envelope["payload"]))
    field_ = case.rng.choice(["release", "product", "created", "expires"])
    said["predicate"][field_] = "2031-01-01T00:00:00+00:00"
    envelope["payload"] = base64.b64encode(json.dumps(said).encode()).decode()
    case.signature.write_text(json.dumps(envelope))
    return "needed signatures"


def other_type(case: Case) -> str:
    case.signature.write_text(json.dumps({**case.envelope(), "payloadType": "text/plain"}))
    return "needed signatures"


def strip_signature(case: Case) -> str:
    if case.rng.random() < 0.5:
        case.signature.write_text(json.dumps({**case.envelope(), "signatures": []}))
        return "no signature"
    case.signature.unlink()
    return "no signature"


def older_manifest(case: Case) -> str:
    case.signature.write_bytes(case.old_envelope)
    return f"{case.names[0]} was changed"


def wrong_key(case: Case) -> str:
    case.sign(keys.generate(case.rng.choice(keys.ALGORITHMS)))
    return "0 of 1 needed signatures"


def expired_key(case: Case) -> str:
    case.trust.write_text(case.trust.read_text() + "not_after = 2020-01-31\n")
    return "expired on 2020-01-31"


def revoked_key(case: Case) -> str:
    case.trust.write_text(case.trust.read_text() + 'revoked = "laptop lost"\n')
    return "was revoked: laptop lost"


def expired_statement(case: Case) -> str:
    now = datetime.now(UTC)
    case.sign(
        case.key, created=now - timedelta(days=60), expires=now - timedelta(days=case.rng.randrange(1, 50))
    )
    return "the signature expired on"


def signed_in_the_future(case: Case) -> str:
    case.sign(case.key, created=datetime.now(UTC) + timedelta(days=case.rng.randrange(1, 50)))
    return "before the signature"


TAMPERINGS: tuple[Callable[[Case], str], ...] = (
    flip_first_third, flip_middle, flip_directory, append, prepend, truncate, two_directories,
    swap_members, reorder, change_mode, change_time, change_content, add_member, remove_member,
    flip_envelope, edit_statement, other_type, strip_signature, older_manifest,
    wrong_key, expired_key, revoked_key, expired_statement, signed_in_the_future,
)  # fmt: skip
"""Every kind; each returns a word that the refusal has to hold."""
