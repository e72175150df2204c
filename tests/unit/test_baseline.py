"""Only what is new since an earlier JSON report counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hardening import baseline
from hardening.errors import DataError, InputError
from hardening.findings import Finding, InFile, Rule, Run, Severity, Subject, SubjectKind, in_file
from hardening.reports import render

NOW = datetime(2026, 6, 1, tzinfo=UTC)
RULE = Rule(id="credential/php", title="t", severity=Severity.HIGH, rationale="why", remedy="do")


def run(*lines: int, secret: str = "") -> Run:
    findings = [
        Finding(rule=RULE, subject="s", location=in_file("f", n), message="m", secret_hmac=secret)
        for n in lines
    ]
    return Run.of([Subject(id="s", kind=SubjectKind.FILE)], findings, started=NOW, finished=NOW)


def saved(folder: Path, before: Run) -> tuple[baseline.FindingPrint, ...]:
    path = folder / "before.json"
    path.write_bytes(render("json", before, fail_on=Severity.MEDIUM))
    return baseline.load(path)


def test_what_was_there_is_known_though_its_line_moved(tmp_path: Path) -> None:
    after = baseline.apply(run(7), saved(tmp_path, run(1)))
    assert after.exit_code() == 0
    assert [f.known for f in after.findings] == [True]


def test_what_is_new_counts(tmp_path: Path) -> None:
    after = baseline.apply(run(1, 2), saved(tmp_path, run(1)))
    assert after.exit_code() == 10
    assert sorted(f.known for f in after.findings) == [False, True]


def test_another_secret_at_the_same_place_is_new(tmp_path: Path) -> None:
    before = saved(tmp_path, run(1, secret="aa"))
    assert baseline.apply(run(1, secret="aa"), before).exit_code() == 0
    assert baseline.apply(run(1, secret="bb"), before).exit_code() == 10
    assert baseline.apply(run(1), before).exit_code() == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "schema: has to be"),
        ('{"schema": "harden-report/2"}', "schema: has to be 'harden-report/1'"),
        ('{"schema": "harden-report/1"}', "findings: has to be a list"),
        ('{"schema": "harden-report/1", "findings": [{}]}', r"findings\[0\].fingerprint"),
        ('{"schema": "harden-report/1", "findings": [7]}', r"findings\[0\].fingerprint"),
        ('{"schema": "harden-report/1", "findings": [{"fingerprint": ""}]}', r"findings\[0\].fingerprint"),
    ],
)
def test_a_file_that_is_no_report(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(DataError, match=said) as caught:
        baseline.load(path)
    assert "\n" not in str(caught.value)
    assert caught.value.hint == "give a report that was written with --format json or --report json=FILE"


def test_an_absent_file(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        baseline.load(tmp_path / "absent")


def test_marking_keeps_everything_else(tmp_path: Path) -> None:
    before = run(1)
    after = baseline.apply(before, saved(tmp_path, before))
    assert replace(after, findings=before.findings) == before


def inside(*places: str) -> Run:
    findings = [
        Finding(
            rule=RULE, subject=one.split("!/")[0], location=InFile(tuple(one.split("!/")), 3), message="m"
        )
        for one in places
    ]
    subjects = {one.subject: Subject(id=one.subject, kind=SubjectKind.BUNDLE) for one in findings}
    return Run.of(subjects.values(), findings, started=NOW, finished=NOW)


MOVED = {
    "the next release": (["u-1.zip!/a"], ["u-2.zip!/a"], 0, 0),
    "an inner archive of the next release": (["u.zip!/tool-1.2.zip!/a"], ["u.zip!/tool-1.3.1.zip!/a"], 0, 0),
    "both, and an archive more": (["u-1.zip!/t-1.tar!/a"], ["all.zip!/u-2.zip!/t-2.tar!/a"], 0, 0),
    "an archive less": (["all.zip!/u-1.zip!/t-1.tar!/a"], ["u-2.zip!/t-2.tar!/a"], 0, 0),
    "two archives more": (["u.zip!/a"], ["x.zip!/y.zip!/u.zip!/a"], 1, 1),
    "another inner archive": (["u.zip!/tool-1.zip!/a"], ["u.zip!/other-1.zip!/a"], 1, 1),
    "another path": (["u.zip!/t-1.zip!/a"], ["u.zip!/t-2.zip!/b"], 1, 1),
    "one more copy": (["u.zip!/t-1.zip!/a"], ["u.zip!/t-1.zip!/a", "u.zip!/t-2.zip!/a"], 1, 0),
    "two copies for one": (["u.zip!/t-1.zip!/a"], ["u.zip!/t-2.zip!/a", "u.zip!/t-3.zip!/a"], 1, 0),
    "one copy for two": (["u.zip!/t-1.zip!/a", "u.zip!/t-2.zip!/a"], ["u.zip!/t-3.zip!/a"], 0, 1),
}
"""Places of the earlier report and of this one; how many are new, how many gone."""


@pytest.mark.parametrize("case", MOVED)
def test_a_finding_is_known_where_its_archives_changed_their_release(case: str, tmp_path: Path) -> None:
    before, after, new, gone = MOVED[case]
    old = saved(tmp_path, inside(*before))
    assert sum(not one.known for one in baseline.apply(inside(*after), old).findings) == new
    path = tmp_path / "after.json"
    path.write_bytes(render("json", inside(*after), fail_on=Severity.MEDIUM))
    found = baseline.difference(tmp_path / "before.json", path)
    assert (len(found.new), len(found.gone)) == (new, gone)
    again = baseline.difference(path, path)
    assert (again.new, again.gone) == ((), ())
