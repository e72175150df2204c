"""Hostile archives, all made by code: each with the reasons that have to be said about it.

`cases()` gives more than 150. `must` are reasons of which every one has to be reported; `may` are tolerated; with
neither, the archive is harmless and nothing may be said.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import zstandard

from tests.support.bundle.walk import cram

CUT = frozenset({"truncated", "corrupt", "checksum", "unsupported", "trailing-data"})
ANY = frozenset({"*"})


@dataclass(frozen=True)
class Case:
    name: str
    made: bytes | Callable[[], bytes]
    """The archive, or what makes it: a bomb takes seconds, which collecting the tests must not."""
    must: frozenset[str] = frozenset()
    may: frozenset[str] = frozenset()
    seen: frozenset[str] = frozenset()
    """Contents that have to reach the detectors."""

    @property
    def data(self) -> bytes:
        return self.made if isinstance(self.made, bytes) else self.made()


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def text(size: int) -> bytes:
    return (b"The quick brown fox jumps over the lazy dog. " * (size // 45 + 1))[:size]


# --- building blocks


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED, behind: bytes = b"") -> bytes:
    """Return a zip; behind something else it counts from the begin of that."""
    out = io.BytesIO(behind)
    with zipfile.ZipFile(out, "a" if behind else "w", method) as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
            info.compress_type = method
            archive.writestr(info, data)
    return out.getvalue()


def tarred(files: dict[str, bytes], form: int = tarfile.USTAR_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def header(name: bytes, size: int, kind: bytes = b"0", link: bytes = b"", mode: int = 0o644) -> bytes:
    block = bytearray(512)
    block[0 : len(name)] = name
    block[100:108] = b"%07o\0" % mode
    block[108:116] = block[116:124] = b"0000000\0"
    block[124:136] = b"%011o\0" % size
    block[136:148] = b"00000000000\0"
    block[156:157] = kind
    block[157 : 157 + len(link)] = link
    block[257:265] = b"ustar\x0000"
    return summed(block)


def summed(block: bytes | bytearray) -> bytes:
    block = bytearray(block)
    block[148:156] = b"        "
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 512)


def pax(records: dict[str, str], kind: bytes = b"x") -> bytes:
    body = b""
    for key, value in records.items():
        line = f" {key}={value}\n".encode()
        length = len(line) + 1
        while len(str(length)) + len(line) != length:
            length += 1
        body += str(length).encode() + line
    return header(b"PaxHeader", len(body), kind) + padded(body)


END = b"\0" * 1024


def newc(
    name: bytes,
    data: bytes,
    mode: int = 0o100644,
    size: int | None = None,
    magic: bytes = b"070701",
    check: int = 0,
) -> bytes:
    numbers = (1, mode, 0, 0, 1, 0, len(data) if size is None else size, 0, 0, 0, 0, len(name) + 1, check)
    head = magic + b"".join(b"%08x" % n for n in numbers) + name + b"\0"
    head += b"\0" * (-len(head) % 4)
    return head + data + b"\0" * (-len(data) % 4)


def cpioed(files: dict[str, bytes]) -> bytes:
    return b"".join(newc(n.encode(), d) for n, d in files.items()) + newc(b"TRAILER!!!", b"")


def arred(files: dict[str, bytes]) -> bytes:
    out = b"!<arch>\n"
    for name, data in files.items():
        out += b"%-16s%-12s%-6s%-6s%-8s%-10d`\n" % (name.encode(), b"0", b"0", b"0", b"100644", len(data))
        out += data + b"\n" * (len(data) % 2)
    return out


def deb() -> bytes:
    return arred(
        {
            "debian-binary": b"2.0\n",
            "control.tar.gz": gzip.compress(tarred({"./control": b"Package: x\n"}), mtime=0),
            "data.tar.xz": lzma.compress(tarred({"./usr/x": text(5000)})),
        }
    )


def rpm(payload: bytes) -> bytes:
    def section(tags: list[tuple[int, bytes]]) -> bytes:
        store = b""
        index = b""
        for tag, value in tags:
            index += struct.pack(">4I", tag, 6, len(store), 1)
            store += value + b"\0"
        return b"\x8e\xad\xe8\x01\0\0\0\0" + struct.pack(">2I", len(tags), len(store)) + index + store

    lead = b"\xed\xab\xee\xdb\x03\0\0\0\0\x01" + b"x-1-1".ljust(66, b"\0") + b"\0\x01\0\x05" + b"\0" * 16
    signature = section([(1000, b"none")])
    signature += b"\0" * (-len(signature) % 8)
    return lead + signature + section([(1000, b"x"), (1023, b"echo installing")]) + payload


def script(payload: bytes) -> bytes:
    return b"#!/bin/sh\n# installer\n" + b"echo unpacking\n" * 20 + b"exit 0\n__ARCHIVE__\n" + payload


def local(
    name: bytes,
    data: bytes,
    *,
    method: int = 0,
    flags: int = 0,
    packed: bytes | None = None,
    crc: int | None = None,
    size: int | None = None,
) -> bytes:
    body = data if packed is None else packed
    return (
        struct.pack("<4s5H3I2H", b"PK\3\4", 20, flags, method, 0, 33, zlib.crc32(data) if crc is None else crc, len(body),
                    len(data) if size is None else size, len(name), 0) + name + body
    )  # fmt: skip


def central(
    name: bytes,
    data: bytes,
    at: int,
    *,
    method: int = 0,
    flags: int = 0,
    packed: int | None = None,
    crc: int | None = None,
    size: int | None = None,
    mode: int = 0o100644,
) -> bytes:
    return (
        struct.pack("<4s6H3I5H2I", b"PK\1\2", 0x314, 20, flags, method, 0, 33, zlib.crc32(data) if crc is None else crc,
                    len(data) if packed is None else packed, len(data) if size is None else size, len(name), 0, 0, 0, 0, mode << 16, at) + name
    )  # fmt: skip


def ended(front: bytes, directory: list[bytes], comment: bytes = b"") -> bytes:
    body = b"".join(directory)
    count = len(directory)
    return (
        front
        + body
        + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, count, count, len(body), len(front), len(comment))
        + comment
    )


def raw_deflate(data: bytes) -> bytes:
    made = zlib.compressobj(9, wbits=-15)
    return made.compress(data) + made.flush()


# --- families

FILES = {"a.txt": text(20_000), "dir/b.bin": noise(30_000), "c.php": b"<?php echo 1;\n" * 400}


def honest() -> dict[str, bytes]:
    """One honest archive of every format that Python alone can write."""
    tar, cpio = tarred(FILES), cpioed(FILES)
    return {
        "zip": zipped(FILES), "stored.zip": zipped(FILES, zipfile.ZIP_STORED), "bzip2.zip": zipped(FILES, zipfile.ZIP_BZIP2),
        "lzma.zip": zipped(FILES, zipfile.ZIP_LZMA), "tar": tar, "tar.gz": gzip.compress(tar, mtime=0),
        "tar.bz2": bz2.compress(tar), "tar.xz": lzma.compress(tar), "tar.lzma": lzma.compress(tar, lzma.FORMAT_ALONE),
        "tar.zst": zstandard.compress(tar), "pax.tar": tarred(FILES, tarfile.PAX_FORMAT),
        "gnu.tar": tarred({"x" * 300: text(50_000)}, tarfile.GNU_FORMAT), "cpio": cpio, "cpio.gz": gzip.compress(cpio, mtime=0),
        "ar": arred(FILES), "deb": deb(), "rpm": rpm(gzip.compress(cpio, mtime=0)), "sh": script(gzip.compress(tar, mtime=0)),
        "disk": disk(tar), "ext": ext2(b"a note\n" * 99), "cramfs": cramfs(FILES), "gz": gzip.compress(noise(50_000), mtime=0), "zip-in-tar-in-zip": zipped({"t.tar": tarred({"z.zip": zipped(FILES)})}),
    }  # fmt: skip


def disk(*contents: bytes) -> bytes:
    """An image of a disk whose boot sector has a row for each content, which begins on a sector of its own."""
    table, body = b"", b""
    for data in contents:
        sectors = -(-len(data) // 512)
        table += b"\0\0\0\0\x83\0\0\0" + struct.pack("<II", 1 + len(body) // 512, sectors)
        body += data.ljust(sectors * 512, b"\0")
    return b"\0" * 446 + table.ljust(64, b"\0") + b"\x55\xaa" + body


def ext2(content: bytes) -> bytes:
    """The smallest file system of ext2: eight blocks of 1 KiB with one file, `a.sh`."""
    block, table, folder, data = 1024, 3, 5, 6
    image = bytearray(8 * block)
    struct.pack_into("<2I", image, block, 16, 8)  # inodes, blocks
    struct.pack_into(
        "<6I", image, block + 20, 1, 0, 0, 8, 8, 16
    )  # first block, block size, ..., in one group
    image[block + 56 : block + 60] = b"\x53\xef\1\0"
    struct.pack_into("<I", image, 2 * block + 8, table)
    for number, mode, size, place in ((2, 0x41ED, block, folder), (11, 0x81A4, len(content), data)):
        at = table * block + (number - 1) * 128
        struct.pack_into("<2HI", image, at, mode, 0, size)
        struct.pack_into("<I", image, at + 40, place)
    at = folder * block
    for number, length, name in ((2, 12, b"."), (2, 12, b".."), (11, block - 24, b"a.sh")):
        struct.pack_into("<IHB", image, at, number, length, len(name))
        image[at + 8 : at + 8 + len(name)] = name
        at += length
    image[data * block : data * block + len(content)] = content
    return bytes(image)


def cramfs(files: dict[str, bytes], order: str = "<", boot: bytes = b"") -> bytes:
    """An image of cramfs; names of folders are not split."""
    entries = [cram.Entry(name.encode().replace(b"/", b"-"), data) for name, data in files.items()]
    return cram.image(*entries, order=order, boot=boot)


def harmless() -> Iterator[Case]:
    for name, data in honest().items():
        yield Case(f"honest/{name}", data)
    yield Case("honest/empty.tar", tarred({}), must=frozenset({"nothing"}))
    yield Case(
        "honest/initrd",
        cpioed({"a": b"1"}) + b"\0" * 508 + gzip.compress(cpioed({"b": b"2"}), mtime=0),
        seen=frozenset({"2"}),
    )
    yield Case(
        "honest/two-gzip-members",
        gzip.compress(b"one", mtime=0) + gzip.compress(b"two", mtime=0),
        seen=frozenset({"onetwo"}),
    )
    yield Case("honest/comment.zip", ended(local(b"a", b"A"), [central(b"a", b"A", 0)], b"a comment"))
    yield Case("honest/streamed.zip", streamed_zip())
    yield Case(
        "honest/stub.zip",
        b"\x7fELF" + b"\0" * 300 + b"stub" + zipped({"a": b"inside"}),
        seen=frozenset({"inside"}),
    )
    script = b'#!/bin/sh\nunzip -q "$0" -d /tmp/v\nexit 0\n'
    yield Case("honest/setup.bin", zipped({"a": b"inside"}, behind=script), seen=frozenset({"inside"}))
    yield Case("honest/cut.bin", script + zipped({"a": b"inside"}), seen=frozenset({"inside"}))


def streamed_zip() -> bytes:
    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.kept = b""

        def writable(self) -> bool:
            return True

        def write(self, data: object) -> int:
            block = bytes(data)  # type: ignore[call-overload]  # any buffer
            self.kept += block
            return len(block)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", text(1000))
        archive.writestr("b.txt", text(2000))
    return pipe.kept


def cut() -> Iterator[Case]:
    for name, data in honest().items():
        for percent in (20, 50, 80):
            yield Case(
                f"cut/{percent}/{name}", data[: len(data) * percent // 100], must=frozenset({"*"}), may=CUT
            )


def flipped() -> Iterator[Case]:
    for name, data in honest().items():
        for seed in (1, 2):
            at = random.Random(f"{name}{seed}").randrange(len(data) // 4, len(data) * 3 // 4)
            broken = bytearray(data)
            broken[at] ^= 0xFF
            yield Case(f"flipped/{seed}/{name}", bytes(broken), may=ANY)


def zips() -> Iterator[Case]:
    a, b = b"content A", b"content B"
    first, second = local(b"a", a), local(b"b", b)
    both = first + second
    yield Case(
        "zip/traversal", ended(local(b"../x", a), [central(b"../x", a, 0)]), must=frozenset({"traversal"})
    )
    yield Case(
        "zip/deep-traversal",
        ended(local(b"d/../../x", a), [central(b"d/../../x", a, 0)]),
        must=frozenset({"traversal"}),
    )
    yield Case(
        "zip/backslash-traversal",
        ended(local(b"..\\x", a), [central(b"..\\x", a, 0)]),
        must=frozenset({"traversal"}),
    )
    yield Case(
        "zip/absolute",
        ended(local(b"/etc/x", a), [central(b"/etc/x", a, 0)]),
        must=frozenset({"absolute-name"}),
    )
    yield Case(
        "zip/drive", ended(local(b"C:\\x", a), [central(b"C:\\x", a, 0)]), must=frozenset({"absolute-name"})
    )
    yield Case(
        "zip/control-name",
        ended(local(b"a\x1b[2Jb", a), [central(b"a\x1b[2Jb", a, 0)]),
        must=frozenset({"odd-name"}),
    )
    yield Case(
        "zip/newline-name", ended(local(b"a\nb", a), [central(b"a\nb", a, 0)]), must=frozenset({"odd-name"})
    )
    yield Case(
        "zip/nesting-name", ended(local(b"a!/b", a), [central(b"a!/b", a, 0)]), must=frozenset({"odd-name"})
    )
    yield Case(
        "zip/nul-name", ended(local(b"a\0b", a), [central(b"a\0b", a, 0)]), must=frozenset({"odd-name"})
    )
    yield Case(
        "zip/bidi-name",
        ended(
            local("a\u202egpj.exe".encode(), a, flags=0x800),
            [central("a\u202egpj.exe".encode(), a, 0, flags=0x800)],
        ),
        must=frozenset({"odd-name"}),
    )
    yield Case(
        "zip/empty-name",
        ended(local(b"", a), [central(b"", a, 0)]),
        may=frozenset({"odd-name"}),
        seen=frozenset({"content A"}),
    )
    yield Case(
        "zip/long-name",
        ended(local(b"n" * 9000, a), [central(b"n" * 9000, a, 0)]),
        must=frozenset({"odd-name"}),
    )
    yield Case(
        "zip/latin1-name",
        ended(local(b"\xe4\xf6", a), [central(b"\xe4\xf6", a, 0)]),
        seen=frozenset({"content A"}),
    )
    yield Case(
        "zip/two-names",
        ended(local(b"evil.php", a), [central(b"good.php", a, 0)]),
        must=frozenset({"two-readings"}),
    )
    yield Case(
        "zip/two-sizes",
        ended(local(b"a", a, size=3), [central(b"a", a, 0)]),
        must=frozenset({"two-readings"}),
    )
    yield Case(
        "zip/two-checksums",
        ended(local(b"a", a, crc=1), [central(b"a", a, 0)]),
        must=frozenset({"two-readings"}),
    )
    yield Case(
        "zip/two-methods",
        ended(local(b"a", a, method=8), [central(b"a", a, 0)]),
        must=frozenset({"two-readings"}),
        may=frozenset({"duplicate-name"}),
    )
    yield Case(
        "zip/encrypted-here-only",
        ended(local(b"a", a, flags=1), [central(b"a", a, 0)]),
        must=frozenset({"two-readings"}),
    )
    yield Case(
        "zip/hidden-first",
        ended(both, [central(b"b", b, len(first))]),
        must=frozenset({"hidden-member"}),
        seen=frozenset({"content A", "content B"}),
    )
    yield Case(
        "zip/hidden-last",
        ended(both, [central(b"a", a, 0)]),
        must=frozenset({"hidden-member"}),
        seen=frozenset({"content A", "content B"}),
    )
    three = both + local(b"c", b"content C")
    yield Case(
        "zip/hidden-middle",
        ended(three, [central(b"a", a, 0), central(b"c", b"content C", len(both))]),
        must=frozenset({"hidden-member"}),
        seen=frozenset({"content A", "content B", "content C"}),
    )
    packed = raw_deflate(a)
    yield Case(
        "zip/hidden-deflated",
        ended(
            local(b"h", a, method=8, packed=packed) + second,
            [central(b"b", b, len(local(b"h", a, method=8, packed=packed)))],
        ),
        must=frozenset({"hidden-member"}),
        seen=frozenset({"content A"}),
    )
    yield Case(
        "zip/two-zips",
        zipped({"first.txt": a}) + zipped({"second.txt": b}),
        must=frozenset({"hidden-member"}),
        may=frozenset({"trailing-data"}),
        seen=frozenset({"content A", "content B"}),
    )
    yield Case(
        "zip/prefix",
        b"#!/bin/sh\necho not an archive\nexit\n" + zipped({"x": a}),
        seen=frozenset({"content A"}),
    )
    yield Case(
        "zip/trailing",
        zipped({"x": a}) + b"trailing secret",
        must=frozenset({"trailing-data"}),
        seen=frozenset({"content A", "trailing secret"}),
    )
    yield Case(
        "zip/gap",
        ended(first + b"loose data here" + second, [central(b"a", a, 0), central(b"b", b, len(first) + 15)]),
        must=frozenset({"trailing-data"}),
        seen=frozenset({"loose data here"}),
    )
    yield Case(
        "zip/duplicate",
        ended(first + local(b"a", b), [central(b"a", a, 0), central(b"a", b, len(first))]),
        must=frozenset({"duplicate-name"}),
        seen=frozenset({"content A", "content B"}),
    )
    yield Case(
        "zip/duplicate-equal", ended(first + first, [central(b"a", a, 0), central(b"a", a, len(first))])
    )
    yield Case(
        "zip/same-entry-twice",
        ended(first, [central(b"a", a, 0), central(b"a", a, 0)]),
        must=frozenset({"overlap"}),
    )
    yield Case(
        "zip/two-names-one-entry",
        ended(first, [central(b"a", a, 0), central(b"z", a, 0)]),
        must=frozenset({"overlap", "two-readings"}),
    )
    yield Case("zip/quoted-overlap", quoted_overlap(20), must=frozenset({"overlap"}), may=ANY)
    yield Case(
        "zip/no-directory", both, must=frozenset({"truncated"}), seen=frozenset({"content A", "content B"})
    )
    yield Case("zip/beyond-end", ended(first, [central(b"a", a, 5000)]), must=frozenset({"corrupt"}), may=ANY)
    yield Case(
        "zip/size-beyond-end",
        ended(first, [central(b"a", a, 0, packed=1 << 30, size=1 << 30)]),
        must=frozenset({"truncated"}),
        may=ANY,
    )
    yield Case(
        "zip/bad-checksum",
        ended(local(b"a", a, crc=7), [central(b"a", a, 0, crc=7)]),
        must=frozenset({"checksum"}),
        seen=frozenset({"content A"}),
    )
    yield Case(
        "zip/size-too-small",
        ended(
            local(b"a", a, method=8, packed=packed, size=3),
            [central(b"a", a, 0, method=8, packed=len(packed), size=3)],
        ),
        must=frozenset({"two-readings"}),
        seen=frozenset({"content A"}),
    )
    yield Case(
        "zip/size-too-large",
        ended(
            local(b"a", a, method=8, packed=packed, size=300),
            [central(b"a", a, 0, method=8, packed=len(packed), size=300)],
        ),
        must=frozenset({"truncated"}),
        seen=frozenset({"content A"}),
    )
    yield Case(
        "zip/unknown-method",
        ended(local(b"a", a, method=77), [central(b"a", a, 0, method=77)]),
        must=frozenset({"unsupported"}),
    )
    yield Case(
        "zip/encrypted",
        ended(local(b"a", noise(40), flags=1), [central(b"a", noise(40), 0, flags=1)]),
        must=frozenset({"encrypted"}),
    )
    yield Case(
        "zip/symlink-escape",
        ended(local(b"l", b"../../etc"), [central(b"l", b"../../etc", 0, mode=0o120777)]),
        must=frozenset({"link-escape"}),
    )
    link = local(b"d", b"/tmp")
    yield from (
        Case(
            f"zip/{name}",
            ended(
                link + local(path, a), [central(b"d", b"/tmp", 0, mode=0o120777), central(path, a, len(link))]
            ),
            must=frozenset({"through-link", "link-unsettled"} if path == b"d" else {"through-link"}),
            may=frozenset({"duplicate-name"}) if path == b"d" else frozenset(),
        )
        for name, path in (("through-link", b"d/x"), ("own-link", b"d"))
    )
    yield Case(
        "zip/device",
        ended(local(b"dev", b""), [central(b"dev", b"", 0, mode=0o020666)]),
        must=frozenset({"special-file"}),
    )
    yield Case(
        "zip/count-lies",
        ended(both, [central(b"a", a, 0), central(b"b", b, len(first))])[:-22]
        + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 1, 1, len(central(b"a", a, 0)), len(both), 0),
        may=ANY,
        must=ANY,
    )
    yield Case(
        "zip/fake-end-in-comment",
        ended(first, [central(b"a", a, 0)], b"x" * 10 + b"PK\5\6" + b"\0" * 18),
        may=frozenset({"trailing-data", "hidden-member", "corrupt"}),
        seen=frozenset({"content A"}),
    )


def quoted_overlap(count: int) -> bytes:
    """Fifield's quoting overlap: each entry's stored block quotes the next entry's local header."""
    kernel = raw_deflate(b"a" * 2_000_000)
    crc = zlib.crc32(b"a" * 2_000_000)
    tail = (
        struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, 8, 0, 33, crc, len(kernel), 2_000_000, 4, 0)
        + b"%04d" % count
        + kernel
    )
    content = b"a" * 2_000_000
    entries = [(b"%04d" % count, crc, len(kernel), 2_000_000)]
    starts = [0]
    body = tail
    for number in range(count - 1, 0, -1):
        quoted = body[: 30 + 4]
        block = b"\0" + struct.pack("<2H", len(quoted), len(quoted) ^ 0xFFFF)
        content = quoted + content
        crc = zlib.crc32(content)
        name = b"%04d" % number
        packed = len(block) + len(body)
        head = (
            struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, 8, 0, 33, crc, packed, len(content), 4, 0)
            + name
            + block
        )
        body = head + body
        starts = [0] + [start + len(head) for start in starts]
        entries.insert(0, (name, crc, packed, len(content)))
    rows = [
        central(name, b"", at, method=8, packed=packed, crc=crc, size=size)
        for (name, crc, packed, size), at in zip(entries, starts, strict=True)
    ]
    return ended(body, rows)


def tars() -> Iterator[Case]:
    a, b = b"content A", b"content B"
    inner = header(b"smuggled.php", 9) + padded(b) + END
    yield Case("tar/traversal", header(b"../x", 9) + padded(a) + END, must=frozenset({"traversal"}))
    yield Case(
        "tar/absolute",
        header(b"/etc/x", 9) + padded(a) + END,
        must=frozenset({"absolute-name"}),
        seen=frozenset({"content A"}),
    )
    yield Case(
        "tar/symlink-escape", header(b"l", 0, b"2", b"../../etc") + END, must=frozenset({"link-escape"})
    )
    yield Case("tar/absolute-symlink", header(b"l", 0, b"2", b"/etc/alternatives/x") + END)
    yield Case(
        "tar/through-link",
        header(b"d", 0, b"2", b"/etc") + header(b"d/passwd", 9) + padded(a) + END,
        must=frozenset({"through-link"}),
    )
    passwd = header(b"l", 0, b"2", b"/etc/passwd")
    for name, members, must in (
        ("own-link", passwd + header(b"l", 9) + padded(a), ("through-link", "link-unsettled")),
        (
            "own-link-by-another-way",
            passwd + header(b"d/.././/l", 9) + padded(a),
            ("through-link", "link-unsettled"),
        ),
        (
            "hardlink-to-link",
            passwd + header(b"h", 0, b"1", b"l") + header(b"h", 9) + padded(a),
            ("through-link", "link-unsettled"),
        ),
        (
            "hardlink-through-link",
            header(b"d", 0, b"2", b"/etc") + header(b"h", 0, b"1", b"d/passwd"),
            ("through-link",),
        ),
        (
            "link-by-another-way",
            header(b"d", 0, b"2", b"/etc") + header(b"x/../d/./y", 9) + padded(a),
            ("through-link",),
        ),
        ("link-in-the-place-of-a-file", header(b"l", 9) + padded(a) + passwd, ("duplicate-name",)),
        (
            "twice-by-another-way",
            header(b"d/x", 9) + padded(a) + header(b"d//y/../x", 9) + padded(b"content B"),
            ("duplicate-name",),
        ),
    ):
        yield Case(f"tar/{name}", members + END, must=frozenset(must))
    yield Case("tar/same-link-twice", passwd + passwd + END)
    yield Case(
        "tar/hardlink-to-link-alone",
        passwd + header(b"h", 0, b"1", b"l") + header(b"k", 9) + padded(a) + END,
        must=frozenset({"link-unsettled"}),
    )
    yield Case(
        "tar/link-chain",
        header(b"a", 0, b"2", b".") + header(b"a/b", 0, b"2", b"..") + header(b"a/b/x", 9) + padded(a) + END,
        must=frozenset({"through-link"}),
        may=ANY,
    )
    yield Case(
        "tar/hardlink-escape",
        header(b"h", 0, b"1", b"../victim") + header(b"h", 9) + padded(a) + END,
        must=frozenset({"link-escape"}),
    )
    yield Case(
        "tar/absolute-hardlink", header(b"h", 0, b"1", b"/etc/shadow") + END, must=frozenset({"link-escape"})
    )
    yield Case("tar/device", header(b"dev", 0, b"3") + END, must=frozenset({"special-file"}))
    yield Case("tar/block-device", header(b"dev", 0, b"4") + END, must=frozenset({"special-file"}))
    yield Case("tar/fifo", header(b"pipe", 0, b"6") + END, must=frozenset({"special-file"}))
    yield Case(
        "tar/duplicate",
        header(b"a", 9) + padded(a) + header(b"a", 9) + padded(b) + END,
        must=frozenset({"duplicate-name"}),
        seen=frozenset({"content A", "content B"}),
    )
    yield Case(
        "tar/duplicate-by-dot",
        header(b"a", 9) + padded(a) + header(b"./a", 9) + padded(b) + END,
        must=frozenset({"duplicate-name"}),
        seen=frozenset({"content A", "content B"}),
    )
    yield Case(
        "tar/pax-size-smuggle",
        pax({"size": str(len(inner))}) + header(b"inner.tar", 0) + inner + END,
        must=frozenset({"two-readings"}),
        seen=frozenset({"content B"}),
    )
    yield Case(
        "tar/pax-size-zero",
        pax({"size": "0"}) + header(b"outer", len(inner)) + inner + END,
        must=frozenset({"two-readings"}),
        seen=frozenset({"content B"}),
        may=ANY,
    )
    yield Case(
        "tar/pax-size-negative",
        pax({"size": "-1"}) + header(b"a", 9) + padded(a) + END,
        must=frozenset({"corrupt"}),
    )
    yield Case(
        "tar/pax-size-huge",
        pax({"size": "99999999999999999999999"}) + header(b"a", 9) + padded(a) + END,
        must=frozenset({"corrupt"}),
    )
    yield Case(
        "tar/pax-global-path",
        pax({"path": "everything"}, b"g") + header(b"a", 9) + padded(a) + END,
        must=frozenset({"two-readings"}),
    )
    yield Case(
        "tar/pax-then-gnu-name",
        pax({"path": "good"})
        + header(b"././@LongLink", 5, b"L")
        + padded(b"evil\0")
        + header(b"a", 9)
        + padded(a)
        + END,
        must=frozenset({"two-readings"}),
    )
    yield Case(
        "tar/pax-nul-path",
        pax({"path": "good\0.php"}) + header(b"a", 9) + padded(a) + END,
        must=frozenset({"two-readings", "odd-name"}),
    )
    yield Case(
        "tar/pax-traversal",
        pax({"path": "../../x"}) + header(b"a", 9) + padded(a) + END,
        must=frozenset({"traversal"}),
    )
    yield Case(
        "tar/pax-damaged",
        header(b"PaxHeader", 20, b"x") + padded(b"999 path=x\n") + header(b"a", 9) + padded(a) + END,
        must=frozenset({"corrupt"}),
    )
    yield Case("tar/pax-huge", header(b"PaxHeader", 1 << 30, b"x") + END, must=frozenset({"corrupt"}))
    yield Case(
        "tar/pax-global-huge", header(b"PaxHeader", 0o77777777777, b"g") + END, must=frozenset({"corrupt"})
    )
    yield Case(
        "tar/members-behind-end",
        header(b"a", 9) + padded(a) + END + header(b"b", 9) + padded(b) + END,
        must=frozenset({"two-readings"}),
        seen=frozenset({"content A", "content B"}),
    )
    yield Case(
        "tar/trailing",
        header(b"a", 9) + padded(a) + END + padded(b"trailing secret"),
        must=frozenset({"trailing-data"}),
        seen=frozenset({"trailing secret"}),
    )
    yield Case(
        "tar/negative-size",
        summed(bytearray(header(b"a", 0))[:124] + b"\xff" * 12 + bytearray(header(b"a", 0))[136:]) + END,
        must=frozenset({"corrupt"}),
    )
    yield Case(
        "tar/base256-size",
        summed(
            bytearray(header(b"a", 0))[:124]
            + b"\x80"
            + b"\0" * 10
            + b"\x09"
            + bytearray(header(b"a", 0))[136:]
        )
        + padded(a)
        + END,
        seen=frozenset({"content A"}),
    )
    yield Case("tar/huge-size", header(b"a", 0o77777777777) + padded(a), must=frozenset({"truncated"}))
    yield Case("tar/sparse-terabyte", sparse(1 << 40), must=frozenset({"special-file", "unsupported"}))
    yield Case(
        "tar/pax-sparse",
        pax(
            {
                "GNU.sparse.major": "1",
                "GNU.sparse.minor": "0",
                "GNU.sparse.name": "s",
                "GNU.sparse.realsize": str(1 << 40),
            }
        )
        + header(b"GNUSparseFile.0/s", 521)
        + padded(b"1\n0\n9\n")
        + padded(a)
        + END,
        must=frozenset({"special-file", "unsupported"}),
        seen=frozenset({"content A"}),
    )
    yield Case(
        "tar/sparse-map-damaged",
        pax({"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "5"})
        + header(b"s", 512)
        + padded(b"nonsense")
        + END,
        must=frozenset({"corrupt"}),
        may=ANY,
    )
    yield Case(
        "tar/directory-with-size",
        header(b"d/", 9, b"5") + header(b"b", 9) + padded(b) + END,
        seen=frozenset({"content B"}),
    )
    yield Case("tar/unknown-kind", header(b"q", 9, b"Q") + padded(a) + END, seen=frozenset({"content A"}))
    yield Case(
        "tar/v7",
        summed(bytearray(header(b"a", 9))[:257] + bytearray(255)) + padded(a) + END,
        seen=frozenset({"content A"}),
    )
    yield Case(
        "tar/latin1-name",
        header(b"\xe4\xf6\xfc", 9) + padded(a) + END,
        must=frozenset({"odd-name"}),
        seen=frozenset({"content A"}),
    )
    yield Case("tar/escape-name", header(b"a\x1b]0;x\x07", 9) + padded(a) + END, must=frozenset({"odd-name"}))
    yield Case("tar/hundred-thousand", b"".join(header(b"f%d" % n, 0) for n in range(20_000)) + END)


def sparse(logical: int) -> bytes:
    block = bytearray(header(b"big", 512, b"S"))
    block[257:265] = b"ustar  \0"
    block[345:500] = bytes(155)
    block[386:398] = b"%011o\0" % 0
    block[398:410] = b"%011o\0" % 512
    block[483:495] = b"\x80" + logical.to_bytes(11, "big")
    return summed(block) + padded(b"sparse content") + END


def bombs() -> Iterator[Case]:
    bomb, depth = frozenset({"bomb"}), frozenset({"limit-depth"})
    yield Case("bomb/gzip", lambda: zeros(zlib.compressobj(9, wbits=31)), must=bomb)
    yield Case("bomb/flat-zip", lambda: flat_zip(120 << 20), must=bomb)
    yield Case("bomb/bzip2", lambda: zeros(bz2.BZ2Compressor()), must=bomb)
    yield Case("bomb/xz", lambda: zeros(lzma.LZMACompressor(preset=0)), must=bomb)
    yield Case("bomb/zstd", lambda: zeros(zstandard.ZstdCompressor().compressobj()), must=bomb)
    yield Case("bomb/zstd-window", wide_window, must=frozenset({"limit-window"}), may=ANY)
    yield Case("bomb/42", forty_two, must=bomb)
    yield Case("bomb/deep-zip", lambda: nested(40, lambda inner: zipped({"n.zip": inner})), must=depth)
    yield Case("bomb/deep-gzip", lambda: nested(300, lambda inner: gzip.compress(inner, mtime=0)), must=depth)
    yield Case("bomb/deep-tar", lambda: nested(30, lambda inner: tarred({"n.tar": inner})), must=depth)
    yield Case("bomb/wide", lambda: zipped({f"{n}.zip": zipped({"x": b"%d" % n}) for n in range(500)}))


def zeros(packer: Any, mebibytes: int = 120) -> bytes:
    """Return so many MiB of zeros as a compressor packs them."""
    block = bytes(1 << 20)
    pieces: list[bytes] = [packer.compress(block) for _ in range(mebibytes)]
    return b"".join([*pieces, packer.flush()])


def wide_window() -> bytes:
    settings = zstandard.ZstdCompressionParameters(window_log=30, enable_ldm=True)
    packer = zstandard.ZstdCompressor(compression_params=settings).compressobj()
    return packer.compress(b"") + huge_window()


def huge_window() -> bytes:
    return b"\x28\xb5\x2f\xfd" + bytes([0x00, 21 << 3]) + b"\x01\0\0"  # window 2^(10+21)


def flat_zip(size: int) -> bytes:
    made = zlib.compressobj(9, wbits=-15)
    block = bytes(1 << 20)
    crc = 0
    packed = b""
    for _ in range(size >> 20):
        packed += made.compress(block)
        crc = zlib.crc32(block, crc)
    packed += made.flush()
    front = struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, 8, 0, 33, crc, len(packed), size, 1, 0) + b"z" + packed
    return ended(front, [central(b"z", b"", 0, method=8, packed=len(packed), crc=crc, size=size)])


def forty_two(levels: int = 5, width: int = 16) -> bytes:
    """A 42.zip: `width` to the power of `levels` files of 4 MiB, all equal."""
    data = zipped({"leaf": bytes(4 << 20)})
    for _ in range(levels - 1):
        data = zipped({f"{n:02}.zip": data for n in range(width)})
    return data


def nested(depth: int, wrap: Callable[[bytes], bytes]) -> bytes:
    data = b"the innermost content"
    for _ in range(depth):
        data = wrap(data)
    return data


def others() -> Iterator[Case]:
    a = b"content A"
    yield Case("cpio/traversal", newc(b"../x", a) + newc(b"TRAILER!!!", b""), must=frozenset({"traversal"}))
    yield Case(
        "cpio/huge-name",
        b"070701" + b"00000001" * 11 + b"7fffffff" + b"00000000" + b"x" * 50,
        must=frozenset({"corrupt"}),
    )
    yield Case("cpio/huge-size", newc(b"a", a, size=0xFFFFFFF0), must=frozenset({"truncated"}))
    yield Case(
        "cpio/not-hex", newc(b"a", a).replace(b"00000001", b"zzzzzzzz", 1), must=frozenset({"corrupt"})
    )
    yield Case(
        "cpio/symlink-escape",
        newc(b"l", b"../../x", 0o120777) + newc(b"TRAILER!!!", b""),
        must=frozenset({"link-escape"}),
    )
    yield Case(
        "cpio/bad-sum",
        newc(b"a", a, magic=b"070702", check=1) + newc(b"TRAILER!!!", b""),
        must=frozenset({"checksum"}),
        seen=frozenset({"content A"}),
    )
    yield Case("cpio/no-trailer", newc(b"a", a), must=frozenset({"truncated"}), seen=frozenset({"content A"}))
    yield Case("cpio/trailing", cpioed({"a": a}) + b"trailing secret", seen=frozenset({"trailing secret"}))
    yield Case(
        "cpio/device",
        newc(b"dev", b"", 0o020666) + newc(b"TRAILER!!!", b""),
        must=frozenset({"special-file"}),
    )
    yield Case(
        "ar/negative-size",
        b"!<arch>\n" + b"%-16s%-12s%-6s%-6s%-8s%-10s`\n" % (b"a", b"0", b"0", b"0", b"644", b"-5"),
        must=frozenset({"corrupt"}),
    )
    yield Case(
        "ar/huge-size",
        b"!<arch>\n" + b"%-16s%-12s%-6s%-6s%-8s%-10s`\n" % (b"a", b"0", b"0", b"0", b"644", b"9999999999"),
        must=frozenset({"truncated"}),
    )
    yield Case(
        "ar/huge-bsd-name",
        b"!<arch>\n" + b"%-16s%-12s%-6s%-6s%-8s%-10s`\n" % (b"#1/99999999", b"0", b"0", b"0", b"644", b"99"),
        must=frozenset({"corrupt"}),
    )
    yield Case("ar/traversal", arred({"../x/": a}), must=frozenset({"traversal"}))
    yield Case(
        "ar/name-beyond-table", arred({"//": b"x/\n", "/999": a}), may=ANY, seen=frozenset({"content A"})
    )
    yield Case("rpm/no-payload", rpm(b""), must=frozenset({"nothing"}))
    yield Case("rpm/unknown-payload", rpm(b"nonsense" * 20), must=frozenset({"*"}), may=ANY)
    yield Case(
        "rpm/huge-header",
        b"\xed\xab\xee\xdb" + b"\0" * 92 + b"\x8e\xad\xe8\x01\0\0\0\0" + b"\x7f\xff\xff\xff" * 2 + b"\0" * 64,
        must=frozenset({"truncated"}),
    )
    yield Case(
        "gzip/trailing",
        gzip.compress(a, mtime=0) + b"trailing secret",
        must=frozenset({"trailing-data"}),
        seen=frozenset({"content A", "trailing secret"}),
    )
    yield Case(
        "gzip/bad-checksum",
        gzip.compress(noise(3000), mtime=0)[:-8] + b"\0" * 8,
        must=frozenset({"checksum"}),
    )
    yield Case(
        "gzip/zip-behind",
        gzip.compress(a, mtime=0) + zipped({"x": b"hidden zip"}),
        must=frozenset({"trailing-data"}),
        seen=frozenset({"hidden zip"}),
    )
    yield Case(
        "xz/trailing",
        lzma.compress(a) + b"trailing secret!",
        must=frozenset({"trailing-data"}),
        seen=frozenset({"trailing secret!"}),
    )
    yield Case(
        "zstd/trailing",
        zstandard.compress(a) + b"trailing secret",
        must=frozenset({"trailing-data"}),
        seen=frozenset({"trailing secret"}),
    )
    skipped = b"\x50\x2a\x4d\x18\x0d\0\0\0hidden secret"
    yield Case(
        "zstd/skippable",
        b"\x50\x2a\x4d\x18\x04\0\0\0abcd" + zstandard.compress(a),
        seen=frozenset({"content A"}),
    )
    for where, data in (
        ("front", skipped + zstandard.compress(a)),
        ("behind", zstandard.compress(a) + skipped),
    ):
        yield Case(
            f"zstd/skippable-{where}",
            data,
            must=frozenset({"trailing-data"}),
            seen=frozenset({"content A", "hidden secret"}),
        )
    yield Case(
        "zstd/skippable-large",
        zstandard.compress(a) + b"\x51\x2a\x4d\x18\x00\x00\x20\0hidden secret" + text(2 << 20),
        must=frozenset({"trailing-data"}),
        seen=frozenset({"content A", "hidden secret"}),
    )
    commented = io.BytesIO(zipped({"x": a}))
    with zipfile.ZipFile(commented, "a") as archive:
        archive.comment = b"hidden secret"
    yield Case("zip/comment", commented.getvalue(), seen=frozenset({"content A", "hidden secret"}))
    yield Case(
        "sh/unpadded",
        script(gzip.compress(tarred({"x": a}), mtime=0) + b"trailing secret"),
        must=frozenset({"trailing-data"}),
        seen=frozenset({"content A", "trailing secret"}),
    )
    yield Case("sh/plain-tar", script(tarred({"x": a})), seen=frozenset({"content A"}))
    yield Case("sh/zip", script(zipped({"x": a})), seen=frozenset({"content A"}))
    yield Case(
        "sh/cut",
        script(gzip.compress(tarred({"x": noise(5000)}), mtime=0))[:-2000],
        must=frozenset({"truncated"}),
        may=ANY,
    )


def cases() -> Iterator[Case]:
    """Say every case; names are unique."""
    for family in (harmless, cut, flipped, zips, tars, bombs, others):
        yield from family()
