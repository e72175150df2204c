"""JUnit XML that both common schemas accept: one suite a subject, one case a result, findings as failures.

The two schemas disagree, so only what both allow is written: `testsuites` without attributes, properties
never empty, `system-out` and `system-err` at the end of a suite, and nothing in a case but one failure or
error. A verdict that is neither a pass nor a failure therefore stands in the case's name, in brackets.
"""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import UTC
from xml.etree import ElementTree as ET

from hardening.errors import ExitCode
from hardening.findings import Examined, Finding, Kind, Result, Run, Severity, Subject, Verdict
from hardening.reports import How
from hardening.reports.index import same_as
from hardening.reports.plain import visible
from hardening.reports.text_findings import place
from hardening.reports.verdict import looked_at

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_JUDGED = frozenset({Verdict.FAIL, Verdict.WAIVED})
_UNSETTLED = frozenset({Verdict.INCONCLUSIVE, Verdict.PENDING, Verdict.ERROR})
"""Verdicts that may not look green to a CI server."""
_FAILED = frozenset({ExitCode.REFUSED, ExitCode.HOSTS_FAILED, ExitCode.ROLLED_BACK})
"""With one of these the run has failed whatever its findings' severity, so that what failed is a failure here too."""


def write(run: Run, how: How) -> bytes:
    """Return the document as UTF-8; a case fails exactly where a finding fails the run, or the run has failed by itself."""
    failed = how.fail_on is None and bool(run.extra_codes & _FAILED)
    found: dict[str, list[Finding]] = defaultdict(list)
    said: dict[str, list[Result]] = defaultdict(list)
    for finding in run.findings:
        for name in (finding.subject, *finding.also):
            found[name].append(finding)
    for result in run.results:
        said[result.subject].append(result)
    everyone = {subject.id for subject in run.subjects}  # another name of a server is no suite of its own
    subjects = [one for one in run.subjects if one.same_as not in everyone]
    subjects += [Subject(id=name, kind=Kind.FILE) for name in sorted((found.keys() | said.keys()) - everyone)]
    root = ET.Element("testsuites")
    for number, one in enumerate(subjects):
        cases = _cases(one, found[one.id], said[one.id], how.fail_on, failed=failed)
        root.append(_suite(run, number, one, cases))
    ET.indent(root)
    body: str = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'.encode()


def _text(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", visible(text))


def _suite(run: Run, number: int, subject: Subject, cases: list[ET.Element]) -> ET.Element:
    seconds = (run.finished - run.started).total_seconds() if number == 0 else 0
    suite = ET.Element(
        "testsuite",
        id=str(number),
        name=_text(subject.id) or "-",
        package="harden",
        hostname="localhost",
        timestamp=run.started.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        time=f"{seconds:.3f}",
        tests=str(len(cases)),
        failures=str(sum(case.find("failure") is not None for case in cases)),
        errors=str(sum(case.find("error") is not None for case in cases)),
    )
    rows = {"kind": subject.kind.value, "examined": subject.examined.value, "seen": looked_at(subject)}
    rows |= {f"policy {policy}": verdict for policy, verdict in subject.policies.items()}
    rows |= {f"same {number}": name for number, name in enumerate(same_as(run).get(subject.id, ()), 1)}
    properties = ET.SubElement(suite, "properties")
    for key, value in rows.items():
        ET.SubElement(properties, "property", name=_text(key), value=_text(value))
    suite.extend(cases)
    ET.SubElement(suite, "system-out").text = f"{run.tool} {run.version}"
    ET.SubElement(suite, "system-err")
    return suite


def _cases(
    subject: Subject,
    findings: list[Finding],
    results: list[Result],
    fail_on: Severity | None,
    *,
    failed: bool,
) -> list[ET.Element]:
    judged = [result for result in results if result.verdict in _JUDGED]
    told = {finding for finding in findings if any(result.rests_on(finding) for result in judged)}
    cases = []
    if subject.examined is not Examined.FULL:
        reason = subject.reason or "no reason was given"
        cases.append(_case("walk/examined", "examined in full"))
        _problem(cases[-1], "error", reason, f"examined-{subject.examined.value}", [reason])
    for result in results:
        behind = [finding for finding in findings if result.rests_on(finding)]
        cases.append(_result(result, behind, fail_on, failed=failed))
    cases += [_finding(finding, fail_on) for finding in findings if finding not in told]
    return cases


def _case(rule: str, name: str) -> ET.Element:
    """A case; its class name groups a family of rules in a CI server's view."""
    family = f"harden.{_text(rule.partition('/')[0])}"
    return ET.Element("testcase", name=_text(f"{rule}: {name}"), classname=family, time="0")


def _problem(case: ET.Element, tag: str, message: str, kind: str, body: list[str]) -> None:
    ET.SubElement(case, tag, message=_text(message), type=_text(kind)).text = "\n".join(map(_text, body))


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
    case = _case(rule.id, name)
    if result.verdict is Verdict.FAIL and (failing or failed or not findings):
        told = failing or (findings if failed else [])
        body = [line for finding in told for line in _tell(finding)] or [rule.remedy]
        level = max((finding.level for finding in failing), default=rule.severity)
        _problem(case, "failure", result.reason or name, level.label, body)
    elif result.verdict in _UNSETTLED:
        _problem(case, "error", result.reason or name, result.verdict.value, [result.reason])
    elif result.verdict is not Verdict.PASS:
        word = "does not fail this run" if result.verdict is Verdict.FAIL else result.verdict.value
        case = _case(rule.id, f"{name} [{word}{': ' if result.reason else ''}{result.reason}]")
    return case


def _finding(finding: Finding, fail_on: Severity | None) -> ET.Element:
    name = f"{place(finding)} {finding.fingerprint[:8]}"
    if _fails(finding, fail_on):
        case = _case(finding.rule.id, name)
        _problem(case, "failure", finding.message, finding.level.label, _tell(finding))
        return case
    word = f"waived: {finding.waived.reason}" if finding.waived else finding.level.label
    return _case(finding.rule.id, f"{name} [{'known' if finding.known else word}] {finding.message}")
