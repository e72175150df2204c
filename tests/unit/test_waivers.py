"""Accepted findings: what matches, what has expired, what is unused, what is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from hardening import waivers
from hardening.errors import DataError, ExitCode
from hardening.findings import (
    Finding,
    OnWire,
    Result,
    Rule,
    Run,
    Severity,
    Subject,
    SubjectKind,
    Verdict,
)

NOW = datetime(2026, 6, 1, tzinfo=UTC)
TODAY = NOW.date()
SUITE = Rule(id="tls/suite", title="t", severity=Severity.HIGH, rationale="why", remedy="do")
ROW = """[[waiver]]
rule = "{rule}"
place = "{place}"
reason = "until the visit"
owner = "j.doe"
expires = {expires}
"""


def load(folder: Path, text: str) -> tuple[waivers.Waiver, ...]:
    path = folder / "waivers.toml"
    path.write_text(text)
    return waivers.load(path)


def row(place: str = "*", rule: str = "tls/suite", expires: str = "2026-06-01") -> str:
    return ROW.format(rule=rule, place=place, expires=expires)


def run(*places: str) -> Run:
    return Run.of(
        [Subject(id="s", kind=SubjectKind.ENDPOINT)],
        [Finding(rule=SUITE, subject="s", location=OnWire(p), message="m") for p in places],
        [Result(rule=SUITE, subject="s", verdict=Verdict.FAIL)],
        started=NOW,
        finished=NOW,
    )


@pytest.mark.parametrize(
    ("place", "where", "matches"),
    [
        ("*", "h:443", True),
        ("h:443", "h:443", True),
        ("h:443", "H:443", False),
        ("h:443", "h:4433", False),
        ("[::1]:443", "[::1]:443", True),
        ("[::1]:443", ":", False),
        ("*!/var/*.php", "a.zip!/b.tar!/var/x/y.php", True),
        ("h?443", "h:443", False),
        ("a.c", "abc", False),
        ("a*", "a\nb", True),
    ],
)
def test_place_is_a_glob_of_stars_alone(tmp_path: Path, place: str, where: str, matches: bool) -> None:
    (waiver,) = load(tmp_path, row(place))
    assert waiver.matches(run(where).findings[0]) is matches


def test_a_waived_finding_does_not_count_and_its_result_says_so(tmp_path: Path) -> None:
    after = waivers.apply(run("h:1", "h:2"), load(tmp_path, row("h:*")), today=TODAY)
    assert after.exit_code() == 0
    assert {f.waived.owner for f in after.findings if f.waived} == {"j.doe"}
    assert [r.verdict for r in after.results] == [Verdict.WAIVED]


def test_a_result_stays_failed_while_one_finding_behind_it_counts(tmp_path: Path) -> None:
    after = waivers.apply(run("h:1", "h:2"), load(tmp_path, row("h:1")), today=TODAY)
    assert after.exit_code() == 10
    assert [r.verdict for r in after.results] == [Verdict.FAIL]


def test_a_waiver_holds_on_its_last_day_and_not_after(tmp_path: Path) -> None:
    loaded = load(tmp_path, row())
    assert waivers.apply(run("h:1"), loaded, today=date(2026, 6, 1)).exit_code() == 0
    later = waivers.apply(run("h:1"), loaded, today=date(2026, 6, 2))
    assert later.exit_code() == 10
    (said,) = [f for f in later.findings if f.rule is waivers.EXPIRED]
    assert "ended on 2026-06-01; one finding counts again" in said.message
    assert said.level is Severity.LOW


def test_an_old_waiver_says_how_many_findings_count_again_and_none_that_another_accepts(
    tmp_path: Path,
) -> None:
    old = row("h:*", expires="2026-05-31")
    known = replace(run("h:1", "h:2", "h:3").findings[0], known=True)
    there = replace(run("h:1", "h:2", "h:3"), findings=(known, *run("h:2", "h:3", "g:4").findings))
    for renewed, effect in (
        ("", "; 2 findings count again"),
        (row("h:2"), "; one finding counts again"),
        (row("h:*"), ""),
    ):
        after = waivers.apply(there, load(tmp_path, old + renewed), today=TODAY)
        (said,) = [f for f in after.findings if f.rule is waivers.EXPIRED]
        assert said.message == f"the waiver of tls/suite at h:* (j.doe) ended on 2026-05-31{effect}"
        assert said.evidence == "rule = tls/suite, place = h:*"


@pytest.mark.parametrize(
    ("evidence", "seen", "code"),
    [("TLSv1.0", "TLSv1.0", 0), ("TLSv1.0", "TLSv1.1", 10), ("TLSv1.*", "TLSv1.1", 0), ("TLSv1.0", "", 10)],
)
def test_a_waiver_may_hold_for_what_was_seen_alone(
    tmp_path: Path, evidence: str, seen: str, code: int
) -> None:
    there = run("h:1")
    there = replace(there, findings=tuple(replace(f, evidence=seen) for f in there.findings))
    loaded = load(tmp_path, row() + f'evidence = "{evidence}"\n')
    assert waivers.apply(there, loaded, today=TODAY).exit_code() == code


@pytest.mark.parametrize(
    ("name", "code"), [("assignment/3f2a9c01", 0), ("decide/*", 0), ("assignment/00000000", 10)]
)
def test_a_waiver_may_hold_for_one_row(tmp_path: Path, name: str, code: int) -> None:
    there = run("h:1")
    found = (replace(f, matched=("assignment/3f2a9c01",), because=("decide/sample",)) for f in there.findings)
    there = replace(there, findings=tuple(found))
    loaded = load(tmp_path, row() + f'row = "{name}"\n')
    assert waivers.apply(there, loaded, today=TODAY).exit_code() == code


def test_a_result_is_waived_by_the_findings_of_its_own_rule_in_every_subject_they_are_of(
    tmp_path: Path,
) -> None:
    other = replace(SUITE, id="tls/protocol", severity=Severity.LOW)
    found = [
        Finding(rule=SUITE, subject="s", location=OnWire("h:1"), message="m", also=("twin",)),
        Finding(rule=other, subject="s", location=OnWire("h:1"), message="m"),
    ]
    results = [Result(rule=SUITE, subject=name, verdict=Verdict.FAIL) for name in ("s", "twin", "alone")]
    there = Run.of([], found, results, started=NOW, finished=NOW)
    after = waivers.apply(there, load(tmp_path, row("h:1")), today=TODAY)
    assert {r.subject: r.verdict for r in after.results} == {
        "s": Verdict.WAIVED, "twin": Verdict.WAIVED, "alone": Verdict.FAIL,
    }  # fmt: skip


def test_what_a_waiver_does_not_touch_stays_as_it_was(tmp_path: Path) -> None:
    there = replace(run("h:1"), extra_codes=frozenset({ExitCode.REFUSED}))
    after = waivers.apply(there, load(tmp_path, row("h:1")), today=TODAY)
    assert replace(after, findings=there.findings, results=there.results) == there
    assert after.exit_code() == ExitCode.REFUSED


def test_a_waiver_that_matched_nothing_is_said(tmp_path: Path) -> None:
    after = waivers.apply(run("h:1"), load(tmp_path, row() + row(rule="tls/protocol")), today=TODAY)
    assert [(f.rule.id, f.message) for f in after.findings if f.subject != "s"] == [
        ("waiver/unused", "the waiver of tls/protocol at * (j.doe) matched nothing in this run")
    ]
    assert after.exit_code() == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (row() + "until = 1\n", r"waiver\[0\]\.until: is not a known key"),
        ("[[waivers]]\n", "waivers: is not a known key"),
        (row().replace('owner = "j.doe"\n', ""), r"waiver\[0\]\.owner: is missing"),
        (row().replace("j.doe", "  "), r"waiver\[0\]\.owner: is empty"),
        (row(expires='"soon"'), r"waiver\[0\]\.expires: has to be a date"),
    ],
)
def test_a_broken_file_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        load(tmp_path, text)
    assert str(caught.value).startswith(str(tmp_path / "waivers.toml"))
