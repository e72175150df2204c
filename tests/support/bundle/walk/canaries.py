"""A renamed Adminer in places where walkers do not look: each with the path at which it has to be named."""

from __future__ import annotations

import base64
import binascii
import bz2
import codecs
import gzip
import json
import lzma
import marshal
import sqlite3
import struct
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from importlib.util import MAGIC_NUMBER
from pathlib import Path

from tests.support.bundle.walk.hostile import cpioed, cramfs, disk, header, noise, padded, tarred, zipped

PHP = b"""<?php
$VERSION="4.8.1";function connection(){}session_name("adminer_sid");
function selectColumnsPrint($a){}function backwardKeysPrint($a){}function rowDescriptions($r){return$r;}
cookie("adminer_permanent","x");setcookie("adminer_version",0);
"""
CODE = PHP.removeprefix(b"<?php")
TREE = {"d.txt": b"hello", "p.php": PHP}


@dataclass(frozen=True)
class Canary:
    name: str
    data: bytes
    place: str
    """Where it lies, behind the path of the file; parts in angle brackets may hold any number."""
    reasons: frozenset[str] = frozenset()
    """What the walk has to say beside it."""


def deflated(data: bytes) -> bytes:
    made = zlib.compressobj(9, zlib.DEFLATED, -15)
    return made.compress(data) + made.flush()


def uuencoded(data: bytes) -> bytes:
    return b"".join(binascii.b2a_uu(data[at : at + 45]) for at in range(0, len(data), 45))


def rot13(data: bytes) -> bytes:
    return codecs.encode(data.decode("latin-1"), "rot13").encode("latin-1")


def canaries(folder: Path) -> Iterator[Canary]:
    """Make every one; `folder` is for what only a library writes."""
    yield from _behind_programs()
    yield from _as_text()
    yield from _wrapped()
    yield from _documents(folder)
    yield from _damaged()
    yield from _two_readings()


def _behind_programs() -> Iterator[Canary]:
    tgz = gzip.compress(tarred(TREE), mtime=0)
    stub = b"MZ\x90\0" + noise(3000)
    elf = b"\x7fELF\2\1\1" + noise(3000, 2)
    for word, front in (
        ("pe", stub),
        ("elf", elf),
        ("jpeg", b"\xff\xd8\xff\xe0" + noise(900)),
        ("data", b"\0" + noise(900)),
    ):
        yield Canary(f"{word}+tgz", front + tgz, "p.php" if word in ("pe", "elf") else "<data at>!/p.php")
        yield Canary(f"{word}+tgz+more", front + tgz + noise(500, 3), "<data at>!/p.php")
    yield Canary("disk", disk(b"x" * 600, tarred(TREE)), "<partition 2>!/p.php")
    yield Canary("disk-between", disk(b"x", b"y") + gzip.compress(tarred(TREE), mtime=0), "<data at>!/p.php")
    yield Canary("cramfs", cramfs(TREE, ">"), "p.php")
    yield Canary("boot code+cramfs", cramfs(TREE, boot=b"\xeb\xfe".ljust(512, b"\x90")), "p.php")
    yield Canary("data+cramfs+more", b"\0" + noise(900) + cramfs(TREE) + noise(500, 3), "<data at>!/p.php")
    yield Canary("elf+cramfs", elf + cramfs(TREE), "<payload>!/p.php")
    yield Canary("pe+txz", stub + lzma.compress(tarred(TREE)), "p.php")
    yield Canary("pe+tbz", stub + bz2.compress(tarred(TREE)), "p.php")
    yield Canary("elf+tar", elf + tarred(TREE), "p.php")
    yield Canary("elf+cpio", elf + cpioed(TREE), "p.php")
    yield Canary("elf+zip+more", elf + zipped(TREE) + noise(70_000, 4), "<data at>!/p.php")
    yield Canary("png+zip", b"\x89PNG\r\n\x1a\n" + noise(300) + zipped(TREE), "<data at>!/p.php")
    yield Canary("elf+two", elf + tgz + noise(99) + gzip.compress(PHP, mtime=0), "<content>")
    long = b"#!/bin/sh\n" + b"# the licence, over and over again\n" * 40_000 + b"exit 0\n"
    yield Canary("long script+tgz", long + tgz, "<data at>!/p.php")


def _as_text() -> Iterator[Canary]:
    tgz = gzip.compress(tarred(TREE), mtime=0)
    letters = base64.b64encode(tgz)
    script = b"#!/bin/bash\nsed '1,/^PAYLOAD$/d' \"$0\" | base64 -d | tar xz\nexit 0\nPAYLOAD\n"
    yield Canary("one line of Base64", script + letters + b"\n", "<base64 at>!/p.php")
    yield Canary(
        "uuencode",
        b"#!/bin/sh\nuudecode $0; exit 0\nbegin 644 x.tgz\n" + uuencoded(tgz) + b"`\nend\n",
        "<uuencoded at>!/p.php",
    )
    bare = uuencoded(zipped(TREE)) + b"`\n"
    yield Canary(
        "uuencode, begun when it runs",
        b"#!/bin/sh\n(echo 'begin 644 x.zip'; tail -n 40 $0; echo end) | uudecode\nexit 0\n" + bare,
        "<uuencoded at>!/p.php",
    )
    yield Canary(
        "uuencode in a literal",
        b"<?php file_put_contents('/tmp/x.zip', convert_uudecode(<<<'X'\n" + bare + b"X\n));",
        "<uuencoded at>!/p.php",
    )
    first = base64.encodebytes(gzip.compress(tarred({"a.bin": noise(2000)}), mtime=0))
    second = base64.encodebytes(gzip.compress(tarred({"s/p.php": PHP}), mtime=0))
    script = (
        b"#!/bin/sh\nbase64 -d >a <<A\n" + first + b"A\nbase64 -d >b <<EOF\n" + second + b"EOF\necho done\n"
    )
    yield Canary("two here-documents", script, "<data at>!/<base64 at>!/s/p.php")
    zipfile = base64.b64encode(zipped(TREE)).decode()
    yield Canary("json", json.dumps({"files": [{"data": zipfile}]}).encode(), "<base64 at>!/p.php")
    lines = base64.encodebytes(zipped(TREE)).decode()
    yield Canary("json with lines", json.dumps({"data": lines}).encode(), "<base64 at>!/p.php")
    yield Canary(
        "mail",
        b"MIME-Version: 1.0\nContent-Transfer-Encoding: base64\n\n" + lines.encode(),
        "<base64 at>!/p.php",
    )
    yield Canary(
        "data address",
        b'<a href="data:application/zip;base64,' + zipfile.encode() + b'">x</a>',
        "<base64 at>!/p.php",
    )
    yield Canary("utf-16", PHP.decode().encode("utf-16"), "")
    yield Canary("utf-16 without a mark", PHP.decode().encode("utf-16-le"), "")
    yield Canary("utf-16, high bytes first, without a mark", PHP.decode().encode("utf-16-be"), "")


def _wrapped() -> Iterator[Canary]:
    packed = deflated(CODE)
    letters = base64.b64encode(packed)
    pieces = b"'.\n'".join(letters[at : at + 76] for at in range(0, len(letters), 76))
    wrapped = {
        "rot13 inside": b"eval(gzinflate(str_rot13(base64_decode('" + base64.b64encode(rot13(packed)) + b"'))));",
        "pieces": b"$a='" + pieces + b"'; eval(gzinflate(base64_decode($a)));",
        "octal": b'eval("' + b"".join(b"\\%03o" % byte for byte in CODE) + b'");',
        "uuencode": b"eval(convert_uudecode(<<<'X'\n" + uuencoded(CODE) + b"`\nX\n));",
        "percent": b"eval(urldecode('" + b"".join(b"%%%02X" % byte for byte in CODE) + b"'));",
        "halt, deflate": b"eval(gzinflate(substr($f, __COMPILER_HALT_OFFSET__))); __halt_compiler();" + packed,
        "halt, gzip": b"eval(gzdecode(substr($f, __COMPILER_HALT_OFFSET__))); __halt_compiler();" + gzip.compress(CODE, mtime=0),
    }  # fmt: skip
    whole = base64.b64encode(PHP)
    lines = [whole[at : at + 70] for at in range(0, len(whole), 70)]
    wrapped |= {
        "appended": b"$a='';\n"
        + b"".join(b"$a.='" + line + b"';\n" for line in lines)
        + b"eval('?>'.base64_decode($a));",
        "listed": b"$a=array('" + b"','".join(lines) + b"'); eval('?>'.base64_decode(implode('',$a)));",
        "characters": b"eval(" + b".".join(b"chr(%d)" % byte for byte in CODE) + b");",
        "its own file": b"eval(gzuncompress(substr(file_get_contents(__FILE__), 99)));?>  "
        + zlib.compress(PHP),
    }
    for word, code in wrapped.items():
        yield Canary(f"php: {word}", b"<?php " + code, "")
    letters = base64.b85encode(zlib.compress(PHP))
    yield Canary(
        "py: base85", b"import base64,zlib\nexec(zlib.decompress(base64.b85decode('" + letters + b"')))\n", ""
    )
    body = uuencoded(PHP)
    yield Canary("perl: unpack", b"#!/usr/bin/perl\neval unpack('u', <<'X');\n" + body + b"X\n", "")
    yield Canary(
        "py: uu", b"import codecs\nexec(codecs.decode(b'''begin 644 x\n" + body + b"''', 'uu'))\n", ""
    )
    digits = binascii.hexlify(PHP)
    rows = b"\n".join(digits[at : at + 60] for at in range(0, len(digits), 60))
    yield Canary("sh: xxd", b"#!/bin/sh\nxxd -r -p <<EOF > /var/www/x.php\n" + rows + b"\nEOF\n", "")


def _documents(folder: Path) -> Iterator[Canary]:
    path = folder / "canary.db"
    with closing(sqlite3.connect(path)) as base, base:
        base.execute("create table f(n, b)")
        base.execute("insert into f values(?, ?)", ("x", zipped({**TREE, "noise": noise(9000)})))
    yield Canary("sqlite", path.read_bytes(), "<f row 1 column 2>!/p.php")
    wrapped = b"<?php eval(gzinflate(base64_decode('" + base64.b64encode(deflated(CODE)) + b"')));"
    with closing(sqlite3.connect(path)) as base, base:
        base.execute("update f set b = ?", (wrapped.decode(),))
    yield Canary("sqlite, wrapped", path.read_bytes(), "")
    yield Canary("utf-16, wrapped", wrapped.decode().encode("utf-16"), "")
    letters = base64.b64encode(zlib.compress(PHP))
    for word, code in {
        "bytes": f"PAGE = {PHP!r}\n",
        "text": f"def write(to):\n    to.write({PHP.decode() + '# the end' * 99!r})\n",
        "wrapped": f"import base64, zlib\nexec(zlib.decompress(base64.b64decode({letters!r})))\n",
    }.items():
        compiled = MAGIC_NUMBER + bytes(12) + marshal.dumps(compile(code, "setup.py", "exec"))
        yield Canary(f"pyc, {word}", compiled, "")
    packed = deflated(PHP)
    row = struct.pack("<I9s6I", 9, b"src/p.php", len(PHP), 0, len(packed), zlib.crc32(PHP), 0x11A4, 0)
    manifest = struct.pack("<IHIII", 1, 0x1100, 0, 0, 0) + row
    stub = b"#!/usr/bin/env php\n<?php __HALT_COMPILER(); ?>\r\n"
    yield Canary("phar", stub + struct.pack("<I", len(manifest)) + manifest + packed, "src/p.php")
    body = zlib.compress(zipped(TREE))
    head = b"%%PDF-1.4\n1 0 obj<</Type/EmbeddedFile/Filter/FlateDecode/Length %d>>stream\n" % len(body)
    yield Canary("pdf", head + body + b"\nendstream endobj\n", "<stream at>!/p.php")


def _damaged() -> Iterator[Canary]:
    tgz = bytearray(gzip.compress(tarred({**TREE, "z.bin": noise(50_000)}), mtime=0))
    for word, at, reason in (
        ("crc", -8, "checksum"),
        ("length", -4, "checksum"),
        ("middle", len(tgz) // 2, ""),
    ):
        broken = bytearray(tgz)
        broken[at] ^= 0xFF
        if not reason:
            broken[at : at + 300] = noise(300, 7)
        yield Canary(f"gzip, {word}", bytes(broken), "p.php", frozenset({reason} - {""}))
    txz = bytearray(lzma.compress(tarred({**TREE, "z.bin": noise(200_000)})))
    txz[-50_000] ^= 0xFF
    yield Canary("xz, middle", bytes(txz), "p.php")
    behind = padded(header(b"x", 1) + b"1") + bytes(1024)
    yield Canary("tar behind a tar", behind + tarred(TREE), "p.php", frozenset({"two-readings"}))


def _two_readings() -> Iterator[Canary]:
    stored = bytearray(zipped({"a.php": PHP}, 0))
    row = stored.find(b"PK\1\2")
    small = bytearray(stored)
    struct.pack_into("<II", small, row + 20, 10, 10)
    yield Canary("zip, size", bytes(small), "a.php", frozenset({"two-readings"}))
    packed = bytearray(zipped({"a.php": PHP}))
    row = packed.find(b"PK\1\2")
    method = bytearray(packed)
    method[row + 10] = 0
    yield Canary("zip, method", bytes(method), "a.php", frozenset({"two-readings"}))
    locked = bytearray(packed)
    locked[row + 8] |= 1
    yield Canary("zip, encrypted in the directory", bytes(locked), "a.php", frozenset({"two-readings"}))
    link = bytearray(zipped({"a.php": PHP + b"//" + b"x" * 5000}))
    row = link.find(b"PK\1\2")
    link[row + 5] = 3
    struct.pack_into("<I", link, row + 38, 0o120777 << 16)
    yield Canary("zip, link", bytes(link), "a.php", frozenset({"two-readings"}))
    two = bytearray(zipped({"b.txt": b"hi", "a.php": PHP}))
    struct.pack_into("<HH", two, two.rfind(b"PK\5\6") + 8, 1, 1)
    yield Canary("zip, count", bytes(two), "a.php", frozenset({"two-readings"}))
    hard = (
        header(b"o.txt", 1)
        + padded(b"x")
        + header(b"a.php", len(PHP), b"1", b"o.txt")
        + padded(PHP)
        + bytes(1024)
    )
    yield Canary("tar, hard link", hard, "a.php", frozenset({"two-readings"}))
    inner = tarred(TREE)
    smuggled = header(b"o.txt", 1) + padded(b"x") + header(b"h", len(inner), b"1", b"o.txt") + inner
    yield Canary("tar in a hard link", smuggled, "p.php", frozenset({"two-readings"}))
