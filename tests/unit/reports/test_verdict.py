"""What reports for people say of a subject beside its name: what was counted in it, in words and units."""

from __future__ import annotations

from typing import Any

import pytest

from hardening.findings import Subject, SubjectKind
from hardening.reports.verdict import looked_at, size


@pytest.mark.parametrize(
    ("stats", "said"),
    [
        ({}, ""),
        ({"seconds": 0.0625, "bytes": 34_816, "members": 12, "lines": 1}, ", 12 members, 1 line, 34.0 KiB, 0.06 s"),
        ({"bytes": 1, "bytes_examined": 1, "bytes_not_examined": 0}, ", 1 byte"),
        ({"bytes": 4096, "bytes_examined": 2048, "bytes_not_examined": 2048}, ", 4.0 KiB, 2.0 KiB of it not examined"),
        ({"bytes": "many", "bytes_not_examined": "some", "members": "a few"}, ", members a few, bytes many, bytes not examined some"),
        ({"signers": ["ann", "b\x1bb"]}, r", signed by ann and b\x1bb"),
        ({"signers": [], "rows": [1], "live": True, "before": ""}, ""),
        ({"state": "committed", "ports": 3, "rate": 1.5, "seconds": 2}, ", ports 3, rate 1.50, state committed, 2.00 s"),
    ],
)  # fmt: skip
def test_what_was_counted_is_told_in_words_and_what_a_program_wants_is_not(
    stats: dict[str, Any], said: str
) -> None:
    assert looked_at(Subject(id="a", kind=SubjectKind.BUNDLE, stats=stats)) == f"bundle{said}"


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "0 bytes"), (1, "1 byte"), (1023, "1023 bytes"), (1024, "1.0 KiB"), (1 << 20, "1.0 MiB"),
        (1 << 30, "1.0 GiB"), (3 << 39, "1.5 TiB"), (1 << 50, "1024.0 TiB"),
    ],
)  # fmt: skip
def test_bytes_are_told_in_the_largest_unit_that_they_fill(count: int, said: str) -> None:
    assert size(count) == said
