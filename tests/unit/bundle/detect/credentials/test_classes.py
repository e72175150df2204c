"""Each class of places that a blind corpus taught: lines that have a finding and lines beside them that have none."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from bundle.detect.credentials import Credentials
from hardening.findings import Confidence, InFile
from tests.support.bundle.detect.credentials.plant.members import member
from tests.support.places import DATA

GROUPS = {
    group.partition("\n")[0].strip(): [piece.partition("\n")[::2] for piece in group.split("\n@ ")[1:]]
    for group in (DATA / "bundle/credentials/classes.txt").read_text("utf-8").split("\n### ")[1:]
}
"""The files of each class: path, and lines with their marks."""
SURE = {
    "+": (Confidence.MEDIUM, Confidence.HIGH),
    "?": (Confidence.MEDIUM,),
    "!": (Confidence.HIGH,),
}
"""What the mark of a line allows its finding to be."""


def text(body: str) -> str:
    """The file without the marks of its lines."""
    return "".join(f"{line[2:]}\n" for line in body.splitlines() if line).replace("~~", "")


@pytest.mark.parametrize("group", GROUPS)
def test_lines_with_and_without(credentials: Credentials, group: str) -> None:
    wrong = []
    for path, body in GROUPS[group]:
        lines = dict(enumerate((b for b in body.splitlines() if b), 1))
        said = {
            f.location.line or 0: f.confidence
            for f in credentials.check(member(path, text(body)), "b.zip")
            if f.confidence >= Confidence.MEDIUM and isinstance(f.location, InFile)
        }
        for number in sorted({*lines, *said}):
            line, found = lines.get(number, "- (no such line)"), said.get(number)
            if found not in SURE.get(line[0], (None,)):
                wrong.append(f"{path}:{number}: {line} -> {found.label if found else 'no finding'}")
    assert wrong == []


def differing(
    credentials: Credentials, plain: Credentials, files: Iterable[tuple[str, str]]
) -> list[tuple[str, str]]:
    """The files of which the two engines do not say the same."""
    found = []
    for path, body in files:
        one = member(path, text(body))
        if list(credentials.check(one, "b.zip")) != list(plain.check(one, "b.zip")):
            found.append((path, body))
    return found


def test_gate_and_fallback_say_the_same_of_a_tenth(credentials: Credentials, plain: Credentials) -> None:
    """Every tenth file; tests/matrix has all of them."""
    every = [one for files in GROUPS.values() for one in files]
    assert differing(credentials, plain, every[::10]) == []
