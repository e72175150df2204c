"""Findings of one cause in one file are one finding with places, in every format."""

from __future__ import annotations

import json
from pathlib import Path

from bundle.audit import audit
from hardening import baseline
from hardening.findings import Finding, Run
from hardening.reports import render

MANY = "<?php\n" + "".join(f'if ($pass == "rule{n}") {{ f(); }}\n' for n in range(5))


def found(folder: Path) -> tuple[Finding, ...]:
    return audit(folder, jobs=1).findings


def report(run: Run, name: str) -> str:
    return render(name, run, fail_on=None).decode()


def test_one_cause_is_one_finding_with_its_places(tmp_path: Path) -> None:
    (tmp_path / "a.php").write_text(MANY)
    (tmp_path / "b.php").write_text(MANY)
    run = audit(tmp_path, jobs=1)
    first, second = run.findings
    assert [first.location.line, *(one.line for one in first.further)] == [2, 3, 4, 5, 6]  # type: ignore[union-attr]  # places of files
    assert len(second.further) == 4
    (one, _) = json.loads(report(run, "json"))["findings"]
    assert [place["line"] for place in one["further"]] == [3, 4, 5, 6]
    (one, _) = json.loads(report(run, "sarif"))["runs"][0]["results"]
    assert len(one["relatedLocations"]) == 4
    for name in ("text", "markdown", "html"):
        assert "and lines 3, 4, 5, 6" in report(run, name), name


def test_of_sure_credentials_each_value_is_one(tmp_path: Path) -> None:
    values = ("k7Qz9mW2xVt4", "Zt4rLq8vBn2X", "k7Qz9mW2xVt4")
    text = "".join(f'[{n}]\ndb_password = "{value}"\n' for n, value in enumerate(values))
    (tmp_path / "gate.ini").write_text(text)
    assert all(one.further == () for one in found(tmp_path)), "what a program may replace stays one by one"
    (tmp_path / "gate.ini").unlink()
    call = "".join(f"mysql -u root -p'{value}' < a.sql && ls\n" for value in values)
    (tmp_path / "gate.sh").write_text(f"#!/bin/sh\nif grep x y; then\n{call}fi\n")
    lines = {(one.location.line, *(at.line for at in one.further)) for one in found(tmp_path)}  # type: ignore[union-attr]  # places of files
    assert {line for group in lines for line in group} == {3, 4, 5}


def test_a_run_made_again_has_the_same_findings(tmp_path: Path) -> None:
    (tmp_path / "a.php").write_text(MANY)
    run = audit(tmp_path, jobs=1)
    again = Run.of(
        run.subjects,
        run.findings,
        run.results,
        started=run.started,
        finished=run.finished,
        sources=run.sources,
    )
    assert again == run


def test_a_baseline_knows_a_cause_until_a_place_is_added(tmp_path: Path) -> None:
    folder, kept = tmp_path / "in", tmp_path / "kept.json"
    folder.mkdir()
    (folder / "a.php").write_text(MANY)
    kept.write_text(report(audit(folder, jobs=1), "json"))
    known = baseline.load(kept)

    def news() -> int:
        return sum(one.counts for one in baseline.apply(audit(folder, jobs=1), known).findings)

    assert news() == 0
    (folder / "a.php").write_text(MANY.rsplit("if ", 1)[0])
    assert news() == 0
    (folder / "a.php").write_text(f'{MANY}if ($pass == "rule9") {{ f(); }}\n')
    assert news() == 1
