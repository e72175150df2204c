"""A proof from outside is asked for until it holds or patience ends; what cannot be made is no proof."""

from __future__ import annotations

import time
from collections.abc import Iterable

import pytest

from hardening.host.session import unproved


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that goes on by what is slept."""
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    return now


def test_a_proof_may_hold_late(clock: list[float]) -> None:
    said = iter((["old workers"], ["old workers"], []))
    between: list[float] = []
    assert unproved(lambda: next(said), 8, lambda: between.append(clock[0])) == []
    assert between == [0.0, 0.5]


def test_what_is_wrong_at_the_end_is_returned(clock: list[float]) -> None:
    assert unproved(lambda: ["TLSv1.0 is offered"], 8) == ["TLSv1.0 is offered"]
    assert clock[0] == 8.5


def test_a_proof_that_cannot_be_made_is_none() -> None:
    def broken() -> Iterable[str]:
        raise OSError("no route to host")

    assert unproved(broken, 1) == ["the proof could not be made: no route to host"]


def test_where_nobody_proves_nothing_is_wrong() -> None:
    assert unproved(None, 8) == []
