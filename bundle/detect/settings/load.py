"""Rows of `bundle/data/settings/*.toml` into `Setting`; every error names file and key."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files

from hardening.findings import Confidence, Rule, Severity
from hardening.toml_rows import Table

_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


class Form(StrEnum):
    """How a file is written."""

    INI = "ini"
    """`key = value`, `;` and `#` begin comments, the last line of a key counts."""
    WORDS = "words"
    """`key value` as sshd reads it: the first line of a key counts, lines below `Match` are left out."""
    MYSQL = "mysql"
    """`[section]`, `key` or `key = value`, `-` and `_` are one, the last line of a key counts."""
    TEXT = "text"
    """Any text: lines that are not comments are searched."""


class FileScope(StrEnum):
    """Which files a row without `files` looks at."""

    FILES = "files"
    SHELL = "shell"
    PHP = "php"
    CODE = "code"
    """Shell and PHP."""
    TEXT = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """A second key that has to have a value, too."""

    key: str
    bad: re.Pattern[str]
    absent: bool
    """Whether it has the value where the file does not set it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingExample:
    """A file that has to be found, or must not be."""

    flagged: bool
    path: str
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One row."""

    rule: Rule
    confidence: Confidence
    files: tuple[str, ...]
    scope: FileScope
    form: Form
    keys: tuple[str, ...] = ()
    bad: re.Pattern[str] | None = None
    each: bool = False
    """Whether each line of a key counts, as in a file with a section for each repository."""
    absent: str = ""
    """A key whose file is bad where the row's own keys are absent."""
    beside: Beside | None = None
    words: tuple[bytes, ...] = ()
    regex: re.Pattern[str] | None = None
    examples: tuple[SettingExample, ...] = ()


@cache
def shipped() -> tuple[Setting, ...]:
    """Return the shipped rows, by id. Errors: DataError."""
    folder = files("bundle") / "data" / "settings"
    names = sorted(one.name for one in folder.iterdir() if one.name.endswith(".toml"))
    found: dict[str, Setting] = {}
    for name in names:
        table = Table.load(folder / name)
        for row in table.rows("setting"):
            one = setting(row)
            if one.rule.id in found:
                raise row.wrong("id", f"{one.rule.id} is there twice")
            found[one.rule.id] = one
        table.done()
    return tuple(found[name] for name in sorted(found))


def setting(row: Table) -> Setting:
    """Return one row. Errors: DataError."""
    ident = row.text("id")
    if not _ID.fullmatch(ident):
        raise row.wrong("id", f"{ident!r} has to be lower-case words with hyphens")
    source = row.text("source")
    if not source.strip():
        raise row.wrong("source", "is empty")
    form = row.choice("form", Form)
    paths = tuple(one.lower() for one in row.texts("files", []))
    scope = row.choice("scope", FileScope, FileScope.FILES)
    if bool(paths) == (scope is not FileScope.FILES):
        raise row.wrong("files", "name files, or a scope, and not both")
    found = Setting(
        rule=Rule(
            id=f"setting/{ident}",
            title=row.text("title"),
            severity=row.choice("severity", Severity),
            rationale=row.text("why"),
            remedy=row.text("remedy"),
            references=tuple(one for one in source.split("; ") if one.startswith("https://")),
        ),
        confidence=row.choice("confidence", Confidence, Confidence.HIGH),
        files=paths,
        scope=scope,
        form=form,
        keys=tuple(map(key_of, row.texts("keys", []))),
        bad=_pattern(row, "bad"),
        each=row.flag("each", default=False),
        absent=row.text("absent", ""),
        beside=_beside(row),
        words=tuple(one.encode() for one in row.texts("words", [])),
        regex=_pattern(row, "regex"),
        examples=tuple(map(_example, row.rows("examples"))),
    )
    if form is Form.TEXT:
        if found.regex is None or "shown" not in found.regex.groupindex:
            raise row.wrong("regex", "a text needs a regex with a group 'shown'")
        if bool(found.words) == bool(found.files):
            raise row.wrong("words", "a scope needs words that say which files to read; files need none")
    elif not found.keys or found.bad is None:
        raise row.wrong("keys", "a file of keys needs keys and bad")
    row.done()
    return found


def key_of(text: str) -> str:
    """Return a key as it is compared."""
    return text.strip().lower().replace("-", "_")


def _pattern(row: Table, key: str) -> re.Pattern[str] | None:
    text = row.text(key, None)
    if text is None:
        return None
    try:
        return re.compile(text)
    except re.error as problem:
        raise row.wrong(key, f"is not a regular expression: {problem}") from problem


def _beside(row: Table) -> Beside | None:
    if "with" not in row:
        return None
    table = row.table("with")
    pattern = _pattern(table, "bad")
    if pattern is None:
        raise table.wrong("bad", "is missing")
    found = Beside(key=key_of(table.text("key")), bad=pattern, absent=table.flag("absent", default=False))
    table.done()
    return found


def _example(row: Table) -> SettingExample:
    found = SettingExample(flagged=row.flag("flagged"), path=row.text("path"), content=row.text("content"))
    row.done()
    return found
