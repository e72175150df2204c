"""A host's audit on its way through a playbook's result: what is told, in which order, and how it counts."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from hardening.findings import Confidence, Examined, Finding, InFile, Rule, Severity, Verdict
from hardening.host.playbook import HostReceipt, Receipt
from hardening.upgrade import audited, rules, verified
from hardening.waivers import Waiver

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RULE = Rule(id="component/x", title="X", severity=Severity.LOW, rationale="", remedy="", references=("r",))


def _row(place: str = "/x", severity: Severity = Severity.LOW, **more: bool) -> audited.Row:
    one = Finding(
        rule=RULE,
        subject="h",
        location=InFile((place,), 3),
        message="m",
        severity=severity,
        confidence=Confidence.LOW,
    )
    return audited.row(one, None, **{"new": False, "counts": False, "fails": False, **more})


def test_a_finding_comes_back_as_it_went() -> None:
    one = Finding(
        rule=RULE, subject="h", location=InFile(("a.zip", "x"), 3), message="m", evidence="e", remedy="r"
    )
    waiver = Waiver(
        rule="component/x", place="x", reason="why", owner="me", expires=date(2027, 1, 2), source="w.toml"
    )
    row = audited.row(one, waiver, new=True, counts=True, fails=True)
    (found,) = audited.findings("h", audited.summary([row]), back=True)
    assert (found.rule, found.location, found.evidence, found.remedy) == (RULE, one.location, "e", "r")
    assert found.message == "m (came with the upgrade)"
    assert found.waived is not None
    assert found.waived.expires == date(2027, 1, 2)


def test_those_that_fail_are_told_first_then_the_gravest_whichever_came_first() -> None:
    rows = [_row(f"/{n:04}") for n in range(audited.MOST_SHOWN)]
    last = [_row("/grave", Severity.HIGH), _row("/fails", fails=True)]
    said = audited.summary([*rows, *last])
    assert [audited.where(one) for one in said["rows"]][:3] == ["/fails:3", "/grave:3", "/0000:3"]
    assert (len(said["rows"]), said["found"], said["failing"]) == (
        audited.MOST_SHOWN,
        audited.MOST_SHOWN + 2,
        1,
    )


def test_of_a_host_that_was_led_back_only_what_failed_is_told() -> None:
    said = audited.summary([_row("/a"), _row("/b", fails=True)])
    assert [one.where for one in audited.findings("h", said, back=True)] == ["/b"]
    assert len(list(audited.findings("h", said, back=False))) == 2


@pytest.mark.parametrize(
    ("new", "before", "state"),
    [(True, False, " (came with the upgrade)"), (False, True, " (was there before)"), (False, False, "")],
)
def test_before_and_after_are_told_where_both_are_known(new: bool, before: bool, state: str) -> None:
    said = {**audited.summary([_row(new=new)]), **({"before": 1} if before else {})}
    assert [one.message for one in audited.findings("h", said, back=False)] == [f"m{state}"]


def test_the_sentence_names_three_and_counts_the_rest() -> None:
    said = {**audited.summary([_row()], gone=[["r", str(n)] for n in range(5)]), "before": 6}
    assert (
        audited.sentence(said) == "6 findings before, 1 after, 0 new; gone: r at 0, r at 1, r at 2 and 2 more"
    )
    planned = audited.summary([_row(fails=True)], planned=True)
    assert audited.sentence(planned) == "1 finding; have to be gone after the upgrade: component/x at /x:3"
    assert audited.sentence(audited.unknown("no room")) == "no room"
    many = audited.summary([_row() for _ in range(audited.MOST_SHOWN + 1)], planned=True)
    assert audited.sentence(many) == "201 findings (the 200 worst are shown)"


def _verified(audit: dict[str, Any], **task: Any) -> Any:
    tasks = [
        {"outcome": "ok", "result": {"state": "as-planned", **task}},
        {"outcome": "ok", "result": {"audit": audit}},
    ]
    return verified.judged(Receipt(code=0, hosts=(HostReceipt(host="h", tasks=tasks),), output=""), NOW)


def test_what_was_there_before_is_known_and_what_does_not_count_is_for_information() -> None:
    rows = [
        _row("/counts", Severity.HIGH, counts=True),
        _row("/new", Severity.HIGH, new=True),
        _row("/old", Severity.HIGH),
    ]
    run = _verified({**audited.summary(rows), "before": 1})
    assert {one.where: (one.level, one.known) for one in run.findings} == {
        "/counts": (Severity.HIGH, False), "/new": (Severity.INFO, False), "/old": (Severity.HIGH, True),
    }  # fmt: skip
    run = _verified({**audited.summary(rows), "unknown": "nobody looked"})
    assert [one.where for one in run.findings] == ["/counts"]


@pytest.mark.parametrize(
    ("more", "verdict", "examined"),
    [
        ({}, Verdict.PASS, Examined.FULL),
        ({"failing": 1}, Verdict.FAIL, Examined.FULL),
        ({"why": "no room"}, Verdict.INCONCLUSIVE, Examined.PARTIAL),
        ({"why": "not wanted", "skipped": True}, Verdict.SKIPPED, Examined.FULL),
        ({"partial": "one file"}, Verdict.PASS, Examined.PARTIAL),
    ],
)
def test_an_audit_that_was_not_made_is_no_pass(
    more: dict[str, Any], verdict: Verdict, examined: Examined
) -> None:
    run = _verified({**audited.summary([]), "before": 0, **more})
    assert [one.verdict for one in run.results if one.rule == rules.AUDITED] == [verdict]
    assert [one.examined for one in run.subjects] == [examined]


def test_a_host_that_could_not_be_reached_is_not_called_examined_in_part() -> None:
    tasks = [
        {"outcome": "unreachable", "result": {"msg": "gone"}},
        {"outcome": "ok", "result": {"audit": audited.unknown("x")}},
    ]
    run = verified.judged(Receipt(code=4, hosts=(HostReceipt(host="h", tasks=tasks),), output=""), NOW)
    assert [one.examined for one in run.subjects] == [Examined.NONE]
