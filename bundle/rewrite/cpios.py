"""cpio in its ASCII forms (newc, crc, odc): every header that stays is copied, its sizes apart where they change."""

from __future__ import annotations

import io
import shutil
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from bundle.rewrite.copying import copy
from bundle.rewrite.edit import Change, Keep, Remove, Replace, file_only
from hardening.errors import ArchiveError

_MAGICS = (b"070701", b"070702", b"070707")
_TRAILER = b"TRAILER!!!"
_BLOCK = 512
"""Packers fill an archive up to a multiple of this."""
_MOST_PADDING = 1 << 20
_HEX = 16


@dataclass(frozen=True, slots=True)
class _Form:
    """Where the numbers of a header stand: slices, their base, and to how many bytes name and content are padded."""

    header: int
    base: int
    pad: int
    mode: slice
    links: slice
    size: slice
    name: slice
    node: tuple[slice, ...]
    check: slice | None = None


def _new(field: int) -> slice:
    return slice(6 + 8 * field, 14 + 8 * field)


_NEWC = _Form(110, _HEX, 4, _new(1), _new(4), _new(6), _new(11), (_new(7), _new(8), _new(0)))
_FORMS = {
    b"070701": _NEWC,
    b"070702": _Form(
        110, _HEX, 4, _new(1), _new(4), _new(6), _new(11), (_new(7), _new(8), _new(0)), check=_new(12)
    ),
    b"070707": _Form(
        76, 8, 1, slice(18, 24), slice(36, 42), slice(65, 76), slice(59, 65), (slice(6, 12), slice(12, 18))
    ),
}


@dataclass(slots=True)
class _Member:
    form: _Form
    header: bytearray
    name: bytes
    start: int
    """Where its header begins."""
    data: int
    end: int
    """Behind the padding of its content."""

    def number(self, field: slice) -> int:
        return int(self.header[field], self.form.base)

    def put(self, field: slice, value: int) -> None:
        width = field.stop - field.start
        text = f"{value:0{width}X}" if self.form.base == _HEX else f"{value:0{width}o}"
        if len(text) > width:
            raise ArchiveError(f"{self.shown}: too large for this cpio", hint="pack it as another format")
        self.header[field] = text.encode()

    @property
    def shown(self) -> str:
        return self.name.decode("utf-8", "backslashreplace")

    @property
    def node(self) -> tuple[int, ...] | None:
        """What hard links to one file share; None for what has no other name."""
        regular = stat.S_ISREG(self.number(self.form.mode))
        return (
            tuple(map(self.number, self.form.node)) if regular and self.number(self.form.links) > 1 else None
        )


def matches(head: bytes) -> bool:
    """Whether these first bytes are those of a cpio in an ASCII form."""
    return head[:6] in _MAGICS


def rewrite(source: IO[bytes], target: IO[bytes], change: Change) -> None:
    """Copy the archive, or several in a row, asking `change` about each member; a padded end is padded again."""
    total = source.seek(0, io.SEEK_END)
    position = 0
    begun = target.tell()
    while True:
        position = _one(source, target, position, change)
        behind = _next(source, position)
        if behind is None:
            break
        copy(source, target, position, behind)
        position = behind
    rest = total - position
    source.seek(position)
    if 0 < rest < _MOST_PADDING and total % _BLOCK == 0 and not source.read(rest).strip(b"\0"):
        target.write(bytes(-(target.tell() - begun) % _BLOCK))
    else:
        copy(source, target, position, total)


def _one(source: IO[bytes], target: IO[bytes], position: int, change: Change) -> int:
    """Copy one archive from `position` with its trailer, and return where it ends."""
    everything = list(_members(source, position))
    members, trailer = everything[:-1], everything[-1]
    decided = [change(m.shown, lambda m=m: _content(source, m)) for m in members]  # type: ignore[misc]  # mypy has no type for a lambda that binds by default value
    links = _links_left(members, decided)
    for member, decision in zip(members, decided, strict=True):
        if isinstance(decision, Remove):
            continue
        left = links.get(member.node) if member.node else None
        if left is not None:
            member.put(member.form.links, left)
        if isinstance(decision, Replace):
            has_content = stat.S_ISREG(member.number(member.form.mode)) or member.number(member.form.size) > 0
            file_only(member.shown, is_file=has_content)
            with decision.content as content:
                _replace(source, target, member, content)
        else:
            source.seek(member.start + member.form.header)
            target.write(member.header + source.read(member.data - member.start - member.form.header))
            copy(source, target, member.data, member.end)
    end = min(trailer.end, source.seek(0, io.SEEK_END))  # some packers do not pad the last header
    copy(source, target, trailer.start, end)
    return end


def _links_left(members: list[_Member], decided: list[Keep | Remove | Replace]) -> dict[tuple[int, ...], int]:
    """Return how many names each file has left that loses one. Errors: ArchiveError where its content goes with it."""
    left: Counter[tuple[int, ...]] = Counter()
    lost: dict[tuple[int, ...], _Member] = {}
    holder: dict[tuple[int, ...], _Member] = {}
    for member, decision in zip(members, decided, strict=True):
        node = member.node
        if node is None:
            continue
        if isinstance(decision, Remove):
            lost[node] = member
            if member.number(member.form.size):
                holder[node] = member
        else:
            left[node] += 1
    for node in lost:
        if left[node] and node in holder and members[0].form.pad > 1:
            raise ArchiveError(
                f"{holder[node].shown} holds the content of a file that has other names too",
                hint="remove all its names, or pack the archive again without hard links",
            )
    return {node: left[node] for node in lost if left[node]}


def _members(source: IO[bytes], position: int) -> Iterator[_Member]:
    """Yield each member up to the trailer, which is the last."""
    while True:
        source.seek(position)
        magic = source.read(6)
        form = _FORMS.get(magic)
        if form is None:
            raise ArchiveError(
                f"cpio: no header at byte {position}", hint="the archive is truncated or corrupt"
            )
        header = bytearray(magic + source.read(form.header - 6))
        try:
            name_size, size = int(header[form.name], form.base), int(header[form.size], form.base)
        except ValueError as problem:
            raise ArchiveError(
                f"cpio: the header at byte {position} is damaged", hint="the archive is corrupt"
            ) from problem
        name = source.read(name_size)
        data = position + _padded(form.header + name_size, form.pad)
        end = data + _padded(size, form.pad)
        member = _Member(form, header, name.split(b"\0", 1)[0], position, data, end)
        if len(name) < name_size or name_size < 1 or size < 0:
            raise ArchiveError("cpio: the archive ends inside a header", hint="the archive is truncated")
        yield member
        if member.name == _TRAILER:
            return
        position = end


def _padded(size: int, to: int) -> int:
    return -(-size // to) * to


def _next(source: IO[bytes], position: int) -> int | None:
    """Return where a further archive begins behind zeros; None where something else or nothing follows."""
    source.seek(position)
    while chunk := source.read(1 << 16):
        rest = chunk.lstrip(b"\0")
        if rest:
            at = position + len(chunk) - len(rest)
            source.seek(at)
            return at if source.read(6) in _MAGICS else None
        position += len(chunk)
    return None


def _content(source: IO[bytes], member: _Member) -> IO[bytes]:
    source.seek(member.data)
    return io.BytesIO(source.read(member.number(member.form.size)))


def _replace(source: IO[bytes], target: IO[bytes], member: _Member, content: IO[bytes]) -> None:
    """Write the member's header with a new size (and sum of bytes in the crc form), then the new content."""
    size = content.seek(0, io.SEEK_END)
    content.seek(0)
    form = member.form
    member.put(form.size, size)
    if form.check is not None:
        total = 0
        while chunk := content.read(1 << 20):
            total += sum(chunk)
        member.put(form.check, total & 0xFFFFFFFF)
        content.seek(0)
    source.seek(member.start + form.header)
    target.write(member.header + source.read(member.data - member.start - form.header))
    shutil.copyfileobj(content, target)
    target.write(bytes(-size % form.pad))
