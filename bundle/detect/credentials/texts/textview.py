"""A member's text with offsets that lead back to the stored file."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from bundle.detect.credentials.texts.work import EACH, Work
from bundle.walk.member import Content, Member

_SPAN = 2048
"""Characters either side of a hit on a line that is longer than a line should be."""
_MULTI = (400, 900)
"""Characters before and after the line of a hit that a pattern over several lines sees."""


def codec(content: Content) -> tuple[bytes, str]:
    """Return the mark that stands before the text and its encoding; empty where the bytes are read as they are."""
    head = bytes(content[:4])
    if head == b"\xff\xfe\0\0":
        return head, "utf-32-le"
    if head.startswith(b"\xff\xfe"):
        return head[:2], "utf-16-le"
    if head.startswith(b"\xfe\xff"):
        return head[:2], "utf-16-be"
    if len(head) == 4 and head[1] == 0 == head[3] and head[0]:  # noqa: PLR2004 - UTF-16 without its mark
        return b"", "utf-16-le"
    if len(head) == 4 and head[0] == 0 == head[2] and head[1] and head[3]:  # noqa: PLR2004 - and its other order
        return b"", "utf-16-be"
    return b"", ""


_HALT = b"__HALT_COMPILER();"
_BEHIND = re.compile(rb"(?: ?\?>)?(?:\r?\n)?")
"""What ends the code of a phar with it."""
_STUB = 1 << 20
_ROW = 24
"""Bytes that a phar's manifest has for each of its files at least."""


def code(member: Member) -> Content:
    """Return a text without the files that a phar holds behind its code: the walk says those one by one."""
    content = member.content
    if member.format != "php" or member.derived:
        return content
    at = content.find(_HALT, 0, _STUB)
    behind = _BEHIND.match(content, at + len(_HALT)) if at >= 0 else None
    if behind is None:
        return content
    end = behind.end()
    head = bytes(content[end : end + 8]).ljust(8, b"\xff")
    size, count = int.from_bytes(head[:4], "little"), int.from_bytes(head[4:], "little")
    holds = 0 < count <= size // _ROW and end + 4 + size <= len(content)
    return content[:end] if holds else content


SWAP = b"b0VIM "
"""What a file begins with in which Vim keeps what is not written yet: each line ends with a zero."""


def _in_lines(content: Content) -> Content:
    """Return a text whose lines end with a return alone, as old Macs wrote them, or a zero, with ends that patterns know."""
    head = bytes(content[:_SPAN])
    if head.startswith(SWAP):
        return bytes(content).replace(b"\0", b"\n")
    if b"\r" not in head or b"\n" in head:
        return content
    data = bytes(content)
    return content if b"\n" in data else data.replace(b"\r", b"\n")


_HISTORY = b"_HiStOrY_V2_"
"""The first line of a history that libedit wrote, MySQL's client's too, in which a blank is an escape."""
_BLANK = b"\\040"


def _as_typed(content: Content, name: str) -> Content:
    """Return a history with blanks where libedit wrote an escape for one, as many as the escape has signs: offsets hold."""
    if not name.endswith("_history") and bytes(content[: len(_HISTORY)]) != _HISTORY:
        return content
    return content if content.find(_BLANK) < 0 else bytes(content).replace(_BLANK, b" " * len(_BLANK))


MAPS = (".js.map", ".mjs.map", ".cjs.map", ".ts.map", ".css.map")
"""What the names of maps of sources end with (ECMA-426): JSON, in which each source is one literal."""
_END_OF_LINE = b"\\n"


def _between_escapes(data: Content, start: int, at: int, end: int) -> tuple[int, int]:
    """Return the line around an offset within one that holds whole programs, ends of lines written as escapes."""
    before = data.rfind(_END_OF_LINE, start, at)
    behind = data.find(_END_OF_LINE, at, end)
    return (before + len(_END_OF_LINE) if before >= 0 else start), (behind if behind >= 0 else end)


_LOOK = 20
"""Units for a look at a window, beside one for each 16 bytes of it."""


@dataclass(slots=True)
class View:
    """Text as bytes; UTF-16 is read as UTF-8 with the same lines."""

    data: Content
    apart: bool = False
    """Whether literals below each other are none of each other's: the constants of a class."""
    mapped: bool = False
    """Whether lines end with an escape too, as those of the sources do that a map of sources holds."""
    work: Work = field(default_factory=lambda: Work(0))
    """What may still be done for this text."""
    reach: int | None = None
    """The offset behind which nothing was looked at, for want of work left; None where all of it was."""
    _counted: tuple[int, int] = (0, 0)
    """An offset and the lines that end before it: what is caught comes in order, so that no line is counted twice."""

    @classmethod
    def of(cls, member: Member) -> View:
        """Return the text of a member."""
        mark, coding = codec(member.content)
        if coding:
            return cls(bytes(member.content[len(mark) :]).decode(coding, "replace").encode("utf-8"))
        apart, mapped = member.derived == "constants", member.name.endswith(MAPS) and not member.derived
        return cls(_as_typed(_in_lines(code(member)), member.name), apart=apart, mapped=mapped)

    def __post_init__(self) -> None:
        """Allow more for a text of its own than for a piece that shares its text's work."""
        self.work.left += EACH * len(self.data)
        self.work.judging += EACH * len(self.data)

    def stop(self, at: int) -> None:
        """Note that nothing is looked at behind an offset."""
        self.reach = at if self.reach is None else min(self.reach, at)

    def text(self, start: int, end: int) -> str:
        """Return a piece with one character for each byte, so that offsets hold."""
        return self.data[start:end].decode("latin-1")

    def value(self, start: int, end: int) -> str:
        """Return a piece as people read it."""
        return self.data[start:end].decode("utf-8", "replace")

    def window(self, at: int, *, multiline: bool) -> tuple[int, int]:
        """Return start and end of what a pattern sees around a hit that ends at `at`."""
        data = self.data
        size = len(data)
        at = at - 1 if 0 < at <= size else size if at else 0
        floor = at - _SPAN if at > _SPAN else 0
        ceiling = min(size, at + _SPAN)
        start = data.rfind(b"\n", floor, at) + 1 or floor
        end = data.find(b"\n", at, ceiling)
        if end < 0:
            end = ceiling
        if self.mapped:
            start, end = _between_escapes(data, start, at, end)
        if multiline:
            start = max(0, start - _MULTI[0])
            end = min(size, end + _MULTI[1])
        self.work.left -= _LOOK + (end - start >> 4)
        return start, end

    def width(self, at: int) -> int:
        """Return the bytes of the line an offset is on, at most 4 KiB."""
        start = self.data.rfind(b"\n", max(0, at - _SPAN), at)
        end = self.data.find(b"\n", at, at + _SPAN)
        return (end if end >= 0 else at + _SPAN) - (start if start >= 0 else max(0, at - _SPAN))

    def place(self, at: int) -> tuple[int, int]:
        """Return line and column of an offset, both from 1."""
        known, lines = self._counted if self._counted[0] <= at else (0, 0)
        self._counted = at, lines + bytes(self.data[known:at]).count(b"\n")
        return self._counted[1] + 1, at - self.data.rfind(b"\n", 0, at)

    def before(self, at: int) -> str:
        """Return what stands on the line before an offset, at most 2 KiB of it."""
        start, _ = self.window(at + 1, multiline=False)
        return self.text(start, at)

    def line(self, at: int) -> str:
        """Return the line an offset is on, at most 4 KiB of it."""
        start, end = self.window(at + 1, multiline=False)
        return self.text(start, end)
