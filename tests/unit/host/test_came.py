"""What a host came to by its receipt, and who is rolled back, without a playbook."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from hardening.errors import ExitCode, UsageError
from hardening.findings import Examined, Verdict
from hardening.host import fleet, playbook
from hardening.host.fleet import HostOutcome
from hardening.host.playbook import HostReceipt, Receipt

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DONE = {"state": "committed", "changed": True, "tx": "1"}


def _host(*answers: Mapping[str, object], name: str = "h") -> HostReceipt:
    rows = [{"outcome": "failed" if a.get("failed") else "ok", "result": a} for a in answers]
    return HostReceipt(host=name, tasks=rows)


def _no(state: str) -> dict[str, object]:
    return {"failed": True, "state": state, "msg": "no"}


@pytest.mark.parametrize(
    ("answers", "state", "made"),
    [
        ([DONE, {**DONE, "tx": "2"}], "committed", ("1", "2")),
        ([DONE, {**DONE, "changed": False, "tx": "0"}], "committed", ("1",)),
        ([DONE, {**DONE, "state": "would-change", "tx": "0"}], "committed", ("1",)),
        ([{"state": "unchanged"}], "current", ()),
        ([DONE, _no("refused")], "kept", ("1",)),
        ([_no("rolled-back")], "rolled-back", ()),
        ([_no("refused")], "refused", ()),
        ([{"state": "unchanged"}, _no("refused")], "refused", ()),
        ([_no("refused"), _no("rolled-back")], "rolled-back", ()),
        ([{**_no("rolled-back"), "owed": {"services": ["httpd"]}}], "broken", ()),
        ([_no("refused"), _no("broken")], "broken", ()),
        ([_no("refused"), {"failed": True, "msg": "no answer"}], "unknown", ()),
        ([], "untouched", ()),
        ([{"results": [DONE, {**_no("refused")}]}], "kept", ("1",)),
    ],
)
def test_the_answers_of_a_host_say_its_state(
    answers: list[dict[str, object]], state: str, made: tuple[str, ...]
) -> None:
    found = fleet.outcome_of(_host(*answers))
    assert (found.state, found.made) == (state, made)


def test_only_a_host_that_was_asked_nothing_of_is_told_so() -> None:
    assert fleet.outcome_of(_host()).why == ()
    (why,) = fleet.outcome_of(_host({"skipped": True})).why
    assert "asks for nothing on this host" in why


def test_an_engine_waits_where_it_says_so() -> None:
    engines = [{"engine": {"line": f"engine {n}", "restart_pending": n == 2}} for n in (1, 2)]
    assert fleet.outcome_of(_host(DONE, *engines)).pending == ("engine 2",)


def test_a_host_that_refused_is_as_before_and_was_not_led_back() -> None:
    """It was said to be `rolled-back`, by transactions that were undone; there were none."""
    run = fleet.judged([fleet.outcome_of(_host(_no("refused")))], NOW)
    assert (run.subjects[0].stats["state"], run.extra_codes) == (
        "refused",
        frozenset({ExitCode.ROLLED_BACK}),
    )
    assert [(one.rule.id, one.message) for one in run.findings] == [("host/refused", "no")]


def test_a_service_that_was_left_stopped_is_told_of() -> None:
    one = fleet.outcome_of(_host({**DONE, "left_stopped": ["lighttpd"]}))
    assert (one.state, one.stopped) == ("committed", ("lighttpd does not run and stays stopped",))
    run = fleet.judged([one], NOW)
    assert [(row.rule.id, row.verdict) for row in run.results] == [
        ("host/applied", Verdict.PASS), ("host/left-stopped", Verdict.SKIPPED),
    ]  # fmt: skip
    assert run.extra_codes == frozenset()
    undone = fleet.after(one, _undo({"id": "1", "state": "rolled-back"}), "x failed")
    assert undone.stopped == ()
    assert fleet.outcome_of(_host({**_no("rolled-back"), "left_stopped": ["lighttpd"]})).stopped == ()


def test_every_host_that_was_meant_is_told_of_once() -> None:
    receipt = Receipt(code=2, hosts=(_host(DONE, name="b"),), output="", meant=("c", "b", "a"))
    assert [(one.host, one.state, one.asked) for one in fleet.outcomes_of(receipt)] == [
        ("a", "untouched", False), ("b", "committed", True), ("c", "untouched", False),
    ]  # fmt: skip


def test_a_sentence_names_three_and_counts_the_rest() -> None:
    assert fleet.names(["a", "b", "c"]) == "a, b, c"
    assert fleet.names(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"


def _undo(*rows: dict[str, object]) -> HostReceipt:
    return _host({"transactions": list(rows)})


@pytest.mark.parametrize(
    ("undo", "state"),
    [
        (_undo({"id": "1", "state": "rolled-back"}), "rolled-back"),
        (_undo({"id": "1", "state": "rolled-back", "owed": {"services": ["httpd"]}}), "broken"),
        (_undo({"id": "1", "state": "committed"}), "kept"),
        (_undo({"id": "1", "state": "rolled-back"}, {"id": "9", "state": "open"}), "unfinished"),
        (_undo({"id": "9", "state": "applied", "left": 60}), "unfinished"),
        (_host({"failed": True, "msg": "no"}), "kept"),
        (None, "kept"),
    ],
)
def test_the_undo_says_what_a_changed_host_is(undo: HostReceipt | None, state: str) -> None:
    one = HostOutcome(host="h", state="committed", made=("1",), pending=("engine",))
    found = fleet.after(one, undo, "x failed")
    assert found.state == state
    assert found.pending == (() if state == "rolled-back" else ("engine",))


def test_what_a_cut_connection_left_is_told_with_its_end() -> None:
    """It was called broken, with the advice to free a full disk; the host undoes it when nobody confirms."""
    one = HostOutcome(host="h", state="unknown", why=("no answer",))
    found = fleet.after(one, _undo({"id": "9", "state": "applied", "left": 60}), "x failed")
    assert found.why[1] == (
        "transaction 9 waits for its confirmation; unless it is confirmed, the host undoes it within 61 seconds"
    )
    run = fleet.judged([found], NOW)
    assert ExitCode.HOSTS_FAILED in run.extra_codes


def test_a_reason_is_told_once() -> None:
    one = HostOutcome(host="h", state="unreachable", why=("the host cannot be reached",))
    undo = HostReceipt(host="h", tasks=[{"outcome": "unreachable", "result": {}}])
    assert fleet.after(one, undo, "x failed").why == ("the host cannot be reached",)


def test_a_host_that_was_led_back_says_what_was_undone() -> None:
    one = HostOutcome(host="h", state="kept", why=("nginx: refused, nothing was changed",), made=("1",))
    found = fleet.after(one, _undo({"id": "1", "state": "undone"}), "x failed")
    assert (found.state, found.why[1]) == ("rolled-back", "earlier changes of this run are undone: 1")


@pytest.mark.parametrize("state", ["broken", "unknown", "unreachable"])
def test_a_host_of_which_less_is_known_than_kept_is_not_called_so(state: str) -> None:
    assert fleet.after(HostOutcome(host="h", state=state), None, "x failed").state == state


def test_those_are_led_back_that_were_changed_or_do_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Mapping[str, Mapping[str, Any]]] = []

    def lead_back(wanted: Mapping[str, Mapping[str, Any]], **_: object) -> Receipt:
        asked.append(wanted)
        hosts = tuple(_host({"transactions": [{"id": "1", "state": "rolled-back"}]}, name=n) for n in wanted)
        return Receipt(code=0, hosts=hosts, output="")

    monkeypatch.setattr(fleet, "lead_back", lead_back)
    how: dict[str, Any] = {"inventory": None, "limit": None, "flags": ()}
    well = [HostOutcome(host="a", state="committed", made=("1",)), HostOutcome(host="b", state="untouched")]
    assert fleet.undone(well, **how) == well
    alone = [HostOutcome(host="a", state="rolled-back"), HostOutcome(host="b", state="untouched")]
    assert fleet.undone(alone, **how) == alone
    assert asked == []
    found = fleet.undone(
        [*well, HostOutcome(host="c", state="unknown"), HostOutcome(host="d", state="rolled-back")], **how
    )
    assert {one.host: one.state for one in found} == {
        "a": "rolled-back", "b": "untouched", "c": "rolled-back", "d": "rolled-back",
    }  # fmt: skip
    why = "c, d failed"
    assert asked == [{"a": {"transactions": ["1"], "why": why}, "c": {"transactions": [], "why": why}}]


def test_a_way_back_that_cannot_begin_has_no_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(_name: str, **how: Any) -> Receipt:
        assert how["variables"] == {"x": 1, "harden_undo": {"a": {}}}
        raise UsageError("no such inventory")

    monkeypatch.setattr(playbook, "run", run)
    assert fleet.lead_back({"a": {}}, variables={"x": 1}) == Receipt(
        code=1, hosts=(), output="no such inventory"
    )


def test_what_was_not_asked_was_not_examined_and_pending_is_told() -> None:
    hosts = [
        HostOutcome(host="a", state="committed", pending=("engine",)),
        HostOutcome(host="b", state="untouched", asked=False),
        HostOutcome(host="c", state="untouched"),
        HostOutcome(host="d", state="unknown"),
    ]
    run = fleet.judged(hosts, NOW)
    assert [one.examined is Examined.FULL for one in run.subjects] == [True, False, True, False]
    assert {one.verdict for one in run.results if one.subject == "a"} == {Verdict.PASS, Verdict.PENDING}
    assert ExitCode.HOSTS_FAILED in run.extra_codes
    idle = fleet.judged(hosts[2:3], NOW)
    assert [one.examined for one in idle.subjects] == [Examined.NONE]
