"""Rows that SQL writes into tables of accounts: INSERT with and without names of columns, and COPY of PostgreSQL."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from itertools import pairwise

from bundle.detect.credentials.judging import decode, hashes, naming
from bundle.detect.credentials.judging.keyword import STEMS, Kind, kind_of, names_an_account
from bundle.detect.credentials.judging.score import is_drawn
from bundle.detect.credentials.judging.values import (
    Strength,
    is_chosen,
    is_digest_or_id,
    is_generated,
    is_picked,
    is_placeholder,
    strength,
)
from bundle.detect.credentials.rules.catch import Catch
from bundle.detect.credentials.texts.textview import View
from hardening.records import dataclass

GATE = (
    r"(?i)\b(insert\s{1,4}((low_priority|high_priority|delayed|ignore|all|first|overwrite|or\s{1,4}\w{1,8})\s{1,4}){0,2}|(replace|merge)\s{1,4})into\s"
    r"|\bthen\s{1,4}insert\s{0,4}\(|^copy\s{1,4}[\w.\"]{1,80}\s{0,4}(\(|from\s)"
)
_NAME = r"""(?:[\w$]+|`[^`\n]+`|"[^"\n]+"|\[[^\]\n]+\])"""
_INSERT = re.compile(
    rf"(?i)(?:insert\s+(?:\w+\s+){{0,3}}?|(?:replace|merge)\s+)into\s+(?P<table>{_NAME}(?:\.{_NAME})*)\s*(?:\((?P<columns>[^()]{{1,4000}})\))?"
    rf"\s*(?:key\s*\([^()]{{1,200}}\)\s*)?(?:values?\s*(?=\()|(?P<select>select)(?=\s))"
)
_MERGED = re.compile(
    r"(?i)insert\s*\((?P<columns>[^()]{1,4000})\)\s*values\s*(?P<select>(?!))?(?P<table>)(?=\()"
)
"""What MERGE does with a row that is not there, in a table that it names long before."""
_COPY = re.compile(
    rf"(?i)copy\s+(?P<table>{_NAME}(?:\.{_NAME})*)\s*(?:\((?P<columns>[^()]{{1,4000}})\))?\s*from\s+stdin[^\n]*\n"
)
_STATEMENTS = (
    (_INSERT, re.compile(r"insert|replace|merge")),
    (_MERGED, re.compile(r"insert")),
    (_COPY, re.compile(r"copy")),
)
"""Each with a word that it begins with, in small letters."""
_IN_SINGLE = r"(?:''|\\.|[^'\\])*"
_IN_DOUBLE = r'(?:\\.|[^"\\])*'
_DIGEST = r"'(?i:md[245]|sha\d?|sha2_\d{3})'\s*,\s*"
_CALL = rf"""
    (?P<call>\w+)\s*\(\s*(?P<around>\w+\s*\(\s*)?
    (?:{_DIGEST})?N?(?:'(?P<inner>{_IN_SINGLE})'|"(?P<other>{_IN_DOUBLE})")
    [^()]*\)(?(around)[^()]*\))"""
_BARE = r"""(?:[^,()'"]|\([^()]*\))*"""
_VALUE = re.compile(
    rf"""\s*(?:(?:[NEB]|_\w+\s)?(?:'(?P<single>{_IN_SINGLE})'|"(?P<double>{_IN_DOUBLE})")|{_CALL}|(?P<bare>{_BARE}))\s*(?P<end>[,)])""",
    re.VERBOSE | re.DOTALL,
)
_NEXT = re.compile(r"\s*,?\s*\(")
_COLUMN = re.compile(rf"(?:^|[,(\n])\s*(?P<name>{_NAME})\s+\w")
_NOT_COLUMNS = frozenset("primary key unique index constraint foreign check fulltext".split())
_PLAIN_HASHES = (32, 40, 64)
_HEXADECIMAL = re.compile(r"[0-9a-fA-F]+")
_LOGIN = re.compile(r"[A-Za-z][\w.@-]{1,40}$")
"""A name that somebody logs in with, in a table of users."""
_WORD = len("replace")
"""Characters of the longest word that a statement begins with: no statement begins before the last place that was tried, but for one that is cut there."""
_MOST = 500
"""Rows of one statement that are looked at: what thousands of rows hold is the users' data, not what is shipped."""
_SURE = 24
"""Rows of a file whose passwords are told as sure."""
_READ = 1 << 20
_SHORTEST = 2
_LINE = re.compile(r"[^\n]+")
_HEAD = re.compile(r"#[\w .-]{1,60}(?:[,;|\t][\w .-]{1,60}){1,40}\r?$")
"""A comment that names the columns."""
_MARK = "\xef\xbb\xbf"
"""What spreadsheets begin a text of UTF-8 with, read byte by byte."""
_SETTING = re.compile(r"^[A-Za-z][\w.:/ -]{1,60}$")
_JOINED = re.compile(r"[A-Za-z][._:/-][A-Za-z]|[a-z][A-Z]")
_OPERATORS = frozenset((":=", "==", "+=", "="))
_CHECKED = frozenset(("cleartext-password", "user-password", "nt-password", "password-with-header"))
"""Attributes of RADIUS that are nothing but an account's password."""
_SETTINGS = re.compile(r"(?i)conf|setting|option|param|pref|propert|registry|variable|attribute")
_TEXTS = re.compile(
    r"(?i)lang|transl|locale|message|phrase|(?<![a-z])texts?(?![a-z])|i18n|string|label|menu|help|lookup|rights|permission|field|schema|column"
)
"""Tables of texts, and of what columns there are."""
_OF_USERS = re.compile(r"(?i)(?:^|[^a-z])(?:users?|accounts?|logins?|admins?|operators?)[`\"\]]?$")
_OF_PASSWORDS = re.compile(r"(?i)(?:^|[^a-z])(?:credentials?|passwords?)[`\"\]]?$")
_OF_ACCOUNTS = re.compile(f"{_OF_USERS.pattern}|{_OF_PASSWORDS.pattern.removeprefix('(?i)')}")
_PROMISING = re.compile("|".join(STEMS).encode() + rb"|contrase|senord|ifre|has.{1,2}o")
"""What stands in a cell that names a secret, in small letters."""
_HASHING = frozenset("md5 sha sha1 sha2 password old_password encrypt crypt".split())
"""What a statement does with a password on its way into a table."""
_EVERYWHERE = frozenset("admin administrator root operator service guest support manager supervisor".split())
_PIN = re.compile(r"(?i)^(?:\w+_)?pin(?:_?code)?$")
_NUMBER = re.compile(r"\d{4,8}$")
_USERS = re.compile(r"(?i)^(?:user|login|name|user_?name|account|e?mail|benutzer|ssid)")


@dataclass(frozen=True, slots=True)
class _Head:
    """What a statement says before its rows."""

    table: str
    names: tuple[str, ...]
    """The columns that it fills."""
    wanted: tuple[int, ...]
    """The numbers of those whose names promise a secret."""
    rows: str
    """How the rows stand there: `values`, `select`, `copy`."""

    @property
    def user(self) -> int:
        """The number of the column that names the account; -1 for none."""
        return next((i for i, name in enumerate(self.names) if _USERS.search(name)), -1)


class _Stretch:
    """Text with one character for each byte, decoded once for the many statements in it."""

    def __init__(self, view: View) -> None:
        self._view = view
        self.base = 0
        self.text = ""

    def reach(self, start: int) -> int:
        """Return where an offset of the file is in the text, which goes on behind it for as much as one statement may have."""
        if not self.base <= start <= self.base + len(self.text) - _READ:
            last = self.base + len(self.text) >= len(self._view.data) and self.base <= start
            if not last or not self.text:
                self.base, self.text = start, self._view.text(start, start + 2 * _READ)
        return start - self.base


def catches(view: View, ends: list[int]) -> Iterator[tuple[str, Catch]]:
    """Yield family and catch for each password in the rows of the statements near the hits, sure of the first ones."""
    return _sure_of_few(_in_statements(view, ends))


def _sure_of_few(caught: Iterator[tuple[str, Catch]]) -> Iterator[tuple[str, Catch]]:
    """Yield catches of rows, those behind the first ones as less sure: people made up for a test come in hundreds, accounts that are shipped do not."""
    said = 0
    for family, one in caught:
        said += one.is_certain
        yield family, one.by("one-of-many-rows") if said > _SURE and one.is_certain else one


def _in_statements(view: View, ends: list[int]) -> Iterator[tuple[str, Catch]]:
    position = 0
    columns = cache(lambda table: tuple(_defined(view, table)))
    stretch = _Stretch(view)
    head, said, before, tried = None, b"", 0, 0
    for at in ends:
        if at <= position:
            continue
        again = at - before
        if head is None or again < position or view.data[again : again + len(said)] != said:
            start = max(position, at - 200, tried - _WORD)
            offset = stretch.reach(start)
            found = _begun(stretch.text, offset, offset + at - start)
            tried = at
            if found is None:
                continue
            head = _head(found, columns)
            again = stretch.base + found.start()
            said, before = bytes(view.data[again : stretch.base + found.end()]), at - again
        position = again + len(said)
        if not head.wanted and (_TEXTS.search(head.table) or not _may_tell(view, position, head)):
            continue
        offset = stretch.reach(position)
        for one in _told(stretch.text, offset, head):
            family, caught = (
                one[0],
                replace(one[1], start=one[1].start + stretch.base, end=one[1].end + stretch.base),
            )
            yield family, caught
            position = max(position, caught.end)


def _begun(text: str, start: int, at: int) -> re.Match[str] | None:
    """Return the head of the statement whose first words end at an offset."""
    front = text[start:at].lower()
    begun = (
        m
        for pattern, words in _STATEMENTS
        for word in words.finditer(front)
        if (m := pattern.match(text, start + word.start()))
    )
    return min(begun, key=lambda m: m.start(), default=None)


def _head(found: re.Match[str], columns: Callable[[str], tuple[str, ...]]) -> _Head:
    names = tuple(_filled(found["columns"])) or columns(found["table"])
    wanted = tuple(i for i, name in enumerate(names) if kind_of(name) or _PIN.match(name))
    rows = "copy" if found.re is _COPY else "select" if found["select"] else "values"
    return _Head(found["table"], names, wanted, rows)


def _may_tell(view: View, at: int, head: _Head) -> bool:
    """Whether the rows of a statement whose columns promise nothing may hold an account, or name a setting that does."""
    if head.rows == "copy" or (not head.names and _OF_ACCOUNTS.search(head.table)):
        return True
    end = view.data.find(b";", at, at + _READ)
    rows = bytes(view.data[at : end if end >= 0 else at + _READ])
    whole = rows.count(b"'") % 2 == 0 and b'"' not in rows and b"\\" not in rows
    return not whole or _PROMISING.search(rows.lower()) is not None


def _told(text: str, at: int, head: _Head) -> Iterator[tuple[str, Catch]]:
    """Yield what the rows of a statement tell, which begin at an offset."""
    settings = bool(_SETTINGS.search(head.table)) and not _TEXTS.search(head.table)
    texts, user = bool(_TEXTS.search(head.table)), head.user
    for row in _rows(text, at, head.rows):
        for i in head.wanted:
            if i < len(row):
                name = row[user][2] if 0 <= user < len(row) and user != i else ""
                names_it = kind_of(name) is Kind.PASSWORD  # the name of a setting: `smtp_password`
                caught = _judged(0, row[i], "" if names_it else name, name if names_it else head.names[i])
                if caught is not None and not (texts and caught[1].value.isalpha()):
                    yield caught
        if head.wanted:
            continue
        if said := _setting(0, row, settings=settings):
            yield "assignment", said
        elif told := _account(row, "" if head.names else head.table):
            yield told


def _rows(text: str, at: int, form: str) -> Iterator[list[tuple[int, int, str, str]]]:
    """Return the rows that stand behind the head of a statement."""
    if form == "copy":
        return _copied(text, at)
    return _selected(text, at) if form == "select" else _inserted(text, at)


_SELECTED = re.compile(
    r"""(?i)\s(?:'(?:''|\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|[^'";]){1,400}?(?=;|\s(?:from|where|union|on|returning)\b|\s*\Z)"""
)


def _selected(text: str, at: int) -> Iterator[list[tuple[int, int, str, str]]]:
    """Yield as a row what a statement selects, and takes from no table."""
    row = _SELECTED.match(text, at)
    for values in _inserted(f"({row[0][1:]})", 0) if row else ():
        yield [(start + at, end + at, value, call) for start, end, value, call in values]


def _filled(columns: str | None) -> list[str]:
    """Return the names of the columns that a statement says it fills."""
    return [c.strip(' `"[]\n\r\t') for c in columns.split(",")] if columns else []


def _defined(view: View, table: str) -> list[str]:
    """Return the names of a table's columns, from its definition in the same file."""
    table = table.rsplit(".", 1)[-1].strip('`"[]')
    made = re.search(
        rb"(?i)create\s+table\s+(?:if\s+not\s+exists\s+)?(?:[\w`\"\[\]]+\.)?[`\"\[]?"
        + re.escape(table.encode("latin-1"))
        + rb"[`\"\]]?\s*\(",
        view.data[:_READ],
    )
    if made is None:
        return []
    body = view.text(made.end(), made.end() + 8000).split(";", 1)[0]
    names = [m["name"].strip('`"[]') for m in _COLUMN.finditer(re.sub(r"\([^()]*\)", "", body))]
    return [n for n in names if n.lower() not in _NOT_COLUMNS]


def _inserted(text: str, at: int) -> Iterator[list[tuple[int, int, str, str]]]:
    """Yield the rows of VALUES (...), (...): for each value its start and end, itself and the function around it."""
    for _ in range(_MOST):
        opened = _NEXT.match(text, at)
        if opened is None:
            return
        at, row = opened.end(), []
        while found := _VALUE.match(text, at):
            group = next(
                (g for g in ("single", "double", "inner", "other", "bare") if found[g] is not None), "bare"
            )
            literal = found[group] if group != "bare" else decode.number(found["bare"].strip())
            row.append((found.start(group), found.end(group), literal, found["call"] or ""))
            at = found.end()
            if found["end"] == ")":
                break
        else:
            return
        yield row


def _copied(text: str, at: int) -> Iterator[list[tuple[int, int, str, str]]]:
    """Yield the rows of COPY ... FROM stdin, whose values lie between tabs."""
    for _ in range(_MOST):
        end = text.find("\n", at)
        if end < 0 or text.startswith("\\.", at):
            return
        row = []
        for value in text[at:end].rstrip("\r").split("\t"):
            row.append((at, at + len(value), "" if value == "\\N" else value, ""))
            at += len(value) + 1
        yield row
        at = end + 1


def _account(row: Sequence[tuple[int, int, str, str]], table: str) -> tuple[str, Catch] | None:
    """Return family and catch of the password beside an account, in a table of users whose columns nobody names."""
    if _OF_PASSWORDS.search(table):
        found = next(((s, e, v) for s, e, v, c in row if not c and is_generated(v)), None)
        return None if found is None or is_digest_or_id(found[2]) else ("sql", _of_user("account", *found))
    if not _OF_USERS.search(table):
        return None
    for start, end, value, called in row:
        if called.lower() in _HASHING and strength(value) is not Strength.NO:
            return "sql", _of_user("account", start, end, value)
    for (_, _, name, called), (start, end, value, inner) in pairwise(row):
        if called or inner or not _LOGIN.match(name):
            continue
        caught = _of_user(name, start, end, value)
        if len(value) in _PLAIN_HASHES and _HEXADECIMAL.fullmatch(value):
            hashed = hashes.digest(caught, _NO_KEY)
            return None if hashed is None else ("password-hash", hashed)
        usual = strength(value) is Strength.COMMON and not value.isalpha()
        made = is_generated(value)
        known = name.lower() in _EVERYWHERE
        if (made and (known or is_drawn(value) or is_picked(value))) or (known and usual):
            return "sql", caught
    return None


def _of_user(name: str, start: int, end: int, value: str) -> Catch:
    return Catch(start, end, value, user=name, evidence="accounts")


def _setting(base: int, row: Sequence[tuple[int, int, str, str]], *, settings: bool) -> Catch | None:
    """Return the value of a row whose cell before it names a secret: a table of settings."""
    for (_, _, name, called), (start, end, value, inner) in pairwise(
        c for c in row if c[2] not in _OPERATORS
    ):
        if called or inner or not _SETTING.match(name) or not (settings or _JOINED.search(name)):
            continue
        promised = kind_of(name)
        meant = name.lower() in _CHECKED or (settings and names_an_account(name))
        least = Strength.WORD if meant else Strength.COMMON
        if promised is Kind.PASSWORD and not is_digest_or_id(value) and strength(value) >= least:
            return Catch(base + start, base + end, value, key=name, evidence="set")
        if promised is Kind.TOKEN and naming.token(name, value):
            return Catch(base + start, base + end, value, key=name, evidence="token")
    return None


def tabular(view: View) -> Iterator[tuple[str, Catch]]:
    """Yield family and catch for each password in a file of separated values whose first line names its columns."""
    return _sure_of_few(_in_columns(view))


def _in_columns(view: View) -> Iterator[tuple[str, Catch]]:
    text = view.text(0, min(len(view.data), _READ))
    head = next((m for m in _LINE.finditer(text) if not m[0].startswith("#") or _HEAD.match(m[0])), None)
    if head is None:
        return
    sign = max(",;\t|", key=head[0].count)
    names = [c.strip(" \"'\r") for c in head[0].removeprefix(_MARK).lstrip("# ").split(sign)]
    wanted = [i for i, name in enumerate(names) if kind_of(name)]
    if len(names) < _SHORTEST or not wanted or not all(_SETTING.match(n) or not n for n in names):
        return
    if any(is_generated(name) for name in names):
        return  # a label and its value, each on a line of its own
    user = next((i for i, name in enumerate(names) if _USERS.search(name)), -1)
    cell = re.compile(
        rf"""(?:^|(?<={re.escape(sign)}))(?:"(?P<q>(?:[^"\n]|"")*)"|(?P<b>[^{re.escape(sign)}"\n]*))(?={re.escape(sign)}|\r?$)"""
    )
    for number, line in enumerate(_LINE.finditer(text, head.end())):
        if number >= _MOST:
            return
        cells = [m.span("q") if m["q"] is not None else m.span("b") for m in cell.finditer(line[0])]
        row = [(line.start() + a, line.start() + b, line[0][a:b].strip(), "") for a, b in cells]
        if len(row) != len(names):
            continue
        for i in wanted:
            account = row[user][2] if 0 <= user < len(row) and user != i else ""
            caught = _judged(0, row[i], account, names[i])
            if caught is not None:
                yield caught[0], replace(caught[1], told=bool(account))


def _judged(base: int, value: tuple[int, int, str, str], user: str, column: str) -> tuple[str, Catch] | None:
    start, end, text, called = value
    empty = is_placeholder(text) and not (called.lower() in _HASHING and text.isalpha())
    if len(text) < _SHORTEST or empty or text[0] in "$:?@%*{":
        return None  # a variable, or a hash that its own form tells
    caught = Catch(base + start, base + end, text, key=column, user=user)
    if len(text) in _PLAIN_HASHES and _HEXADECIMAL.fullmatch(text):
        hashed = hashes.digest(caught, _NO_KEY)
        return None if hashed is None else ("password-hash", hashed)
    promised = kind_of(column)
    if promised is None:  # the column of a number to type in
        return ("sql", caught.by("number")) if _NUMBER.match(text) else None
    if promised is Kind.LIKELY and not is_chosen(text):
        return None
    if promised is Kind.TOKEN:
        return ("sql", caught.by("token")) if naming.token(column, text, config=True) else None
    return "sql", caught


_NO_KEY: re.Match[str] = re.match("", "")  # type: ignore[assignment]  # an empty pattern matches
