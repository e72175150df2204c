"""JUnit XML that both common schemas accept: one suite a subject, one case a result, findings as failures.

The two schemas disagree, so only what both allow is written: `testsuites` without attributes, properties
never empty, `system-out` and `system-err` at the end of a suite, and nothing in a case but one failure or
error. A verdict that is neither a pass nor a failure therefore stands in the case's name, in brackets.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC
from xml.etree import ElementTree as ET

from hardening.errors import ExitCode
from hardening.findings import Finding, Result, Run, Severity, Subject, SubjectKind, verdict_words
from hardening.reports import RenderOptions
from hardening.reports.index import same_as
from hardening.reports.junit_cases import add_problem, case_of, cases_of, xml_text
from hardening.reports.verdict import looked_at, readiness, sentence, word

_FAILED = frozenset({ExitCode.REFUSED, ExitCode.HOSTS_FAILED, ExitCode.ROLLED_BACK})
"""With one of these the run has failed whatever its findings' severity, so that what failed is a failure here too."""


def write(run: Run, options: RenderOptions) -> bytes:
    """Return the document as UTF-8; a case fails exactly where a finding fails the run, or the run has failed by itself."""
    failed = options.fail_on is None and bool(run.extra_codes & _FAILED)
    found: dict[str, list[Finding]] = defaultdict(list)
    results: dict[str, list[Result]] = defaultdict(list)
    for finding in run.findings:
        for name in (finding.subject, *finding.also):
            found[name].append(finding)
    for result in run.results:
        results[result.subject].append(result)
    everyone = {subject.id for subject in run.subjects}  # another name of a server is no suite of its own
    subjects = [one for one in run.subjects if one.same_as not in everyone]
    subjects += [
        Subject(id=name, kind=SubjectKind.FILE) for name in sorted((found.keys() | results.keys()) - everyone)
    ]
    suites = [
        (one, cases_of(one, found[one.id], results[one.id], options.fail_on, failed=failed))
        for one in subjects or [Subject(id="", kind=SubjectKind.FILE)]
    ]
    everything = [case for _, cases in suites for case in cases]
    if run.exit_code(options.fail_on) in _FAILED and not any(map(_red, everything)):
        suites[0][1].append(_verdict(run, options.fail_on))
    root = ET.Element("testsuites")
    for number, (one, cases) in enumerate(suites if subjects or suites[0][1] else ()):
        root.append(_suite(run, number, one, cases))
    ET.indent(root)
    body: str = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'.encode()


def _suite(run: Run, number: int, subject: Subject, cases: list[ET.Element]) -> ET.Element:
    # to the second, as a stored report has it; a subject that was timed says more
    whole = (run.finished.replace(microsecond=0) - run.started.replace(microsecond=0)).total_seconds()
    seconds = float(subject.stats.get("seconds", whole if number == 0 else 0))
    suite = ET.Element(
        "testsuite",
        id=str(number),
        name=xml_text(subject.id) or "-",
        package="harden",
        hostname="localhost",
        timestamp=run.started.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        time=f"{seconds:.3f}",
        tests=str(len(cases)),
        failures=str(sum(case.find("failure") is not None for case in cases)),
        errors=str(sum(case.find("error") is not None for case in cases)),
    )
    rows = {"kind": subject.kind.value, "examined": subject.examined.value, "seen": looked_at(subject)}
    rows |= {f"policy {policy}": verdict_words(subject, policy) for policy in subject.policies}
    rows |= {f"not answered: {one.rule}": one.command or one.reason for one in subject.unanswered}
    rows |= {f"readiness {number}": line for number, line in enumerate(readiness(subject), 1)}
    rows |= {f"same {number}": name for number, name in enumerate(same_as(run).get(subject.id, ()), 1)}
    properties = ET.SubElement(suite, "properties")
    for key, value in rows.items():
        ET.SubElement(properties, "property", name=xml_text(key), value=xml_text(value))
    suite.extend(cases)
    changes = [xml_text(f"{one.text} ({one.rule})") for one in (run.changes or () if number == 0 else ())]
    ET.SubElement(suite, "system-out").text = "\n".join([f"{run.tool} {run.version}", *changes])
    ET.SubElement(suite, "system-err")
    return suite


def _red(case: ET.Element) -> bool:
    return case.find("failure") is not None or case.find("error") is not None


def _verdict(run: Run, fail_on: Severity | None) -> ET.Element:
    """The verdict as a case: waivers, baselines and thresholds take nothing from a refusal or a failed host."""
    text = sentence(run, fail_on)
    case = case_of("run/verdict", word(run, fail_on))
    add_problem(case, "failure", text, "verdict", [text])
    return case
