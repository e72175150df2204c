"""Text that is in a member but not as text: made here, said as derived members."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from bundle.walk.derive import bytecode, documents, rpmdb, sqlite, wrapped
from bundle.walk.limits import Limits
from bundle.walk.member import Member
from bundle.walk.source import Source

INSTALLED = "rpm-packages"
"""How the list of packages in an rpm database is called."""
MOST = 32 << 20
"""Larger files are not asked for hidden text: they come in windows, and the detectors see their bytes."""


@dataclass(frozen=True, slots=True)
class Text:
    """One text, how it was made, and the line of the stored file it came from."""

    how: str
    content: bytes
    line: int | None = None


def texts(
    member: Member, source: Source, limits: Limits, hits: Mapping[bytes, int] | None = None
) -> Iterator[Member]:
    """Say every text that can be derived from one stored file; `hits` is what a glance at it found (see `glance`)."""
    if member.format in _PASSIVE or not source.size:
        return
    for text in _from(member.format, source, limits, hits):
        if text.content:
            yield replace(
                member, content=text.content, derived=text.how, first_line=text.line, offset=0, entries=(),
                container=False, format="php" if b"<?php" in text.content[:4096] else "text",
            )  # fmt: skip


_PASSIVE = frozenset({"data", "png", "jpeg", "gif", "font", "elf", "pe", "empty", "macho", "mp3", "ogg"})
SCRIPTS = frozenset({"php", "shell", "python", "perl", "ruby", "node", "script", "html", "text", "xml"})
"""Formats that may carry wrapped payloads."""


def _from(form: str, source: Source, limits: Limits, hits: Mapping[bytes, int] | None) -> Iterator[Text]:
    if form in ("bdb", "sqlite"):
        yield Text(INSTALLED, rpmdb.installed(form, source))
    if source.size > MOST:
        return
    if form in SCRIPTS:
        data = source.read(0, source.size)
        if wrapped.worth_it(data, hits):
            yield from (Text(*found) for found in wrapped.unwrapped(data, limits.layers, hits))
        if form == "xml" and documents.is_office(data):
            yield Text("office-text", documents.office(data))
    elif form == "class":
        data = source.read(0, source.size)
        if bytecode.worth_it(data):
            yield Text("constants", bytecode.class_constants(data))
    elif form in _WHOLE:
        how, read = _WHOLE[form]
        yield Text(how, read(source.read(0, source.size)), 1 if form == "utf-16" else None)
    elif form == "sqlite":
        yield Text("sqlite-text", sqlite.dump(source))


def _utf16(data: bytes) -> bytes:
    return data[: len(data) // 2 * 2].decode("utf-16", "replace").encode("utf-8", "replace")


_WHOLE: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "pyc": ("constants", bytecode.pyc_strings), "pdf": ("pdf-text", documents.pdf), "ole": ("strings", documents.strings),
    "rtf": ("strings", documents.strings), "utf-16": ("utf-16", _utf16),
}  # fmt: skip
"""Formats whose text is made of their bytes as a whole."""
