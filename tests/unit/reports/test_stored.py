"""Stored reports: read back they are rendered as the command would have, merged, compared and counted by day."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from hardening import baseline
from hardening.cli import run as harden
from hardening.errors import DataError, ExitCode
from hardening.findings import Finding, InFile, Run, Severity, Subject, SubjectKind
from hardening.reports import WRITERS, history, render, stored
from tests.support.reports import fixtures
from tests.support.reports.fixtures import ADMINER, FINISHED, PASSWORD, STARTED
from tests.unit.reports.test_golden import everything

RUNS = {
    "everything": everything,
    "mixed": fixtures.mixed,
    "clean": fixtures.clean,
    "nothing": fixtures.nothing,
}


def store(path: Path, run: Run, fail_on: Severity | None = Severity.MEDIUM) -> Path:
    path.write_bytes(render("json", run, fail_on=fail_on))
    return path


@pytest.mark.parametrize("limit", [None, Severity.HIGH])
@pytest.mark.parametrize("name", RUNS)
def test_a_stored_report_renders_to_the_same_bytes(name: str, limit: Severity | None, tmp_path: Path) -> None:
    made = RUNS[name]()
    run = replace(
        made,
        finished=made.finished + timedelta(microseconds=5),
        extra_codes=frozenset({ExitCode.ROLLED_BACK}),
    )
    found = stored.load(store(tmp_path / "a.json", run, limit))
    assert found.fail_on == limit
    for writer in (one for one in WRITERS if not one.binary):
        direct = render(writer.name, run, fail_on=limit)
        assert render(writer.name, found.run, fail_on=found.fail_on) == direct, writer.name


def test_further_places_of_a_finding_are_read_back(tmp_path: Path) -> None:
    made = at(1, 3)
    places = (InFile(("a.zip", "b.php"), 7, 2), InFile(("a.zip", "b.php"), 9, None))
    made = replace(made, findings=tuple(replace(one, further=places) for one in made.findings))
    (found,) = stored.load(store(tmp_path / "a.json", made)).run.findings
    assert found.further == places


def test_the_command_renders_what_was_stored_with_its_threshold(tmp_path: Path) -> None:
    made = fixtures.mixed()
    path = store(tmp_path / "a.json", made, None)
    out = tmp_path / "a.html"
    assert harden(["report", "render", str(path), "--format", "html", "-o", str(out)]) == int(
        made.exit_code(None)
    )
    assert out.read_bytes() == render("html", made, fail_on=None)
    again = tmp_path / "b.html"
    assert (
        harden(["report", "render", str(path), "--fail-on", "low", "--format", "html", "-o", str(again)])
        == 10
    )
    assert again.read_bytes() == render("html", made, fail_on=Severity.LOW)


def at(day: int, *lines: int, subject: str = "a.zip") -> Run:
    findings = [
        Finding(
            rule=PASSWORD,
            subject=subject,
            location=InFile((subject, f"{line}.php"), line),
            message="a password",
        )
        for line in lines
    ]
    moved = timedelta(days=day)
    return Run.of(
        [Subject(id=subject, kind=SubjectKind.BUNDLE)],
        findings,
        started=STARTED + moved,
        finished=FINISHED + moved,
    )


def test_of_a_subject_in_several_reports_the_latest_speaks() -> None:
    whole = stored.merged([at(2, 1, 2), at(1, 1, 2, 3, 4), at(1, 7, subject="b.zip")])
    assert [one.where for one in whole.findings] == ["a.zip!/1.php", "a.zip!/2.php", "b.zip!/7.php"]
    assert [one.id for one in whole.subjects] == ["a.zip", "b.zip"]


def test_a_comparison_tells_new_known_and_gone(tmp_path: Path) -> None:
    old, new = store(tmp_path / "old.json", at(1, 1, 2)), store(tmp_path / "new.json", at(2, 2, 3))
    run = stored.compared(stored.load(old).run, stored.load(new).run, baseline.load(old))
    credential_lines = {one.where: (one.counts, one.known, one.left_out) for one in run.findings}
    assert credential_lines == {
        "a.zip!/1.php": (False, False, "gone"),
        "a.zip!/2.php": (False, True, ""),
        "a.zip!/3.php": (True, False, ""),
    }
    out = tmp_path / "diff.json"
    assert harden(["report", "diff", str(old), str(new), "--format", "json", "-o", str(out)]) == 10
    assert [one.get("left_out") for one in json.loads(out.read_text())["findings"]] == ["gone", None, None]
    assert harden(["report", "diff", str(old), str(old), "-o", str(tmp_path / "same.txt")]) == 0


def test_a_folder_of_reports_is_a_history(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for number, run in enumerate([at(1, 1, 2), at(2, 2, 3, 4), at(2, 9, subject="b.zip"), at(3)]):
        store(tmp_path / f"{number}.json", run)
    (tmp_path / "0.json.dsse.json").write_text("{}")
    rows = history.days([tmp_path / f"{number}.json" for number in range(4)])
    assert [(row.subjects, row.high, row.new, row.gone) for row in rows] == [
        (1, 2, 2, 0),
        (2, 4, 3, 1),
        (2, 1, 0, 3),
    ]
    assert harden(["report", "trend", str(tmp_path), "--format", "csv"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines[0] == "day,subjects,critical,high,medium,low,info,new,gone"
    assert lines[2] == "2026-11-26,2,0,4,0,0,0,3,1"


@pytest.mark.parametrize("key", ["started", "subjects", "findings", "results", "tool"])
def test_a_report_that_lacks_a_part_is_refused_with_its_name(key: str, tmp_path: Path) -> None:
    path = store(tmp_path / "a.json", fixtures.mixed())
    whole = json.loads(path.read_text())
    del whole[key]
    path.write_text(json.dumps(whole))
    with pytest.raises(DataError, match=f"not a whole report: KeyError '{key}'"):
        stored.load(path)


def test_a_report_of_before_rules_were_in_it_is_read(tmp_path: Path) -> None:
    path = store(tmp_path / "a.json", fixtures.mixed())
    whole = json.loads(path.read_text())
    del whole["rules"]
    for row in (*whole["findings"], *whole["results"]):
        del row["rule_number"]
    path.write_text(json.dumps(whole))
    run = stored.load(path).run
    assert ADMINER.title in {one.rule.title for one in run.findings}
    assert run.exit_code() == fixtures.mixed().exit_code()
