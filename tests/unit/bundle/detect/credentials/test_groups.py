"""One password in many places is one thing to do: numbered in the report, and told apart by nothing a report shows."""

from __future__ import annotations

import json
import random
from pathlib import Path

from bundle.audit import audit
from bundle.detect.credentials import detector
from hardening.errors import ExitCode
from hardening.findings import Severity
from hardening.reports import RenderOptions
from hardening.reports import html as html_report
from hardening.reports import json as json_report
from hardening.reports import text as text_report
from tests.support.bundle.detect.credentials.plant.members import made

_HOW = RenderOptions(fail_on=Severity.LOW)


def _site(root: Path, often: str, once: str) -> None:
    root.mkdir(parents=True)
    for number in range(5):
        (root / f"engine{number}.properties").write_text(f"db.user=app\ndb.password={often}\n")
    (root / "mail.properties").write_text(f"smtp.user=app\nsmtp.password={once}\n")


def test_equal_values_have_one_number_in_every_format(tmp_path: Path) -> None:
    pick = random.Random(5)
    often, once = made(pick), made(pick)
    root = tmp_path / "site"
    _site(root, often, once)
    run = audit(root, jobs=2)
    places = sorted(f.places for f in run.findings if f.credential)
    assert places == [1, 5, 5, 5, 5, 5]
    rows = json.loads(json_report.write(run, _HOW))["findings"]
    assert sorted(r["credential"]["places"] for r in rows) == places
    assert len({r["credential"]["number"] for r in rows}) == 2
    plain, page = text_report.write(run, _HOW).decode(), html_report.write(run, _HOW).decode()
    assert "5 places" in plain
    assert "credential #" in plain
    assert "in 5 places" in page
    assert run.exit_code(Severity.LOW) is ExitCode.FINDINGS
    for said in (plain, page, json.dumps(rows)):
        assert often not in said
        assert once not in said
        for one in run.findings:
            assert one.same.hex() not in said


def test_two_runs_number_alike_though_no_seal_is(tmp_path: Path) -> None:
    pick = random.Random(6)
    root = tmp_path / "site"
    _site(root, made(pick), made(pick))
    one = audit(root, detectors=(detector(),), jobs=1)
    other = audit(root, detectors=(detector(),), jobs=2)
    assert [(f.where, f.credential, f.places) for f in one.findings] == [
        (f.where, f.credential, f.places) for f in other.findings
    ]
    assert {f.same for f in one.findings}.isdisjoint({f.same for f in other.findings})


def test_a_cache_does_not_change_the_report(tmp_path: Path) -> None:
    pick = random.Random(7)
    root = tmp_path / "site"
    _site(root, made(pick), made(pick))
    runs = [audit(root, jobs=1, cache=tmp_path / "cache") for _ in range(2)]
    assert [f.credential for f in runs[0].findings] == [0] * 6
    assert runs[0].findings == runs[1].findings


def test_a_foreign_rule_that_changes_is_another_base(tmp_path: Path) -> None:
    rules = tmp_path / "rules.toml"
    seen = []
    for regex, allowed in (("abc-[0-9]{8}", "x"), ("abc-[0-9]{9}", "x"), ("abc-[0-9]{9}", "y")):
        rules.write_text(
            f"[[rules]]\nid = 'own'\nregex = '''{regex}'''\n[rules.allowlist]\nregexes = ['''{allowed}''']\n"
        )
        seen.append(detector([rules]).base)
    assert len({*seen, detector().base}) == 4
    assert detector().base == detector().base
