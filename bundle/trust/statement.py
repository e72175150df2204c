"""The in-toto Statement (v1) that a bundle's signature is over."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bundle.trust import dsse
from bundle.trust.digest import Early, digest
from bundle.trust.inventory import Item, listed
from hardening import __version__
from hardening.errors import RefusedError

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "urn:aspect-hardening:upgrade-bundle:v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What the signer says of one bundle."""

    name: str
    sha256: str
    size: int
    created: datetime
    expires: datetime | None
    product: str
    release: str
    members: list[dict[str, Any]]
    nested: bool = True
    """Whether `members` goes into every archive; else it is the outermost one's alone."""

    def to_bytes(self) -> bytes:
        """Return the JSON that is signed; the same statement always gives the same bytes."""
        value = {
            "_type": STATEMENT,
            "subject": [{"name": self.name, "digest": {"sha256": self.sha256}}],
            "predicateType": PREDICATE,
            "predicate": {
                "size": self.size,
                "created": _stamp(self.created),
                "expires": _stamp(self.expires) if self.expires else None,
                "product": self.product,
                "release": self.release,
                "tool": f"aspect-hardening {__version__}",
                "members": self.members,
                "nested": self.nested,
            },
        }
        return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def state(
    path: Path,
    members: Iterable[Item] | Callable[[Path], Iterable[Item]],
    *,
    created: datetime,
    expires: datetime | None = None,
    product: str = "",
    release: str = "",
    nested: bool = True,
) -> Statement:
    """Return the statement about the bundle file `path` with these members.

    Given a function the members are read while another process reads the whole file.
    """
    if callable(members):
        with Early(path) as whole:
            members = list(members(path))
            sha256, size = whole.result()
    else:
        sha256, size = digest(path)
    return Statement(
        name=path.name,
        sha256=sha256,
        size=size,
        created=created,
        expires=expires,
        product=product,
        release=release,
        members=[item.to_json() for item in members],
        nested=nested,
    )


def parse(payload: bytes) -> Statement:
    """Read a statement whose envelope was verified. Errors: RefusedError on any other kind of statement."""
    return of(dsse.Envelope(dsse.IN_TOTO, payload, ()))


def of(envelope: dsse.Envelope) -> Statement:
    """Read the statement in an envelope that was verified. Errors: RefusedError on anything else."""
    try:
        raw = dsse.content(envelope)
        predicate = raw["predicate"]
        kind = (raw["_type"], raw["predicateType"])
        if kind != (STATEMENT, PREDICATE):
            raise RefusedError(
                f"unknown statement {kind[1]!r}", hint="sign the bundle with harden bundle sign"
            )
        (subject,) = raw["subject"]
        expires = predicate["expires"]
        return Statement(
            name=str(subject["name"]),
            sha256=str(subject["digest"]["sha256"]),
            size=_number(predicate["size"]),
            created=_moment(predicate["created"]),
            expires=None if expires is None else _moment(expires),
            product=_text(predicate["product"]),
            release=_text(predicate["release"]),
            members=listed(predicate["members"]),
            nested=bool(predicate.get("nested", True)),
        )
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError) as problem:
        raise RefusedError("the signed statement is malformed", hint="sign the bundle again") from problem


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _number(value: object) -> int:
    if type(value) is not int:  # True is a number, too
        raise TypeError(value)
    return value


def _moment(text: str) -> datetime:
    """Return a time in UTC. Errors: ValueError for one without its offset, OverflowError for one no calendar has there."""
    made = datetime.fromisoformat(text)
    if made.tzinfo is None:
        raise ValueError(text)
    return made.astimezone(UTC)


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
