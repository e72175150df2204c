"""A sentence that is given up at one look tells nothing where it is read whole."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from bundle.detect.credentials import telling
from bundle.detect.credentials.catch import Catch
from bundle.detect.credentials.sentences import read

WORDS = st.sampled_from(
    "the a Password password pass pwd is of for user admin operator harbour account login default factory and / : = , ( ) . with uses Marble44gate don't letmein "
    "changeit secret `x9` <b>aspect</b> as it Kennwort lautet root: k&ouml;nig 4:5 v1.2.3 docs/a/b.html:7 security mot de passe".split()
)
WHOLE = re.compile(r"(?m)^(?P<secret>[^\n]{8,600})$")


@given(st.lists(WORDS, min_size=3, max_size=16).map(" ".join))
@settings(max_examples=500)
def test_what_is_given_up_tells_nothing(line: str) -> None:
    match = WHOLE.match(line)
    if match is None:
        return
    sentence = read(line)
    text = sentence.text
    if telling._hopeful(text):
        return
    assert all(
        telling._PAIR.search(text) is None
        or not telling._is_the_other(one[group], one, text, marked=group == "m")
        for one in telling._PAIR.finditer(text)
        for group in ("m" if one["m"] else "v",)
    )
    if telling._LABELLED.match(text) is None:
        for word in telling._NAMED.finditer(text):
            account = telling._account(text, *word.span())
            assert telling._told_here(Catch(0, 0, ""), match, sentence, word, account) is None
