"""What a policy says of an offer, rule by rule: what is broken wins over doubt, doubt over what was not seen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hardening.findings import OnWire, Severity, Verdict
from hardening.tls.judging import rules
from hardening.tls.judging.facts import Fact
from hardening.tls.judging.ledger import Ledger
from hardening.tls.policies.requirement import Level, PolicyRule, RuleKind
from hardening.tls.policy import load

POLICY = load("aspect")
BINDING = next(r for r in POLICY.rules if r.binding and r.kind is RuleKind.AUTOMATED and r.is_verified)


def a_fact(name: str) -> Fact:
    at = OnWire("127.0.0.1:443")
    return Fact(
        rule=rules.SUITE,
        at=at,
        evidence=name,
        message=f"{name} is offered",
        severity=Severity.HIGH,
        remedy="",
    )


def ledger(**change: Any) -> tuple[Ledger, PolicyRule]:
    """Return the ledger of a policy that has one rule."""
    rule = replace(BINDING, **change)
    return Ledger(replace(POLICY, rules=(rule,))), rule


def message(one: Ledger) -> tuple[Verdict, str]:
    (result,) = one.results("here")
    return result.verdict, result.reason


def test_each_note_weighs_more_than_the_ones_before_it() -> None:
    one, rule = ledger()
    assert message(one) == (Verdict.NOT_APPLICABLE, "nothing it applies to")
    one.passes_over(rule, "no group is used")
    assert message(one) == (Verdict.NOT_APPLICABLE, "no group is used")
    one.looks(rule)
    assert message(one) == (Verdict.PASS, "")
    one.misses(rule, "no certificate was seen")
    assert message(one) == (Verdict.SKIPPED, "no certificate was seen")
    one.doubts([rule], "TLSv1.0")
    assert message(one) == (Verdict.INCONCLUSIVE, "not settled: TLSv1.0")
    one.breaks([rule], a_fact("RC4"))
    assert message(one) == (Verdict.FAIL, "RC4 is offered")


def test_what_no_program_checks_stays_for_a_person_whatever_was_noted() -> None:
    one, rule = ledger(kind=RuleKind.MANUAL)
    one.breaks([rule], a_fact("RC4"))
    assert message(one)[0] is Verdict.MANUAL


def test_a_rule_whose_text_nobody_compared_says_so_where_it_passes() -> None:
    one, rule = ledger(verified="memory")
    one.looks(rule)
    assert message(one) == (Verdict.PASS, "rule text not verified against the source (memory)")


@pytest.mark.parametrize(
    ("count", "end"), [(5, "N4 is offered"), (6, "N4 is offered; and 1 more"), (9, "; and 4 more")]
)
def test_five_things_are_spelled_out_and_the_rest_is_counted(count: int, end: str) -> None:
    one, rule = ledger()
    for number in range(count):
        one.breaks([rule], a_fact(f"N{number}"))
    assert message(one)[1].endswith(end)
    assert message(one)[1].count(" is offered") == 5


def test_a_result_names_what_it_rests_on_once() -> None:
    one, rule = ledger()
    for name in ("RC4", "3DES", "RC4"):
        one.breaks([rule], a_fact(name))
    (result,) = one.results("here")
    assert result.because == (("tls/suite", "RC4"), ("tls/suite", "3DES"))
    assert [(fact.evidence, str(why)) for fact, why in one.reasons()] == [
        (name, f"aspect {rule.section} ({rule.level})") for name in ("RC4", "3DES", "RC4")
    ]


@pytest.mark.parametrize(
    ("level", "broken", "doubted", "verdict"),
    [
        (Level.MUST, False, False, "pass"),
        (Level.MUST, False, True, "unknown"),
        (Level.SHOULD, True, False, "fail"),
        (Level.MUST, True, True, "fail"),
        (Level.ADVICE, True, True, "pass"),
    ],
)
def test_only_a_binding_rule_decides(level: Level, *, broken: bool, doubted: bool, verdict: str) -> None:
    one, rule = ledger(level=level)
    if broken:
        one.breaks([rule], a_fact("RC4"))
    if doubted:
        one.doubts([rule], "TLSv1.0")
        one.doubts([rule], "TLSv1.0")
    assert one.verdict() == verdict
    assert one.doubted() == ({"TLSv1.0"} if doubted and level is not Level.ADVICE else set())
    assert one.unsettled.get(rule.id, []) == ["TLSv1.0"] * doubted
