"""What a proof accepts inside a member: references for literals, a package's own list of sums, a script's own sums.

Like `prove` this shares no code with the cleaner: it reads both texts and says what differs, line by line.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

_REFERENCE = r"@secret:([a-z0-9][a-z0-9._-]{0,63})@"
_SPLIT = re.compile(rf'("?){_REFERENCE}("?)')
_LITERAL = r"[^\r\n]{1,512}?"


@dataclass(frozen=True, slots=True)
class Replaced:
    """One literal that gave way."""

    line: int
    name: str


def references(old: bytes, new: bytes) -> list[Replaced] | None:
    """Return the references that `new` has where `old` had literals; None where anything else differs."""
    texts = _texts(old, new)
    if texts is None:
        return None
    before, after = (text.split("\n") for text in texts)
    if len(before) != len(after):
        return None
    found: list[Replaced] = []
    for number, (was, now) in enumerate(zip(before, after, strict=True), start=1):
        if was == now:
            continue
        names = _in_line(was, now)
        if not names:
            return None
        found += [Replaced(number, name) for name in names]
    return found


def _texts(old: bytes, new: bytes) -> tuple[str, str] | None:
    for mark, coding in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if old.startswith(mark) and new.startswith(mark):
            try:
                return old[2:].decode(coding), new[2:].decode(coding)
            except UnicodeDecodeError:
                return None
    for zero, coding in ((1, "utf-16-le"), (0, "utf-16-be")):  # without a mark
        if old[zero : zero + 1] == b"\0" == new[zero : zero + 1] and old[:2] == new[:2]:
            try:
                return old.decode(coding), new.decode(coding)
            except UnicodeDecodeError:
                return None
    return old.decode("latin-1"), new.decode("latin-1")


def _in_line(was: str, now: str) -> list[str]:
    """Return the names of the references that stand in `now` where `was` has something else."""
    names: list[str] = []
    pattern, position = "", 0
    for found in _SPLIT.finditer(now):
        pattern += re.escape(now[position : found.start()])
        first, name, last = found.groups()
        quote = (
            f'("?)({_LITERAL})\\{2 * len(names) + 1}' if first and last else f"{first}()({_LITERAL}){last}"
        )
        pattern += quote
        names.append(name)
        position = found.end()
    match = re.fullmatch(pattern + re.escape(now[position:]), was) if names else None
    if match is None:
        return []
    literals = match.groups()[1::2]
    return [name for name, old in zip(names, literals, strict=True) if old != f"@secret:{name}@"]


def sums(old: bytes, new: bytes, removed: set[str], changed: Mapping[str, bytes]) -> bool:
    """Whether a Debian package's md5sums lost the lines of removed members alone, and has the sums of changed ones."""
    kept = b""
    for line in old.splitlines(keepends=True):
        digest, _, path = line.rstrip(b"\r\n").partition(b"  ")
        name = path.decode("utf-8", "replace")
        if name in changed:
            now = hashlib.md5(changed[name], usedforsecurity=False).hexdigest().encode()
            kept += line.replace(digest, now, 1)
        elif name not in removed:
            kept += line
    return kept == new


def names(old: bytes, new: bytes, removed: set[str]) -> bool:
    """Whether a Debian package's conffiles lost the lines of removed members alone."""
    kept = [
        line
        for line in old.splitlines(keepends=True)
        if line.strip().decode("utf-8", "replace").split(" ")[-1].lstrip("/") not in removed
    ]
    return b"".join(kept) == new


_SUMS = re.compile(
    rb'^((?:CRCsum|MD5|SHA|filesizes|totalsize)=")[\w ]*(")|^(\s*echo (?:Uncompressed size: |filesizes=\\?"|totalsize=\\?"|OLDUSIZE=))\d+( KB|\\?"|)'
    rb"|(?<=-lt )\d+|(?<= )\d+(?= KB)",
    re.MULTILINE,
)


def script(old: bytes, new: bytes) -> bool:
    """Whether two makeself scripts differ in sums and sizes alone."""
    return _without_sums(old) == _without_sums(new)


def _without_sums(text: bytes) -> bytes:
    return _SUMS.sub(lambda m: b"".join(g or b"" for g in m.groups()), text)
