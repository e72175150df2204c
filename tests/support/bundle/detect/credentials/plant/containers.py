"""Containers in which the planted files lie: twenty and more kinds, written by Python alone."""

from __future__ import annotations

import base64
import bz2
import gzip
import hashlib
import io
import lzma
import struct
import tarfile
import zipfile
from collections.abc import Callable, Mapping

import zstandard

Wrap = Callable[[str, bytes], tuple[str, bytes]]
"""From a name and content to the container's name and content."""


def _zip(name: str, data: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr(zipfile.ZipInfo("META/notes.txt"), b"nothing here\n", method)
        archive.writestr(zipfile.ZipInfo(name), data, method)
    return out.getvalue()


_LOGO = b"".join(hashlib.sha256(b"%d" % n).digest() for n in range(30))
"""What does not compress: a script of a few lines is not what installers carry."""


def _tar(name: str, data: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for one, content in (("logo.raw", _LOGO), (name, data)):
            info = tarfile.TarInfo(one)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def _newc(name: bytes, data: bytes) -> bytes:
    numbers = (1, 0o100644, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08x" % n for n in numbers) + name + b"\0"
    return head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4)


def _cpio(name: str, data: bytes) -> bytes:
    return _newc(name.encode(), data) + _newc(b"TRAILER!!!", b"")


def _ar(members: dict[str, bytes]) -> bytes:
    out = b"!<arch>\n"
    for name, data in members.items():
        out += b"%-16s%-12s%-6s%-6s%-8s%-10d`\n" % (name.encode(), b"0", b"0", b"0", b"100644", len(data))
        out += data + b"\n" * (len(data) % 2)
    return out


def _deb(name: str, data: bytes) -> bytes:
    control = gzip.compress(_tar("./control", b"Package: plant\nVersion: 1\n"), mtime=0)
    inside = lzma.compress(_tar("./" + name, data))
    return _ar({"debian-binary": b"2.0\n", "control.tar.gz": control, "data.tar.xz": inside})


def _rpm(name: str, data: bytes) -> bytes:
    return rpm(name, data, {})


def rpm(name: str, data: bytes, scripts: Mapping[int, bytes]) -> bytes:
    """Return a package of one file, with scripts by the numbers of their tags."""

    def section(tags: list[tuple[int, bytes]]) -> bytes:
        store, index = b"", b""
        for tag, value in tags:
            index += struct.pack(">4I", tag, 6, len(store), 1)
            store += value + b"\0"
        return b"\x8e\xad\xe8\x01\0\0\0\0" + struct.pack(">2I", len(tags), len(store)) + index + store

    lead = b"\xed\xab\xee\xdb\x03\0\0\0\0\x01" + b"plant-1-1".ljust(66, b"\0") + b"\0\x01\0\x05" + b"\0" * 16
    signature = section([(1000, b"none")])
    signature += b"\0" * (-len(signature) % 8)
    return (
        lead
        + signature
        + section([(1000, b"plant"), *scripts.items()])
        + gzip.compress(_cpio("./" + name, data), mtime=0)
    )


def _script(payload: bytes) -> bytes:
    return b"#!/bin/sh\n# installer\n" + b"echo unpacking\n" * 20 + b"exit 0\n__ARCHIVE__\n" + payload


def _here(name: str, data: bytes) -> bytes:
    text = base64.encodebytes(gzip.compress(_tar(name, data), mtime=0))
    return b"#!/bin/sh\nbase64 -d <<'EOF' | tar xz\n" + text + b"EOF\nexit 0\n"


def _nested(levels: int) -> Callable[[str, bytes], bytes]:
    def wrapped(name: str, data: bytes) -> bytes:
        for level in range(levels):
            data = (_zip if level % 2 else _tar)(name, data)
            name = f"level{level}.{'zip' if level % 2 else 'tar'}"
        return data

    return wrapped


KINDS: dict[str, Callable[[str, bytes], bytes]] = {
    "zip": _zip,
    "stored.zip": lambda n, d: _zip(n, d, zipfile.ZIP_STORED),
    "bzip2.zip": lambda n, d: _zip(n, d, zipfile.ZIP_BZIP2),
    "lzma.zip": lambda n, d: _zip(n, d, zipfile.ZIP_LZMA),
    "jar": _zip,
    "war.ear": lambda n, d: _zip("web.war", _zip(n, d)),
    "jar.zip": lambda n, d: _zip("lib/a.jar", _zip(n, d)),
    "tar": _tar,
    "tgz": lambda n, d: gzip.compress(_tar(n, d), mtime=0),
    "tar.bz2": lambda n, d: bz2.compress(_tar(n, d)),
    "tar.xz": lambda n, d: lzma.compress(_tar(n, d)),
    "tar.lzma": lambda n, d: lzma.compress(_tar(n, d), lzma.FORMAT_ALONE),
    "tar.zst": lambda n, d: zstandard.compress(_tar(n, d)),
    "noext-gzip": lambda n, d: gzip.compress(_tar(n, d), mtime=0),
    "cpio": _cpio,
    "cpio.gz": lambda n, d: gzip.compress(_cpio(n, d), mtime=0),
    "a": lambda n, d: _ar({"x.tar": _tar(n, d)}),
    "deb": _deb,
    "rpm": _rpm,
    "run": lambda n, d: _script(gzip.compress(_tar(n, d), mtime=0)),
    "exe": lambda n, d: b"MZ" + b"\0" * 600 + b"stub" + _zip(n, d),
    "bin": lambda n, d: b"\x7fELF" + b"\0" * 600 + _zip(n, d),
    "base64.sh": _here,
    "deep.tar": _nested(10),
    "deb.tar.gz": lambda n, d: gzip.compress(_tar("p.deb", _deb(n, d)), mtime=0),
    "rpm.zip": lambda n, d: _zip("p.rpm", _rpm(n, d)),
}
