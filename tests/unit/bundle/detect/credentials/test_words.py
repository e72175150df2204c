"""What the words of a line promise before it is read is no less than what it holds when it is read."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bundle.detect.credentials.judging import letters
from bundle.detect.credentials.prose import telling, words
from bundle.detect.credentials.prose.sentences import read
from bundle.detect.credentials.rules.catch import Catch


def hopeful(line: str) -> bool:
    """Return what a line says that is read word by word, whatever it promises."""
    text = read(line).text
    kinds = {words.may_be_one(word) for word in text.split()}
    return words.HOPE in kinds or (words.WEAK in kinds and words.TELLS.search(text) is not None)


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
