"""Compiled Python says what its source does with literals, whatever version compiled it, and damage ends nothing."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

import pytest

from bundle.walk.derive import marshalled, opcodes
from bundle.walk.derive.bytecode import pyc_strings
from tests.support.bundle.walk import pythons
from tests.support.bundle.walk.pythons import Version

SOURCE = '''# -*- coding: utf-8 -*-
"""What the module is for."""
NAME = "module"
PAIR = ("one two", "three")
LIST = ["four", "five", "six"]
first, second = "seventh", "eighth"
class Kept(object):
    """What the class is for."""
    held = "class"
    def keep(self, given="default", *more):
        """What the method is for."""
        self.kept = "attribute"
        local = "local"
        either = "left" if more else "right"
        other = "first" if more else given
        instead = given or "instead"
        table = {"key": "value", "unknown": given}
        table["under"] = "stored"
        self.send("host", given, 'say "it"')
        self.send(given, to="name", other=given)
        self.made()(to="unnamed")
        if given == "compared":
            return [one.close("inner", True) for one in more]
        return table["key"] != "different"
def around():
    shared = "shared"
    def inner():
        return shared
    return inner
'''
SAYS = (
    'NAME = "module"', 'PAIR = ("one two", "three")', 'LIST = ("four", "five", "six")', 'first = "seventh"', 'second = "eighth"',
    'held = "class"', 'given = "default"', 'kept = "attribute"', 'local = "local"', 'other = "first"', 'instead = "instead"',
    '"key": "value"', '"under": "stored"', 'self.send("host", None, "say \\"it\\"")', 'self.send(None, to="name", other=None)',
    'to = "unnamed"', 'given == "compared"', 'one.close("inner", None)', 'table["key"] != "different"', 'shared = "shared"',
    'either = "left"', 'either = "right"',
)  # fmt: skip
TYPED = """from __future__ import annotations
def send(to: Address, *, password: str = "default", token: Optional[str] = None) -> str:
    held: Token = "local"
    return held
class Kept:
    secret: Secret
    given: Given = "class"
"""
NEWEST = pythons.READ[-1]


@pytest.mark.parametrize("version", pythons.READ, ids=pythons.name)
def test_statements_are_said_as_the_source_has_them(version: Version, tmp_path: Path) -> None:
    data = pythons.compiled(version, {"all": SOURCE}, tmp_path)["all"]
    said = pyc_strings(data)[0].decode().splitlines()
    assert [line for line in SAYS if line not in said] == []
    assert len(said) == len(set(said))
    assert [line for line in said if line.startswith("__doc__ =")] == []
    assert "What the module is for." in said
    assert "say" not in said, "a text that is said with its name is not said again"


@pytest.mark.parametrize("version", [v for v in pythons.READ if v >= (3, 7)], ids=pythons.name)
def test_names_of_types_are_no_values(version: Version, tmp_path: Path) -> None:
    data = pythons.compiled(version, {"typed": TYPED}, tmp_path)["typed"]
    said = pyc_strings(data)[0].decode().splitlines()
    assert sorted(line for line in said if " = " in line or '": ' in line) == [
        '"password": "default"',
        'given = "class"',
        'held = "local"',
    ]


@pytest.mark.parametrize("version", pythons.READ, ids=pythons.name)
def test_instructions_have_the_numbers_of_the_interpreter(version: Version) -> None:
    told, known = pythons.instructions(version), opcodes.names(version)
    everywhere = {title for one in opcodes.VERSIONS for title in opcodes.names(one)}
    assert known == {title: told[title] for title in everywhere if 0 < told.get(title, 0) < 256}


def _small(version: Version, tmp_path: Path) -> bytes:
    return pythons.compiled(version, {"small": SOURCE}, tmp_path)["small"]


@pytest.mark.parametrize("version", pythons.READ, ids=pythons.name)
def test_every_truncation_is_read_as_far_as_it_goes(version: Version, tmp_path: Path) -> None:
    data = _small(version, tmp_path)
    begun = time.process_time()
    for end in range(len(data)):
        pyc_strings(data[:end])
    assert time.process_time() - begun < 60


def _text(text: bytes) -> bytes:
    return b"u" + len(text).to_bytes(4, "little") + text


def _tuple(*items: bytes) -> bytes:
    return b"(" + len(items).to_bytes(4, "little") + b"".join(items)


def _code(body: bytes, *constants: bytes) -> bytes:
    """Return a code object as 3.10 lays it out, with one name."""
    names = _tuple(_text(b"name"))
    return b"c" + bytes(24) + body + _tuple(*constants) + names + _tuple() * 3 + _text(b"f") * 2 + bytes(4) + b"s" + bytes(4)  # fmt: skip


def _raw(body: bytes, *constants: bytes) -> bytes:
    header = (3439).to_bytes(2, "little") + b"\r\n" + bytes(12)
    return header + _code(b"s" + len(body).to_bytes(4, "little") + body, *constants)


def _quick(data: bytes) -> bytes:
    begun = time.process_time()
    said = pyc_strings(data)[0]
    assert time.process_time() - begun < 8
    assert len(said) < 4 * len(data) + (4 << 20)
    return said


def test_a_bytecode_that_many_share_is_followed_a_few_times() -> None:
    loads = b"\x64\0\x5a\0" * 100_000  # LOAD_CONST, STORE_NAME
    first = _code(b"\xf3" + len(loads).to_bytes(4, "little") + loads, _text(b"value"))
    others = [_code(b"r" + bytes(4), _text(b"other %d" % n)) for n in range(3000)]
    said = _quick(_raw(b"\x64\0\x5a\0", _text(b"outer"), first, *others))
    assert b'name = "outer"' in said


def test_tuples_of_tuples_are_not_written_out() -> None:
    nested = b"\xa8" + (2).to_bytes(4, "little") + _text(b"value") * 2
    for number in range(50):
        nested = (
            b"\xa8" + (30).to_bytes(4, "little") + nested + (b"r" + (50 - number).to_bytes(4, "little")) * 29
        )
    _quick(_raw(b"\x64\0\x5a\0" * 50_000, _text(b"value"), nested))
    _quick(_raw(b"\x64\1\x5a\0" * 50_000, _text(b"value"), nested))


def test_what_is_deep_or_says_a_count_it_does_not_hold_is_not_read() -> None:
    for data in (
        _raw(b"\x64\0\x5a\0", b"(\1\0\0\0" * 5000 + b"N"),
        _raw(b"\x64\0\x5a\0", b"(\xff\xff\xff\x7f"),
        _raw(b"\x64\0\x5a\0", b"l\0\0\0\x80"),
        _raw(b"\x64\0\x5a\0", b"r\xff\0\0\0"),
        _raw(b"\x64\0\x5a\0", b"{" + _text(b"key")),
    ):
        with pytest.raises(marshalled.NotRead):
            marshalled.read(data)
        _quick(data)


def test_stacks_that_are_never_what_they_say() -> None:
    for number, argument in itertools.product(range(256), (0, 1, 5, 255)):
        body = bytes((100, 0, number, argument, 144, 255, 144, 255, 144, 255, number, 255, 90, 0))
        pyc_strings(_raw(body, _text(b"value"), _tuple(_text(b"one"), _text(b"two"))))
