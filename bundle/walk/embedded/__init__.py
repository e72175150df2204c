"""Archives inside files that are no archives: behind or inside an executable, a picture or a firmware image, as Base64
in a script, a mail or JSON, uuencoded, in a PDF's streams, in a database's rows.

The file itself is said as what it is; what is found in it follows as members of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

from bundle.walk import unopened
from bundle.walk.embedded import coded, extents, stored
from bundle.walk.formats.raw import Note, Raw, ReaderContext
from bundle.walk.literals import Gate
from bundle.walk.member import OVERLAP, WINDOW, Content
from bundle.walk.registry import section
from bundle.walk.source import Slice, Source

_LEAST = 100
"""Bytes below which no file holds an archive worth its name."""
_MANY = 1000
"""Archives in one file that are opened."""
_HITS = 100_000
"""Places of one window that are looked at."""
_PROGRAMS = frozenset({"elf", "pe"})
_ENDS = {"class": extents.class_end, "sqlite": extents.sqlite_end}
"""What tells where files end of which detectors read their own structure alone."""
_PASSED = frozenset({"class", "empty"})
MARKS = (*extents.MARKS, *coded.MARKS, *unopened.inside())
"""How the archives begin, or end, that are looked for in other files."""
OWN = (stored.PHAR,)
"""What texts say that hold files in a form of their own."""


def archives(
    form: str, source: Source, context: ReaderContext, hits: Mapping[bytes, int] | None = None
) -> Iterator[Raw | Note]:
    """Say the archives in a file that is none itself, in the order they lie in it.

    `hits` is what a glance at a small file found (see `glance`), where there was one.
    """
    if form in _ENDS:
        yield from extents.tail(source, _ENDS[form](source))
    if form in _PASSED or source.size < _LEAST:
        return
    if hits is not None and _LOOKED_FOR.isdisjoint(hits):
        return
    for count, raw in enumerate(_all(form, source, context, hits)):
        if count >= _MANY:
            yield Note(
                "limit-members", f"more than {_MANY} archives inside this file; the rest was not opened"
            )
            return
        yield raw


def _all(  # noqa: C901 - one branch for each way an archive is told
    form: str, source: Source, context: ReaderContext, hits: Mapping[bytes, int] | None
) -> Iterator[Raw | Note]:
    reached = 0
    text = coded.CodedText(source)
    reported: set[unopened.ContainerKind] = set()
    for base in range(0, source.size, WINDOW):
        content = source.view(base, WINDOW + OVERLAP)
        places = _marks(content, base, hits)
        for at, mark in places:
            if at >= base + WINDOW:
                break  # the next window has it whole
            if at < reached:
                continue
            if mark in unopened.inside():
                if form != "unread":
                    yield from _not_opened(source, at, mark, context, reported)
                continue
            found = coded.at(text, at, mark) if mark in coded.MARKS else extents.at(source, at, mark)
            if found is not None and found.start >= reached:
                reached = found.start + found.length
                if form in _PROGRAMS and found.data is None and reached == source.size:  # it extracts itself
                    yield from section(Slice(source, found.start, found.length), context)
                else:
                    yield found.raw(source)
        if len(places) >= _HITS:
            yield Note(
                "limit-members",
                f"more than {_HITS} places look like the begin of an archive; the rest was not tried",
            )
    yield from stored.members(form, source, context)
    if form in _PROGRAMS:
        yield from (
            Note("unsupported", word) for word in unopened.in_program(form, source, reached, context.name)
        )


def _not_opened(
    source: Source, at: int, mark: bytes, context: ReaderContext, reported: set[unopened.ContainerKind]
) -> Iterator[Note]:
    """Say once which container lies in a file that no reader opens."""
    row = unopened.inside()[mark]
    if row not in reported and unopened.proved(source, at, row):
        reported.add(row)
        yield Note(
            "unsupported", f"holds {row.name} at byte {at}, which is not opened. {row.advice(context.name)}"
        )


def _marks(content: Content, base: int, hits: Mapping[bytes, int] | None) -> list[tuple[int, bytes]]:
    """Return where a mark stands, in order, as far as there are `_HITS`; most files hold none, and one pass tells."""
    first = _gate().hits(content) if hits is None else hits
    places: list[tuple[int, bytes]] = []
    for mark, start in first.items():
        if mark not in _MARKED:
            continue
        at = start
        while at >= 0 and len(places) < _HITS:
            places.append((base + at, mark))
            at = content.find(mark, at + 1)
    return sorted(places)


_MARKED = frozenset(MARKS)
_LOOKED_FOR = frozenset((*MARKS, *OWN))


@cache
def _gate() -> Gate:
    return Gate(MARKS)
