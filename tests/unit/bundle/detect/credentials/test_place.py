"""What one pass over the head of a text tells of its kind is what all patterns by themselves tell."""

from __future__ import annotations

import pytest

from bundle.detect.credentials.texts import place
from bundle.walk.member import Member


def kind(data: bytes) -> str:
    return place.of_content(Member(parts=("a",), kind="file", size=len(data), content=data))


@pytest.mark.parametrize(
    ("text", "explains"),
    [
        (b"# made by hand\nAGE-SECRET-KEY-1X\n", False),
        (b"user=quay\npassword=Quarry44x\n", False),
        (b"password=Quarry44x\nPut this into your file.\n", True),
        (b"Quarry44x\n" * 500, True),
        (b"", True),
    ],
)
def test_a_short_text_without_a_sentence_explains_nothing(text: bytes, explains: bool) -> None:
    assert place.is_documentation("srv/key.txt", place.PROSE, text) is explains
    assert place.is_documentation("srv/docs/key.txt", place.PROSE, text)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"hostname core\ninterface eth0\nwords\nwords\nwords", place.CONFIG),
        (b"== A title ==\nwords\n== Another ==\n= One more =", place.PROSE),
        (b"words\n.SH NAME\n.SH SYNOPSIS", place.PROSE),
        (b"a=b\nwords", place.CONFIG),
        (b"a=b\nwords\nwords", place.OTHER),
        (b"words\n  insert\tinto t", place.SQL),
        (b"words\n def a(b):", place.CODE),
        (b"words", place.OTHER),
        (b"", place.OTHER),
    ],
)
def test_kinds(data: bytes, said: str) -> None:
    assert kind(data) == said


def test_text_of_office_documents_is_for_people() -> None:
    one = Member(parts=("word/document.xml",), kind="file", size=1, content=b"x", derived="office-text")
    assert place.style(one) == place.PROSE
