"""DSSE envelopes (Dead Simple Signing Envelope 1.0), the outer form of every signature we make or check."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bundle.trust import keys
from bundle.walk.names import shown
from hardening import inputs
from hardening.errors import RefusedError

IN_TOTO = "application/vnd.in-toto+json"
_SHORT, _MOST = 16, 8
"""Letters of a key's id that are said, and how many keys: an envelope may name any number, by any text."""
_SIGNATURES = 100
"""Signatures of an envelope that are looked at; a host's verifier takes milliseconds for each, and for each key."""
LARGEST = 256 << 20
"""Bytes of an envelope: a statement that lists 700,000 members."""
_PARTS = 2_000
"""Commas and brackets in an envelope: as many as its signatures need, and far fewer than would fill the memory."""


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature: the name of the key that is said to have made it, and its bytes."""

    keyid: str
    sig: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """A payload with its type and signatures; nothing in it is to be trusted before `verify`."""

    payload_type: str
    payload: bytes
    signatures: tuple[Signature, ...]

    def to_bytes(self) -> bytes:
        """Return the JSON form."""
        value = {
            "payloadType": self.payload_type,
            "payload": base64.b64encode(self.payload).decode(),
            "signatures": [
                {"keyid": s.keyid, "sig": base64.b64encode(s.sig).decode()} for s in self.signatures
            ],
        }
        return json.dumps(value).encode() + b"\n"

    def signed_by(self, key: keys.PublicKey, signature: bytes) -> Envelope:
        """Return the envelope with one more signature, made elsewhere. Errors: RefusedError (it is not `key`'s)."""
        if not keys.verifies(key, signature, pae(self.payload_type, self.payload)):
            raise RefusedError(
                "the signature is not this key's over this envelope",
                hint="sign the bytes that harden bundle envelope --export wrote, and nothing else",
            )
        others = tuple(s for s in self.signatures if s.keyid != keys.keyid(key))
        return replace(self, signatures=(*others, Signature(keys.keyid(key), signature)))

    def verify(self, trusted: Sequence[keys.PublicKey], *, threshold: int = 1) -> tuple[str, ...]:
        """Return the ids of the trusted keys that signed. Errors: RefusedError below `threshold`.

        A signature that names a key counts for that key alone; one without a name is tried with each.
        """
        if not trusted or threshold < 1:
            raise RefusedError("no key is trusted, so nothing can be verified", hint="give --key KEY.pub")
        if not self.signatures:
            raise RefusedError("the envelope holds no signature", hint="sign the bundle again")
        message = pae(self.payload_type, self.payload)
        good = {
            keys.keyid(key)
            for key in trusted
            for one in self.signatures
            if one.keyid in ("", keys.keyid(key)) and keys.verifies(key, one.sig, message)
        }
        if len(good) < threshold:
            raise RefusedError(
                f"{len(good)} of {threshold} needed signatures are made with a trusted key"
                + self._why({keys.keyid(key) for key in trusted}, good),
                hint="the envelope was changed after signing, or signed with another key than the one given",
            )
        return tuple(sorted(good))

    def _why(self, trusted: set[str], good: set[str]) -> str:
        """Tell a changed envelope from one that somebody else signed: the first is fetched again, the second asked about."""
        named = {one.keyid for one in self.signatures}
        if broken := (named & trusted) - good:
            return f"; the one by {_listed(broken)}, which is trusted, does not hold"
        others = named - trusted - {""}
        return f"; signed by {_listed(others)}, trusted: {_listed(trusted)}" if others else ""


def _listed(ids: set[str]) -> str:
    return ", ".join([shown(one[:_SHORT]) for one in sorted(ids)][:_MOST])


def pae(payload_type: str, payload: bytes) -> bytes:
    """Return the pre-authentication encoding: the bytes that are signed."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def seal(payload: bytes, key: keys.PrivateKey, *, payload_type: str = IN_TOTO) -> Envelope:
    """Return `payload` signed with `key`."""
    made = Signature(keys.keyid(key.public_key()), keys.sign(key, pae(payload_type, payload)))
    return Envelope(payload_type, payload, (made,))


def parse(data: bytes) -> Envelope:
    """Read an envelope; its content is not verified by this. Errors: RefusedError."""
    try:
        if sum(map(data.count, (b",", b"{", b"["))) > _PARTS:
            raise ValueError("too many parts")  # noqa: TRY301 - as below
        raw = strict(data)
        _only(raw, {"payloadType", "payload", "signatures"})
        if len(raw["signatures"]) > _SIGNATURES:
            raise ValueError("too many signatures")  # noqa: TRY301 - one way out for every other document
        for one in raw["signatures"]:
            _only(one, {"keyid", "sig"})
        return Envelope(
            payload_type=_text(raw["payloadType"]),
            payload=_decode(raw["payload"]),
            signatures=tuple(
                Signature(_text(s.get("keyid", "")), _decode(s["sig"])) for s in raw["signatures"]
            ),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as problem:
        raise RefusedError(
            "the signature file is not a DSSE envelope",
            hint="it is damaged, or not the .dsse.json of this bundle",
        ) from problem


def load(path: Path, *, named: bool = True) -> Envelope:
    """Read the envelope in a file, which nobody may have `named`. Errors: OSError, also of one that is too large; RefusedError."""
    return parse(inputs.read(path, LARGEST, named=named))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    value.encode()  # half a surrogate pair is not text: ValueError
    return value


def strict(data: bytes) -> Any:
    """Read JSON as the verifier on a host does: UTF-8, and no name twice. Errors: ValueError, RecursionError."""
    return json.loads(data.decode("utf-8"), object_pairs_hook=_once)


def content(envelope: Envelope) -> Any:
    """Return what a verified envelope holds. Errors: RefusedError (another type), ValueError, RecursionError."""
    if envelope.payload_type != IN_TOTO:
        raise RefusedError(
            f"the envelope is of another type, {envelope.payload_type!r}",
            hint="sign the bundle with harden bundle sign",
        )
    return strict(envelope.payload)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a name that is there twice: two readers would read two envelopes."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name occurs twice")
    return made


def _only(row: dict[str, Any], known: set[str]) -> None:
    if not row.keys() <= known:
        raise ValueError(f"unknown: {sorted(row.keys() - known)}")


def _decode(value: object) -> bytes:
    """Decode standard or URL-safe Base64, both of which DSSE allows."""
    text = _text(value).replace("-", "+").replace("_", "/")
    try:
        decoded = base64.b64decode(text, validate=True)
    except binascii.Error as problem:
        raise ValueError(text[:20]) from problem
    if base64.b64encode(decoded[-(len(decoded) % 3 or 3) :]).decode() != text[-4:]:
        raise ValueError("bits beyond the end are set")  # the same bytes written in a second way
    return decoded
