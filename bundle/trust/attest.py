"""Further signed statements about a bundle, each in an envelope of its own beside it, each verified separately."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bundle.trust import dsse, keys
from bundle.trust.policy import TrustPolicy
from bundle.trust.statement import STATEMENT
from hardening.errors import RefusedError, UsageError

_MOMENTS = frozenset(("created", "timeVerified", "startedOn", "finishedOn"))
"""What differs between two statements that say the same."""


@dataclass(frozen=True, slots=True)
class StatementKind:
    """One kind of statement: its predicate's type, and what its file is called after the bundle."""

    predicate_type: str
    suffix: str


KINDS: Mapping[str, StatementKind] = {
    "inventory": StatementKind("urn:aspect-hardening:inventory:v1", ".inventory.dsse.json"),
    "audit": StatementKind("https://slsa.dev/verification_summary/v1", ".audit.dsse.json"),
    "provenance": StatementKind("https://slsa.dev/provenance/v1", ".provenance.dsse.json"),
    "cleaning": StatementKind("urn:aspect-hardening:cleaning:v1", ".cleaning.dsse.json"),
    "report": StatementKind("urn:aspect-hardening:report:v1", ".dsse.json"),
}
"""Every kind that can stand beside a bundle's signature, by the word that asks for it."""


def beside(path: Path, kind: str) -> Path:
    """Return where the statement of a kind lies."""
    return path.with_name(path.name + KINDS[kind].suffix)


def sealed(
    name: str, sha256: str, kind: str, predicate: Mapping[str, Any], key: keys.PrivateKey | None
) -> bytes:
    """Return the signed statement of a kind about the file `name` with this digest; the same input, the same payload."""
    value = {
        "_type": STATEMENT,
        "subject": [{"name": name, "digest": {"sha256": sha256}}],
        "predicateType": KINDS[kind].predicate_type,
        "predicate": predicate,
    }
    payload = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    return envelope(payload, key)


def envelope(payload: bytes, key: keys.PrivateKey | None) -> bytes:
    """Return the envelope of a statement; without a key it has no signature yet (see `dsse.Envelope.signed_by`)."""
    if key is None:
        return dsse.Envelope(dsse.IN_TOTO, payload, ()).to_bytes()
    return dsse.seal(payload, key).to_bytes()


def beside_others(
    new: bytes, target: Path, key: keys.PrivateKey, *, now: datetime | None = None
) -> dsse.Envelope:
    """Return what to write to `target` for the envelope `new`: who has signed the same statement there signs one payload with `key`.

    Errors: UsageError where others have signed another statement about the same file, for nobody else can do that again.
    """
    made = dsse.parse(new)
    try:
        old = dsse.load(target, named=False)
        there, here = dsse.content(old), dsse.content(made)
        same_file = there["subject"][0]["digest"] == here["subject"][0]["digest"]
    except (OSError, RefusedError, ValueError, LookupError, TypeError, RecursionError):
        return made  # what is there is no statement
    public = key.public_key()
    others = [one for one in old.signatures if one.keyid != keys.keyid(public)]
    if not same_file or (old.signatures and not others):
        return made
    if _timeless(there) == _timeless(here) and _is_past(there, now or datetime.now(UTC)):
        return old.signed_by(public, keys.sign(key, dsse.pae(old.payload_type, old.payload)))
    if not others:
        return made
    raise UsageError(
        f"{target} is signed by others, and does not say the same: they would not have signed it any more",
        hint="sign with their options (--product, --release, --expires), or move it and the other envelopes beside it to another folder",
    )


def _timeless(content: Any) -> Any:
    """Return a statement without the moments at which it was made; lists, as of members, hold none."""
    if not isinstance(content, dict):
        return content
    return {name: _timeless(value) for name, value in content.items() if name not in _MOMENTS}


def _is_past(content: Any, now: datetime) -> bool:
    """Whether a statement was made before now: a host refuses what was signed before what it has."""
    if not isinstance(content, dict):
        return True
    try:
        own = (datetime.fromisoformat(content[name]) <= now for name in _MOMENTS & content.keys())
        return all(own) and all(_is_past(value, now) for value in content.values())
    except (ValueError, TypeError):
        return False


def opened(path: Path, kind: str, policy: TrustPolicy, sha256: str, *, now: datetime | None = None) -> Any:
    """Return the predicate of a statement once it is known to be signed and about the file with this digest.

    Errors: RefusedError (absent, not signed by whom the policy trusts, another kind, another file).
    """
    try:
        envelope = dsse.load(path, named=False)
    except OSError as problem:
        raise RefusedError(
            f"no signed {kind}: {path}: {problem.strerror}",
            hint="harden report sign REPORT --key KEY makes it"
            if kind == "report"
            else f"sign the bundle with its {kind}",
        ) from problem
    envelope.verify(policy.usable(now or datetime.now(UTC)), threshold=policy.threshold)
    try:
        raw = dsse.content(envelope)
        types = (raw["_type"], raw["predicateType"])
        (subject,) = raw["subject"]
        about = subject["digest"]["sha256"]
        predicate = raw["predicate"]
    except (ValueError, KeyError, TypeError, RecursionError) as problem:
        raise RefusedError(f"the signed {kind} is malformed", hint="sign the bundle again") from problem
    if types != (STATEMENT, KINDS[kind].predicate_type):
        raise RefusedError(f"{path.name} is no {kind} but {types[1]!r}", hint="sign the bundle again")
    if about != sha256:
        raise RefusedError(
            f"the {kind} is about another file (sha256 {str(about)[:16]}...)", hint="sign the bundle again"
        )
    return predicate
