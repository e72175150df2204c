"""Rows that SQL writes into tables of accounts: INSERT with and without names of columns, and COPY of PostgreSQL."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bundle.detect.credentials import hashes
from bundle.detect.credentials.catch import Catch
from bundle.detect.credentials.keyword import Kind, kind_of
from bundle.detect.credentials.textview import View
from bundle.detect.credentials.values import is_generated, is_placeholder

GATE = r"(?i)\b(insert\s{1,4}((low_priority|delayed|ignore|or\s{1,4}\w{1,8})\s{1,4}){0,2}|replace\s{1,4})into\s|^copy\s{1,4}[\w.\"]{1,80}\s{0,4}\("
_NAME = r"""(?:[\w$]+|`[^`\n]+`|"[^"\n]+"|\[[^\]\n]+\])"""
_INSERT = re.compile(
    rf"(?i)(?:insert\s+(?:\w+\s+){{0,3}}?|replace\s+)into\s+(?P<table>{_NAME}(?:\.{_NAME})*)\s*(?:\((?P<columns>[^()]{{1,4000}})\))?\s*values?\s*(?=\()"
)
_COPY = re.compile(
    rf"(?i)copy\s+(?P<table>{_NAME}(?:\.{_NAME})*)\s*\((?P<columns>[^()]{{1,4000}})\)\s*from\s+stdin[^\n]*\n"
)
_VALUE = re.compile(
    r"""\s*(?:(?:[NEB]|_\w+\s)?(?:'(?P<single>(?:''|\\.|[^'\\])*)'|"(?P<double>(?:\\.|[^"\\])*)")
    |(?P<call>\w+)\s*\(\s*(?:'(?P<inner>(?:''|\\.|[^'\\])*)'|"(?P<other>(?:\\.|[^"\\])*)")[^()]*\)
    |(?P<bare>(?:[^,()'"]|\([^()]*\))*))\s*(?P<end>[,)])""",
    re.VERBOSE | re.DOTALL,
)
_COLUMN = re.compile(rf"(?:^|[,(\n])\s*(?P<name>{_NAME})\s+\w")
_NOT_COLUMNS = frozenset("primary key unique index constraint foreign check fulltext".split())
_PLAIN_HASHES = (32, 40, 64)
_MOST = 500
"""Rows of one statement that are looked at: what thousands of rows hold is the users' data, not what is shipped."""
_READ = 1 << 20
_LONGEST_HEAD = 5000
_SHORTEST = 2
_USERS = re.compile(r"(?i)^(?:user|login|name|user_?name|account|e?mail|benutzer)")


def catches(view: View, ends: list[int]) -> Iterator[tuple[str, Catch]]:
    """Yield family and catch for each password in the rows of the statements near the hits."""
    position = 0
    for at in ends:
        start = max(position, at - 200)
        if at <= position:
            continue
        text = view.text(start, min(len(view.data), start + _READ))
        reach = at - start + _LONGEST_HEAD
        found = _INSERT.search(text, 0, reach) or _COPY.search(text, 0, reach)
        if found is None or found.start() > at - start:
            continue
        names = _columns(view, found)
        wanted = [i for i, name in enumerate(names) if kind_of(name) in (Kind.PASSWORD, Kind.LIKELY)]
        position = start + found.end()
        if not wanted:
            continue
        user = next((i for i, name in enumerate(names) if _USERS.search(name)), -1)
        rows = _copied(text, found.end()) if found.re is _COPY else _inserted(text, found.end())
        for row in rows:
            for i in wanted:
                if i < len(row):
                    account = row[user][2] if 0 <= user < len(row) and user != i else ""
                    caught = _judged(start, row[i], account, names[i])
                    if caught is not None:
                        yield caught
                        position = max(position, caught[1].end)


def _columns(view: View, found: re.Match[str]) -> list[str]:
    """Return the names of the columns that are filled: of the statement, or of the table's definition in the same file."""
    if found["columns"]:
        return [c.strip(' `"[]\n\r\t') for c in found["columns"].split(",")]
    table = found["table"].rsplit(".", 1)[-1].strip('`"[]')
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
        opened = re.compile(r"\s*,?\s*\(").match(text, at)
        if opened is None:
            return
        at, row = opened.end(), []
        while found := _VALUE.match(text, at):
            group = next(
                (g for g in ("single", "double", "inner", "other", "bare") if found[g] is not None), "bare"
            )
            literal = found[group] if group != "bare" or found["bare"].strip().isdigit() else ""
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


def _judged(base: int, value: tuple[int, int, str, str], user: str, column: str) -> tuple[str, Catch] | None:
    start, end, text, _ = value
    if len(text) < _SHORTEST or is_placeholder(text) or text.startswith("$") or text[0] in ":?@%*{":
        return None  # a variable, or a hash that its own form tells
    caught = Catch(base + start, base + end, text, key=column, user=user)
    if len(text) in _PLAIN_HASHES and re.fullmatch(r"[0-9a-fA-F]+", text):
        hashed = hashes.digest(caught, _NO_KEY)
        return None if hashed is None else ("password-hash", hashed)
    if kind_of(column) is Kind.LIKELY and not is_generated(text):
        return None
    return "sql", caught


_NO_KEY: re.Match[str] = re.match("", "")  # type: ignore[assignment]  # an empty pattern matches
