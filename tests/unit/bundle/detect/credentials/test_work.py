"""A text that is nothing but places of credentials costs a bounded amount of work, and is reported as partial."""

from __future__ import annotations

import pytest

from bundle.detect.credentials import Credentials
from bundle.detect.credentials.texts.work import FLOOR, Work, slices
from tests.support.bundle.detect.credentials.plant.members import member

TEXTS = {
    "places without a value": ("a.conf", "password=" * 120_000),
    "values": ("b.conf", "password=Zk3Qm8VxT1pq\n" * 50_000),
}


@pytest.mark.parametrize("name", TEXTS)
def test_what_is_left_out_is_reported(credentials: Credentials, name: str) -> None:
    path, text = TEXTS[name]
    first = list(credentials.check(member(path, text), "b.zip"))
    assert [one.rule.id for one in first].count("walk/limit-work") == 1
    again = list(credentials.check(member(path, text), "b.zip"))
    assert [one.fingerprint for one in first] == [one.fingerprint for one in again]  # no clock decides


def test_ordinary_texts_are_examined_whole(credentials: Credentials) -> None:
    text = "the quick brown fox\n" * 50_000 + "password=Zk3Qm8VxT1pq\n"
    (found,) = credentials.check(member("a.conf", text), "b.zip")
    assert found.rule.id == "credential/assignment"


def test_pieces_have_every_hit_once() -> None:
    data = b"x\n" * 20_000
    hits = {1: list(range(2, 30_000, 2)), 2: list(range(3, 30_000, 5))}
    pieces = list(slices(data, hits))
    assert len(pieces) > 2
    for key, ends in hits.items():
        assert [end for _, some in pieces for end in some.get(key, ())] == ends


def test_work_is_spent_once() -> None:
    work = Work(0)
    assert work.left == FLOOR
    work.spend(FLOOR + 1)
    assert work.is_spent
