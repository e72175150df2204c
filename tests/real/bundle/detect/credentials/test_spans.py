"""Documentation inside of sources, and comments over several lines: no line of theirs says what it is."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from bundle.detect.credentials.texts import spans

BLOCKS = {
    b"/*": re.compile(rb"^[ \t]*/\*.*?\*/", re.MULTILINE | re.DOTALL),
    b"/**": re.compile(rb"^[ \t]*/\*\*(?=\s).*?\*/", re.MULTILINE | re.DOTALL),
}


@settings(max_examples=3000, deadline=None, derandomize=True)
@given(
    st.lists(
        st.sampled_from((b"/*", b"/**", b"*/", b"/", b"*", b"\n", b" ", b"\t", b"x", b"\r\n")), max_size=16
    )
)
def test_comments_are_those_that_begin_a_line(pieces: list[bytes]) -> None:
    text = b"".join(pieces)
    for opening in (spans._BLOCK, spans._EXPLAINING):
        assert list(spans._blocks(text, opening)) == [m.span() for m in BLOCKS[opening].finditer(text)]


TRIPLE = re.compile(
    rb"""(?P<head>^[ \t]*(?:(?P<name>[A-Za-z_]\w*)[ \t]*=[ \t]*(?:[\w.]{1,30}\([ \t]*)?)?)?[rRuUbBfF]{0,2}(?P<q>\"{3}|'{3})""",
    re.MULTILINE,
)


def by_pattern(text: bytes) -> list[tuple[int, int]]:
    """What one pattern for it all finds, which takes many times as long."""
    found, at = [], 0
    while opened := TRIPLE.search(text, at):
        end = text.find(opened["q"], opened.end())
        if end < 0:
            break
        name = opened["name"]
        alone = opened["head"] is not None and name is None
        if (name and spans._TEXTS.match(name)) or (alone and spans._begins_a_body(text, opened.start())):
            found.append((opened.start(), end))
        at = end + len(opened["q"])
    return found


@settings(max_examples=5000, deadline=None, derandomize=True)
@given(
    st.lists(
        st.sampled_from(
            (b'"""', b"'''", b'"', b"'", b"\n", b"\n", b" ", b"\t", b"x", b"def a():", b":", b"#", b"r", b"rb", b"f", b"usage = ", b"DOC=_(", b"doc", b"x = ", b"=", b"(", b"# x\n")
        ),
        max_size=18,
    )
)  # fmt: skip
def test_texts_of_three_quotes_are_those_that_one_pattern_finds(pieces: list[bytes]) -> None:
    text = b"".join(pieces)
    assert list(spans._explained(text)) == by_pattern(text)
