"""Scripts, programs and documents that lie about what is in them: each ends, and nothing in them is passed over unsaid."""

from __future__ import annotations

import base64
import gzip
import io
import os
import tarfile
import time
import zipfile
import zlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from bundle.audit import audit
from bundle.walk import Member, walk
from bundle.walk.formats import zipdir
from bundle.walk.problem import Broken, Problem
from bundle.walk.source import Memory

MIB = 1 << 20


def a_key() -> bytes:
    return ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def packed(name: str = "a.txt", body: bytes = b"hello") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        info = tarfile.TarInfo(name)
        info.size = len(body)
        archive.addfile(info, io.BytesIO(body))
    return out.getvalue()


def makeself(payload: bytes, *, sizes: str = "", more: str = "") -> bytes:
    head = ["#!/bin/sh", "# This script was generated using Makeself 2.4.0", f'filesizes="{sizes or len(payload)}"', 'skip="5"']  # fmt: skip
    return "\n".join([*head, more, ""]).encode() + payload


def rules(path: Path) -> set[str]:
    return {found.rule.id for found in audit([path], jobs=1).findings}


@pytest.mark.parametrize("sizes", ["1" * 5000, "1 " * 5000 + "9" * 30])
def test_sizes_that_are_no_sizes_are_not_believed(tmp_path: Path, sizes: str) -> None:
    path = tmp_path / "x.run"
    path.write_bytes(makeself(packed(), sizes=sizes))
    assert any(event.path.endswith("!/a.txt") for event in walk(str(path)))


def test_ten_thousand_lines_to_skip_are_counted_once(tmp_path: Path) -> None:
    path = tmp_path / "x.run"
    more = "".join(f'head -n {count} "$0"\n' for count in range(9_000, 29_000)) + "#\n" * 400_000
    path.write_bytes(makeself(packed(), more=more))
    began = time.process_time()
    list(walk(str(path)))
    assert time.process_time() - began < 15


@pytest.mark.parametrize("plain", [False, True])
def test_a_key_in_the_script_of_an_installer_is_found(tmp_path: Path, *, plain: bool) -> None:
    path = tmp_path / "x.run"
    key = a_key()
    path.write_bytes(
        b"#!/bin/sh\n" + key + b"exit\n" + packed() if plain else makeself(packed(), more=key.decode())
    )
    assert "key/private" in rules(path)


def test_more_begins_of_archives_than_are_tried_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bundle.walk.embedded._HITS", 100)
    path = tmp_path / "program"
    path.write_bytes(b"\x7fELF" + bytes(60) + b"hsqs" * 200 + packed())
    (said,) = [event for event in walk(str(path)) if isinstance(event, Problem)]
    assert said.reason == "limit-members"
    assert said.partial


def pdf(body: bytes, *, before: bytes = b"") -> bytes:
    head = b"1 0 obj\n<< /Type /EmbeddedFile /Filter /FlateDecode >>\nstream\n"
    return b"%PDF-1.4\n" + before + head + zlib.compress(body) + b"\nendstream\n%%EOF"


@pytest.mark.parametrize(
    ("pad", "inside"), [(0, 0), (40 * MIB, 0), (0, 40 * MIB)], ids=["small", "large file", "large stream"]
)
def test_what_a_large_pdf_carries_is_opened(tmp_path: Path, pad: int, inside: int) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("filler", bytes(inside))
        archive.writestr("key.pem", a_key())
    path = tmp_path / "x.pdf"
    path.write_bytes(pdf(out.getvalue(), before=b"%" * pad + b"\n"))
    assert "key/private" in rules(path)


@pytest.mark.parametrize(
    "body",
    [b"<<" * (4 * MIB), b"<< >> " * MIB, b"<</FlateDecode>>stream\n" * 200_000, b"<<>>stream\n" * 200_000, b">>" + b" " * (4 * MIB)],
    ids=["begins", "empty", "no streams", "no ends", "blanks"],
)  # fmt: skip
def test_a_pdf_is_read_in_time_that_grows_with_it(tmp_path: Path, body: bytes) -> None:
    """Of each `<<` the next 2,000 bytes were looked through, and of each stream all that follows: hours for 10 MB."""
    path = tmp_path / "x.pdf"
    path.write_bytes(b"%PDF-1.4\n" + body)
    began = time.process_time()
    assert {event.reason for event in walk(str(path)) if isinstance(event, Problem)} == {"corrupt"}
    assert time.process_time() - began < 20


def test_marks_in_one_run_of_text_are_read_in_time_that_grows_with_it(tmp_path: Path) -> None:
    """Each line that begins like a gzip was followed to the end of all of them: an hour for 8 MB."""
    line = base64.b64encode(gzip.compress(b"a line of plain text that is read as one", mtime=0)).rstrip(b"=")
    path = tmp_path / "x.php"
    path.write_bytes(b"<?php eval(gzinflate(base64_decode($x)));\n" + b"\n".join([line] * 40_000))
    began = time.process_time()
    assert not [event for event in walk(str(path)) if isinstance(event, Problem)]
    assert time.process_time() - began < 20


def test_streams_of_a_pdf_unpack_as_far_as_other_archives(tmp_path: Path) -> None:
    path = tmp_path / "x.pdf"
    stream = zlib.compress(bytes(20 * MIB), 9)
    body = b"<< /Filter /FlateDecode >>\nstream\n" + stream + b"\nendstream\n"
    path.write_bytes(b"%PDF-1.4\n" + body * 10)
    assert [event.reason for event in walk(str(path)) if isinstance(event, Problem)] == ["corrupt", "bomb"]


def payload(text: bytes) -> bytes:
    return b'eval(base64_decode("' + base64.b64encode(text) + b'"));'


def test_more_wrapped_texts_than_are_unwrapped_are_said(tmp_path: Path) -> None:
    path = tmp_path / "x.php"
    texts = [b"echo 'this is the wrapped text number %d of them';" % number for number in range(201)]
    path.write_bytes(b"<?php\n" + b"\n".join(map(payload, texts)))
    (said,) = [event for event in walk(str(path)) if isinstance(event, Problem)]
    assert said.reason == "limit-members"


def test_a_text_wrapped_more_often_than_is_undone_is_said(tmp_path: Path) -> None:
    text = b"$password = 'Marble44Fjord'; echo 'this is the innermost text of them all';"
    path = tmp_path / "x.php"
    for times in range(1, 10):
        text = payload(text)
        path.write_bytes(b"<?php\n" + text)
        found = [event.reason for event in walk(str(path)) if isinstance(event, Problem)]
        assert found == (["limit-depth"] if times > 8 else [])


def test_a_directory_of_more_entries_than_are_examined_is_not_read() -> None:
    """Three millions took 1.2 GB, before the first of them was said."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number in range(6):
            archive.writestr(f"{number:x}", b"")
    source = Memory(out.getvalue())
    found = zipdir.directory_of(source, 6)
    assert found is not None
    assert len(found.rows) == 6
    with pytest.raises(Broken, match="more than 5 entries"):
        zipdir.directory_of(source, 5)


def test_a_file_that_is_cut_while_it_is_read_ends_nothing(tmp_path: Path) -> None:
    """Who reads a map of a file that logrotate cuts is killed (SIGBUS)."""
    path = tmp_path / "x.log"
    path.write_bytes(b"a line\n" * (10 * MIB))
    lines, problems = 0, []
    for event in walk(str(path)):
        os.truncate(path, 4096)
        if isinstance(event, Member):
            lines += event.content[:].count(b"\n")
        elif isinstance(event, Problem):
            problems.append((event.reason, event.not_examined))
    assert lines > 500
    assert problems == [("truncated", 70 * MIB - 4096)]
