"""Each class of places that a blind corpus taught: lines that have a finding and lines beside them that have none."""

from __future__ import annotations

import pytest

from bundle.detect.credentials import Credentials
from hardening.findings import Confidence, InFile
from tests.support.bundle.detect.credentials.plant.members import member
from tests.support.places import DATA

TEXT = (DATA / "bundle/credentials/classes.txt").read_text("utf-8")
FILES = [
    (name.strip(), *piece.partition("\n")[::2])
    for group in TEXT.split("\n### ")[1:]
    for name, body in [group.split("\n", 1)]
    for piece in f"\n{body}".split("\n@ ")[1:]
]
SURE = {
    "+": (Confidence.MEDIUM, Confidence.HIGH),
    "?": (Confidence.MEDIUM,),
    "!": (Confidence.HIGH,),
}
"""What the mark of a line allows its finding to be."""


def text(body: str) -> str:
    """The file without the marks of its lines."""
    return "".join(f"{line[2:]}\n" for line in body.splitlines() if line).replace("~~", "")


@pytest.mark.parametrize(("_group", "path", "body"), FILES, ids=[f"{g}:{p}" for g, p, _ in FILES])
def test_lines_with_and_without(credentials: Credentials, _group: str, path: str, body: str) -> None:
    lines = list(enumerate((b for b in body.splitlines() if b), 1))
    said = {
        f.location.line: f.confidence
        for f in credentials.check(member(path, text(body)), "b.zip")
        if f.confidence >= Confidence.MEDIUM and isinstance(f.location, InFile)
    }
    assert set(said) == {n for n, line in lines if line.startswith(tuple(SURE))}
    assert all(said[n] in SURE[line[0]] for n, line in lines if n in said)


@pytest.mark.parametrize(("_group", "path", "body"), FILES, ids=[f"{g}:{p}" for g, p, _ in FILES])
def test_gate_and_fallback_say_the_same(
    credentials: Credentials, plain: Credentials, _group: str, path: str, body: str
) -> None:
    one = member(path, text(body))
    assert list(credentials.check(one, "b.zip")) == list(plain.check(one, "b.zip"))
