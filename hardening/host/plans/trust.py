"""The keys a host trusts, as a plan: what the trust file names goes to the host, everything else goes from it.

The host's form is a folder of public keys (`*.pub`) and a file `threshold`, which a Python 2.6 reads without TOML.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization

from bundle.trust import keys, policy
from hardening.errors import RefusedError, UsageError
from hardening.host.plans.plan import File, Plan

FOLDER = "/etc/aspect-hardening/trust"
_ID = re.compile(r"[0-9a-f]{16,64}")
_SHOWN = 16
"""Digits of a key id that name a key's file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedKey:
    """One key, for people: its id, what becomes of it on the host, and why."""

    keyid: str
    state: str
    """added, kept, removed, or left-out: named in the trust file and not valid today."""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Trust:
    """The plan, the keys it is about, and what has to be compared by a person."""

    plan: Plan
    rows: tuple[TrustedKey, ...]
    threshold: int

    def shown(self) -> list[str]:
        """Return lines for the person at the keyboard."""
        lines = [f"{row.state:<9} {row.keyid}{f'  {row.why}' if row.why else ''}" for row in self.rows]
        many = sum(row.state in ("added", "kept") for row in self.rows)
        return [
            *lines,
            f"{many} trusted, {self.threshold} of them have to have signed: compare the ids with what harden bundle keygen printed",
        ]

    def to_json(self) -> dict[str, Any]:
        """Return what the module reports."""
        return {
            "trusted": [asdict(row) for row in self.rows],
            "threshold": self.threshold,
            "shown": self.shown(),
        }


def wishes(folder: str = FOLDER) -> dict[str, Any]:
    """Return what has to be asked of the host (verb `facts`) before planning."""
    return {"read": [f"{folder}/*.pub", f"{folder}/threshold"]}


def plan(
    file: Path,
    facts: Mapping[str, Any],
    now: datetime,
    *,
    folder: str = FOLDER,
    expected: Sequence[str] = (),
) -> Trust:
    """Return the plan. Errors: InputError, DataError (the trust file), RefusedError (no key counts today, or not the
    expected ones), UsageError (`expected` holds no key id).
    """
    trusted = policy.load(file)
    good = {keys.keyid(key): key for key in trusted.usable(now)}
    if len(good) < trusted.threshold:
        hint = "name a further key, or lower the threshold"
        raise RefusedError(
            f"{len(good)} keys are valid today and {trusted.threshold} have to sign", hint=hint
        )
    _compare(good, expected)
    here = {row["path"]: base64.b64decode(row["content"]) for row in facts.get("files", [])}
    ids = {path: _keyid(data) for path, data in here.items() if path.endswith(".pub")}
    objections = {keys.keyid(one.key): one.objection(now) for one in trusted.trusted}
    files, rows = [], []
    for ident, key in sorted(good.items()):
        path, pem = f"{folder}/{ident[:_SHOWN]}.pub", _pem(key)
        rows.append(TrustedKey(keyid=ident, state="kept" if ident in ids.values() else "added"))
        if here.get(path) != pem:
            files.append(File(path=path, content=pem, mode="0644", mkdir=True))
    wanted = {f"{folder}/{ident[:_SHOWN]}.pub" for ident in good}
    for path, ident in sorted(ids.items()):
        if path not in wanted and ident not in good:
            why = objections.get(ident) or "the trust file does not name it"
            rows.append(TrustedKey(keyid=ident, state="removed", why=why))
    known = set(ids.values())
    rows += [
        TrustedKey(keyid=i, state="left-out", why=why)
        for i, why in sorted(objections.items())
        if why and i not in known
    ]
    threshold = f"{folder}/threshold"
    if here.get(threshold) != f"{trusted.threshold}\n".encode():
        files.append(File(path=threshold, content=f"{trusted.threshold}\n".encode(), mode="0644", mkdir=True))
    remove = tuple(path for path in sorted(ids) if path not in wanted)
    made = Plan(label="trust", files=tuple(files), remove=remove)
    return Trust(made, tuple(rows), trusted.threshold)


def _compare(good: Mapping[str, keys.PublicKey], expected: Sequence[str]) -> None:
    """Hold the keys to the ids that their holder read out. Errors: UsageError, RefusedError."""
    for text in expected:
        if not _ID.fullmatch(text):
            raise UsageError(
                f"{text!r} is not a key id", hint="at least 16 hex digits, as keygen and sign print them"
            )
    if not expected:
        return
    strange = [ident for ident in good if not any(ident.startswith(text) for text in expected)]
    absent = [text for text in expected if not any(ident.startswith(text) for ident in good)]
    if strange or absent:
        what = f"the key {strange[0]} was not expected" if strange else f"no key {absent[0]} is trusted"
        raise RefusedError(what, hint="ask the key's holder to read its id to you, and compare")


def _pem(key: keys.PublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def _keyid(data: bytes) -> str:
    """Return the id of a key on the host; a word for what is none."""
    try:
        key = serialization.load_pem_public_key(data)
    except ValueError:
        return "no key"
    return keys.keyid(key) if isinstance(key, keys.PublicKey) else "no key of a kind that signs bundles"
