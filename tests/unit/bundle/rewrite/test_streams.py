"""Compressed files: what the walk calls their content is what is written again, and nothing behind it is lost."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable

import pytest
import zstandard

from bundle.rewrite import TextEdit
from hardening.errors import ArchiveError
from tests.support.bundle.walk import hostile
from tests.unit.bundle.rewrite.test_rewrite import FILES, a_tar, a_zip, rewritten

Pack = Callable[[bytes], bytes]
Unpack = Callable[[bytes], bytes]
NEW = b"password = @secret:db@\n"


def alone(data: bytes) -> bytes:
    return lzma.compress(data, format=lzma.FORMAT_ALONE)


FORMS = [
    pytest.param(gzip.compress, gzip.decompress, id="gzip"),
    pytest.param(bz2.compress, bz2.decompress, id="bzip2"),
    pytest.param(lzma.compress, lzma.decompress, id="xz"),
    pytest.param(alone, lzma.decompress, id="lzma"),
    pytest.param(zstandard.compress, lambda d: zstandard.decompress(d, 1 << 20), id="zstd"),
]


def odd_sum(kind: str) -> bytes:
    """A tar whose checksum is right as some writers have it: of signed bytes, or with more behind its NUL."""
    block = bytearray(hostile.header("kéy.conf".encode(), 3))
    block[148:156] = b" " * 8
    total = sum(block) - (256 * sum(byte > 127 for byte in block) if kind == "signed" else 0)
    block[148:156] = b"%06o\0" % total + (b" " if kind == "signed" else b"x")
    return (
        bytes(block)
        + hostile.padded(b"old")
        + hostile.header(b"kept", 4)
        + hostile.padded(b"kept")
        + hostile.END
    )


@pytest.mark.parametrize(("pack", "unpack"), FORMS)
@pytest.mark.parametrize("kind", ["signed", "odd"])
def test_a_tar_that_the_walk_opens_is_one_to_the_writer_too(kind: str, pack: Pack, unpack: Unpack) -> None:
    after = unpack(rewritten(pack(odd_sum(kind)), TextEdit(("kéy.conf",), NEW)))
    with tarfile.open(fileobj=io.BytesIO(after)) as made:
        held = {m.name: made.extractfile(m) for m in made}
        assert {name: body.read() for name, body in held.items() if body} == {
            "kéy.conf": NEW,
            "kept": b"kept",
        }


@pytest.mark.parametrize(("pack", "unpack"), FORMS)
def test_what_lies_behind_a_stream_is_never_lost_nor_put_in_its_place(pack: Pack, unpack: Unpack) -> None:
    del unpack
    for content, part in (
        (a_tar(FILES), "etc/app.conf"),
        (b"port = 1\n", "app"),
        (b"port = 1\n", "<data behind>"),
    ):
        with pytest.raises(ArchiveError, match="follows the"):
            rewritten(pack(content) + b"# loose\npassword = x\n", TextEdit((part,), NEW))


@pytest.mark.parametrize(("pack", "unpack"), FORMS)
def test_zeros_behind_a_stream_are_padding(pack: Pack, unpack: Unpack) -> None:
    assert unpack(rewritten(pack(b"old") + bytes(512), TextEdit(("app",), NEW))) == NEW


@pytest.mark.parametrize(("pack", "unpack"), FORMS)
def test_an_archive_of_another_kind_is_the_one_member_of_its_stream(pack: Pack, unpack: Unpack) -> None:
    after = unpack(rewritten(pack(a_zip(FILES)), TextEdit(("app.zip", "etc/app.conf"), NEW)))
    with zipfile.ZipFile(io.BytesIO(after)) as made:
        assert made.read("etc/app.conf") == NEW
        assert made.namelist() == list(FILES)
    twice = rewritten(pack(gzip.compress(a_tar(FILES))), TextEdit(("app.tar.gz", "etc/app.conf"), NEW))
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(unpack(twice)))) as archive:
        body = archive.extractfile("etc/app.conf")
        assert body is not None
        assert body.read() == NEW


def test_a_bomb_is_not_unpacked_to_be_written_again() -> None:
    stream = bz2.compress(a_tar(FILES)) + bz2.compress(bytes(40 << 20)) * 4
    with pytest.raises(ArchiveError, match="200 times its size"):
        rewritten(stream, TextEdit(("etc/app.conf",), NEW))
