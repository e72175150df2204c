"""The inventory of a bundle: every member at every nesting, in order, and the first place where two differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from bundle.walk.limits import WalkLimits
from bundle.walk.member import Member
from hardening.errors import ArchiveError
from hardening.findings import NESTING


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One member as the signer saw it."""

    path: str
    """Below the bundle, nesting written with `!/`."""
    kind: str
    size: int
    sha256: str
    mode: int | None
    owner: str
    mtime: float | None
    link: str

    def to_json(self) -> dict[str, Any]:
        """Return the form that stands in the signed statement."""
        return {name: getattr(self, name) for name in self.__slots__}


_CLOSED = frozenset({"truncated", "corrupt", "checksum", "encrypted", "unsupported"})
"""Inside the bundle these leave a member whose digest is listed, though nobody can look into it."""


def top_level(path: Path) -> Iterator[Item]:
    """Yield the members of the outermost archive alone, whatever they hold."""
    return _items(path, WalkLimits(depth=1), _CLOSED | {"limit-depth"})


def inventory(path: Path, *, limits: WalkLimits | None = None) -> Iterator[Item]:
    """Yield every member of the bundle in the order it is stored.

    A member that is no readable archive inside (encrypted, damaged) is listed by its own digest.
    Errors: ArchiveError when anything else could not be read: what was not seen cannot be vouched for.
    """
    return _items(path, limits or WalkLimits(), _CLOSED)


def _items(path: Path, limits: WalkLimits, closed: frozenset[str]) -> Iterator[Item]:
    from bundle.walk import walk

    for seen in walk(str(path), limits):
        if isinstance(seen, Member):
            if not seen.derived and not seen.offset and seen.kind != "listing" and seen.parts[1:]:
                yield item(seen)
        elif seen.partial and not (seen.parts[1:] and seen.reason in closed):
            raise ArchiveError(
                f"{seen.path}: {seen.message}", hint="harden bundle audit says what can be done"
            )


def listed(rows: Any) -> list[dict[str, Any]]:
    """Return the rows of a signed list of members. Errors: TypeError, KeyError (they are none)."""
    if not isinstance(rows, list):
        raise TypeError(rows)
    for row in rows:
        if not isinstance(row, dict) or not isinstance(row["path"], str):
            raise TypeError(row)
    return rows


def item(member: Member) -> Item:
    """Return what is kept of one member."""
    owner = ":".join(
        name or ("" if number is None else str(number))
        for name, number in ((member.owner, member.uid), (member.group, member.gid))
    )
    return Item(
        path=NESTING.join(member.parts[1:]),
        kind=member.kind,
        size=member.size,
        sha256=member.sha256,
        mode=member.mode,
        owner=owner,
        mtime=member.mtime,
        link=member.link,
    )


def first_difference(signed: list[dict[str, Any]], found: Iterable[Item]) -> str:
    """Return in words where `found` first departs from what was signed, or an empty text.

    A changed archive is named with the member inside it that is not as signed, where there is one.
    """
    rest = {item["path"] for item in signed}
    changed_archive, reason = "", ""
    for old, new in zip_longest(signed, found):
        difference = _difference(old, new, rest)
        if changed_archive and not (new.path if new else old["path"]).startswith(changed_archive):
            inside = old is not None and old["path"].startswith(changed_archive)
            return f"{reason}: {old['path']} was removed" if old and inside else reason
        if difference and reason:
            difference = f"{reason}: {difference}"
        if difference and not (old and new and old["path"] == new.path):
            return difference
        if difference:
            changed_archive, reason = f"{new.path}{NESTING}", difference
    return reason


def _difference(old: dict[str, Any] | None, new: Item | None, rest: set[str]) -> str:
    if new is None:
        return f"{old['path']} was removed" if old else ""
    if old is None or (old["path"] != new.path and new.path not in rest):
        return f"{new.path} was added"
    if old["path"] != new.path:
        return f"{old['path']} was removed or moved; {new.path} is in its place"
    now = new.to_json()
    return f"{new.path} was changed ({', '.join(changes(old, now))})" if old != now else ""


_WORDS = {"sha256": "content", "mtime": "time"}


def changes(old: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Return in words which facts of one member differ."""
    shown = []
    for name, value in now.items():
        if old.get(name) == value:
            continue
        if name == "mode":
            shown.append(f"mode {_octal(old.get(name))} to {_octal(value)}")
        else:
            shown.append(_WORDS.get(name, name))
    return shown


def _octal(mode: object) -> str:
    return f"{mode:04o}" if isinstance(mode, int) else "none"
