"""What a file is for, by its path: each row proves itself."""

from __future__ import annotations

import pytest

from bundle.detect.roles import RolePattern, by_path, of, rows
from hardening.findings import Role


def matches(row: RolePattern, one: str) -> bool:
    """Whether a row is for a path, or for a text."""
    found = row.path.search(one) if row.path else row.text and row.text.search(one.encode())
    return bool(found)


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.id)
def test_a_row_takes_what_it_is_for(row: RolePattern) -> None:
    assert row.takes
    assert row.leaves
    assert (row.path is None) is not (row.text is None)
    assert [one for one in row.takes if not matches(row, one)] == []
    assert [one for one in row.leaves if matches(row, one)] == []
    assert row.role is not Role.PRODUCT


def test_ids_are_names() -> None:
    assert len({row.id for row in rows()}) == len(rows())


@pytest.mark.parametrize(
    ("path", "role"),
    [
        ("etc/gate/gate.conf", Role.PRODUCT),
        ("usr/share/doc/gate/tests/login.py", Role.DOCUMENTATION),
        ("vendor/gate/tests/LoginTest.php", Role.TEST),
        ("vendor/gate/Login.php", Role.VENDORED),
        (".github/workflows/e2e.yml", Role.CI),
    ],
)
def test_the_first_row_decides(path: str, role: Role) -> None:
    assert by_path(path)[0] is role


def test_a_text_says_what_it_is_where_its_path_does_not() -> None:
    text = b"import org.junit.Test;\nclass Gate { }\n"
    assert of("src/Gate.java", text) is Role.TEST
    assert of("vendor/Gate.java", text) is Role.VENDORED
    assert of("src/Gate.java", b"class Gate { }\n") is Role.PRODUCT
