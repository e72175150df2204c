"""Rows of SQL: a statement of which a first look says that it tells nothing tells nothing, and dumps are read to their end."""

from __future__ import annotations

import re

from hypothesis import example, given, settings
from hypothesis import strategies as st

from bundle.detect.credentials import Credentials
from bundle.detect.credentials.lines import rows
from bundle.detect.credentials.texts.textview import View
from hardening.findings import InFile
from tests.support.bundle.detect.credentials.plant.members import member

CELL = st.sampled_from(
    ("'x'", "NULL", "7", "'it''s'", "'a;b'", "'db_password'", "'Marble44gate'", "'contrase\u00f1a'", "'smtp.token'", '"pwd"', "'a\\'b'", "md5('Marble44gate')", "'admin'", "'has\u0142o'", "X'00ff'", "''")
)  # fmt: skip
TABLE = st.sampled_from(
    ("doors", "door_settings", "users", "door_credentials", "translations", "`x`.`accounts`")
)
COLUMNS = st.sampled_from(("", "(id, name, value)", "(`key`, `value`)", "(a, b)"))
ROW = st.lists(CELL, min_size=1, max_size=4).map(lambda cells: f"({', '.join(cells)})")
STATEMENT = st.builds(
    lambda table, columns, values: f"INSERT INTO {table} {columns} VALUES {', '.join(values)};\n",
    TABLE, COLUMNS, st.lists(ROW, min_size=1, max_size=3),
)  # fmt: skip


@given(STATEMENT, STATEMENT)
@settings(max_examples=300)
@example("INSERT INTO doors VALUES ('a;b', 'db_password', 'Marble44gate');\n", "")
def test_what_a_first_look_leaves_out_tells_nothing(statement: str, behind: str) -> None:
    view = View((statement + behind).encode())
    text = view.text(0, len(view.data))
    found = rows._INSERT.match(text)
    assert found is not None
    head = rows._head(found, lambda _table: ())
    if not head.wanted and not rows._may_tell(view, found.end(), head):
        assert list(rows._told(text, found.end(), head)) == []


def test_a_dump_of_millions_of_bytes_is_read_to_its_end(credentials: Credentials) -> None:
    secret = {0: "Marble44gate", 20_000: "Harbour55pier", 39_999: "Lantern66quay"}
    lines = [
        f"INSERT INTO door_users (id, login, password) VALUES ({n}, 'd{n}', '{secret.get(n, '')}');"
        if n in secret or n % 2
        else f"INSERT INTO doors (id, colour, remark) VALUES ({n}, 'green', 'a door of oak, as all are here; number {n}');"
        for n in range(40_000)
    ]
    text = "\n".join(lines) + "\n"
    assert len(text) > 3 * rows._READ
    said = [
        f.location.line
        for f in credentials.check(member("db/dump.sql", text), "b.zip")
        if isinstance(f.location, InFile)
    ]
    assert said == [n + 1 for n in secret]


def test_rows_of_one_statement_are_found_wherever_it_ends() -> None:
    text = "INSERT INTO door_settings VALUES ('a;b', 1),\n ('db_password', 'Marble44gate'), ('x', 'it''s; so');\n"
    ends = [m.end() for m in re.finditer(rows.GATE, text)]
    ((family, caught),) = rows.catches(View(text.encode()), ends)
    assert (family, caught.value) == ("assignment", "Marble44gate")
