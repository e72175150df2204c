"""JUnit and GitHub's commands word by word, for other programs read them."""

from __future__ import annotations

from collections.abc import Callable
from xml.etree import ElementTree as ET

import pytest

from hardening.errors import ExitCode
from hardening.findings import Examined, Finding, InFile, Result, Run, Severity, Subject, SubjectKind, Verdict
from hardening.reports import RenderOptions, github, junit
from tests.support.reports.fixtures import ADMINER, ENCRYPTED, FINISHED, PERMISSIONS, STARTED

HOW = RenderOptions(fail_on=Severity.MEDIUM)
FREE = RenderOptions(fail_on=None)


def a_run(
    *findings: Finding,
    codes: frozenset[ExitCode] = frozenset(),
    results: tuple[Result, ...] = (),
    examined: Examined = Examined.FULL,
) -> Run:
    subjects = [
        Subject(id="a.zip", kind=SubjectKind.BUNDLE, policies={"aspect": "pass"}),
        Subject(id="b.zip", kind=SubjectKind.BUNDLE, examined=examined, reason=""),
    ]
    return Run.of(subjects, findings, results, started=STARTED, finished=FINISHED, extra_codes=codes)


def suites(run: Run, how: RenderOptions) -> list[ET.Element]:
    return list(ET.fromstring(junit.write(run, how)))


def test_a_suite_says_its_time_its_place_and_what_was_seen() -> None:
    first, second = suites(a_run(examined=Examined.PARTIAL), HOW)
    assert [(one.get("id"), one.get("name"), one.get("time")) for one in (first, second)] == [
        ("0", "a.zip", "7.000"), ("1", "b.zip", "0.000"),
    ]  # fmt: skip
    assert {first.get("package"), first.get("hostname"), first.get("timestamp")} == {
        "harden",
        "localhost",
        "2026-11-24T09:00:00",
    }
    said = {p.get("name"): p.get("value") for p in first.iter("property")}
    assert said.keys() == {"kind", "examined", "seen", "policy aspect"}
    assert (said["kind"], said["examined"], said["policy aspect"]) == ("bundle", "full", "pass")
    assert second.find("properties/property[@name='examined']").get("value") == "partial"  # type: ignore[union-attr]  # it is there
    assert (first.findtext("system-out") or "").startswith("aspect-hardening ")


@pytest.mark.parametrize("how", [HOW, FREE], ids=["threshold", "never"])
@pytest.mark.parametrize("code", [ExitCode.REFUSED, ExitCode.HOSTS_FAILED, ExitCode.ROLLED_BACK])
def test_a_run_that_failed_has_a_red_case_whatever_was_found(code: ExitCode, how: RenderOptions) -> None:
    first, second = suites(a_run(codes=frozenset({code})), how)
    (verdict,) = [
        case for case in first.iter("testcase") if f"{case.get('name')}".startswith("run/verdict: ")
    ]
    problem = verdict.find("failure")
    assert problem is not None
    assert problem.get("type") == "verdict"
    assert first.get("failures") == "1"
    assert second.get("failures") == "0"


def test_a_run_that_failed_where_a_case_is_red_has_no_further_one() -> None:
    found = Finding(rule=ADMINER, subject="b.zip", location=InFile(("b.zip",)), message="there")
    first, second = suites(a_run(found, codes=frozenset({ExitCode.REFUSED})), HOW)
    assert (first.get("failures"), second.get("failures")) == ("0", "1")
    assert b"run/verdict" not in junit.write(a_run(found, codes=frozenset({ExitCode.REFUSED})), HOW)
    wrong = Result(rule=ADMINER, subject="a.zip", verdict=Verdict.ERROR, reason="no")
    assert b"run/verdict" not in junit.write(
        a_run(results=(wrong,), codes=frozenset({ExitCode.REFUSED})), HOW
    )


def test_a_check_of_a_run_that_failed_tells_what_it_rests_on_though_no_finding_may_fail() -> None:
    found = Finding(rule=PERMISSIONS, subject="b.zip", location=InFile(("b.zip", "x")), message="there")
    failed = Result(rule=PERMISSIONS, subject="b.zip", verdict=Verdict.FAIL)
    skipped = Result(rule=ADMINER, subject="b.zip", verdict=Verdict.SKIPPED)
    run = a_run(found, results=(failed, skipped), codes=frozenset({ExitCode.HOSTS_FAILED}))
    credential_lines = suites(run, FREE)[1]
    assert (credential_lines.findtext("testcase/failure") or "").splitlines()[:2] == [
        "low: there",
        "  at b.zip!/x",
    ]
    assert [case.get("name") for case in credential_lines.iter("testcase")] == [
        f"component/adminer: {ADMINER.title} [skipped]", f"walk/set-id: {PERMISSIONS.title}",
    ]  # fmt: skip


def test_nothing_that_failed_is_red_where_nothing_may_fail() -> None:
    found = Finding(rule=ADMINER, subject="b.zip", location=InFile(("b.zip",)), message="there")
    assert [one.get("failures") for one in suites(a_run(found), FREE)] == ["0", "0"]
    assert suites(Run.of([], [], [], started=STARTED, finished=FINISHED), HOW) == []


def commands(run: Run, how: RenderOptions) -> list[str]:
    return github.write(run, how).decode().splitlines()


def many(count: int, rule: Callable[[int], Finding]) -> list[Finding]:
    return [rule(number) for number in range(count)]


def test_levels_are_what_fails_what_warns_and_what_is_noted() -> None:
    rows = [
        Finding(rule=rule, subject="a.zip", location=InFile(("a.zip",), line), message="m")
        for rule, line in ((ENCRYPTED, None), (PERMISSIONS, 2), (ADMINER, 1))
    ]
    lines = commands(a_run(*rows), HOW)
    assert [line.split(" ")[0] for line in lines[:3]] == ["::error", "::warning", "::notice"]
    assert lines[0] == (
        "::error file=a.zip,line=1,title=component/adminer (critical)::m%0Aat a.zip:1%0Aremedy: "
        + ADMINER.remedy
    )
    assert lines[-1].startswith("harden: FAIL")
    assert [line.split(" ")[0] for line in commands(a_run(*rows), FREE)[:3]] == [
        "::warning",
        "::warning",
        "::notice",
    ]


@pytest.mark.parametrize(("count", "said"), [(10, ""), (11, "1 further errors"), (30, "20 further errors")])
def test_what_github_would_not_show_is_counted(count: int, said: str) -> None:
    def critical(number: int) -> Finding:
        return Finding(rule=ADMINER, subject="a.zip", location=InFile(("a.zip", str(number))), message="m")

    lines = commands(a_run(*many(count, critical)), HOW)
    assert sum(line.startswith("::error ") for line in lines) == 10
    hidden = [line for line in lines if line.startswith("::notice title=More findings::")]
    tail = " are not shown here; the JSON or HTML report has them all"
    assert hidden == ([f"::notice title=More findings::{said}{tail}"] if said else [])


@pytest.mark.parametrize("count", [50, 51])
def test_hosts_have_a_line_each_and_the_rest_is_counted(count: int) -> None:
    hosts = [
        Subject(id=f"h{n:02}", kind=SubjectKind.HOST, stats={"state": "committed"}) for n in range(count)
    ]
    lines = commands(Run.of(hosts, [], [], started=STARTED, finished=FINISHED), HOW)
    assert sum(line.startswith("harden: h") for line in lines) == 50
    further = [line for line in lines if "further hosts" in line]
    assert further == (["harden: 1 further hosts are in the JSON or HTML report"] if count > 50 else [])
