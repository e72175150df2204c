"""Text that is in a member but not as text: made here, said as derived members."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from bundle.walk import emit
from bundle.walk.derive import bytecode, documents, rpmdb, sqlite, wrapped
from bundle.walk.formats import outside, rpms
from bundle.walk.formats.raw import Note
from bundle.walk.identify import HEAD, wide
from bundle.walk.limits import WalkLimits
from bundle.walk.member import Member
from bundle.walk.problem import Broken, Problem
from bundle.walk.source import Source

INSTALLED = "rpm-packages"
"""How the list of packages in an rpm database is called."""
MOST = 32 << 20
"""Larger files are not asked for hidden text: they come in windows, and the detectors see their bytes."""


@dataclass(frozen=True, slots=True)
class DerivedText:
    """One text, how it was made, and the line of the stored file it came from."""

    how: str
    content: bytes
    line: int | None = None


def texts(
    member: Member, source: Source, limits: WalkLimits, hits: Mapping[bytes, int] | None = None
) -> Iterator[Member | Problem]:
    """Say every text that can be derived from one stored file; `hits` is what a glance at it found (see `glance`)."""
    form = member.format
    if form in _PICTURES and source.size <= MOST and b"<?php" in source.read(0, source.size):
        form = "php"  # PHP runs it wherever it stands
    if form in _PASSIVE or not source.size:
        return
    for text in _from(form, source, limits, hits):
        yield from _events(member, text)
        if member.format not in SCRIPTS and isinstance(text, DerivedText):
            for carried in _carried(text, limits):
                yield from _events(member, carried)


def of_container(
    member: Member, source: Source, facts: Mapping[str, str], limits: WalkLimits
) -> Iterator[Member | Problem]:
    """Say the texts of a container that none of its members has by itself: scripts and notes of a package, rows of a workbook."""
    for text in (rpms.SCRIPTS, rpms.NOTES):
        if facts.get(text):
            yield emit.derived(member, facts[text].encode(), text)
    if any(documents.WORKBOOK.match(one.name) for one in member.entries):
        for sheet in _outside(source, "workbook", limits):
            yield from _events(member, sheet)


def _events(member: Member, text: DerivedText | Note) -> Iterator[Member | Problem]:
    if isinstance(text, Note):
        yield Problem(text.reason, member.parts, text.message)
    elif text.content:
        yield replace(
            member, content=text.content, words=None, derived=text.how, first_line=text.line, offset=0, entries=(),
            container=False, format="php" if b"<?php" in text.content[:4096] else "text",
        )  # fmt: skip


_PASSIVE = frozenset({"data", "png", "jpeg", "gif", "font", "elf", "pe", "empty", "macho", "mp3", "ogg"})
_PICTURES = _PASSIVE - {"elf", "pe", "macho", "empty"}
SCRIPTS = frozenset({"php", "shell", "python", "perl", "ruby", "node", "script", "html", "text", "xml"})
"""Formats that may carry wrapped payloads."""


def _from(
    form: str, source: Source, limits: WalkLimits, hits: Mapping[bytes, int] | None
) -> Iterator[DerivedText | Note]:
    if form in ("bdb", "sqlite"):
        yield DerivedText(INSTALLED, rpmdb.installed(form, source))
    if form == "pdf":
        yield from _outside(source, "pdf", limits)
    elif source.size > MOST:
        return
    elif form in SCRIPTS:
        data = source.read(0, source.size)
        php = form == "php"
        if wrapped.worth_it(data, hits, php=php):
            yield from _unwrapped(data, limits, hits, php=php)
            left = None if php else wrapped.left_in_script(data)
            if left is not None:
                yield Note("unsupported", wrapped.NOT_DECODED % (left[1], left[0]))
        if form == "xml" and documents.is_office(data):
            yield DerivedText("office-text", documents.office(data))
    elif form == "sqlite":
        yield DerivedText("sqlite-text", sqlite.dump(source))
    else:
        yield from _made(form, source, limits)


def _made(form: str, source: Source, limits: WalkLimits) -> Iterator[DerivedText | Note]:
    """Say what is made of a file's bytes as a whole."""
    if form in _COMPILED:
        data = source.read(0, source.size)
        worth_it, constants = _COMPILED[form]
        listed, own = constants(data) if worth_it(data) else (b"", [])
        yield DerivedText("constants", listed)
        yield from (DerivedText("constant", text) for text in own)
    elif form in _WHOLE:
        how, read = _WHOLE[form]
        data = source.read(0, source.size)
        yield DerivedText(how, read(data), 1 if form == "utf-16" else None)
        if form == "ole" and documents.ENCRYPTED_OFFICE.search(data):
            yield Note("encrypted", "is an Office document that needs a password: its text was not read")
        if form == "ole" and documents.OLD_WORKBOOK.search(data):
            yield from _outside(source, "workbook", limits)


def _outside(source: Source, kind: str, limits: WalkLimits) -> Iterator[DerivedText | Note]:
    """Yield the text of a PDF or the sheets of a workbook; the walk reports a larger PDF where it opens streams."""
    how, largest = ("pdf-text", documents.LARGEST_PDF) if kind == "pdf" else ("sheet-text", MOST)
    if source.size <= largest:
        for sheet in outside.texts(source, kind, limits):
            yield sheet if isinstance(sheet, Note) else DerivedText(how, sheet)
    elif kind != "pdf":
        yield Note("limit-member", f"is a workbook of more than {MOST >> 20} MiB: its rows were not read")


def _unwrapped(
    data: bytes,
    limits: WalkLimits,
    hits: Mapping[bytes, int] | None,
    *,
    of: str = "",
    lines: bool = True,
    php: bool = False,
) -> Iterator[DerivedText | Note]:
    try:
        for how, content, line in wrapped.unwrapped(data, limits.layers, hits, php=php):
            yield DerivedText(of + how, content, line if lines else None)
    except Broken as problem:
        yield Note(problem.reason, str(problem))


def _carried(made: DerivedText, limits: WalkLimits) -> Iterator[DerivedText | Note]:
    """Say what a text that was made carries wrapped: compiled Python and a database's rows do as scripts do."""
    hits = wrapped.words_of(made.content) if made.how not in _BARE else {}
    if hits and wrapped.worth_it(made.content, hits):
        yield from _unwrapped(made.content, limits, hits, of=f"{made.how}+", lines=bool(made.line))


_BARE = frozenset({INSTALLED, "strings"})


def _utf16(data: bytes) -> bytes:
    return (
        data[: len(data) // 2 * 2].decode(wide(data[:HEAD]) or "utf-16", "replace").encode("utf-8", "replace")
    )


_COMPILED: dict[str, tuple[Callable[[bytes], bool], Callable[[bytes], tuple[bytes, list[bytes]]]]] = {
    "class": (bytecode.worth_it, bytecode.class_constants),
    "pyc": (bool, bytecode.pyc_strings),
}
_WHOLE: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "ole": ("strings", documents.strings), "rtf": ("strings", documents.strings), "utf-16": ("utf-16", _utf16),
}  # fmt: skip
"""Formats whose text is made of their bytes as a whole."""
