"""A hit that is dismissed at one look is one of which the whole reading says nothing either."""

from __future__ import annotations

import itertools

import pytest

from bundle.detect.credentials.rules.pattern_gate import PatternGate
from bundle.detect.credentials.statements import assign, dismissed
from bundle.detect.credentials.texts import place
from bundle.detect.credentials.texts.textview import View
from tests.support.places import DATA

CLASSES = DATA / "bundle/credentials/classes.txt"
KINDS = (place.CODE, place.CONFIG, place.SHELL, place.OTHER, place.MARKUP, place.SQL)
GATE = PatternGate([assign.GATE])


def said(data: bytes, kind: str) -> list[object]:
    return list(assign.catches(View(data), GATE.hits(data).get(0, []), kind))


def whole(data: bytes, kind: str) -> list[object]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(assign, "dismissed", lambda *_: None)
        return said(data, kind)


MEMBERS = ("KIND", "PASSWORD", "Secret", "PASSWORD[0]", "password()")
BEHIND = (
    ", 'Kx7#pQ2z!');\n", ",\n 'Kx7#pQ2z!',\n", ", password = 'Kx7#pQ2z!'", " | PASSWORD = 'Kx7#pQ2z!'", "; password = 'Kx7#pQ2z!'", " = 'Kx7#pQ2z!'", " , : 'Kx7#pQ2z!'", "::PASSWORD = 'Kx7#pQ2z!'", ",\n 'x' => Pass::PASSWORD, 'Kx7#pQ2z!'", "; 'Kx7#pQ2z!'",
)  # fmt: skip


@pytest.mark.parametrize("front", ["", "put(", "'x' => ", "x = ", "a | ", "{'", "define(x => ", "$", "a::"])
@pytest.mark.parametrize("name", ["Token", "TOKEN", "Password", "$secret", "api_key", "Pass-word"])
@pytest.mark.parametrize("kind", [place.CODE, place.CONFIG])
def test_members_of_a_class_that_are_dismissed_are_nothing(front: str, name: str, kind: str) -> None:
    for member, behind in itertools.product(MEMBERS, BEHIND):
        data = f"\n{front}{name}::{member}{behind}\n".encode()
        assert said(data, kind) == whole(data, kind), data


@pytest.mark.parametrize("kind", KINDS)
def test_every_class_of_find_is_still_read(kind: str) -> None:
    for line in CLASSES.read_bytes().splitlines():
        text = line.replace(rb"\n", b"\n").replace(rb"\t", b"\t").replace(b"{secret}", b"Kx7pQ2zL9w")
        assert said(text, kind) == whole(text, kind), text


def test_most_names_of_programs_are_dismissed() -> None:
    text = (
        b'x = [{ token: "comment.line",\n next: 1 }, { defaultToken: "string" }]\n'
        b"  $lang['passexpire'] = 'x';\n  'password' => 1,\n"
        b"  'a' => Token::KEYWORD,\n  'b' => Token::KEYWORD | Token::WORD,\n"
    )
    ends = GATE.hits(text)[0]
    position = 0
    for at in ends:
        if at > position:
            further = dismissed.dismissed(text, position, at, place.CODE)
            assert further is not None, text[:at]
            position = further
