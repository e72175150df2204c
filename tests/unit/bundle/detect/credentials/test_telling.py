"""A sentence that is given up at one look tells nothing where it is read whole."""

from __future__ import annotations

import re
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bundle.detect.credentials.judging.values import common, is_generated
from bundle.detect.credentials.prose import pairs, plainly, telling, words
from bundle.detect.credentials.prose.sentences import read
from bundle.detect.credentials.rules.catch import Catch

LEAD = st.sampled_from(
    ("", "The user ", "the account ", "Default login: ", "credentials: ", "Log in as ", "(accounts ", "of ")
)
ACCOUNT = st.sampled_from(("admin", "harbour", "operator", "user", "root", "`service`", "the", "guest"))
BETWEEN = st.sampled_from((" with ", " / ", ": ", " and ", ", ", " has the ", " uses ", " (", " "))
NAMED = st.sampled_from(
    (
        "password ",
        "pass ",
        "PIN ",
        "Kennwort ",
        "default password ",
        "password: ",
        "password is ",
        "password=",
        "",
    )
)
VALUE = st.sampled_from(
    ("Marble44gate", "letmein", "changeit", "secret", "`x9kQ2`", "<b>aspect</b>", "k&ouml;nig", "4:5", "v1.2.3", "docs/a/b.html:7", "don't", "security", "password", "Winter!", "stone-wall-gate", "access")
)  # fmt: skip
TAIL = st.sampled_from(
    ("", ".", " is asked for", " when asked for the password", ")", " for admin", " as the password")
)
LINE = st.tuples(LEAD, ACCOUNT, BETWEEN, NAMED, VALUE, TAIL).map("".join)
WHOLE = re.compile(r"(?m)^(?P<secret>[^\n]{8,600})$")


@given(LINE)
@settings(max_examples=1000)
def test_what_is_given_up_tells_nothing(line: str) -> None:
    match = WHOLE.match(line)
    if match is None:
        return
    sentence = read(line)
    text = sentence.text
    if words.hopeful(line):
        return
    assert all(
        not pairs._is_the_other(one[group], one, text, marked=group == "m", tight=True)
        for one in pairs._PAIR.finditer(text)
        for group in ("m" if one["m"] else "v",)
    )
    if telling._LABELLED.match(text) is None:
        for word in telling.NAMED.finditer(text):
            account = telling._account(text, *word.span())
            assert telling.told_here(Catch(0, 0, ""), match, sentence, word, account) is None


@settings(max_examples=400, deadline=None)
@given(st.text("abcdefghijklmnopqrstuvwxyzABCXYZQJ", min_size=1, max_size=24))
def test_a_word_of_letters_is_given_up_for_what_its_letters_make(word: str) -> None:
    small = word.lower()
    known = small in words.EVERYWHERE - {"user", "default"} or small in common()
    hope = is_generated(word) and not words.is_no_value(word)
    if not known:
        assert (words.may_be_one.__wrapped__(word) == words.HOPE) == hope


TOLD = (
    "The new password for feed is: {}", "The password of the user feed is {}", "User: feed, Pass: {}", "DB user feed, pw: {}", "Root password is {}", "The user name is feed and the password is {}",
     "Log in as feed with the password {}", "created user feed with password {}", "Das Passwort fuer den Benutzer feed lautet: {}", "The password for feed is now: {}",
     "Das Passwort f\u00fcr den Benutzer feed lautet: {}", "password \\fBfor feed\\fR is: {}", "*as* feed using pass {}", "\\fIuser feed\\fP , pw: {}", "le mot de passe des feed est : {}",
     "password di feed es   now  =   {}", "Kennwort f\u00fcr feed lautet: {}", "enter as feed using pass {}", "added user feed with a mot de passe {}", "`root` password is {}",
)  # fmt: skip
MARKED = ("{}", '"{}"', "'{}'", "`{}`", "**{}**", "<code>{}</code>", "<b>{}</b>", "_{}_")
ENDED = ("", ".", "!", ")", " .", "  ", ", which is weak.", ", as we know")


def test_no_line_is_given_up_that_tells_a_plain_word() -> None:
    plain = ("gravel", "Quarry", "required", "string")
    lines = [
        form.format(mark.format(word)) + end for form, mark, word, end in product(TOLD, MARKED, plain, ENDED)
    ]
    matches = [match for line in lines if (match := WHOLE.match(line))]
    catches = [Catch(0, len(match["secret"]), match["secret"]) for match in matches]
    found = [plainly.told(caught, match) for caught, match in zip(catches, matches, strict=True)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plainly, "_may_have_one", lambda _: True)
        patch.setattr(plainly, "_WHOSE", re.compile(""))
        assert found == [plainly.told(caught, match) for caught, match in zip(catches, matches, strict=True)]


END = st.lists(
    st.sampled_from(
        ("gravel", "is", "mot de passe", "password", ":", "=", ".", "!", "\t", " ", "  ", '"', "*", "_", "<b>", "</b >", '<a href="x y z v w">', "es", "now", "by")
    ),
    max_size=14,
).map("".join)  # fmt: skip


@settings(max_examples=2000, deadline=None)
@given(END)
def test_the_last_words_say_what_the_whole_line_does(line: str) -> None:
    whole = plainly._IN_MARKS.search(line) or plainly._AT_THE_END.search(line)
    assert plainly._may_have_one(line) or not whole


def test_plain_words_are_told() -> None:
    for mark in ("{}", '"{}"', "<code>{}</code>"):
        match = WHOLE.match("The new password for feed is: " + mark.format("gravel"))
        assert match is not None
        found = plainly.told(Catch(0, len(match["secret"]), match["secret"]), match)
        assert found is not None
        assert found.value == "gravel"
