"""Rows of workbooks, which are lists of accounts wherever they lie."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bundle.detect.credentials import Credentials
from hardening.findings import Confidence, Severity
from tests.support.bundle.detect.credentials.plant.members import member


@pytest.mark.parametrize("folder", ["etc", "doc"])
@pytest.mark.parametrize(
    ("rows", "count"),
    [
        ("Device\tUser\tPassword\nAHU1\troot\tMarble44gate\nAHU2\troot\tMarble45gate\n", 2),
        ("MySQL root password\tMarble44gate\nWeb user\tadmin\n", 1),
        ("User\tRole\tPassword expires\nquay\tmonitor\tnever\ngate\tmonitor\t90 days\n", 0),
        ("Key\ten\tde\npassword\tPassword\tPasswort\nforgot\tForgot it?\tVergessen?\n", 0),
    ],
)
def test_rows_tell_passwords_in_documentation_too(
    credentials: Credentials, folder: str, rows: str, count: int
) -> None:
    one = replace(member(f"{folder}/list.xlsx", rows), derived="sheet-text", format="text")
    found = list(credentials.check(one, "b.zip"))
    assert len(found) == count
    assert all(f.confidence >= Confidence.MEDIUM and f.level > Severity.INFO for f in found)


def test_a_code_at_a_menu_is_more_than_an_example(credentials: Credentials) -> None:
    text = "Service menu: press F8, then enter the code 558840.\n"
    (found,) = credentials.check(member("doc/menu.txt", text), "b.zip")
    assert found.level is Severity.LOW
