"""What the words of a line promise before it is read is no less than what it holds when it is read."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bundle.detect.credentials.judging import letters
from bundle.detect.credentials.prose import telling, words
from bundle.detect.credentials.prose.sentences import apart, read
from bundle.detect.credentials.rules.catch import Catch

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


def hopeful(line: str) -> bool:
    """Return what a line says that is read word by word, whatever it promises."""
    text = read(line).text
    kinds = {words.may_be_one(word) for word in text.split()}
    return words.HOPE in kinds or (words.WEAK in kinds and words.TELLS.search(text) is not None)


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


WHOLE = re.compile(r"(?m)^(?P<secret>[^\n]{8,600})$")
BELOW = st.sampled_from(("", "\nMarble44gate", "\n\n  > `letmein`.\n", "\nand so on", "\nMarble44gate or so"))
TOLD = st.sampled_from(
    ("Log in as admin with the password ", "The admin password is ", "Password: ", "- Root password: ", "the default password ", "words of ", "<b>Login</b> admin, <b>pass</b> ", "\\fBpin\\fR is ", "user root, its kennwort lautet ", "Now type the default kennwort ")
)  # fmt: skip
VALUE = st.sampled_from(
    ("Marble44gate", "letmein", "`secret`", "password", "", "gravel", "*x9kQ2*", "asked for :")
)


@settings(max_examples=800, deadline=None)
@given(TOLD, VALUE, BELOW)
def test_no_sentence_is_given_up_that_tells(told: str, value: str, below: str) -> None:
    match = WHOLE.match(f"{told}{value}{below}")
    if match is None:
        return
    caught = Catch(0, len(match["secret"]), match["secret"])
    found = telling.told_in_a_sentence(caught, match)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(telling, "hopeful", hopeful)
        patch.setattr(telling, "_MAY_BE_LABELLED", re.compile(""))
        assert telling.told_in_a_sentence(caught, match) == found


def test_a_sentence_without_hope_asks_for_the_next_line() -> None:
    match = WHOLE.match("Now type the default kennwort\nMarble44gate")
    assert match is not None
    found = telling.told_in_a_sentence(Catch(0, len(match["secret"]), match["secret"]), match)
    assert found is not None
    assert found.value == "Marble44gate"


@given(st.text("aeinrstxqzkw-1ABC ", max_size=14))
def test_letters_are_strange_where_half_of_their_triples_are(text: str) -> None:
    triples = [
        run[i : i + 3]
        for run in re.findall("[a-z]+", text.lower())
        if len(run) > 4
        for i in range(len(run) - 2)
    ]
    strange = [triple for triple in triples if triple not in letters._known()]
    assert letters.is_gibberish(text) == (bool(triples) and 2 * len(strange) >= len(triples))
