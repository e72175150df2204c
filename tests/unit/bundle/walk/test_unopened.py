"""Containers that are recognised and not opened: each is named with its next step, and the run is never clean."""

from __future__ import annotations

import base64
import io
import random
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from bundle import audit
from bundle.walk import unopened
from hardening.errors import ExitCode
from hardening.findings import Run, Severity

NOISE = random.Random(7).randbytes(96 << 10)


def audited(folder: Path, name: str, content: bytes) -> Run:
    """Audit one file by its name."""
    (folder / name).write_bytes(content)
    return audit(folder / name, jobs=1)


def said(run: Run) -> list[str]:
    """Return what the walk could not open."""
    return [finding.message for finding in run.findings if finding.rule.id == "walk/unsupported"]


def with_magic(at: int, magic: bytes) -> bytes:
    """Return binary content with a magic at a place."""
    content = bytearray(b"\1\2\3\4" + bytes(30) + NOISE)
    size = len(content)
    place = at if at >= 0 else size + at
    content = content.ljust(place + 4096, b"\1") if at >= 0 else content
    content[place : place + len(magic)] = magic
    return bytes(content)


@pytest.mark.parametrize(
    ("row", "at", "magic"),
    [(row, at, magic) for row in unopened.rows() for at, magic in row.magic],
    ids=lambda value: value.name if isinstance(value, unopened.ContainerKind) else None,
)
def test_each_row_is_named_with_its_next_step(
    tmp_path: Path, row: unopened.ContainerKind, at: int, magic: bytes
) -> None:
    run = audited(tmp_path, "update.bin", with_magic(at, magic))
    assert run.exit_code(Severity.MEDIUM) is ExitCode.PARTLY_EXAMINED
    assert any(row.name in word and row.advice("update.bin") in word for word in said(run)), said(run)


def test_what_has_no_magic_is_told_by_its_name_where_its_content_is_not_known(tmp_path: Path) -> None:
    run = audited(tmp_path, "web.tar.br", NOISE)
    assert "brotli -d web.tar.br" in said(run)[0]
    assert not said(audited(tmp_path, "notes.br", b"these are words\n" * 40))


def jffs2(order: unopened.Order) -> bytes:
    """Return the first node of a JFFS2, whose header has a checksum."""
    fields = [(0x1985, 2), (0x2003, 2), (12, 4)]
    head = b"".join(value.to_bytes(size, order) for value, size in fields)
    return head + (zlib.crc32(head, 0xFFFFFFFF) ^ 0xFFFFFFFF).to_bytes(4, order)


@pytest.mark.parametrize("order", ["little", "big"])
def test_a_jffs2_behind_other_firmware_is_named_where_its_checksum_agrees(
    tmp_path: Path, order: unopened.Order
) -> None:
    node = jffs2(order)
    run = audited(tmp_path, "firmware.bin", b"\1\2" + NOISE + node + NOISE)
    assert f"JFFS2 file system ({order}-endian) at byte {len(NOISE) + 2}" in said(run)[0]
    assert not said(audited(tmp_path, "other.bin", b"\1\2" + NOISE + node[:8] + b"\1\1\1\1" + NOISE))


def program(tail: bytes) -> bytes:
    """Return a Windows program of one section, with a tail behind its end."""
    header = b"MZ".ljust(60, b"\0") + (64).to_bytes(4, "little")
    pe = b"PE\0\0\x4c\1\1\0" + bytes(12) + (224).to_bytes(2, "little") + b"\2\1" + b"\x0b\1" + bytes(222)
    section = (
        b".text\0\0\0" + bytes(8) + (512).to_bytes(4, "little") + (512).to_bytes(4, "little") + bytes(16)
    )
    return (header + pe + section).ljust(512, b"\0") + b"\x90" * 512 + tail


def elf(tail: bytes) -> bytes:
    """Return a program for Linux of one segment, with a tail behind its end."""
    numbers = [
        (2, 2),
        (62, 2),
        (1, 4),
        (0, 8),
        (64, 8),
        (0, 8),
        (0, 4),
        (64, 2),
        (56, 2),
        (1, 2),
        (0, 2),
        (0, 2),
        (0, 2),
    ]
    head = b"\x7fELF\2\1\1".ljust(16, b"\0") + b"".join(
        value.to_bytes(size, "little") for value, size in numbers
    )
    segment = [(1, 4), (5, 4), (0, 8), (0, 8), (0, 8), (1024, 8), (1024, 8), (4096, 8)]
    return (head + b"".join(value.to_bytes(size, "little") for value, size in segment)).ljust(
        1024, b"\x90"
    ) + tail


@pytest.mark.parametrize("made", [program, elf])
@pytest.mark.parametrize(
    ("tail", "word"),
    [
        (bytes(4) + b"\xef\xbe\xad\xdeNullsoftInst" + NOISE, "NSIS installer"),
        (b"Inno Setup Setup Data (6.2.0)".ljust(64, b"\0") + NOISE, "Inno Setup installer"),
        (b"ISSetupStream\0" + NOISE, "InstallShield installer"),
        (NOISE + b"MEI\x0c\x0b\x0a\x0b\x0e" + bytes(80), "PyInstaller program"),
        (NOISE, "behind the end of the program"),
    ],
)
def test_what_lies_behind_a_program_is_never_passed_over(
    tmp_path: Path, made: Callable[[bytes], bytes], tail: bytes, word: str
) -> None:
    run = audited(tmp_path, "setup.exe", made(tail))
    assert run.exit_code(Severity.MEDIUM) is ExitCode.PARTLY_EXAMINED
    assert word in said(run)[0]


@pytest.mark.parametrize("made", [program, elf])
@pytest.mark.parametrize("tail", [b"", bytes(4096), b"these are words\n" * 100])
def test_a_program_with_nothing_behind_it_is_examined(
    tmp_path: Path, made: Callable[[bytes], bytes], tail: bytes
) -> None:
    run = audited(tmp_path, "tool", made(tail))
    assert run.exit_code(Severity.MEDIUM) is ExitCode.OK


def packed() -> bytes:
    """Return a tar.gz with a file that is found."""
    made = io.BytesIO()
    content = (
        b"<?php mysqli_connect('localhost', 'app', 'Kf83jx2Lq9ZmA', 'db');\n" + NOISE[:600].hex().encode()
    )
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        about = tarfile.TarInfo("app/config.php")
        about.size = len(content)
        archive.addfile(about, io.BytesIO(content))
    return made.getvalue()


def _lines(letters: str) -> str:
    return "\n".join(letters[at : at + 60] for at in range(0, len(letters), 60))


CODINGS: dict[str, Callable[[bytes], str]] = {
    "xxd": lambda data: f"#!/bin/sh\nxxd -r -p <<X | tar xz\n{_lines(data.hex())}\nX\n",
    "upper-hex": lambda data: f'#!/bin/sh\nperl -e \'print pack "H*", "{data.hex().upper()}"\' | tar xz\n',
    "base85": lambda data: f"import base64\nD = {base64.b85encode(data)!r}\nbase64.b85decode(D)\n",
    "ascii85": lambda data: f"import base64\nD = {base64.a85encode(data)!r}\nbase64.a85decode(D)\n",
    "adobe85": lambda data: f"#!/bin/sh\ndecode85 <<X\n<~{base64.a85encode(data).decode()}~>\nX\n",
    "base32": lambda data: (
        f"#!/bin/sh\nbase32 -d <<X | tar xz\n{_lines(base64.b32encode(data).decode())}\nX\n"
    ),
    "literal": lambda data: f"import tarfile\nD = {data!r}\n",
    "octal": lambda data: "#!/bin/sh\nprintf '" + "".join(f"\\{byte:03o}" for byte in data) + "' | tar xz\n",
    "array": lambda data: "unsigned char data[] = {\n" + ", ".join(f"0x{byte:02x}" for byte in data) + "};\n",
}


@pytest.mark.parametrize("coding", CODINGS)
def test_an_archive_written_in_a_script_is_opened_whatever_its_coding(tmp_path: Path, coding: str) -> None:
    run = audited(tmp_path, "install", CODINGS[coding](packed()).encode())
    assert [finding.rule.id for finding in run.findings if finding.level >= Severity.MEDIUM]
    assert run.exit_code(Severity.MEDIUM) is ExitCode.FINDINGS


def test_a_script_that_unpacks_what_nothing_here_decodes_is_partly_examined(tmp_path: Path) -> None:
    mixed = bytes(byte ^ 0x41 for byte in packed())
    run = audited(
        tmp_path,
        "install.sh",
        b"#!/bin/sh\nbase64 -d <<X | ./mix | tar xz\n" + base64.encodebytes(mixed) + b"X\n",
    )
    assert run.exit_code(Severity.MEDIUM) is ExitCode.PARTLY_EXAMINED
    assert "could not be decoded" in said(run)[0]


@pytest.mark.parametrize(
    "content", [NOISE, b"words, words\n" * 99, b"\x89PNG\r\n\x1a\n" + NOISE], ids=["noise", "text", "png"]
)
def test_other_content_is_not_taken_for_a_container(tmp_path: Path, content: bytes) -> None:
    assert not said(audited(tmp_path, "file", content))


def test_bytes_that_are_no_file_are_to_be_written_to_one_first() -> None:
    row = next(row for row in unopened.rows() if "7z" in row.next)
    assert row.advice("<data at 512>").startswith("Write these bytes to a file, here part.img. ")
    assert "7z x part.img -oOUT" in row.advice("<data at 512>")
    assert "7z x a.img -oOUT" in row.advice("a.img")
