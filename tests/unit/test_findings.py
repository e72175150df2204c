"""The kernel as its users see it: order, numbering, fingerprints, exit codes."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardening.errors import PRECEDENCE, ExitCode, strongest
from hardening.findings import (
    Acceptance,
    Examined,
    Finding,
    InFile,
    OnWire,
    Result,
    Rule,
    Run,
    Severity,
    Subject,
    SubjectKind,
    Verdict,
    in_file,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
A = Rule(id="tls/a", title="a", severity=Severity.HIGH, rationale="why", remedy="do")
B = Rule(id="tls/b", title="b", severity=Severity.INFO, rationale="why", remedy="do")


def finding(rule: Rule = A, path: str = "f", line: int | None = 1, **more: object) -> Finding:
    return replace(
        Finding(rule=rule, subject="s", location=in_file(path, line), message="m"),
        **more,  # type: ignore[arg-type]  # the test names fields of Finding
    )


def run(*findings: Finding, examined: tuple[Examined, ...] = (Examined.FULL,), **more: object) -> Run:
    subjects = [Subject(id=str(n), kind=SubjectKind.FILE, examined=e) for n, e in enumerate(examined)]
    return replace(
        Run.of(subjects, findings, started=NOW, finished=NOW),
        **more,  # type: ignore[arg-type]  # the test names fields of Run
    )


def test_order_is_subject_rule_place_whatever_the_order_of_arrival() -> None:
    some = [
        finding(rule, path, line, subject=subject)
        for subject, rule, path, line in itertools.product("ts", (B, A), ("y", "x"), (None, 10, 2))
    ]
    expected = run(*some).findings
    assert [(f.subject, f.rule.id, f.where, f.location.line) for f in expected[:4]] == [  # type: ignore[union-attr]  # all in files
        ("s", "tls/a", "x", None),
        ("s", "tls/a", "x", 2),
        ("s", "tls/a", "x", 10),
        ("s", "tls/a", "y", None),
    ]
    for seed in range(20):
        random.Random(seed).shuffle(some)
        assert run(*some).findings == expected


def test_findings_that_differ_in_severity_or_policy_alone_keep_one_order() -> None:
    some = [finding(policies=(p,), severity=s) for p in "ab" for s in (Severity.LOW, Severity.HIGH)]
    expected = run(*some).findings
    assert run(*reversed(some)).findings == expected
    assert [f.level for f in expected] == [Severity.HIGH, Severity.HIGH, Severity.LOW, Severity.LOW]


def test_findings_of_one_line_stand_in_the_order_of_their_columns_and_results_of_one_rule_in_that_of_verdicts() -> (
    None
):
    some = [replace(finding(), location=in_file("f", 1, column)) for column in (9, None, 10)]
    results = [Result(rule=A, subject="s", verdict=v) for v in (Verdict.SKIPPED, Verdict.FAIL, Verdict.PASS)]
    made = Run.of([], some, results, started=NOW, finished=NOW)
    assert [f.location.column for f in made.findings] == [None, 9, 10]  # type: ignore[union-attr]  # all in files
    assert [str(r.verdict) for r in made.results] == ["fail", "pass", "skipped"]


def test_equal_findings_are_one_and_similar_ones_are_numbered() -> None:
    found = run(finding(line=1), finding(line=1), finding(line=9), finding(path="g")).findings
    assert [(f.where, f.ordinal) for f in found] == [("f", 0), ("f", 1), ("g", 0)]
    assert len({f.fingerprint for f in found}) == 3


def test_fingerprint_is_stable_and_ignores_line_and_message() -> None:
    one = finding(line=3, evidence="x = ****")
    assert one.fingerprint == "c03b658cbb545f100422c5857f10c029"
    assert finding(line=99, message="other", evidence="x = ****").fingerprint == one.fingerprint
    for other in (finding(B), finding(path="g"), finding(evidence="y"), finding(ordinal=1)):
        assert other.fingerprint != one.fingerprint


@given(st.text(), st.text())
def test_any_name_has_a_fingerprint(path: str, evidence: str) -> None:
    assert len(finding(path=path + "\udcff", evidence=evidence).fingerprint) == 32


def test_merging_a_run_with_itself_adds_no_finding() -> None:
    one = run(finding(line=1), finding(line=9))
    assert one.merged(one).findings == one.findings


def test_two_runs_together_begin_with_the_first_end_with_the_last_and_lose_no_code() -> None:
    early, late = NOW - timedelta(hours=1), NOW + timedelta(hours=1)
    one = run(finding(), extra_codes=frozenset({ExitCode.PENDING}), started=early)
    other = run(finding(line=2), extra_codes=frozenset({ExitCode.REFUSED}), finished=late)
    for both in (one.merged(other), other.merged(one)):
        assert (both.started, both.finished) == (early, late)
        assert both.extra_codes == {ExitCode.PENDING, ExitCode.REFUSED}
        assert len(both.findings) == 2


def test_places_advice_and_level() -> None:
    one = finding(remedy="mine", severity=Severity.LOW)
    assert (one.advice, one.level) == ("mine", Severity.LOW)
    assert (finding().advice, finding().level) == ("do", Severity.HIGH)
    assert InFile(("a.zip", "b.tar", "c")).path == "a.zip!/b.tar!/c"
    assert replace(one, location=OnWire("h:1")).where == "h:1"


WAIVED = Acceptance(reason="r", owner="o", expires=date(2027, 1, 1))
FULL, PART, NONE = Examined.FULL, Examined.PARTIAL, Examined.NONE


@pytest.mark.parametrize(
    ("findings", "examined", "extra", "code"),
    [
        ([], (FULL,), (), 0),
        ([], (), (), 3),
        ([], (NONE, NONE), (), 3),
        ([], (NONE, FULL), (), 4),
        ([], (PART,), (), 4),
        ([finding()], (PART, NONE), (), 10),
        ([finding()], (NONE,), (), 10),
        ([finding(B)], (FULL,), (), 0),
        ([finding(waived=WAIVED)], (FULL,), (), 0),
        ([finding(waived=WAIVED)], (PART,), (), 4),
        ([finding(known=True)], (FULL,), (), 0),
        ([finding(known=True), finding(line=2)], (FULL,), (), 10),
        ([finding()], (PART,), (ExitCode.REFUSED, ExitCode.PENDING), 11),
        ([], (PART,), (ExitCode.ROLLED_BACK,), 6),
        ([], (PART,), (ExitCode.HOSTS_FAILED, ExitCode.ROLLED_BACK), 7),
        ([], (FULL,), (ExitCode.PENDING,), 5),
        ([], (NONE,), (ExitCode.PENDING,), 3),
    ],
)
def test_exit_code(
    findings: list[Finding], examined: tuple[Examined, ...], extra: tuple[ExitCode, ...], code: int
) -> None:
    assert run(*findings, examined=examined, extra_codes=frozenset(extra)).exit_code() == code


def test_fail_on_never_turns_ten_into_zero_and_leaves_the_others() -> None:
    assert run(finding()).exit_code(None) == 0
    assert run(finding(), examined=(PART,)).exit_code(None) == 4
    assert run(finding(B)).exit_code(Severity.INFO) == 10


def test_a_pending_result_is_code_five() -> None:
    pending = Result(rule=A, subject="0", verdict=Verdict.PENDING)
    assert run(results=(pending,)).exit_code() == 5


def test_precedence_is_the_contracts_and_no_code_is_lost() -> None:
    assert [int(code) for code in PRECEDENCE] == [11, 10, 7, 6, 4, 3, 5]
    for first, second in itertools.combinations(PRECEDENCE, 2):
        assert strongest({second, first}) is first
    assert strongest(set()) is ExitCode.OK
    assert strongest({ExitCode.BUG, ExitCode.OK}) is ExitCode.BUG


def test_counts_name_every_severity() -> None:
    counts = run(finding(), finding(line=2, waived=WAIVED), finding(line=3, known=True)).counts()
    assert counts == {"info": 0, "low": 0, "medium": 0, "high": 1, "critical": 0, "waived": 1}
    assert set(counts) >= {s.label for s in Severity}
