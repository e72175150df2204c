"""The cases of a JUnit suite: one a result, and one a finding that no failed result rests on."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from hardening.findings import Examined, Finding, Result, Severity, Subject, Verdict
from hardening.reports.index import place
from hardening.reports.plain import visible

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_JUDGED = frozenset({Verdict.FAIL, Verdict.ADVICE, Verdict.WAIVED})
_UNSETTLED = frozenset({Verdict.INCONCLUSIVE, Verdict.PENDING, Verdict.ERROR})
"""Verdicts that may not look green to a CI server."""
_WORDS = {
    Verdict.FAIL: "does not fail this run",
    Verdict.ADVICE: "advice, does not fail this run",
}


def xml_text(text: str) -> str:
    """What XML 1.0 may hold, with what steers a reader shown as its escape."""
    return _FORBIDDEN.sub("\ufffd", visible(text))


def cases_of(
    subject: Subject,
    findings: list[Finding],
    results: list[Result],
    fail_on: Severity | None,
    *,
    failed: bool,
) -> list[ET.Element]:
    """Return a subject's cases."""
    judged = [result for result in results if result.verdict in _JUDGED]
    covered = {finding for finding in findings if any(result.rests_on(finding) for result in judged)}
    cases = []
    if subject.examined is not Examined.FULL:
        reason = subject.reason or "no reason was given"
        same = [
            one for one in results if one.verdict is Verdict.INCONCLUSIVE and one.reason == subject.reason
        ]
        results = [one for one in results if one not in same]
        rules = [f"inconclusive for this reason: {len(same)} rules", *(f"  {one.rule.id}" for one in same)]
        cases.append(case_of("walk/examined", "examined in full"))
        body = [reason, *(rules if same else ())]
        add_problem(cases[-1], "error", reason, f"examined-{subject.examined.value}", body)
    for result in results:
        behind = [finding for finding in findings if result.rests_on(finding)]
        cases.append(_result(result, behind, fail_on, failed=failed))
    cases += [_finding(finding, fail_on) for finding in findings if finding not in covered]
    return cases


def case_of(rule: str, name: str) -> ET.Element:
    """A case; its class name groups a family of rules in a CI server's view."""
    family = f"harden.{xml_text(rule.partition('/')[0])}"
    return ET.Element("testcase", name=xml_text(f"{rule}: {name}"), classname=family, time="0")


def add_problem(case: ET.Element, tag: str, message: str, kind: str, body: list[str]) -> None:
    """Make a case red: `tag` is failure or error."""
    ET.SubElement(case, tag, message=xml_text(message), type=xml_text(kind)).text = "\n".join(
        map(xml_text, body)
    )


def _fails(finding: Finding, fail_on: Severity | None) -> bool:
    return finding.counts and fail_on is not None and finding.level >= fail_on


def _tell(finding: Finding) -> list[str]:
    lines = [f"{finding.level.label}: {finding.message}", f"  at {place(finding)}"]
    lines += [f"  found: {finding.evidence}"] if finding.evidence else []
    lines += [f"  under: {', '.join(finding.policies)}"] if finding.policies else []
    return lines + ([f"  remedy: {finding.advice}"] if finding.advice else [])


def _result(result: Result, findings: list[Finding], fail_on: Severity | None, *, failed: bool) -> ET.Element:
    failing = [finding for finding in findings if _fails(finding, fail_on)]
    name, rule = result.rule.title, result.rule
    case = case_of(rule.id, name)
    if (result.verdict is Verdict.FAIL and (failing or failed or not findings)) or (
        result.verdict is Verdict.ADVICE and failing  # --fail-on low or info asks for it
    ):
        shown = failing or (findings if failed else [])
        body = [line for finding in shown for line in _tell(finding)] or [rule.remedy]
        level = max((finding.level for finding in failing), default=rule.severity)
        add_problem(case, "failure", result.reason or name, level.label, body)
    elif result.verdict in _UNSETTLED:
        add_problem(case, "error", result.reason or name, result.verdict.value, [result.reason])
    elif result.verdict is not Verdict.PASS:
        word = _WORDS.get(result.verdict, result.verdict.value)
        case = case_of(rule.id, f"{name} [{word}{': ' if result.reason else ''}{result.reason}]")
    return case


def _finding(finding: Finding, fail_on: Severity | None) -> ET.Element:
    name = f"{place(finding)} {finding.fingerprint[:8]}"
    if _fails(finding, fail_on):
        case = case_of(finding.rule.id, name)
        add_problem(case, "failure", finding.message, finding.level.label, _tell(finding))
        return case
    word = f"waived: {finding.waived.reason}" if finding.waived else finding.level.label
    return case_of(
        finding.rule.id,
        f"{name} [{'known' if finding.known else finding.left_out or word}] {finding.message}",
    )
