"""Text that is not stored as text reaches the detectors, at the place it came from."""

from __future__ import annotations

import base64
import codecs
import py_compile
import re
import sqlite3
import zlib
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bundle.walk import Member, derive, scan, walk
from bundle.walk.derive import bytecode, documents, joined, sqlite, wrapped
from bundle.walk.limits import WalkLimits
from bundle.walk.problem import Broken, Problem
from bundle.walk.source import Memory
from tests.support import papers

PLAIN = b'<?php $password = "correct horse"; mysql_connect("localhost", "root", $password); ?>'


def derived(path: Path) -> list[Member]:
    return [event for event in walk(str(path)) if isinstance(event, Member) and event.derived]


def deflated(data: bytes, bits: int = -15) -> bytes:
    made = zlib.compressobj(9, wbits=bits)
    return made.compress(data) + made.flush()


def lines(data: bytes) -> bytes:
    return base64.encodebytes(data)


WRAPPINGS: dict[str, Callable[[bytes], bytes]] = {
    "base64": lambda p: b"eval(base64_decode('" + base64.b64encode(p) + b"'));",
    "base64+inflate": lambda p: b"eval(gzinflate(base64_decode('" + base64.b64encode(deflated(p)) + b"')));",
    "base64+zlib": lambda p: b'eval(gzuncompress(base64_decode("' + base64.b64encode(deflated(p, 15)) + b'")));',
    "base64+gzip": lambda p: b"eval(gzdecode(base64_decode('" + base64.b64encode(deflated(p, 31)) + b"')));",
    "hex": lambda p: b"eval(hex2bin('" + p.hex().encode() + b"'));",
    "hex-escapes": lambda p: b'eval("' + b"".join(b"\\x%02x" % byte for byte in p) + b'");',
    "rot13+base64": lambda p: b"eval(base64_decode(str_rot13('"
    + codecs.encode(base64.b64encode(p).decode(), "rot13").encode() + b"')));",
    "reverse+base64": lambda p: b"eval(base64_decode(strrev('" + base64.b64encode(p)[::-1] + b"')));",
    "lines": lambda p: b"eval(base64_decode('\n" + lines(p) + b"'));",
    "concatenated": lambda p: b"eval(base64_decode('" + b"'.'".join(_pieces(base64.b64encode(p))) + b"'));",
}  # fmt: skip


def _pieces(data: bytes) -> list[bytes]:
    return [data[at : at + 20] for at in range(0, len(data), 20)]


@pytest.mark.parametrize("how", WRAPPINGS)
@pytest.mark.parametrize("layers", [1, 3])
def test_wrapped_payload_is_unwrapped(how: str, layers: int, tmp_path: Path) -> None:
    text = PLAIN
    for _ in range(layers):
        text = b"<?php\n\n" + WRAPPINGS[how](text)
    path = tmp_path / "x.php"
    path.write_bytes(text)
    found = derived(path)
    assert PLAIN in [bytes(member.content) for member in found]
    innermost = next(member for member in found if bytes(member.content) == PLAIN)
    assert innermost.parts == (str(path),)
    if how not in ("concatenated", "lines"):
        assert innermost.at(1).line == 3


def test_layers_end(tmp_path: Path) -> None:
    text = PLAIN
    for _ in range(12):
        text = b"<?php " + WRAPPINGS["base64+inflate"](text)
    path = tmp_path / "x.php"
    path.write_bytes(text)
    assert len(derived(path)) == 8


def test_compiled_python(tmp_path: Path) -> None:
    source = tmp_path / "m.py"
    source.write_text('TOKEN = "a token in bytecode"\ndef f():\n    return "another one, nested"\n')
    py_compile.compile(str(source), cfile=str(tmp_path / "m.pyc"))
    source.unlink()
    (found,) = derived(tmp_path)
    assert found.derived == "constants"
    assert b"a token in bytecode" in bytes(found.content)
    assert b"another one, nested" in bytes(found.content)


def java_class(fields: dict[str, str], literals: list[str]) -> bytes:
    """Return a class file with constant fields and loose literals."""
    pool: list[bytes] = []

    def utf8(text: str) -> int:
        pool.append(b"\1" + len(text.encode()).to_bytes(2, "big") + text.encode())
        return len(pool)

    def string(text: str) -> int:
        at = utf8(text)
        pool.append(b"\10" + at.to_bytes(2, "big"))
        return len(pool)

    attribute = utf8("ConstantValue")
    descriptor = utf8("Ljava/lang/String;")
    made = b""
    for name, value in fields.items():
        made += b"".join(n.to_bytes(2, "big") for n in (0x19, utf8(name), descriptor, 1, attribute))
        made += (2).to_bytes(4, "big") + string(value).to_bytes(2, "big")
    for text in literals:
        string(text)
    pool.append(b"\5" + bytes(8))  # a long takes two places
    head = b"\xca\xfe\xba\xbe\0\0\0\x34" + (len(pool) + 2).to_bytes(2, "big") + b"".join(pool)
    return head + bytes(6) + bytes(2) + len(fields).to_bytes(2, "big") + made + bytes(4)


def test_java_constants(tmp_path: Path) -> None:
    path = tmp_path / "X.class"
    path.write_bytes(java_class({"DB_PASSWORD": 'say "it"'}, ["jdbc:mysql://db/x", "plain"]))
    (found,) = derived(path)
    text = bytes(found.content).decode()
    assert text.splitlines() == ['DB_PASSWORD = "say \\"it\\"";', '"jdbc:mysql://db/x"', '"plain"']


def test_class_that_says_nothing_of_interest_is_left(tmp_path: Path) -> None:
    path = tmp_path / "X.class"
    path.write_bytes(java_class({"NAME": "value"}, ["plain"]))
    assert not derived(path)


def test_class_that_holds_a_token_is_read_whatever_it_is_called(tmp_path: Path) -> None:
    path = tmp_path / "X.class"
    for token in ("AIza" + "Q3k9_" * 7, "npm" + "_k3Q9" * 9, "sk" + "-ant-api03-x"):
        path.write_bytes(java_class({"CLIENT": token}, ["plain"]))
        (found,) = derived(path)
        assert token.encode() in bytes(found.content)


def test_sqlite_rows_over_many_pages(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with closing(sqlite3.connect(path)) as base, base:
        base.execute(
            "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, password VARCHAR(20), UNIQUE(name))"
        )
        rows = [(f"user{n}", f"pw{n}" * (3000 if n == 7 else 1)) for n in range(3000)]
        base.executemany("INSERT INTO users (name, password) VALUES (?, ?)", rows)
    (found,) = derived(path)
    text = bytes(found.content).decode()
    for name, password in rows:
        assert f"INSERT INTO users (id, name, password) VALUES (NULL, '{name}', '{password}');" in text


def test_office_text(tmp_path: Path) -> None:
    path = tmp_path / "document.xml"
    path.write_bytes(
        b'<?xml version="1.0"?><w:document><w:p><w:r><w:t>pass</w:t></w:r><w:r><w:t>word=a&amp;b</w:t></w:r></w:p></w:document>'
    )
    (found,) = derived(path)
    assert bytes(found.content).strip() == b"password=a&b"


def test_cells_of_a_row_in_an_office_document_are_on_one_line() -> None:
    word = b"<w:document><w:tr><w:tc><w:p>user</w:p></w:tc><w:tc><w:p>word</w:p></w:tc></w:tr><w:p>end</w:p></w:document>"
    assert documents.office(word).split(b"\n")[:2] == [b"user\tword\t", b"end"]
    sheet = b"<table:table-row><table:table-cell><text:p>a</text:p></table:table-cell><table:table-cell><text:p>b</text:p></table:table-cell></table:table-row>"
    assert documents.office(sheet) == b"a\tb\t\n"


@given(st.binary(max_size=3000))
def test_no_reader_of_text_fails_on_noise(data: bytes) -> None:
    bytecode.class_constants(b"\xca\xfe\xba\xbe\0\0\0\x34" + data)
    bytecode.pyc_strings(data)
    documents.office(data)
    documents.strings(data)
    sqlite.dump(Memory(b"SQLite format 3\0\x02\0" + data))
    with suppress(Broken):
        list(wrapped.unwrapped(b"base64 " + data, 4))


@given(st.binary(min_size=40, max_size=2000), st.integers(0, 3))
def test_rot_and_base64_of_text_come_back(data: bytes, choice: int) -> None:
    text = base64.b32encode(data)  # printable, of any length
    how = ("base64", "base64+inflate", "hex", "base64+gzip")[choice]
    wrapped_text = b"<?php " + WRAPPINGS[how](text)
    assert text in [inner for _, inner, _ in wrapped.unwrapped(wrapped_text, 2)]


@pytest.mark.parametrize(("join", "joint"), [(joined.built, joined._BUILT), (joined.listed, joined._LISTED)])
@settings(max_examples=400)
@given(
    text=st.lists(
        st.sampled_from([b"'", b'"', b".", b"+", b"=", b",", b";", b" ", b"$", b"a", b"\n"]), max_size=30
    )
)
def test_pieces_are_joined_as_the_pattern_joins_them(
    join: Callable[[bytes], bytes], joint: re.Pattern[bytes], text: list[bytes]
) -> None:
    data = b"".join(text)
    assert join(data) == joint.sub(b"", data)


@settings(max_examples=200, deadline=None)
@given(
    text=st.lists(
        st.sampled_from(
            [b"base64 ", b"'", b" . ", b"\\x41\\x42\\103", b"\\x4z", b"chr(65) .", b"Chr( 66 )", b"QUJDREVGR0hJSktM", b"=",
             b"__HALT_compiler();", b"__halt_compiler", b"hello world ", b"\n"]
        ),
        max_size=40,
    )
)  # fmt: skip
def test_what_a_pass_does_not_find_is_not_there(text: list[bytes]) -> None:
    data = b"".join(text)
    found = list(wrapped.unwrapped(data, 3))
    with (
        mock.patch.object(scan, "held", lambda patterns, _data: range(len(patterns))),
        mock.patch.object(scan, "first", return_value=None),
    ):
        assert found == list(wrapped.unwrapped(data, 3))


@pytest.mark.parametrize("space", [0, 1, joined._REACH - 2, joined._REACH, 3 * joined._REACH])
def test_pieces_far_apart_are_joined(space: int) -> None:
    assert joined.built(b"x = 'abc'" + b" " * space + b". 'def' + 'g'") == b"x = 'abcdefg'"


def test_a_payload_that_is_none_is_no_text() -> None:
    """Base85 that cannot be undone came out as an empty text (found by fuzzing)."""
    script = b"import base64\nbase64.b85decode('c${sHK?{OF5QXplidZ}-h!k\\x00PEIL(zzzzyyyy')\n"
    damaged = b"base64.b85decode('c${sHK?{OF5QXplidZ}-h!k`PEIL$&2r3G?%C=6lsIxM&W+DFf)(#TU?LF\"pw,')\n"
    for text in (script, damaged):
        assert all(inner for _, inner, _ in wrapped.unwrapped(text, 3))


def test_short_payloads_that_a_pipe_or_an_option_reads() -> None:
    code = base64.b64encode(b"mysql -u feed -pMarble44 gate\n").decode()
    wide = base64.b64encode("net user feed Marble44 /add".encode("utf-16-le")).decode()
    said = list(wrapped.unwrapped(f'#!/bin/sh\neval "$(echo {code} | base64 -d)"\n'.encode(), 3))
    assert said == [("unwrapped:base64", b"mysql -u feed -pMarble44 gate\n", 2)]
    for option in ("-EncodedCommand", "-enc", "-Enc"):
        script = f"\npowershell {option} {wide}\n".encode()
        assert wrapped.worth_it(script)
        assert list(wrapped.unwrapped(script, 3)) == [("unwrapped:base64", b"net user feed Marble44 /add", 2)]


def test_a_payload_beside_pieces_that_are_joined_keeps_its_line() -> None:
    code = base64.b64encode(b'{"user": "feed", "word": "gate"}').decode()
    script = f"var a = ['b', 'c'].join('');\nvar d = 'e' + 'f';\nvar g = atob(\"{code}\");\n".encode()
    assert [line for _, _, line in wrapped.unwrapped(script, 3)] == [3]


def problems(path: Path) -> list[tuple[str, str]]:
    return [(one.reason, one.message) for one in walk(str(path), WalkLimits()) if isinstance(one, Problem)]


def test_a_pdf_is_read_where_it_is_larger_than_texts_may_be(tmp_path: Path) -> None:
    """Its text was left out without a word."""
    size = derive.MOST
    picture = (
        b"100 0 obj\n<< /Subtype /Image /Length %d >>\nstream\n" % size
        + bytes(size)
        + b"\nendstream\nendobj\n"
    )
    path = tmp_path / "manual.pdf"
    path.write_bytes(papers.pdf(papers.text(b"a page"), others=picture))
    assert [bytes(m.content) for m in derived(path) if m.derived == "pdf-text"] == [b"a page\n"]
    assert problems(path) == []
