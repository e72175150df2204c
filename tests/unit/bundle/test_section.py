"""Equal archives in many places: each place is told until nobody would read on, and then that there are more."""

from __future__ import annotations

import pytest

from bundle.audit import section
from bundle.audit.section import ContainerShare, unfold
from bundle.walk.problem import RULES
from hardening.findings import Finding, InFile


def test_places_of_equal_archives_are_counted_where_they_are_too_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(section, "MOST_PLACES", 3)
    inner = ContainerShare(
        findings=[Finding(rule=RULES["corrupt"], subject="", location=InFile(("a",)), message="m")]
    )
    root = ContainerShare(inside=[((f"{number}.zip",), "inner") for number in range(10)])
    *told, more = unfold("root", {"root": root, "inner": inner}, "bundle")
    assert [one.location for one in told] == [InFile((f"{number}.zip", "a")) for number in range(4)]
    assert more.rule is RULES["limit-repeats"]
    assert "at 6 or more further places" in more.message
