"""rpm: a lead, a signature, a header that lists the files with size and digest, and a compressed cpio of them.

A file that goes is taken from all lists of the header; one that is replaced gets its new size and digest; sizes and
digests of payload and header are made again. Scripts, dependencies, owners, modes, times and capabilities stay. A
signature of the packager's is over the old header: it is left out, since rpm refuses a wrong one and not a missing one.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import IO

from bundle.rewrite import cpios, rpmheader, streams
from bundle.rewrite.copying import temporary
from bundle.rewrite.edit import Change, Keep, Remove, Replace, plain
from bundle.rewrite.rpmheader import Header
from hardening.errors import ArchiveError
from hardening.numerals import whole

HINT = "have it built again without the member"

_LEAD = 96
_MAGIC = b"\xed\xab\xee\xdb"
_GHOST = 64
_HIGHEST = {"gzip": 9, "bzip2": 9, "xz": 9, "lzma": 9, "zstd": 22}

SIGNATURES = frozenset({267, 268, 278, 1002, 1003, 1005, 1006})
"""DSA, RSA and OpenPGP over the header; PGP, LEMD5 (of rpm 2), GPG and PGP5 over header and payload."""
_IMA = frozenset({274, 276})
"""Signatures of single files, one row for each."""
_OLD_NAMES, _BASENAMES, _FOLDERS, _FOLDER_OF = 1027, 1117, 1118, 1116
_SIZES, _LONG_SIZES, _MODES, _DIGESTS, _FLAGS = 1028, 5008, 1030, 1035, 1037
_DEVICES, _INODES = 1095, 1096
_SIZE, _LONG_SIZE, _DIGEST_KIND = 1009, 5009, 5011
_PAYLOAD_DIGEST, _PAYLOAD_DIGEST_KIND, _UNPACKED_DIGEST = 5092, 5093, 5097
_SHA1, _SHA256, _MD5 = 269, 273, 1004
"""Of the signature: over the header, and over header and payload."""
_PAYLOAD_FLAGS, _FORMAT = 1126, 5114
_ROWS = frozenset(
    {
        1027, 1028, 1029, 1030, 1031, 1032, 1033, 1034, 1035, 1036, 1037, 1039, 1040, 1045, 1095, 1096, 1097, 1116, 1117, 1140,
        1141, 1143, 1144, 1147, 5008, 5010,
    }
)  # fmt: skip
"""Tags with one value for each file: names, sizes, states, modes, devices, times, digests, links, flags, owners, verify
flags, inodes, languages, folders, colours, classes, dependencies, contexts, capabilities."""
_KINDS = {0: "md5", 1: "md5", 2: "sha1", 8: "sha256", 9: "sha384", 10: "sha512", 11: "sha224"}
"""The OpenPGP numbers of hash algorithms (RFC 9580 section 9.5); without one rpm means MD5."""


@dataclass(slots=True)
class _File:
    """What becomes of one row of the lists."""

    removed: bool = False
    size: int | None = None
    digest: bytes | None = None


@dataclass(slots=True)
class _Files:
    """The files of the header by name, and what was decided of each."""

    rows: dict[str, _File] = field(default_factory=dict)
    kind: str = "md5"


def matches(head: bytes) -> bool:
    """Whether these first bytes are an rpm's."""
    return head.startswith(_MAGIC)


def signed(content: bytes) -> bool:
    """Whether a package that begins with these bytes has a signature of its maker's."""
    source = io.BytesIO(content[_LEAD:])
    try:
        signature = rpmheader.read(source)
    except ArchiveError:
        return False
    return any(signature.find(tag) for tag in SIGNATURES)


def rewrite(source: IO[bytes], target: IO[bytes], change: Change) -> None:
    """Copy the package, asking `change` about each file of it. Errors: ArchiveError."""
    source.seek(0)
    lead = source.read(_LEAD)
    signature = rpmheader.read(source)
    source.seek(-source.tell() % 8, io.SEEK_CUR)
    begun = source.tell()
    header = rpmheader.read(source)
    _sound(source, begun, signature, header)
    if header.find(_FORMAT):
        raise ArchiveError("rpm: a package of format 6 cannot be rewritten", hint=HINT)
    files = _listed(header)
    with temporary() as unpacked, temporary() as made, temporary() as payload:
        start = source.tell()
        stream = _unpack(source, start, unpacked)
        cpios.rewrite(unpacked, made, lambda name, content: _decided(name, content, files, change))
        _ghosts(header, files, change)
        source.seek(start)
        _pack(made, payload, stream, source.read(4096), header)
        changed = _relisted(header, files)
        for tag, stored in ((_PAYLOAD_DIGEST, payload), (_UNPACKED_DIGEST, made)):
            if changed.find(tag):
                kind = _kind(changed.numbers(_PAYLOAD_DIGEST_KIND))
                changed.set_strings(tag, [_digest(kind, stored)])
        body = changed.packed()
        target.write(lead + _signature(signature, files, body, payload, made.seek(0, io.SEEK_END)) + body)
        payload.seek(0)
        shutil.copyfileobj(payload, target)


def _sound(source: IO[bytes], begun: int, signature: Header, header: Header) -> None:
    """See that the sums fit before they are made again: what was changed on the way is not made to look whole.

    Leaves the file behind the header. Errors: ArchiveError.
    """
    start = source.tell()
    source.seek(begun)
    raw = source.read(start - begun)
    kind = _kind(header.numbers(_PAYLOAD_DIGEST_KIND))
    md5, payload = hashlib.md5(raw, usedforsecurity=False), hashlib.new(kind, usedforsecurity=False)
    while chunk := source.read(1 << 20):
        md5.update(chunk)
        payload.update(chunk)
    source.seek(start)
    both = signature.find(_MD5)
    for declared, found, what in (
        (
            signature.strings(_SHA1),
            hashlib.sha1(raw, usedforsecurity=False).hexdigest(),
            "SHA-1 does not fit its header",
        ),
        (signature.strings(_SHA256), hashlib.sha256(raw).hexdigest(), "SHA-256 does not fit its header"),
        (header.strings(_PAYLOAD_DIGEST), payload.hexdigest(), "digest does not fit its payload"),
        ([both.data.hex().encode()] if both else [], md5.hexdigest(), "MD5 does not fit it"),
    ):
        if declared and declared[0] != found.encode():
            raise ArchiveError(f"rpm: its {what}", hint="it was changed or damaged: obtain it again")


def _kind(numbers: list[int]) -> str:
    kind = _KINDS.get(numbers[0] if numbers else 0)
    if kind is None:
        raise ArchiveError(f"rpm: hash algorithm {numbers[0]} is not known", hint=HINT)
    return kind


def _names(header: Header) -> list[str]:
    """Return the path of each file, in the order of the lists. Errors: ArchiveError."""
    old = header.strings(_OLD_NAMES)
    bases, folders, of = header.strings(_BASENAMES), header.strings(_FOLDERS), header.numbers(_FOLDER_OF)
    if len(of) != len(bases) or any(number >= len(folders) for number in of):
        raise ArchiveError("rpm: its list of files is damaged", hint="the package is corrupt")
    names = old or [folders[number] + base for number, base in zip(of, bases, strict=True)]
    return [name.decode("utf-8", "backslashreplace") for name in names]


def _listed(header: Header) -> _Files:
    files = _Files(kind=_kind(header.numbers(_DIGEST_KIND)))
    names = _names(header)
    files.rows = {plain(name): _File() for name in names}
    for tag in _ROWS:
        entry = header.find(tag)
        if entry is not None and entry.count != len(names):
            raise ArchiveError(
                f"rpm: list {tag} has another length than the files", hint="the package is corrupt"
            )
    if len(files.rows) != len(names):
        raise ArchiveError("rpm: it lists a file twice", hint=HINT)
    return files


def _unpack(source: IO[bytes], start: int, target: IO[bytes]) -> streams.CompressionFormat | None:
    source.seek(start)
    head = source.read(4096)
    source.seek(start)
    stream = streams.find(head)
    if stream is not None:
        stream.unpack(source, target)
    elif cpios.matches(head):
        shutil.copyfileobj(source, target)
    else:
        raise ArchiveError("rpm: its payload is of a kind that cannot be rewritten", hint=HINT)
    target.seek(0)
    return stream


def _pack(
    made: IO[bytes], payload: IO[bytes], stream: streams.CompressionFormat | None, head: bytes, header: Header
) -> None:
    made.seek(0)
    if stream is None:
        shutil.copyfileobj(made, payload)
        return
    flags = (header.strings(_PAYLOAD_FLAGS) or [b""])[0]
    digits = flags.split(b"T")[0].split(b"L")[0]
    asked = whole(digits)
    level = None if asked is None else min(asked, _HIGHEST[stream.name])
    stream.pack(made, payload, head, level)


def _decided(
    name: str, content: Callable[[], IO[bytes]], files: _Files, change: Change
) -> Keep | Remove | Replace:
    """Ask about one file of the payload, and note what the header has to say of it."""
    row = files.rows.get(plain(name))
    if row is None:
        raise ArchiveError(f"rpm: {name} is in the payload and in no list of the header", hint=HINT)
    decision = change(name, content)
    if isinstance(decision, Remove):
        row.removed = True
    elif isinstance(decision, Replace):
        row.size = decision.content.seek(0, io.SEEK_END)
        row.digest = _digest(files.kind, decision.content)
        decision.content.seek(0)
    return decision


def _digest(kind: str, content: IO[bytes]) -> bytes:
    content.seek(0)
    value = hashlib.new(kind, usedforsecurity=False)
    while chunk := content.read(1 << 20):
        value.update(chunk)
    return value.hexdigest().encode()


def _ghosts(header: Header, files: _Files, change: Change) -> None:
    """Ask about files that the header alone knows: what is below a folder that goes, goes."""
    for name, flags in zip(files.rows, header.numbers(_FLAGS), strict=False):
        if flags & _GHOST and isinstance(change(name, io.BytesIO), Remove):
            files.rows[name].removed = True


def _relisted(header: Header, files: _Files) -> Header:
    """Return the header with the lists of the files that are left."""
    rows = list(files.rows.values())
    if all(row == _File() for row in rows):
        return header
    before = _installed(header)
    _rewritten(header, rows)
    keep = [not row.removed for row in rows]
    if not any(keep):
        header = header.without(_ROWS | {_FOLDERS})
    for tag in _ROWS:
        _filter(header, tag, keep)
    _refolder(header)
    after = _installed(header)
    for tag in (_SIZE, _LONG_SIZE):
        if header.find(tag):
            header.set_numbers(tag, [max(0, header.numbers(tag)[0] - before + after)])
    return header


def _rewritten(header: Header, rows: list[_File]) -> None:
    """Set size and digest of what was replaced, under every name it has."""
    digests, nodes = header.strings(_DIGESTS), list(_nodes(header))
    for number, row in enumerate(rows):
        if row.size is None or row.digest is None:
            continue
        same = [n for n, node in enumerate(nodes) if node is not None and node == nodes[number]] or [number]
        for tag in (_SIZES, _LONG_SIZES):
            values = header.numbers(tag)
            for n in same if values else ():
                values[n] = row.size
            header.set_numbers(tag, values)
        for n in same:
            digests[n] = row.digest
    header.set_strings(_DIGESTS, digests)


def _nodes(header: Header) -> Iterator[tuple[int, int] | None]:
    """Yield device and inode of each regular file, and None for what is none."""
    modes, devices, inodes = header.numbers(_MODES), header.numbers(_DEVICES), header.numbers(_INODES)
    for number, mode in enumerate(modes):
        regular = stat.S_ISREG(mode) and len(devices) == len(inodes) == len(modes)
        yield (devices[number], inodes[number]) if regular else None


def _installed(header: Header) -> int:
    """Return the bytes the regular files take, each counted once whatever names it has."""
    sizes = header.numbers(_LONG_SIZES) or header.numbers(_SIZES)
    seen: dict[tuple[int, int], int] = {
        node: sizes[number] for number, node in enumerate(_nodes(header)) if node is not None
    }
    return sum(seen.values())


def _filter(header: Header, tag: int, keep: list[bool]) -> None:
    entry = header.find(tag)
    if entry is None:
        return
    if entry.type == rpmheader.STRINGS:
        header.set_strings(tag, [v for v, stays in zip(header.strings(tag), keep, strict=True) if stays])
    else:
        header.set_numbers(tag, [v for v, stays in zip(header.numbers(tag), keep, strict=True) if stays])


def _refolder(header: Header) -> None:
    """Leave out folders that no file is in any more."""
    folders, of = header.strings(_FOLDERS), header.numbers(_FOLDER_OF)
    used = sorted(set(of))
    places = {number: place for place, number in enumerate(used)}
    header.set_strings(_FOLDERS, [folders[number] for number in used])
    header.set_numbers(_FOLDER_OF, [places[number] for number in of])


def _signature(old: Header, files: _Files, body: bytes, payload: IO[bytes], unpacked: int) -> bytes:
    """Return the signature section for the new header and payload: the sums it had, and no signature."""
    keep = [not row.removed for row in files.rows.values()]
    new = old.without(SIGNATURES)
    for tag in _IMA:
        entry = new.find(tag)
        if entry is not None and entry.count == len(keep):
            _filter(new, tag, keep)
    packed = payload.seek(0, io.SEEK_END)
    for tag in (1000, 270):
        new.set_numbers(tag, [len(body) + packed])
    for tag in (1007, 271):
        new.set_numbers(tag, [unpacked])
    new.set_strings(_SHA1, [hashlib.sha1(body, usedforsecurity=False).hexdigest().encode()])
    new.set_strings(_SHA256, [hashlib.sha256(body).hexdigest().encode()])
    entry = new.find(_MD5)
    if entry is not None:
        value = hashlib.md5(body, usedforsecurity=False)
        payload.seek(0)
        while chunk := payload.read(1 << 20):
            value.update(chunk)
        entry.data, entry.count = value.digest(), 16
    made = new.packed()
    return made + bytes(-len(made) % 8)
