"""Only what is new since an earlier JSON report counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hardening import baseline
from hardening.errors import DataError, InputError
from hardening.findings import Finding, Kind, Rule, Run, Severity, Subject, in_file
from hardening.reports import render

NOW = datetime(2026, 6, 1, tzinfo=UTC)
RULE = Rule(id="credential/php", title="t", severity=Severity.HIGH, rationale="why", remedy="do")


def run(*lines: int, secret: str = "") -> Run:
    findings = [
        Finding(rule=RULE, subject="s", location=in_file("f", n), message="m", secret_hmac=secret)
        for n in lines
    ]
    return Run.of([Subject(id="s", kind=Kind.FILE)], findings, started=NOW, finished=NOW)


def saved(folder: Path, before: Run) -> baseline.Baseline:
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
