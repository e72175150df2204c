"""The signed account of a cleaning: every member that went in, every member that came out, and what was done between.

A digest of a text that held a password lets anybody try passwords, so input members that held a credential, and all
archives around them, are listed by an HMAC under a salt. The salt stays with the release engineer (0600); who has it
and both bundles can check the account, everybody else can check all but these members.
"""

from __future__ import annotations

import base64
import hmac
import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bundle.trust import attest
from bundle.trust.digest import digest
from bundle.trust.inventory import Item, inventory
from bundle.trust.policy import TrustPolicy
from bundle.verify_clean.verify import prove
from hardening import inputs
from hardening.errors import ExitCode, InputError, RefusedError, UsageError
from hardening.findings import NESTING, Finding, InFile, Result, Rule, Run, Severity, Verdict, in_file

ACCOUNT = Rule(
    id="prove/account",
    title="The bundles do not match the signed list of changes",
    severity=Severity.CRITICAL,
    rationale="The signed list has every member before and after cleaning. Any other difference has another origin.",
    remedy="Do not install it. Clean the original again and compare the two results.",
)

_SALT, _LARGEST_SALT = 32, 4096
_SECRET = ("credential/", "key/")
"""Rules whose findings make a member one that held a secret."""


def rules() -> tuple[Rule, ...]:
    """Return every rule of this module."""
    return (ACCOUNT,)


def salt(path: Path) -> bytes:
    """Read the salt, or make it (mode 0600). Errors: UsageError (others may read it, no salt), InputError."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        return _read(path)
    except OSError as problem:
        raise UsageError(
            f"cannot write {path}: {problem.strerror}", hint="choose a writable folder"
        ) from problem
    made = secrets.token_bytes(_SALT)
    with os.fdopen(handle, "wb") as out:
        out.write(base64.b64encode(made) + b"\n")
    return made


def _read(path: Path) -> bytes:
    try:
        mode, text = path.stat().st_mode, inputs.read(path, _LARGEST_SALT)
    except OSError as problem:
        raise InputError(
            f"{path}: {problem.strerror}", hint="check the path and its permissions"
        ) from problem
    if mode & 0o077:
        raise UsageError(f"{path} may be read by others", hint=f"chmod 600 {path}")
    try:
        found = base64.b64decode(text.strip(), validate=True)
    except ValueError:
        found = b""
    if len(found) != _SALT:
        raise UsageError(f"{path} is not a salt", hint="name a file that does not exist; it is made")
    return found


def account(old: Path, new: Path, before: Run, key: bytes) -> dict[str, Any]:
    """Return the predicate about `new`, cleaned from `old` whose audit is `before`.

    Errors: RefusedError where `new` is not `old` minus members and literals, so that no false account is signed.
    """
    proof = prove(old, new)
    if proof.exit_code() is not ExitCode.OK:
        (result,) = proof.results
        raise RefusedError(
            f"{new} is not cleaned from {old}: {result.reason}", hint="clean the original again"
        )
    items = list(inventory(old))
    done = _done(proof)
    held = _held(before, [one["path"] for one in done["replaced"]], items)
    sha256, _ = digest(old)
    return {
        "salt": _mac(key, ""),
        "input": {"name": old.name, **_identity("", sha256, held, key)},
        "inputMembers": [_listed(item, held, key) for item in items],
        "outputMembers": [{"path": i.path, "kind": i.kind, "sha256": i.sha256} for i in inventory(new)],
        **done,
    }


def _held(before: Run, replaced: Iterable[str], items: Iterable[Item]) -> set[str]:
    """Return the paths of members that held a secret, of all archives around them, and of their equals elsewhere.

    What was `replaced` was a secret too, whoever's rules found it.
    """
    held: set[str] = set()
    places = [
        f.location.parts[1:]
        for f in before.findings
        if f.rule.id.startswith(_SECRET) and isinstance(f.location, InFile)
    ]
    for parts in (*places, *(path.split(NESTING) if path else [] for path in replaced)):
        held |= {NESTING.join(parts[:n]) for n in range(len(parts) + 1)}
    digests = {i.sha256 for i in items if i.path in held and i.sha256}
    for i in items:
        if i.sha256 in digests:
            parts_ = i.path.split(NESTING)
            held |= {NESTING.join(parts_[:n]) for n in range(len(parts_) + 1)}
    return held


def _listed(item: Item, held: set[str], key: bytes) -> dict[str, Any]:
    return {"path": item.path, "kind": item.kind, **_identity(item.path, item.sha256, held, key)}


def _identity(path: str, sha256: str, held: set[str], key: bytes) -> dict[str, str]:
    if path not in held:
        return {"sha256": sha256}
    return {"hmac": _mac(key, sha256)}


def _mac(key: bytes, sha256: str) -> str:
    return hmac.new(key, b"harden-cleaning\0" + sha256.encode(), "sha256").hexdigest()


def _done(proof: Run) -> dict[str, Any]:
    removed, replaced = [], []
    for f in proof.findings:
        if not isinstance(f.location, InFile):
            continue
        path = NESTING.join(f.location.parts[1:])
        if f.rule.id == "prove/removed":
            removed.append(path)
        elif f.rule.id == "prove/replaced":
            replaced.append({"path": path, "line": f.location.line, "reference": f.evidence})
    return {"removed": removed, "replaced": replaced}


def judged(proof: Run, old: Path, new: Path, policy: TrustPolicy, key: bytes | None) -> Run:
    """Return the proof with the verdict on the signed account beside `new`."""
    subject = str(new)
    reason = ""
    try:
        account = attest.opened(attest.beside(new, "cleaning"), "cleaning", policy, digest(new)[0])
        reason = disagreement(account, old, new, proof, key)
    except RefusedError as problem:
        reason = str(problem)
    without = "" if key else "; members that held credentials were not compared: no salt was given"
    result = Result(
        rule=ACCOUNT, subject=subject, verdict=Verdict.FAIL if reason else Verdict.PASS,
        reason=reason or f"as signed{without}",
    )  # fmt: skip
    found = [Finding(rule=ACCOUNT, subject=subject, location=in_file(new), message=reason)] if reason else []
    return replace(
        proof,
        findings=(*proof.findings, *found),
        results=(*proof.results, result),
        extra_codes=proof.extra_codes | ({ExitCode.REFUSED} if reason else set()),
    )


def disagreement(account: Mapping[str, Any], old: Path, new: Path, proof: Run, key: bytes | None) -> str:
    """Return where the two bundles are not those of the signed account, or an empty text.

    Without the salt the members that held credentials are compared by their paths alone.
    Errors: RefusedError (malformed, or another salt).
    """
    try:
        if key is not None and not hmac.compare_digest(account["salt"], _mac(key, "")):
            raise RefusedError("this is not the salt of the account", hint="give the salt it was made with")
        if not _agrees(account["input"], digest(old)[0], key):
            return f"{old.name} is not the bundle that was cleaned"
        where = _other_member(account, old, new, key)
        if where:
            return where
        done = _done(proof)
        for name in ("removed", "replaced"):
            if account[name] != done[name]:
                return f"what the account lists as {name} is not what differs"
    except (KeyError, TypeError, AttributeError) as problem:
        raise RefusedError("the signed account is malformed", hint="sign the bundle again") from problem
    return ""


def _other_member(account: Mapping[str, Any], old: Path, new: Path, key: bytes | None) -> str:
    """Return the first member that is not as the account lists it, or an empty text."""
    rows, items = list(account["inputMembers"]), list(inventory(old))
    for row, item in zip(rows, items, strict=False):
        if (row["path"], row["kind"]) != (item.path, item.kind) or not _agrees(row, item.sha256, key):
            return f"{item.path} is not as it went in"
    out = [{"path": i.path, "kind": i.kind, "sha256": i.sha256} for i in inventory(new)]
    for row, now in zip(account["outputMembers"], out, strict=False):
        if row != now:
            return f"{now['path']} is not as it came out"
    other = len(rows) != len(items) or len(account["outputMembers"]) != len(out)
    return "the account lists another number of members" if other else ""


def _agrees(row: Mapping[str, Any], sha256: str, key: bytes | None) -> bool:
    if "hmac" in row:
        return key is None or hmac.compare_digest(row["hmac"], _mac(key, sha256))
    return bool(row["sha256"] == sha256)
