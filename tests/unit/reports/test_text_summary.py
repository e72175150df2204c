"""The text at a terminal: a summary that fits a screen where the whole does not, everything with -v."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from hardening.findings import Examined, Finding, Fix, InFile, Run, Severity, Subject, SubjectKind
from hardening.reports import render
from tests.support.reports.fixtures import ADMINER, PASSWORD, PROTOCOL, STARTED


def text(run: Run, *, verbose: int = 0) -> list[str]:
    return render("text", run, fail_on=Severity.MEDIUM, summary=True, verbose=verbose).decode().splitlines()


def fleet(bundles: int) -> Run:
    subjects: list[Subject] = []
    findings: list[Finding] = []
    for number in range(bundles):
        name = f"packages/a-long-name-of-a-package-in-a-folder-{number:03}.deb"
        late = Examined.NONE if number % 2 else Examined.FULL
        reason = "Time limit reached: 1 of 1 archives and files (9 of 9 packed bytes) were never opened or only in part"
        stats = {"packed_bytes": 9, "packed_bytes_not_opened": 9 * (number % 2)}
        policies = {f"policy-{n}": "fail" for n in range(5)}
        why = reason if number % 2 else ""
        subjects.append(
            Subject(
                id=name, kind=SubjectKind.BUNDLE, examined=late, reason=why, policies=policies, stats=stats
            )
        )
        place = InFile((name, f"{'deep/' * 30}file-{number}.php"), number + 1)
        rules = (ADMINER, PASSWORD, PROTOCOL, *(replace(PASSWORD, id=f"credential/{n}") for n in range(12)))
        findings += [
            Finding(rule=rule, subject=name, location=place, message=f"{'long ' * 40}{number}")
            for rule in rules
        ]
    return Run.of(subjects, findings, started=STARTED, finished=STARTED)


@pytest.mark.parametrize("bundles", [1, 2, 45, 400])
def test_the_summary_fits_a_screen_of_80_columns(bundles: int) -> None:
    *lines, verdict = text(fleet(bundles))
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    assert verdict.startswith("FAIL: ")


def test_the_summary_has_the_worst_causes_their_count_and_places() -> None:
    lines = text(fleet(45))
    first = next(line for line in lines if line.startswith("  critical"))
    assert first.split()[:2] == ["critical", "45"]
    assert any(
        line.strip().startswith("component/adminer") and line.endswith("and 44 more") for line in lines
    )
    assert any("further causes: 8 high" in line or "further cause" in line for line in lines)
    assert any(line.startswith("  22 not examined: Time limit reached") for line in lines)


def test_what_fits_is_shown_whole_and_everything_with_v(make_crowd: Callable[[int], Run]) -> None:
    small = make_crowd(2)
    assert text(small) == render("text", small, fail_on=Severity.MEDIUM).decode().splitlines()
    large = fleet(45)
    assert len(text(large, verbose=1)) > 45 * 15
    assert sum("fingerprint" in line for line in text(large, verbose=1)) == len(large.findings)


def servers(*verdicts: str) -> Run:
    """A run of one server for each verdict, each with thirty suites of two severities."""
    place = InFile(("/etc/nginx/nginx.conf",), 9)
    fix = Fix(
        action="run `harden tls audit nginx.conf --fix-diff`: it prints the lines to change",
        operation="set-directive",
    )
    rule = replace(PROTOCOL, id="tls/suite", title="Cipher suite is not allowed")
    subjects = [
        Subject(
            id=f"10.0.0.{n}:443", kind=SubjectKind.FILE, examined=Examined.FULL, policies={"aspect": word}
        )
        for n, word in enumerate(verdicts)
    ]
    findings = [
        Finding(
            rule=rule, subject=subject.id, location=place, message=f"SUITE_{number} is offered", evidence=str(number),
            severity=Severity.HIGH if number < 10 else Severity.MEDIUM, fix=fix,
            because=("RC4", "CBC mode") if number < 10 else ("CBC mode",),
        )
        for subject in subjects
        for number in range(30)
    ]  # fmt: skip
    return Run.of(subjects, findings, started=STARTED, finished=STARTED)


def test_the_first_line_says_how_many_things_are_to_change_and_suites_are_told_by_class() -> None:
    lines = text(servers("fail"))
    assert lines[0] == "1 thing to change; the worst is high: Cipher suite is not allowed"
    assert "  high        30  Cipher suite is not allowed: 10 high, 20 medium" in lines
    assert any(line.strip() == "CBC mode 30, RC4 10" for line in lines)
    assert not any("SUITE_" in line for line in lines)
    credential_lines = " ".join(line.strip() for line in lines)
    assert "do Run `harden tls audit nginx.conf --fix-diff`: it prints the lines to change." in " ".join(
        credential_lines.split()
    )


def test_verdicts_of_few_servers_are_a_table_with_the_worst_first() -> None:
    lines = text(servers("pass", "fail", "pass"))
    rows = [line.split() for line in lines if line.startswith("  10.0.0.")]
    assert rows == [["10.0.0.1:443", "fail"], ["10.0.0.0:443", "pass"], ["10.0.0.2:443", "pass"]]
    assert any(line.split() == ["aspect"] for line in lines)
    assert not any("policy aspect:" in line for line in lines)


def test_findings_without_a_threshold_are_not_called_ok() -> None:
    lines = render("text", servers("fail"), fail_on=None, summary=True).decode().splitlines()
    assert lines[-1].startswith("DONE: 30 findings (10 high, 20 medium)")


def test_an_attack_beside_the_suites_that_allow_it_is_no_further_thing_to_change() -> None:
    run = servers("fail")
    attack = replace(
        run.findings[0], rule=replace(PROTOCOL, id="tls/attack-null", title="no encryption"), evidence="x"
    )
    both = replace(run, findings=(*run.findings, attack))
    assert (
        text(both)[0] == text(run)[0] == "1 thing to change; the worst is high: Cipher suite is not allowed"
    )
    assert text(both, verbose=1)[0] == text(run)[0], "the first line stands with -v, too"
    assert any("tls/attack-null" in line for line in text(both, verbose=1))
    alone = replace(
        run, findings=(attack, *(replace(attack, message=str(n), evidence=str(n)) for n in range(30)))
    )
    assert any("tls/attack-null" in line for line in text(alone))


def test_a_cause_counts_every_place_and_shows_the_first_by_itself() -> None:
    rule = replace(PROTOCOL, id="credential/assignment", title="A password is written into code")
    subject = Subject(id="b.tgz", kind=SubjectKind.FILE, examined=Examined.FULL)
    findings = [
        Finding(
            rule=rule, subject="b.tgz", location=InFile(("b.tgz", f"tests/test_{name}.py"), 3, 7), message=name,
            evidence=name, severity=Severity.LOW,
            further=tuple(InFile(("b.tgz", f"tests/test_{name}.py"), line, 7) for line in (9, 12)),
        )
        for name in "abcdefghij"
    ]  # fmt: skip
    lines = text(Run.of([subject], findings, started=STARTED, finished=STARTED))
    assert "credential/assignment  b.tgz!/tests/test_a.py:3:7 and 29 more" in [line.strip() for line in lines]
