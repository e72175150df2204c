"""How a file is said: in windows where it is large, and the classes of a container that has no directory."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from bundle.walk.frame import MOST_NAMES, Frame
from bundle.walk.member import OVERLAP, WINDOW, ContainerEntry, Content, Member
from bundle.walk.source import Memory, Source, chunks


def windows(member: Member, source: Source) -> Iterator[Member]:
    """Say a member, in several windows where it is large; each map is closed when the next is asked for."""
    if isinstance(source, Memory) and source.size <= WINDOW:
        yield replace(member, content=source.data)
        return
    at = 0
    line = 1
    while True:
        content = source.view(at, WINDOW)
        yield replace(member, content=content, offset=at, first_line=line if at else None)
        end = at + WINDOW
        if end >= source.size:
            close(content)
            return
        at = end - OVERLAP
        line += _lines(content, WINDOW - OVERLAP)
        close(content)


def _lines(content: Content, length: int) -> int:
    step = 1 << 20
    return sum(content[at : min(at + step, length)].count(b"\n") for at in range(0, length, step))


def close(content: Content) -> None:
    """Let go of a map that was shown to the detectors."""
    if not isinstance(content, bytes):
        with suppress(BufferError):  # somebody still iterates over it; it goes when they let go
            content.close()


def derived(member: Member, text: bytes, how: str) -> Member:
    """Return a text made from a member."""
    return replace(
        member, content=text, words=None, derived=how, container=False, entries=(), first_line=None, offset=0
    )


def note_class(frame: Frame, member: Member, source: Source | None = None) -> None:
    """Remember a Java class for the listing of its container."""
    if len(frame.classes) >= MOST_NAMES:
        return
    crc = 0
    for block in chunks(source) if source is not None else (member.content,):
        crc = zlib.crc32(block, crc)
    name = (
        member.parts[-1]
        if len(member.parts) > len(frame.parts)
        else member.parts[-1][len(frame.parts[-1]) + 1 :]
    )
    frame.classes.append(ContainerEntry(name, member.size, crc))


def listing(frame: Frame, form: str) -> Member:
    """Return the classes of a container, said after its last member."""
    return Member(parts=frame.parts, kind="listing", format=form, entries=tuple(frame.classes))
