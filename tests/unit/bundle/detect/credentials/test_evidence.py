"""What checks find out: each row takes its example, and nothing but `decide` makes a confidence or a severity of it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

import bundle.detect.credentials
from bundle.detect.credentials import Credentials
from bundle.detect.credentials.rules.evidence import Evidence, rows
from tests.support.bundle.detect.credentials.plant.members import member

FOLDER = Path(bundle.detect.credentials.__file__).parent
RULES_OF_ONES_OWN = "rules/gitleaks.py"
"""Rules of a user's own state no severity."""


def test_each_id_has_a_row() -> None:
    assert list(rows()) == list(get_args(Evidence))
    assert [row.id for row in rows().values() if not row.why or not row.takes] == []


@pytest.mark.parametrize("evidence", get_args(Evidence))
def test_a_row_takes_its_examples(credentials: Credentials, evidence: Evidence) -> None:
    for example in rows()[evidence].takes:
        path, _, text = example.partition("\n")
        one = replace(member(path, text), format="elf" if text.startswith("\x7fELF") else "")
        assert evidence in {each.catch.evidence for each in credentials.judged(one, "b.zip")}, example


def test_nothing_but_decide_makes_a_confidence_or_a_severity() -> None:
    made = re.compile(r"\b(?:Confidence|Severity)\.")
    found = {
        path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.py") if made.search(path.read_text())
    }
    assert found == {"decide.py", RULES_OF_ONES_OWN}
