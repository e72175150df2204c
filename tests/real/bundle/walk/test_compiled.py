"""Compiled Python says what its source does with literals, whatever version compiled it, and damage ends nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bundle.walk.derive.bytecode import pyc_strings
from tests.support.bundle.walk import pythons
from tests.unit.bundle.walk.test_compiled import _raw, _small, _text


def test_the_first_of_two_that_are_left_is_read_too(tmp_path: Path) -> None:
    data = pythons.compiled((2, 7), {"all": "NAME = 'module'\n"}, tmp_path)["all"]
    assert b'NAME = "module"' in pyc_strings((62161).to_bytes(2, "little") + data[2:])[0]


def test_what_is_not_understood_is_searched(tmp_path: Path) -> None:
    for version in pythons.READ[-4:]:
        data = pythons.compiled(version, {"all": "NAME = 'module text'\n"}, tmp_path)["all"]
        for other in (b"\x39\x0c" + data[2:], data[:-20], data[:16] + b"\xff" + data[17:]):
            lines = pyc_strings(other)[0].splitlines()
            assert b"module text" in lines
            assert not [line for line in lines if b" = " in line]


def test_more_constants_than_one_byte_counts(tmp_path: Path) -> None:
    source = "".join(f"name_{n} = 'value {n}'\n" for n in range(70_000)) + "last = 'the last'\n"
    for version in ((2, 7), (3, 11)):
        data = pythons.compiled(version, {"many": source}, tmp_path)["many"]
        said = pyc_strings(data)[0].decode().splitlines()
        assert {'name_300 = "value 300"', 'name_66000 = "value 66000"', 'last = "the last"'} <= set(said)


@settings(max_examples=300, deadline=None)
@given(
    flips=st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), min_size=1, max_size=8),
    which=st.integers(0, 3),
)
def test_flipped_bytes_end_nothing(
    flips: list[tuple[int, int]], which: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = bytearray(_KEPT.setdefault(which, b"") or _kept(which, tmp_path_factory))
    for at, byte in flips:
        data[4 + at % (len(data) - 4)] = byte
    pyc_strings(bytes(data))


_KEPT: dict[int, bytes] = {}


def _kept(which: int, folders: pytest.TempPathFactory) -> bytes:
    """Return a small file of one of four versions; of this Python's where that is not here."""
    try:
        made = _small(((2, 7), (3, 6), (3, 11), (3, 13))[which], folders.mktemp("small"))
    except pytest.skip.Exception:
        made = _raw(b"\x64\0\x5a\0", _text(b"value"))
    _KEPT[which] = made
    return made
