"""Java sources: what their statements say, which is what the bytecode of the same classes says."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundle.detect.credentials.java import sources
from bundle.detect.credentials.java.tokens import tokens, unescaped
from bundle.detect.credentials.java.written import Literal
from hardening.findings import Confidence
from tests.support.bundle.detect.credentials.java_texts import HOLDS, HOLDS_NOT, WORD
from tests.support.bundle.detect.credentials.plant.members import Look

_NOT_IN_SOURCE = ("two joined words",)
"""What counts less in a source, where a text is told by what stands around it."""


@pytest.mark.parametrize("name", HOLDS)
def test_passwords_of_sources(look: Look, name: str) -> None:
    source = f"package p; import java.util.*;\n{HOLDS[name].replace('%s', WORD)}\n"
    found = [f for f in look("lib/X.java", source) if f.confidence >= Confidence.MEDIUM]
    assert bool(found) == (name not in _NOT_IN_SOURCE)


_ANYWAY = ("a column", "a prompt", "a field of another class")
"""What the patterns for all languages find, which know nothing of the rest of the source."""


@pytest.mark.parametrize("name", [name for name in HOLDS_NOT if name not in _ANYWAY])
def test_no_passwords_of_sources(look: Look, name: str) -> None:
    source = f"package p; import java.util.*;\n{HOLDS_NOT[name]}\n"
    assert not [f for f in look("lib/X.java", source) if f.confidence >= Confidence.MEDIUM]


def test_literals_have_their_places() -> None:
    text = 'class X { Object a() { return new FeedCred("feed", "Quay" + "#7714"); } }'
    ((_, given),) = [one for one in sources.said(text) if one[0] == "FeedCred"]
    value = given[1]
    assert isinstance(value, Literal)
    assert value == WORD
    assert text[value.start : value.end] == 'Quay" + "#7714'


@pytest.mark.parametrize(
    ("raw", "said"),
    [('"a\\tb"', "a\tb"), ('"\\u0041\\101\\\\"', "AA\\"), ("'x'", "x"), ('"""\n  a\n  b"""', "a\nb")],
)
def test_what_literals_say(raw: str, said: str) -> None:
    assert unescaped(raw) == said
    assert [one.text for one in tokens(f"/* a */ {raw} // b")] == [raw]


@given(
    st.lists(
        st.sampled_from(
            [*'(){}[]<>,;:?+.=!-"', "->", "::", "new ", "switch", "case ", "return ", "x", "Map", ".of(", '"a"', "'c'", "/*", '"""', "default ", "1"]
        ),
        max_size=120,
    )
)  # fmt: skip
def test_nothing_that_is_written_stops_the_reading(parts: list[str]) -> None:
    sources.said("".join(parts))


@pytest.mark.parametrize(
    "part",
    [
        "a(",
        "x = {",
        "new A<",
        "a ? b : ",
        "f(x -> {",
        "/*",
        '"""x',
        "(",
        'x = switch(a) { case "b" -> ',
        '"\\',
        "'\\",
    ],
)
def test_reading_takes_no_longer_for_what_is_made_for_it(part: str) -> None:
    begin = time.process_time()
    sources.said(part * 20_000)
    assert time.process_time() - begin < 5


def test_letters_with_escapes_that_nothing_closes_end() -> None:
    begin = time.process_time()
    sources.said("password = '" + "\\u0071" * 500)
    assert time.process_time() - begin < 5


def test_an_open_quote_takes_its_line_alone() -> None:
    found = [one.text for one in tokens('a = "b\nc = "d"; // it\'s\ne = \'f')]
    assert found == ["a", "=", "c", "=", '"d"', ";", "e", "="]
