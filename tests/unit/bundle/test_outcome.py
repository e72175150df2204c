"""A rule that was only noted has passed, but where what it notes is that something was not looked at."""

from __future__ import annotations

from bundle.audit.outcome import results
from bundle.walk.problem import RULES
from hardening.findings import Examined, Finding, InFile, Severity, Subject, SubjectKind, Verdict


def _verdict(reason: str, severity: Severity, examined: Examined) -> Verdict:
    rule = RULES[reason]
    found = Finding(rule=rule, subject="b", location=InFile(("b",)), message="m", severity=severity)
    (result,) = results([rule], [found], Subject(id="b", kind=SubjectKind.BUNDLE, examined=examined))
    return result.verdict


def test_what_was_left_out_is_no_pass_however_little_it_matters() -> None:
    assert _verdict("corrupt", Severity.HIGH, Examined.FULL) is Verdict.FAIL
    assert _verdict("corrupt", Severity.INFO, Examined.FULL) is Verdict.INCONCLUSIVE
    assert _verdict("duplicate-name", Severity.INFO, Examined.FULL) is Verdict.PASS
    assert _verdict("duplicate-name", Severity.INFO, Examined.PARTIAL) is Verdict.INCONCLUSIVE
