"""A proof from outside is asked for until it holds or patience ends; what cannot be made is no proof."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from typing import Any

import pytest

from hardening.errors import InputError
from hardening.host.onhost_request import MARK
from hardening.host.plans.plan import Plan
from hardening.host.session import Session, summary, unproved, waits


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

    assert unproved(broken, 1) == ["the check from outside failed to run: no route to host"]


def test_where_nobody_proves_nothing_is_wrong() -> None:
    assert unproved(None, 8) == []


class Scripted(Session):
    """A host that answers as a test says."""

    def __init__(self, **answers: dict[str, Any]) -> None:
        super().__init__(execute=lambda _program: ("", ""))
        self.said = answers
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.reconnect = lambda: self.asked.append(("reconnect", {}))

    def ask(self, verb: str, **more: Any) -> dict[str, Any]:
        """Answer."""
        self.asked.append((verb, more))
        return self.said[verb]


def _applied(**answers: dict[str, Any]) -> Scripted:
    return Scripted(apply={"state": "applied", "tx": "7", "probes": ["old"]}, **answers)


def test_a_change_stands_once_it_is_proved_on_a_new_connection() -> None:
    host = _applied(confirm={"state": "committed"})
    done = host.carry_out(Plan(), prove=list)
    assert (done["state"], done["probes"]) == ("committed", ["old"])
    assert [verb for verb, _ in host.asked] == ["apply", "reconnect", "confirm"]
    assert host.asked[2][1] == {"id": "7"}
    assert host.asked[0][1]["plan"]["deadman"] == 120


def test_a_deadman_is_armed_where_somebody_proves_and_none_was_named() -> None:
    for plan, prove, armed in ((Plan(deadman=30), list, 30), (Plan(), None, None)):
        host = _applied(confirm={"state": "committed"})
        host.carry_out(plan, prove=prove)
        assert host.asked[0][1]["plan"].get("deadman") == armed


def test_a_server_that_was_left_stopped_is_not_asked_for_a_proof() -> None:
    """Nobody would answer, and the change of a service that was stopped on purpose would be undone."""
    for told, proofs in (([], 0), ([{"name": "nginx"}], 1)):
        asked: list[str] = []

        def prove(asked: list[str] = asked) -> list[str]:
            asked.append("once")
            return []

        host = Scripted(
            apply={"state": "applied", "tx": "7", "left_stopped": ["lighttpd"], "services": told},
            confirm={"state": "committed"},
        )
        done = host.carry_out(Plan(), prove=prove)
        assert (done["state"], len(asked)) == ("committed", proofs)
        assert [verb for verb, _ in host.asked] == ["apply", "reconnect", "confirm"]


@pytest.mark.parametrize(("state", "changed"), [("rolled-back", False), ("broken", True)])
def test_what_is_not_proved_is_undone_and_says_whether_it_is_back(state: str, changed: bool) -> None:
    host = _applied(rollback={"state": state})
    done = host.carry_out(Plan(), prove=lambda: ["TLSv1.0"])
    assert (done["state"], done["changed"], done["failed"]) == (state, changed, True)
    assert host.asked[-1] == ("rollback", {"id": "7", "why": "not proved: TLSv1.0"})


@pytest.mark.parametrize(("state", "changed"), [("rolled-back", False), ("broken", True)])
def test_a_confirmation_that_fails_is_a_failure(state: str, changed: bool) -> None:
    host = _applied(confirm={"failed": True, "state": state, "msg": "too late"})
    done = host.carry_out(Plan(), prove=list)
    assert (done["failed"], done["state"], done["changed"]) == (True, state, changed)


def test_what_was_not_applied_is_not_confirmed_and_a_look_changes_nothing() -> None:
    host = Scripted(apply={"state": "refused"}, check={"state": "would-change"})
    assert host.carry_out(Plan(), prove=list) == {"state": "refused"}
    assert host.carry_out(Plan(), check=True) == {"state": "would-change"}
    assert [verb for verb, _ in host.asked] == ["apply", "check"]


def test_facts_that_failed_are_no_facts() -> None:
    answer = json.dumps({"failed": True, "msg": "no"})
    host = Session(execute=lambda _program: (f"{MARK}{answer}\n", ""))
    assert host.ask("status") == {"failed": True, "msg": "no"}
    with pytest.raises(InputError, match="was not examined: no"):
        host.ask("facts")


def test_what_waits_for_a_restart_is_one_sentence() -> None:
    row = {"name": "engine", "configured": 7300, "running": [7226, 7227], "since": "noon", "by": "alice"}
    assert waits(row) == "engine: configured=7300 running=7226,7227 restart pending since noon by alice"
    assert waits({**row, "running": [], "by": ""}).endswith(
        "running=none restart pending since noon by an unknown person"
    )


def test_a_look_that_nobody_judged_says_so() -> None:
    """Only root shows a server files that are not placed yet: to everybody else the prediction looked as judged."""
    row = {"state": "would-change", "files": ["/etc/a.conf"], "not_staged": "no mount namespace"}
    said = "1 paths would change, which the servers' own checks did not test (no mount namespace)"
    assert summary(row) == said
    assert summary({**row, "not_staged": ""}) == "1 paths would change"
