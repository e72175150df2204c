"""Tables of hundreds of accounts are read to their last row."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hardening.findings import Confidence, InFile
from tests.support.bundle.detect.credentials.plant.members import Look

ROWS = 130
TABLES: dict[str, tuple[str, str, Callable[[int, str], str], str, int]] = {
    "Markdown": ("a.md", "| user | password |\n| --- | --- |\n", lambda n, s: f"| u{n} | {s} |\n", "\nThe end.\n", 3),
    "bars with blank lines between": ("a.md", "| user | password |\n| --- | --- |\n", lambda n, s: f"| u{n} | {s} |\n\n", "The end.\n", 3),
    "blanks": ("a.txt", "User        Password\n", lambda n, s: f"u{n:<10} {s}\n", "\nThe end.\n", 2),
    "rules of reStructuredText": ("a.rst", "======  ==========\nuser    password\n======  ==========\n", lambda n, s: f"u{n:<6} {s}\n", "======  ==========\n", 4),
    "tabs": ("a.txt", "Device\tLogin\tPassword\n", lambda n, s: f"AHU {n}\tu{n}\t{s}\n", "\n", 2),
    "HTML": ("a.html", "<table>\n<tr><th>User</th><th>Password</th></tr>\n", lambda n, s: f"<tr><td>u{n}</td><td>{s}</td></tr>\n", "</table>\n", 3),
    "HTML with blank lines between": (
        "a.html", "<table>\n<tr><th>User</th><th>Password</th></tr>\n\n", lambda n, s: f"<tr><td>u{n}</td><td>{s}</td></tr>\n\n", "</table>\n", 4,
    ),
    "HTML, a cell on each line": (
        "a.html", "<table>\n<tr>\n<th>User</th>\n<th>Password</th>\n<th>Place</th>\n</tr>\n",
        lambda n, s: f"<tr>\n<td>u{n}</td>\n<td>{s}</td>\n<td>roof</td>\n</tr>\n", "</table>\n", 9,
    ),
}  # fmt: skip
"""Name, heading, a row, what ends it, and the line of the first password."""


def secrets(count: int) -> list[str]:
    return [f"Gr{n:03d}elPit{n * 7 % 100:02d}" for n in range(count)]


@pytest.mark.parametrize("name", TABLES)
def test_every_row_is_read(look: Look, name: str) -> None:
    path, head, row, end, first = TABLES[name]
    text = head + "".join(row(n, s) for n, s in enumerate(secrets(ROWS))) + end
    found = [f.location for f in look(path, text) if f.confidence >= Confidence.MEDIUM]
    lines = [one.line for one in found if isinstance(one, InFile)]
    step = row(0, "x").count("\n")
    assert lines == [first + n * step for n in range(ROWS)]


def test_a_table_in_one_line_is_read_as_well(look: Look) -> None:
    rows = "".join(f"<tr><td>u{n}</td><td>{s}</td></tr>" for n, s in enumerate(secrets(ROWS)))
    text = f"<table><tr><th>User</th><th>Password</th></tr>{rows}</table>\n"
    assert sum(f.confidence >= Confidence.MEDIUM for f in look("a.html", text)) == ROWS


@pytest.mark.parametrize("name", ["Markdown", "blanks", "HTML"])
def test_what_stands_behind_a_table_is_none_of_its_rows(look: Look, name: str) -> None:
    path, head, row, end, _ = TABLES[name]
    other = row(1, "Qu4rrel99x").replace("|", "/")
    text = head + row(0, secrets(1)[0]) + end + "Sizes:\n" + other
    assert sum(f.confidence >= Confidence.MEDIUM for f in look(path, text)) == 1


def test_a_row_about_passwords_in_a_list_of_other_things_is_no_heading(look: Look) -> None:
    filler = "".join(f"user-tool-{n}\t1.{n}\ta library for users\n" for n in range(40))
    row = "user-secrets\t2.0\tpassword\n"
    rows = "".join(f"u{n}\t3.{n}\t{s}\n" for n, s in enumerate(secrets(ROWS)))
    assert sum(f.confidence >= Confidence.MEDIUM for f in look("a.tsv.txt", filler + row + rows)) < ROWS // 2
    heading = "user name\tversion\tpassword\n"
    assert sum(f.confidence >= Confidence.MEDIUM for f in look("a.txt", heading + rows)) == ROWS
