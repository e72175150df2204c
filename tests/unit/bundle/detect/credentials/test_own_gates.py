"""Programs and JSON have gates of their own, which say what the whole gate says of the patterns that are for them."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from bundle.detect.credentials import Credentials, parts
from bundle.detect.credentials.parts import JSON, PROGRAMS, WHOLE, Gates, Pattern
from hardening.findings import InFile
from tests.support.bundle.detect.credentials.made_hits import made
from tests.support.bundle.detect.credentials.plant.members import member

LIST = b"anna:XyoNwZ3kq.8Lc\nboiler:Qm7eU/aZ0pWlo\n"
PATTERNS = (
    Pattern("secret=[a-z]"),
    Pattern("^[a-z]{4}:", frozenset((WHOLE,))),
    Pattern("call\\(", frozenset((WHOLE, PROGRAMS))),
)


@pytest.mark.parametrize("part", [PROGRAMS, JSON])
def test_an_own_gate_says_what_the_whole_one_does(credentials: Credentials, part: str) -> None:
    pick = random.Random(7)
    own, whole = credentials.gates.of(part), credentials.gates.whole
    patterns = [p for p in whole.patterns if p is not None]
    met = {number for number, pattern in enumerate(own.patterns) if pattern is not None}
    assert len(patterns) > len(met) > 100
    some = 0
    for _ in range(300):
        data = "".join(made(pick.choice(patterns), pick) + pick.choice(" \n") for _ in range(4)).encode(
            "latin-1"
        )
        expected = {number: ends for number, ends in whole.hits(data).items() if number in met}
        assert own.hits(data) == expected
        some += bool(expected)
    assert some > 200


def test_an_own_gate_is_made_once_there_is_enough_to_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(parts, "_WORTH", 100)
    folder = tmp_path / "aspect-hardening" / "gates"
    text = b"call( secret=x\nanna:"
    gates = Gates(PATTERNS)
    gates.compile()
    assert gates.hits(text, PROGRAMS) == {0: [14], 2: [5]}
    assert len(list(folder.iterdir())) == 1
    for _ in range(5):
        assert gates.hits(text, PROGRAMS) == {0: [14], 2: [5]}
    assert len(list(folder.iterdir())) == 2
    assert gates.hits(text, JSON) == {0: [14]}
    assert gates.hits(text, WHOLE) == Gates(PATTERNS, engine="plain").hits(text, WHOLE) == {0: [14], 1: [20], 2: [5]}  # fmt: skip
    again = Gates(PATTERNS)
    assert again.hits(text, PROGRAMS) == {0: [14], 2: [5]}
    assert PROGRAMS in again._own  # it is kept, and read the first time


@pytest.mark.parametrize("name", ["htpasswd", "accounts.txt", "users.lst"])
def test_a_list_of_accounts_is_found(credentials: Credentials, plain: Credentials, name: str) -> None:
    found = list(credentials.check(member(f"etc/{name}", LIST), "b"))
    assert [f.location.line for f in found if isinstance(f.location, InFile)] == [1, 2]
    assert list(plain.check(member(f"etc/{name}", LIST), "b")) == found


@pytest.mark.parametrize("name", ["index.php", "labels.json"])
def test_no_program_and_no_json_is_such_a_list(
    credentials: Credentials, plain: Credentials, name: str
) -> None:
    assert list(credentials.check(member(f"www/{name}", LIST), "b")) == []
    assert list(plain.check(member(f"www/{name}", LIST), "b")) == []
