"""What a file is for, by its path: each row proves itself."""

from __future__ import annotations

import pytest

from bundle.detect.roles import Row, by_path, rows
from hardening.findings import Role


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.id)
def test_a_row_takes_what_it_is_for(row: Row) -> None:
    assert row.takes
    assert row.leaves
    assert [path for path in row.takes if not row.path.search(path)] == []
    assert [path for path in row.leaves if row.path.search(path)] == []
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
