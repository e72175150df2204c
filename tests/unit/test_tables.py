"""Every way a data file can be wrong is said with file and key."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from hardening.errors import DataError, InputError
from hardening.findings import Severity
from hardening.toml_rows import Table


def table(text: str) -> Table:
    return Table.parse(text, source="f.toml")


@pytest.mark.parametrize(
    ("text", "read", "said"),
    [
        ("", lambda t: t.text("a"), "f.toml: a: is missing"),
        ("a = 1", lambda t: t.text("a"), "f.toml: a: has to be a string, not 1"),
        ("a = true", lambda t: t.number("a"), "f.toml: a: has to be a whole number, not True"),
        ("a = 0", lambda t: t.flag("a"), "f.toml: a: has to be true or false, not 0"),
        ("a = 2026-01-01T00:00:00", lambda t: t.day("a"), "f.toml: a: has to be a date without a time"),
        ("a = '2026-01-01'", lambda t: t.day("a"), "f.toml: a: has to be a date, not"),
        ("a = ['x', 1]", lambda t: t.texts("a"), "f.toml: a: has to be a list of strings, not one with 1"),
        ("a = 'hgih'", lambda t: t.choice("a", Severity), "f.toml: a: 'hgih' is not one of info, low"),
        ("a = [1]", lambda t: t.rows("a"), "f.toml: a: has to be an array of tables"),
        ("a = 1", lambda t: t.table("a"), "f.toml: a: has to be a table, not 1"),
        ("[b]\nc = 1", lambda t: t.table("b").text("c"), "f.toml: b.c: has to be a string"),
        ("[[b]]\n[[b]]\nc = 1", lambda t: t.rows("b")[1].text("c"), "f.toml: b[1].c: has to be a string"),
        ("titel = 1", lambda t: t.text("title", "") or t.done(), "f.toml: titel: is not a known key"),
    ],
)
def test_error_names_file_and_key(text: str, read: Callable[[Table], object], said: str) -> None:
    with pytest.raises(DataError) as caught:
        read(table(text))
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize(
    ("text", "read", "hint"),
    [
        ("ownr = 'x'", lambda t: t.text("owner"), "is 'ownr' meant to be it?"),
        ("x = 'x'", lambda t: t.text("owner"), ""),
        ("a = '2026-01-01'", lambda t: t.day("a"), "write it without quotes"),
        ("a = 1", lambda t: t.text("a"), ""),
    ],
)
def test_what_was_probably_meant_is_said(text: str, read: Callable[[Table], object], hint: str) -> None:
    with pytest.raises(DataError) as caught:
        read(table(text))
    assert caught.value.hint == hint


def test_a_misspelt_word_gets_the_nearest_known_one() -> None:
    with pytest.raises(DataError) as word:
        table("a = 'hgih'").choice("a", Severity)
    assert word.value.hint == "did you mean 'high'?"
    wrong = table("titel = 1")
    wrong.text("title", "")
    with pytest.raises(DataError) as key:
        wrong.done()
    assert key.value.hint == "did you mean 'title'?"


def test_values_and_defaults() -> None:
    good = table("a='x'\nb=2\nc=true\nd=2026-01-31\ne=['p']\nf='high'\n[g]\n[[h]]\n")
    assert (good.text("a"), good.number("b"), good.flag("c")) == ("x", 2, True)
    assert (good.day("d"), good.texts("e")) == (date(2026, 1, 31), ("p",))
    assert good.choice("f", Severity) is Severity.HIGH
    assert good.choice("none", Severity, Severity.LOW) is Severity.LOW
    assert (good.text("none", "y"), good.table("none", optional=True).keys()) == ("y", ())
    assert (len(good.rows("h")), good.rows("none"), "a" in good) == (1, (), True)
    good.table("g").done()
    good.done()


@pytest.mark.parametrize(
    ("data", "said"), [(b"a = ", "not valid TOML"), (b"a = '\xff'", "not UTF-8 at byte 5")]
)
def test_a_file_that_is_no_toml(tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_bytes(data)
    with pytest.raises(DataError, match=said) as caught:
        Table.load(path)
    assert str(caught.value).startswith(str(path))


def test_an_absent_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        Table.load(tmp_path / "absent.toml")


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    """Editors of Windows write one, and Git keeps it."""
    (tmp_path / "w.toml").write_bytes(b"\xef\xbb\xbfa = 1\r\n")
    assert Table.load(tmp_path / "w.toml").number("a") == 1
