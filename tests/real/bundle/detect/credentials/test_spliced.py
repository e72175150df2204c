"""Literals that a program joins or fills into a format: each place in each way to write it, and the same with variables."""

from __future__ import annotations

import random

from bundle.detect.credentials import Credentials
from bundle.detect.credentials.statements import spliced
from bundle.detect.credentials.texts.textview import View
from hardening.findings import Confidence
from tests.support.bundle.detect.credentials.plant.members import member


def test_every_part_leads_back_to_where_it_stands() -> None:
    pick = random.Random(72)
    signs = [
        '"',
        "'",
        "`",
        " + ",
        " . ",
        "a",
        "b:",
        "://",
        "%s",
        "{0}",
        "${'q'}",
        "\n",
        ", ",
        "(",
        ")",
        "\\",
        " % ",
        ".format(",
    ]
    many = 0
    for _ in range(3000):
        data = "".join(pick.choice(signs) for _ in range(40)).encode()
        for line in spliced.made(View(data), range(1, len(data)), adjacent=True):
            many += 1
            assert all(line.data[begin:end] == data[at : at + end - begin] for begin, end, at in line.parts)
    assert many > 500


def test_quotes_without_an_end_are_read_for_a_bounded_time(credentials: Credentials) -> None:
    for piece in ('://a" + "', "\\'", 'password=%s "', "x://%s:%s@', "):
        assert not [
            f
            for f in credentials.check(member("a.py", piece * 20_000), "b")
            if f.confidence is Confidence.HIGH and f.rule.id.startswith("credential/")
        ]
