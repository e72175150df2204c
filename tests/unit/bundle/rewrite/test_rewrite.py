"""A rewritten archive differs from the original in what was asked for, and in nothing else."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import struct
import subprocess
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from bundle.rewrite import TextEdit, rewrite
from hardening.errors import ArchiveError

FILES = {
    "etc/app.conf": b"port = 7226\n",
    "var/www/tool.php": b"<?php echo 1;\n" * 40,
    "var/www/a-very-long-name-" + "x" * 120 + "/page.php": b"long",
    "empty": b"",
}


def a_tar(files: dict[str, bytes], form: int = tarfile.GNU_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for index, (name, data) in enumerate(files.items()):
            info = tarfile.TarInfo(name)
            info.size, info.mode, info.uid, info.gid, info.uname = (
                len(data),
                0o4751,
                1000 + index,
                48,
                "apache",
            )
            info.mtime = 1_400_000_000 + index
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def a_zip(files: dict[str, bytes], *, method: int = zipfile.ZIP_DEFLATED, stream: bool = False) -> bytes:
    out = io.BytesIO()
    sink: io.BufferedIOBase = _Unseekable(out) if stream else out
    with zipfile.ZipFile(sink, "w", method) as archive:
        archive.comment = b"release 3.07.01"
        for name, data in files.items():
            info = zipfile.ZipInfo(name, (2020, 2, 3, 4, 5, 6))
            info.external_attr = 0o100640 << 16
            info.compress_type = method
            info.comment = b"c"
            archive.writestr(info, data)
    return out.getvalue()


class _Unseekable(io.BufferedIOBase):
    """Makes zipfile write data descriptors, as packers do that write to a pipe."""

    def __init__(self, out: io.BytesIO) -> None:
        self._out = out

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        return self._out.write(data)  # type: ignore[arg-type]  # any buffer, as BytesIO takes it

    def flush(self) -> None:
        return None


def a_zip64(files: dict[str, bytes], *, stream: bool = False) -> bytes:
    """A zip whose members carry 64-bit sizes, and whose directory says so too."""
    out = io.BytesIO()
    sink: io.BufferedIOBase = _Unseekable(out) if stream else out
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            with archive.open(zipfile.ZipInfo(name, (2020, 2, 3, 4, 5, 6)), "w", force_zip64=True) as member:
                member.write(data)
    data = out.getvalue()
    at = data.rindex(b"PK\x05\x06")
    count, size, start = struct.unpack_from("<HII", data, at + 10)
    wide = struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, start)
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, at, 1)
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return data[:at] + wide + locator + end


def an_ar(files: dict[str, bytes]) -> bytes:
    out = b"!<arch>\n"
    for name, data in files.items():
        out += f"{name:<16}{1_400_000_000:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n".encode() + data
        out += b"\n" * (len(data) % 2)
    return out


def rewritten(data: bytes, *edits: TextEdit) -> bytes:
    out = io.BytesIO()
    rewrite(io.BytesIO(data), out, edits)
    return out.getvalue()


def read_zip(data: bytes) -> dict[str, tuple[bytes, object]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {
            i.filename: (archive.read(i), (i.date_time, i.external_attr, i.comment, i.compress_type))
            for i in archive.infolist()
        }


def read_tar(data: bytes) -> dict[str, tuple[bytes, object]]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        found: dict[str, tuple[bytes, object]] = {}
        for m in archive.getmembers():
            body = archive.extractfile(m)
            found[m.name] = (body.read() if body else b"", (m.mode, m.uid, m.gid, m.uname, m.mtime, m.type))
        return found


ARCHIVES = [
    pytest.param(a_zip, read_zip, id="zip"),
    pytest.param(lambda f: a_zip(f, method=zipfile.ZIP_STORED), read_zip, id="zip-stored"),
    pytest.param(lambda f: a_zip(f, stream=True), read_zip, id="zip-descriptors"),
    pytest.param(a_zip64, read_zip, id="zip64"),
    pytest.param(lambda f: a_zip64(f, stream=True), read_zip, id="zip64-descriptors"),
    pytest.param(a_tar, read_tar, id="tar-gnu"),
    pytest.param(lambda f: a_tar(f, tarfile.PAX_FORMAT), read_tar, id="tar-pax"),
    pytest.param(lambda f: gzip.compress(a_tar(f), mtime=7), read_tar, id="tar.gz"),
    pytest.param(lambda f: bz2.compress(a_tar(f)), read_tar, id="tar.bz2"),
    pytest.param(lambda f: lzma.compress(a_tar(f)), read_tar, id="tar.xz"),
    pytest.param(lambda f: lzma.compress(a_tar(f), format=lzma.FORMAT_ALONE), read_tar, id="tar.lzma"),
    pytest.param(lambda f: zstandard.compress(a_tar(f)), lambda d: read_tar(_unzstd(d)), id="tar.zst"),
]


def _unzstd(data: bytes) -> bytes:
    return zstandard.ZstdDecompressor().decompressobj().decompress(data)


Make = Callable[[dict[str, bytes]], bytes]
Read = Callable[[bytes], dict[str, tuple[bytes, object]]]


@pytest.mark.parametrize(("make", "read"), ARCHIVES)
def test_a_removed_member_is_gone_and_nothing_else_changed(make: Make, read: Read) -> None:
    before = make(FILES)
    after = read(rewritten(before, TextEdit(("./var/www/tool.php",))))
    expected = {k: v for k, v in read(before).items() if k != "var/www/tool.php"}
    assert after == expected


@pytest.mark.parametrize(("make", "read"), ARCHIVES)
def test_a_replaced_member_keeps_owner_mode_and_time(make: Make, read: Read) -> None:
    before = make(FILES)
    after = read(rewritten(before, TextEdit(("etc/app.conf",), b"port = @secret:port@ and more\n")))
    expected = read(before)
    assert after["etc/app.conf"] == (b"port = @secret:port@ and more\n", expected["etc/app.conf"][1])
    assert {k: v for k, v in after.items() if k != "etc/app.conf"} == {
        k: v for k, v in expected.items() if k != "etc/app.conf"
    }
    assert list(after) == list(expected)


@pytest.mark.parametrize(("make", "read"), ARCHIVES)
def test_a_folder_goes_with_all_that_is_below_it(make: Make, read: Read) -> None:
    after = read(rewritten(make(FILES), TextEdit(("var/www",), folder=True)))
    assert list(after) == ["etc/app.conf", "empty"]


def test_two_archives_deep_and_in_a_package() -> None:
    inner = gzip.compress(a_tar(FILES), mtime=9)
    package = an_ar({"debian-binary": b"2.0\n", "data.tar.gz": inner})
    outer = a_zip({"payload/web.deb": package, "README": b"hello"})
    after = read_zip(rewritten(outer, TextEdit(("payload/web.deb", "data.tar.gz", "var/www/tool.php"))))
    deb = after["payload/web.deb"][0]
    assert deb.startswith(b"!<arch>\n")
    at = deb.index(b"data.tar.gz")
    size = int(deb[at + 48 : at + 58])
    assert "var/www/tool.php" not in read_tar(deb[at + 60 : at + 60 + size])
    assert "etc/app.conf" in read_tar(deb[at + 60 : at + 60 + size])
    assert after["README"] == read_zip(outer)["README"]


def test_what_other_programs_say_of_the_result(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(rewritten(a_zip(FILES, stream=True), TextEdit(("empty",))))
    (tmp_path / "a.tar").write_bytes(rewritten(a_tar(FILES), TextEdit(("etc/app.conf",), b"x" * 600)))
    listed = subprocess.run(["tar", "-tf", tmp_path / "a.tar"], capture_output=True, text=True, check=True)
    assert listed.stdout.splitlines() == list(FILES)
    assert not listed.stderr
    tested = subprocess.run(
        ["python3", "-m", "zipfile", "-t", tmp_path / "a.zip"], capture_output=True, text=True, check=True
    )
    assert "Done testing" in tested.stdout


def test_a_compressed_single_file_can_be_replaced() -> None:
    after = rewritten(gzip.compress(b"password = old"), TextEdit(("settings",), b"password = @secret@"))
    assert gzip.decompress(after) == b"password = @secret@"


def test_the_gzip_header_survives() -> None:
    out = io.BytesIO()
    with gzip.GzipFile("web.tar", "wb", 9, out, mtime=1_234_567_890) as packer:
        packer.write(a_tar(FILES))
    before = out.getvalue()
    after = rewritten(before, TextEdit(("empty",)))
    assert after[:18] == before[:18]


@pytest.mark.parametrize(
    ("flags", "fields", "kept"),
    [
        (4 | 8, struct.pack("<H", 4) + b"RA\0\0" + b"web.tar\0", b"web.tar\0"),
        (4 | 8, struct.pack("<H", 4000) + b"\1" * 4000 + b"web.tar\0", b""),
        (8 | 16, b"web.tar\0" + b"c" * 4000 + b"\0", b"web.tar\0"),
        (1 | 16, b"a word\0", b"a word\0"),
        (8 | 2, b"web.tar\0\x12\x34", b"web.tar\0"),
    ],
    ids=["extra", "long extra", "long comment", "text", "checksum"],
)
def test_a_gzip_header_of_any_length_gives_a_sound_one(flags: int, fields: bytes, kept: bytes) -> None:
    """What stood behind the first kilobyte was cut off, and what was written could not be unpacked."""
    plain = gzip.compress(a_tar(FILES), mtime=7)
    before = plain[:3] + bytes([flags]) + plain[4:10] + fields + plain[10:]
    if flags & 2:
        before = plain[:3] + bytes([flags]) + plain[4:10] + b"web.tar\0"
        before += struct.pack("<H", zlib.crc32(before) & 0xFFFF) + plain[10:]
    after = rewritten(before, TextEdit(("empty",)))
    assert after[4:10] == before[4:10]
    assert after[10:].startswith(kept)
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(after))) as archive:
        assert "empty" not in archive.getnames()
        assert len(archive.getnames()) == len(FILES) - 1
    done = subprocess.run(["gzip", "-t"], input=after, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_an_edit_that_matches_nothing_is_an_error() -> None:
    with pytest.raises(ArchiveError, match=r"var/www/absent\.php: no such member"):
        rewritten(a_tar(FILES), TextEdit(("var/www/absent.php",)))


def test_a_hard_link_to_what_goes_is_refused() -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo("a")
        info.size = 1
        archive.addfile(info, io.BytesIO(b"x"))
        link = tarfile.TarInfo("b")
        link.type, link.linkname = tarfile.LNKTYPE, "a"
        archive.addfile(link)
    with pytest.raises(ArchiveError, match="hard link"):
        rewritten(out.getvalue(), TextEdit(("a",)))


@pytest.mark.parametrize(
    "data", [b"", b"plain text", b"PK\x03\x04broken", a_tar(FILES)[:700], b"!<arch>\nshort"]
)
def test_damaged_input_is_one_clear_error(data: bytes) -> None:
    with pytest.raises(ArchiveError):
        rewritten(data, TextEdit(("etc/app.conf",)))


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.999])
@pytest.mark.parametrize(
    "pack",
    [
        gzip.compress,
        bz2.compress,
        lzma.compress,
        zstandard.compress,
        lambda d: lzma.compress(d, format=lzma.FORMAT_ALONE),
    ],
)
def test_what_ends_too_early_is_never_written_as_if_it_were_whole(
    pack: Callable[[bytes], bytes], share: float
) -> None:
    packed = pack(a_tar({**FILES, "noise": random.Random(1).randbytes(200_000)}))
    with pytest.raises(ArchiveError):
        rewritten(packed[: int(len(packed) * share)], TextEdit(("empty",)))


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, zstandard.compress])
def test_damage_in_a_compressed_archive_is_one_clear_error(pack: Callable[[bytes], bytes]) -> None:
    packed = bytearray(pack(a_tar({**FILES, "noise": random.Random(1).randbytes(200_000)})))
    for at in range(40, 4000, 400):
        packed[at] ^= 0xFF
    with pytest.raises(ArchiveError):
        rewritten(bytes(packed), TextEdit(("empty",)))


def test_two_frames_of_zstd_are_one_archive() -> None:
    data = a_tar(FILES)
    packed = zstandard.compress(data[:1000]) + zstandard.compress(data[1000:])
    assert "empty" not in read_tar(_unzstd(rewritten(packed, TextEdit(("empty",)))))


@settings(max_examples=60)
@given(
    st.dictionaries(
        st.from_regex(r"[a-z]{1,12}(/[a-z]{1,12}){0,2}", fullmatch=True),
        st.binary(max_size=1500),
        min_size=2,
        max_size=8,
    ),
    st.data(),
)
def test_rewriting_is_exact_for_any_files(files: dict[str, bytes], data: st.DataObject) -> None:
    gone = data.draw(st.sampled_from(sorted(files)))
    rest = {k: v for k, v in files.items() if k != gone}
    assert rewritten(a_zip(files), TextEdit((gone,))) == _renumbered(a_zip(files), gone)
    assert {k: v[0] for k, v in read_tar(rewritten(a_tar(files), TextEdit((gone,)))).items()} == rest


def _renumbered(data: bytes, gone: str) -> bytes:
    """The zip that a packer would have made without the member: the same bytes, since time and order are fixed."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return a_zip({n: archive.read(n) for n in archive.namelist() if n != gone})


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        ("größe/app.conf".encode(), "größe/app.conf"),
        (b"gr\x81\xe1e/app.conf", "grüße/app.conf"),
        (b"caf\xc3\xa9\x1b.conf", "café\\x1b.conf"),
    ],
)
def test_a_zip_name_without_the_flag_of_utf_8_is_the_one_the_walk_says(stored: bytes, said: str) -> None:
    """macOS and others write UTF-8 there, old packers for DOS their code page."""
    stand_in = b"#" * len(stored)
    old = a_zip({stand_in.decode(): b"port = 1\n", "b.txt": b"as it is\n"}).replace(stand_in, stored)
    out = io.BytesIO()
    rewrite(io.BytesIO(old), out, [TextEdit((said,), b"port = 2\n")])
    with zipfile.ZipFile(out) as archive:
        assert [archive.read(i) for i in archive.infolist()] == [b"port = 2\n", b"as it is\n"]
    assert out.getvalue().count(stored) == old.count(stored)


def test_a_tar_name_that_is_no_text_is_the_one_the_walk_says() -> None:
    names = {
        b"caf\xe9/tool.php".decode("utf-8", "surrogateescape"): b"<?php echo 1;\n",
        "b.txt": b"as it is\n",
    }
    out = io.BytesIO()
    rewrite(io.BytesIO(a_tar(names)), out, [TextEdit(("caf\\xe9/tool.php",))])
    with tarfile.open(fileobj=io.BytesIO(out.getvalue())) as archive:
        assert archive.getnames() == ["b.txt"]


@pytest.mark.parametrize("form", ["tar: folder", "tar: link", "zip: folder", "cpio: folder"])
def test_a_folder_or_link_with_the_name_of_a_file_never_gets_the_content_of_the_file(form: str) -> None:
    out, first = io.BytesIO(), form.partition(": ")[2]
    if form.startswith("tar"):
        with tarfile.open(fileobj=out, mode="w") as archive:
            one = tarfile.TarInfo("a.ini")
            one.type = tarfile.DIRTYPE if first == "folder" else tarfile.SYMTYPE
            archive.addfile(one)
            two = tarfile.TarInfo("a.ini")
            two.size = 4
            archive.addfile(two, io.BytesIO(b"old\n"))
    elif form.startswith("zip"):
        with zipfile.ZipFile(out, "w") as packed:
            packed.writestr("a.ini/", b"")
            packed.writestr("a.ini", b"old\n")
    else:
        out.write(
            _newc(b"a.ini", b"", 0o40755) + _newc(b"a.ini", b"old\n", 0o100644) + _newc(b"TRAILER!!!", b"", 0)
        )
    out.seek(0)
    with pytest.raises(ArchiveError, match="has the same name as the file"):
        rewrite(out, io.BytesIO(), (TextEdit(("a.ini",), b"new content\n"),))


def _newc(name: bytes, data: bytes, mode: int) -> bytes:
    fields = [1, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0]
    header = b"070701" + b"".join(b"%08X" % one for one in fields) + name + b"\0"
    return header + bytes(-len(header) % 4) + data + bytes(-len(data) % 4)
