"""Tokens of published forms: each form is found, by both engines, with the service that issued it; one sign less is none."""

from __future__ import annotations

import random
import re

import pytest

from bundle.detect.credentials import Credentials
from bundle.detect.credentials.rules.families import Net, shipped
from bundle.walk.member import Member
from hardening.findings import Finding
from tests.support.bundle.detect.credentials.made_hits import made

FORMS = [
    n
    for f in shipped()
    if f.rule.id == "credential/service-token"
    for n in f.nets
    if n.check == "token" and n.service and "\\s" not in n.regex.pattern
]


def text(net: Net, seed: int) -> str:
    """Return a token of the form: as issuers draw them, of signs enough."""
    pick = random.Random(f"{net.service}{seed}")
    pattern = re.sub(r"\(\?<?!(?:[^()\\]|\\.)*\)", "", net.regex.pattern)
    while True:
        one = made(pattern, pick)
        if len(set(re.sub(r"[^A-Za-z0-9]", "", one)[-24:])) > 8 and not re.search(
            r"(?i)0{8}|xxxx|fake|dummy", one
        ):
            return one


def said(credentials: Credentials, line: str) -> list[Finding]:
    data = f"first = 1\nx('{line}')\n".encode()
    return list(
        credentials.check(Member(parts=("etc/a.conf",), kind="file", size=len(data), content=data), "b")
    )


@pytest.mark.parametrize("net", FORMS, ids=lambda n: n.service)
def test_each_form_is_found_and_its_service_named(
    credentials: Credentials, plain: Credentials, net: Net
) -> None:
    for seed in range(3):
        line = text(net, seed)
        found = said(credentials, line)
        assert [f.rule.id for f in found] == ["credential/service-token"], line
        assert net.service in found[0].message
        assert net.service in found[0].remedy
        assert found == said(plain, line)


def is_exact(net: Net) -> bool:
    """Whether every token of the form has as many signs: no range, and no part that may be missing."""
    form = re.sub(r"\(\?(?:P<secret>|:|<?!\[[^]]*\]\))", "(", net.regex.pattern)
    return "?" not in form.replace("\\?", "") and not re.search(r"\{\d+,", form)


EXACT = [n for n in FORMS if is_exact(n)]


@pytest.mark.parametrize("net", EXACT, ids=lambda n: n.service)
def test_a_form_with_one_sign_less_is_none(credentials: Credentials, net: Net) -> None:
    found = said(credentials, text(net, 7)[:-1])
    assert [f.message for f in found if net.service in f.message] == []


def test_there_are_many_forms_and_each_is_said_once() -> None:
    assert len({n.service for n in FORMS}) > 100
    assert len({n.regex.pattern for n in FORMS}) == len(FORMS)


@pytest.mark.parametrize(
    "line",
    [
        "AKIAIOSFODNN7EXAMPLE",
        "sk_live_xxxxxxxxxxxxxxxxxxxxxxxx",
        "aio_XXXX00XXXXXXXXXXXXXXXXXXXXXX",
        "hf_your",
        "dapi" + "0" * 32,
        "AKIAQ3EGA7MPLEKJ5Z",
    ],
)
def test_pictures_of_tokens_are_none(credentials: Credentials, line: str) -> None:
    assert said(credentials, line) == []
