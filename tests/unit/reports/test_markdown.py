"""The summary for a ticket: what was looked at, what was found, what to do, and what stays open, each under its heading."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from hardening.findings import (
    Acceptance,
    Examined,
    Finding,
    InFile,
    Result,
    Run,
    Severity,
    Subject,
    SubjectKind,
    Verdict,
)
from hardening.reports import render
from hardening.reports.markdown import escape
from hardening.reports.plain import visible
from tests.support.reports.fixtures import ADMINER, FINISHED, PASSWORD, PROTOCOL, STARTED

VISIT = Acceptance(reason="until the visit", owner="j.doe", expires=date(2027, 1, 31))


def found(message: str, line: int, **more: object) -> Finding:
    one = Finding(rule=PROTOCOL, subject="a", location=InFile(("a",), line), message=message)
    return replace(one, **more)  # type: ignore[arg-type]  # a test names fields of a finding


def sections(run: Run) -> dict[str, list[str]]:
    """Return the lines under each heading; those before the first are under an empty one."""
    said: dict[str, list[str]] = {"": []}
    at = ""
    for line in render("markdown", run, fail_on=Severity.MEDIUM).decode().splitlines():
        if line.startswith("### "):
            at = line.removeprefix("### ")
            said[at] = []
        elif line:
            said[at].append(line)
    return said


def made(*findings: Finding, subjects: tuple[Subject, ...] = (), results: tuple[Result, ...] = ()) -> Run:
    return Run.of(subjects, findings, results, started=STARTED, finished=FINISHED)


def test_each_finding_stands_under_the_heading_that_says_what_it_counts_for() -> None:
    said = sections(
        made(
            found("it counts", 1), found("it is worse", 2, rule=ADMINER), found("it was accepted", 3, waived=VISIT),
            found("it was there", 4, known=True), found("it was there and accepted", 5, known=True, waived=VISIT),
        )
    )  # fmt: skip
    credential_lines = {title: [line.split(" | ")[2].split("<br>")[0] for line in lines[2:]] for title, lines in said.items()
            if lines[0].startswith("| Severity")}  # fmt: skip
    assert credential_lines == {
        "Findings (2)": ["it is worse", "it counts"],
        "Waived (2)": ["it was accepted", "it was there and accepted"],
        "Known from before (1)": ["it was there"],
    }
    assert "until the visit (j.doe, until 2027-01-31)" in said["Waived (2)"][2]


def test_what_to_do_is_said_once_for_all_rules_of_one_remedy_and_for_what_counts_alone() -> None:
    alike = replace(PASSWORD, remedy=PROTOCOL.remedy)
    said = sections(made(found("a", 1), found("b", 2, rule=alike), found("c", 3, rule=ADMINER, known=True)))
    assert said["What to do"] == [
        rf"- Allow TLS 1.2 and 1.3 alone. (credential/php\-assignment, {PROTOCOL.id})"
    ]


@pytest.mark.parametrize(
    ("examined", "reason", "cell"),
    [
        (Examined.FULL, "", "in full"),
        (Examined.PARTIAL, "one is encrypted", "partial: one is encrypted"),
        (Examined.NONE, "", "**not examined**"),
    ],
)
def test_how_much_was_looked_at_is_said_beside_its_subject(
    examined: Examined, reason: str, cell: str
) -> None:
    one = Subject(id="a", kind=SubjectKind.FILE, examined=examined, reason=reason)
    assert sections(made(subjects=(one,)))[""][-1] == f"| a<br>file | {cell} |"


def test_only_what_is_open_is_told_as_not_settled_and_a_server_under_one_name() -> None:
    subjects = (Subject(id="a", kind=SubjectKind.FILE), Subject(id="b", kind=SubjectKind.FILE, same_as="a"))
    results = tuple(
        Result(rule=PROTOCOL, subject=subject, verdict=verdict, reason=verdict.value)
        for subject in ("a", "b")
        for verdict in Verdict
    )
    said = sections(made(subjects=subjects, results=results))["Not settled (5)"]
    assert sorted(said) == sorted(
        f"- {v}: tls/protocol on a: {v}" for v in ("inconclusive", "pending", "skipped", "error", "manual")
    )


def test_two_hundred_rows_are_shown_and_the_rest_is_counted() -> None:
    said = sections(made(*(found(f"number {line}", line) for line in range(1, 204))))["Findings (203)"]
    assert len(said) == 2 + 200 + 1
    assert said[-1] == "and 3 more, in the JSON report"
    apart = sections(made(*(found("a", line, remedy=f"do {line}") for line in range(1, 203))))["What to do"]
    assert (len(apart), apart[-1]) == (200 + 1, "and 2 more, in the JSON report")
    exactly = sections(made(*(found(f"number {line}", line) for line in range(1, 201))))["Findings (200)"]
    assert len(exactly) == 2 + 200


@pytest.mark.parametrize(("length", "shown"), [(300, "e" * 300), (301, "e" * 300 + "\u2026")])
def test_a_cell_is_cut_where_it_is_too_long_and_says_so(length: int, shown: str) -> None:
    assert escape("e" * length) == shown


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("caf\u00e9 \u4e2d.php", "caf\u00e9 \u4e2d.php"),
        ("caf\udce9.php", r"caf\xe9.php"),
        ("\udc80\udcff\udc7f", r"\x80\xff\udc7f"),
        ("a\u202eb", r"a\u202eb"),
        ("a\u2028b\x1b", r"a\u2028b\x1b"),
    ],
)
def test_a_name_is_shown_as_it_is_but_for_what_a_terminal_obeys(name: str, shown: str) -> None:
    assert visible(name) == shown
