"""The first look at a file's name says no of no name that the patterns meet."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bundle.detect.credentials.rules.families import shipped
from bundle.detect.credentials.texts.filenames import FileNames

SHIPPED = [n.files.pattern for f in shipped() for n in f.nets if n.files is not None]
WHOLE = re.compile("|".join(f"(?:{one})" for one in SHIPPED), re.IGNORECASE)
PIECES = ["psk", "users", "passwd", "-", "_", ".", "secrets", "jmxremote", "txt", "conf", "x", "é", "K", "\n", "AUTH", "realm"]  # fmt: skip
NAMES = FileNames(SHIPPED, few=0)


@given(st.lists(st.sampled_from(PIECES), max_size=7).map("".join) | st.text(max_size=20))
@example("tomcat-Users.PROPERTIES")
@example("usérs.txt")
@example("\u017fecrets")  # `re` counts a long s as an s where case does not matter
def test_what_the_patterns_meet_is_met(name: str) -> None:
    assert NAMES.meet(name) is (WHOLE.search(name) is not None)


@pytest.mark.parametrize("engine", ["auto", "plain"])
def test_no_pattern_is_in_no_name(engine: str) -> None:
    assert not FileNames((), engine=engine).meet("passwd")


def test_what_the_first_look_cannot_be_asked_is_asked_of_the_second() -> None:
    names = FileNames([r"^(a)?(?(1)b|c)\.txt$"], few=0)
    assert names.meet("AB.txt")
    assert names.meet("c.txt")
    assert not names.meet("a.txt")
