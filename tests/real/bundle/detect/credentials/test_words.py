"""What the words of a line promise before it is read is no less than what it holds when it is read."""

from __future__ import annotations

import re

from hypothesis import example, given, settings
from hypothesis import strategies as st

from bundle.detect.credentials.prose import telling, words
from bundle.detect.credentials.prose.sentences import apart, read
from tests.unit.bundle.detect.credentials.test_words import hopeful

SAID = st.sampled_from(
    ("password", "pass", "secret", "Marble44gate", "letmein", "admin", "x9kQ2", "gravel", "shared", "mot", "de", "passe", "default", "log", "in", "login", "set", "to", "p\u00e4r", "d\xc3\xa9faut", "a\u00a8b", "Contrase\xc3\xb1a", "xqzkw", "v", "1", "echo", "pin", "CW", "nbsp", "\u00b7Pass", "is")
)  # fmt: skip


SIGN = st.sampled_from(
    (*"\"'`*_<>()[]{},;.:!?/\\|=&#@%$+-~ ", " ", " ", " ", " :", "...", "....", "*/", "-->", "--%>", "#}", "<b>", "</td>", '<a href="', '">', "&nbsp;", "&quot;", "\\fB", "\\f(CW", "\\fR", "\\fC", "\\-", "\t", "\xa0", "\x1f", "\x85")
)  # fmt: skip


LINE = st.lists(st.one_of(SAID, SIGN), max_size=16).map("".join)


@settings(max_examples=4000, deadline=None)
@given(LINE)
@example("x :Marble44gate")
@example("the Marble44gate--%>")
@example("the \\fBMarble44gate-->")
def test_no_word_of_a_line_is_another_where_it_stands_alone(line: str) -> None:
    alone = {word for letters in line.split() for word in apart(letters)}
    for word in read(line).text.split():
        assert word.strip("\u00ab\u00bb") in alone or not any(map(str.isalnum, word))


@settings(max_examples=3000, deadline=None)
@given(LINE)
def test_a_line_that_promises_nothing_is_not_hopeful(line: str) -> None:
    assert words.hopeful(line) == hopeful(line)


@settings(max_examples=3000, deadline=None)
@given(
    st.sampled_from(("", "x-", "the ", "`", "*", "\\fB", "un")),
    st.from_regex(words.TELLS, fullmatch=True),
    st.sampled_from(("", "-x", " x", "`", "_", "\\fR", "s")),
)
@example("", "login", "-name")
@example("", "sign in", "")
@example("", "par d\xc3\xa9faut", "")
def test_no_default_is_told_without_its_first_word(before: str, told: str, behind: str) -> None:
    line = f"{before}{told}{behind} pass"
    assert words.hopeful(line) == hopeful(line)


@settings(max_examples=3000, deadline=None)
@given(
    st.lists(st.one_of(SIGN, st.sampled_from(("echo", "1", "Default", "login", "Initial", "factory "))), max_size=6).map("".join),
    st.from_regex(re.compile(telling._WORDS, re.ASCII), fullmatch=True) | SAID,
    st.sampled_from(("", ": x", "</b>", "*", "s")),
)  # fmt: skip
@example("\\fB", "Password", "")
@example("\\fC", "Password", "")
@example("<b>", "mot  de passe", "")
@example("1. ", "shared\tsecret", "")
@example("", "pre-shared <b>secret", "</b>")
@example("default ", "defaultpassword", "")
def test_every_label_is_seen_before_it_is_read(lead: str, word: str, behind: str) -> None:
    line = f"{lead}{word}{behind}"
    assert telling._MAY_BE_LABELLED.match(line) or not telling._LABELLED.match(read(line).text)
