"""Whom a host trusts, as a file: keys with their validity, revocations, and how many have to have signed.

threshold = 1

[[key]]
file = "release.key.pub"        # beside this file
not_after = 2027-12-31          # last day; also not_before
revoked = "laptop lost"         # a reason: the key no longer counts
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bundle.trust import keys
from hardening.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from hardening.toml_rows import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Trusted:
    """One key, and when it counts (first and last day, UTC)."""

    key: keys.PublicKey
    not_before: date | None = None
    not_after: date | None = None
    revoked: str = ""

    def objection(self, now: datetime) -> str:
        """Return why a signature of this key does not count now, or an empty text."""
        if self.revoked:
            return f"was revoked: {self.revoked}"
        if self.not_before and now.date() < self.not_before:
            return f"is not valid before {self.not_before}"
        if self.not_after and now.date() > self.not_after:
            return f"expired on {self.not_after}"
        return ""


@dataclass(frozen=True, slots=True)
class TrustPolicy:
    """The keys that are trusted, and how many different ones have to have signed."""

    trusted: tuple[Trusted, ...]
    threshold: int = 1

    @classmethod
    def of(cls, trusted: Sequence[keys.PublicKey], threshold: int = 1) -> TrustPolicy:
        """Return a policy of keys that always count."""
        return cls(tuple(Trusted(key=key) for key in trusted), threshold)

    def usable(self, now: datetime) -> list[keys.PublicKey]:
        """Return the keys that count now. Errors: RefusedError naming each that does not, when none does."""
        good = [t.key for t in self.trusted if not t.objection(now)]
        if not good and self.trusted:
            raise RefusedError(
                self.objections(now), hint="get the trust file of today from the release engineer"
            )
        return good

    def objections(self, now: datetime) -> str:
        """Return in words which keys do not count now, and why."""
        return "; ".join(
            f"the key {keys.keyid(t.key)[:16]} {why}" for t in self.trusted if (why := t.objection(now))
        )


def load(path: Path, *, at_least: int = 1) -> TrustPolicy:
    """Read a trust file; `at_least` so many have to have signed, whatever it says.

    Errors: InputError (absent), DataError naming file and key, RefusedError (an empty policy), UsageError (`at_least`
    is above the number of its keys).
    """
    from hardening.toml_rows import Table

    table = Table.load(path)
    threshold = table.number("threshold", 1)
    rows = table.rows("key")
    table.done()
    if not rows:
        raise RefusedError(f"{path}: no key is trusted", hint="name a key; an empty policy accepts nothing")
    trusted = tuple(_trusted(path, row) for row in rows)
    if len({keys.keyid(t.key) for t in trusted}) != len(trusted):
        raise table.wrong("key", "one key is named twice", "name each key once")
    if not 1 <= threshold <= len(rows):
        raise table.wrong("threshold", f"has to be from 1 to {len(rows)}, the number of keys")
    if at_least > len(rows):
        raise UsageError(
            f"--threshold {at_least} is above the number of keys in {path}: {len(rows)}",
            hint="name more keys in the trust file",
        )
    return TrustPolicy(trusted, max(threshold, at_least))


def _trusted(path: Path, row: Table) -> Trusted:
    made = Trusted(
        key=keys.load_public(path.parent / row.text("file")),
        not_before=row.day("not_before", None),
        not_after=row.day("not_after", None),
        revoked=row.text("revoked", ""),
    )
    if "revoked" in row and not made.revoked.strip():
        raise row.wrong("revoked", "has to say why; the key would count", 'such as revoked = "laptop lost"')
    row.done()
    return made
