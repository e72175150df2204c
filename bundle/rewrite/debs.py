"""Debian packages: an ar whose control.tar lists the files of its data.tar, so both are written as one."""

from __future__ import annotations

import hashlib
import io
import shutil
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO

from bundle.rewrite import ars, streams, tars
from bundle.rewrite.copying import temporary
from bundle.rewrite.edit import KEEP, Change, Keep, Remove, Replace, plain
from hardening.errors import ArchiveError

_LISTS = ("md5sums", "conffiles")
_HEAD = 1024
"""Bytes in which a stream's header lies, the name that gzip may keep included."""


def matches(head: bytes) -> bool:
    """Whether these first bytes are a Debian package's."""
    return ars.matches(head) and head[8:21] == b"debian-binary"


def rewrite(source: IO[bytes], target: IO[bytes], change: Change) -> None:
    """Copy the package, asking `change` about each part; then md5sums and conffiles say what the new data.tar holds."""
    decisions: dict[str, Keep | Remove | Replace] = {}
    old = dict(ars.members(source))
    for name, data in old.items():
        decisions[name] = change(name, lambda data=data: io.BytesIO(data))  # type: ignore[misc]  # mypy has no type for a lambda that binds by default value
    data_tar, control_tar = (
        next((n for n in old if n.startswith(k)), "") for k in ("data.tar", "control.tar")
    )
    changed, control = decisions.get(data_tar), decisions.get(control_tar)
    if isinstance(changed, Replace) and control is not None and not isinstance(control, Remove):
        gone, sums = _differences(io.BytesIO(old[data_tar]), changed.content)
        current = control.content if isinstance(control, Replace) else io.BytesIO(old[control_tar])
        decisions[control_tar] = _listed(current, gone, sums) or control
    source.seek(0)
    ars.rewrite(source, target, lambda name, _: decisions[name])


def _differences(old: IO[bytes], new: IO[bytes]) -> tuple[set[str], dict[str, str]]:
    """Return the files that are gone from a data.tar, and the MD5 of each that is there."""
    with _tar(old) as before:
        names = {plain(m.name) for m in before if not m.isdir()}
    with _tar(new) as after:
        sums = {}
        for member in after:
            if member.isreg() and (body := after.extractfile(member)) is not None:
                sums[plain(member.name)] = _md5(body)
            elif not member.isdir():
                sums[plain(member.name)] = ""
    new.seek(0)
    return names - sums.keys(), sums


def _md5(body: IO[bytes]) -> str:
    value = hashlib.md5(usedforsecurity=False)
    while chunk := body.read(1 << 20):
        value.update(chunk)
    return value.hexdigest()


@contextmanager
def _tar(packed: IO[bytes]) -> Iterator[tarfile.TarFile]:
    packed.seek(0)
    stream = streams.find(packed.read(16))
    packed.seek(0)
    with temporary() as unpacked:
        if stream is None:
            shutil.copyfileobj(packed, unpacked)
        else:
            stream.unpack(packed, unpacked)
        unpacked.seek(0)
        try:
            with tarfile.open(fileobj=unpacked, mode="r:") as archive:
                yield archive
        except tarfile.TarError as problem:
            raise ArchiveError(f"deb: {problem}", hint="the package is truncated or corrupt") from problem


def _listed(control: IO[bytes], gone: set[str], sums: dict[str, str]) -> Replace | None:
    """Return control.tar with lists that agree with data.tar; None where they do already."""
    texts: dict[str, bytes] = {}
    with _tar(control) as archive:
        for member in archive:
            name = plain(member.name)
            body = archive.extractfile(member) if member.isreg() and name in _LISTS else None
            if body is None:
                continue
            was = body.read()
            now = b"".join(_line(line, name, gone, sums) for line in was.splitlines(keepends=True))
            if now != was:
                texts[name] = now
    control.seek(0)
    if not texts:
        return None

    def change(name: str, _content: Callable[[], IO[bytes]]) -> Keep | Remove | Replace:
        return Replace.of(texts[plain(name)]) if plain(name) in texts else KEEP

    made = temporary()
    head = control.read(_HEAD)
    control.seek(0)
    stream = streams.find(head)
    if stream is None:
        tars.rewrite(control, made, change)
    else:
        with temporary() as unpacked, temporary() as changed:
            stream.unpack(control, unpacked)
            unpacked.seek(0)
            tars.rewrite(unpacked, changed, change)
            changed.seek(0)
            stream.pack(changed, made, head, None)
    made.seek(0)
    return Replace(made)


def _line(line: bytes, name: str, gone: set[str], sums: dict[str, str]) -> bytes:
    text = line.decode("utf-8", "surrogateescape")
    if name == "conffiles":  # a path, before it perhaps a flag
        return b"" if plain(text.split(" ")[-1].strip()) in gone else line
    digest, between, path = text.partition("  ")
    path = plain(path.rstrip("\n"))
    if path in gone:
        return b""
    now = sums.get(path, "")
    return (
        line
        if not now or now == digest or not between
        else (now + text[len(digest) :]).encode("utf-8", "surrogateescape")
    )
