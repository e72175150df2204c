"""A secret is read back as it is by the language that it was written for, or refused."""

from __future__ import annotations

import ast
import json
import sqlite3
import subprocess
import tomllib
from collections.abc import Callable
from contextlib import closing
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import pytest
import yaml  # type: ignore[import-untyped]  # it ships no types; Ansible brings it
from hypothesis import given
from hypothesis import strategies as st

from hardening.errors import InputError
from hardening.host.plans.secret_text import checked, kind_of, written

HARD = "".join(map(chr, range(33, 127))) + " x"
SECRETS = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1)


def sh(text: str) -> str:
    return subprocess.run(
        ["sh"], input=f"printf %s {text}", capture_output=True, text=True, check=True
    ).stdout


def sqlite(text: str) -> str:
    with closing(sqlite3.connect(":memory:")) as base:
        return str(base.execute(f"SELECT {text}").fetchone()[0])


READERS: list[tuple[str, str, str, Callable[[str], str]]] = [
    ("xml", "xml", '"', lambda t: str(ET.fromstring(f"<a b={t}/>").get("b"))),
    ("xml", "xml", "", lambda t: str(ET.fromstring(f"<a>{t}</a>").text)),
    ("url", "php", "", unquote),
    ("json", "json", '"', lambda t: str(json.loads(t))),
    ("yaml", "yaml", '"', lambda t: str(yaml.safe_load(t))),
    ("yaml", "yaml", "'", lambda t: str(yaml.safe_load(t))),
    ("toml", "toml", '"', lambda t: tomllib.loads(f"a = {t}")["a"]),
    ("single-quoted", "py", "'", ast.literal_eval),
    ("double-quoted", "py", '"', ast.literal_eval),
]
SHELLS = [("single-quoted", "sh", "'", sh), ("double-quoted", "sh", '"', sh), ("bare", "sh", "", sh)]


@pytest.mark.parametrize(("syntax", "kind", "quote", "read"), READERS)
@given(value=SECRETS)
def test_each_language_reads_it_back(
    syntax: str, kind: str, quote: str, read: Callable[[str], str], value: str
) -> None:
    made = written(value, syntax, kind, quote)
    assert made is not None
    assert read(quote + made + quote) == value


@pytest.mark.parametrize(("syntax", "kind", "quote", "read"), SHELLS)
def test_a_shell_reads_it_back(syntax: str, kind: str, quote: str, read: Callable[[str], str]) -> None:
    made = written(HARD, syntax, kind, quote)
    assert made is not None
    assert read(quote + made + quote) == HARD


def test_a_database_reads_it_back() -> None:
    value = HARD.replace("\\", "")
    made = written(value, "sql", "sql", "'")
    assert made is not None
    assert sqlite(f"'{made}'") == value


@pytest.mark.parametrize(
    ("value", "syntax", "kind", "around"),
    [
        ("a\\b", "sql", "sql", "'"),
        ("it's", "sql", "sh", "'"),  # inside a string of another language
        ("it's", "single-quoted", "conf", "'"),
        ('a"b', "double-quoted", "ini", '"'),
        ("a b", "bare", "conf", ""),
        ("a:b", "yaml", "yaml", ""),
        ("it's", "toml", "toml", "'"),
        ("a b", "url", "ini", ""),
        ("a\nb", "json", "json", '"'),
        ("ü", "xml", "xml", '"'),
        ("plain", "unheard-of", "conf", ""),
    ],
)
def test_what_cannot_be_written_for_certain_is_refused(
    value: str, syntax: str, kind: str, around: str
) -> None:
    assert written(value, syntax, kind, around) is None


def test_php_reads_single_and_double_quotes_by_their_own_rules() -> None:
    assert written("a'b\\c$d", "single-quoted", "php", "'") == "a\\'b\\\\c$d"
    assert written('a"b\\c$d', "double-quoted", "php", '"') == 'a\\"b\\\\c\\$d'


def test_the_language_is_known_by_suffix_or_first_line() -> None:
    assert kind_of("a/b.PHP", "") == "php"
    assert kind_of("a/install", "#!/bin/sh\n") == "sh"
    assert kind_of("a/tool", "#!/usr/bin/env python3\n") == "py"
    assert kind_of("a/.pgpass", "") == "pgpass"
    assert kind_of("a/plain", "x\n") == ""


@pytest.mark.parametrize("value", ["", 7, "a\nb", "x@secret:y@"])
def test_a_store_names_what_is_no_secret_without_its_value(value: object) -> None:
    with pytest.raises(InputError, match="mysql-root") as caught:
        checked({"mysql-root": value}, "the vault")
    assert not isinstance(value, str) or not value or value not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "syntax", "around", "made"),
    [
        ("a b", "single-quoted", "'", "a b"), ("a'b", "single-quoted", "'", None),
        ("a\\b", "single-quoted", "'", None), ("a b", "double-quoted", '"', "a b"), ("a$b", "double-quoted", '"', None),
        ("a b", "toml", "'", "a b"), ("a'b", "toml", "'", None), ("a b", "toml", "", None),
    ],
)  # fmt: skip
def test_in_a_language_nobody_knows_only_what_needs_no_escape_is_written(
    value: str, syntax: str, around: str, made: str | None
) -> None:
    assert written(value, syntax, "unknown", around) == made


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("boot", "#!/usr/bin/env python3\n", "py"), ("boot", "#!/bin/dash\n", "sh"), ("boot.x", "#!/usr/bin/perl -w\n", "pl"),
        ("boot.py", "#!/bin/sh\n", "py"), ("boot", "run it with python\n", ""), ("a.b/boot", "", ""),
        ("boot", "#!/opt/other\nsh\n", ""), ("BOOT.PHP", "", "php"),
    ],
)  # fmt: skip
def test_a_files_language_is_its_suffix_or_the_program_of_its_first_line(
    name: str, text: str, kind: str
) -> None:
    assert kind_of(name, text) == kind
