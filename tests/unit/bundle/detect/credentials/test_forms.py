"""Forms that are no credential, or less sure: each row takes its examples, and leaves what stands beside them."""

from __future__ import annotations

import pytest

from bundle.detect.credentials import Credentials
from bundle.detect.credentials.forms import Form, rows
from tests.support.bundle.detect.credentials.plant.members import member


def forms(credentials: Credentials, example: str) -> list[tuple[str, ...]]:
    """The forms of each candidate of an example."""
    path, _, text = example.partition("\n")
    return [one.decision.because for one in credentials.judged(member(path, text), "b.zip")]


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.id)
def test_a_row_takes_and_leaves_its_examples(credentials: Credentials, row: Form) -> None:
    assert row.takes
    assert row.leaves
    for example in row.takes:
        assert any(row.id in because for because in forms(credentials, example)), example
    for example in row.leaves:
        found = forms(credentials, example)
        assert found, example
        assert not any(row.id in because for because in found), example


def test_each_row_does_something_and_has_a_name() -> None:
    for row in rows():
        assert row.drop or row.severity is not None or row.confidence is not None, row.id
        assert row.families or row.kinds or row.path or row.key or row.value or row.before, row.id
        assert len(row.why) > 20
    assert len({row.id for row in rows()}) == len(rows())
