"""Lists of words and forms that patterns are joined of."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bundle.detect.credentials.vocabulary import any_of, lists

CODE = sorted((Path(__file__).parents[5] / "bundle").rglob("*.py"))


def one_form_each(joined: str) -> int:
    """Return how many alternatives a pattern has outside its groups and sets."""
    bare = re.sub(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", "", joined)
    while "(" in bare:
        bare = re.sub(r"\([^()]*\)", "", bare)
    return bare.count("|") + 1


@pytest.mark.parametrize("words", lists())
def test_a_list_has_one_form_each_and_none_twice(words: str) -> None:
    forms = lists()[words]
    assert len(forms) == len(set(forms)) == one_form_each(any_of(words))
    assert [form for form in forms if len(form) > 200] == []
    for form in forms:
        re.compile(form)


def test_each_list_is_used() -> None:
    code = "".join(path.read_text() for path in CODE)
    assert set(re.findall(r"""any_of\(["']([^"']+)["']\)""", code)) == set(lists())


def test_no_line_of_code_is_over_200_characters() -> None:
    """A longer one is a list of words, which is data, or a pattern of several parts, which have names."""
    assert [
        (path.name, number)
        for path in CODE
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if len(line) > 200
    ] == []
