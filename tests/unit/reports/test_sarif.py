"""What SARIF says of a run beside its results: files in files, subjects not seen in full, whether the tool did its work."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from hardening.findings import (
    Examined,
    Finding,
    InFile,
    OnWire,
    Result,
    Run,
    Severity,
    Subject,
    SubjectKind,
    Verdict,
)
from hardening.reports import render, sarif
from hardening.reports.places import checkout_file
from hardening.reports.sarif_places import address
from tests.support.reports.fixtures import FINISHED, PROTOCOL, STARTED


def found(*parts: str, line: int = 3) -> Finding:
    return Finding(
        rule=PROTOCOL, subject=parts[0], location=InFile(parts, line), message="TLSv1.0 is offered"
    )


def body(*findings: Finding, subjects: tuple[Subject, ...] = (), **more: Any) -> dict[str, Any]:
    run = Run.of(subjects, findings, [], started=STARTED, finished=FINISHED, **more)
    (only,) = json.loads(render("sarif", run, fail_on=Severity.MEDIUM))["runs"]
    made: dict[str, Any] = only
    return made


def test_each_outermost_file_is_listed_once() -> None:
    files = body(*(found("a.zip", "b.tar", name, line=n) for name in ("c", "d") for n in (1, 2)))["artifacts"]
    assert [row["location"] for row in files] == [{"uri": "a.zip", "uriBaseId": "%SRCROOT%"}]


def test_the_worst_are_kept_and_what_is_left_out_is_counted_in_a_warning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sarif, "RESULTS", 1)
    results = [Result(rule=PROTOCOL, subject=name, verdict=Verdict.ERROR) for name in "ab"]
    findings = [found("a", line=n) for n in (1, 2)] + [replace(found("b"), severity=Severity.CRITICAL)]
    run = Run.of([], findings, results, started=STARTED, finished=FINISHED)
    (said,) = json.loads(render("sarif", run, fail_on=None))["runs"]
    assert [one["level"] for one in said["results"]] == ["error"]
    credential_lines, rest = said["invocations"][0]["toolExecutionNotifications"]
    assert credential_lines["message"]["text"].startswith("a: ")
    assert rest == {"level": "warning", "message": {"text": "3 results are left out"}}


def test_only_subjects_that_were_not_seen_in_full_are_told_of() -> None:
    subjects = tuple(
        Subject(id=one.value, kind=SubjectKind.FILE, examined=one, reason="torn")
        for one in reversed(Examined)
    )
    credential_lines = body(subjects=subjects)["invocations"][0]["toolExecutionNotifications"]
    assert sorted(one["message"]["text"] for one in credential_lines) == [
        "none: examined none: torn", "partial: examined partial: torn",
    ]  # fmt: skip


def test_a_result_has_the_column_where_there_is_one() -> None:
    one, other = found("a"), replace(found("a"), location=InFile(("a",), 4, 9))
    regions = [r["locations"][0]["physicalLocation"]["region"] for r in body(one, other)["results"]]
    assert regions == [{"startLine": 3}, {"startLine": 4, "startColumn": 9}]


def test_a_moved_line_is_the_same_alert_to_code_scanning() -> None:
    one = found("a")
    moved, other = replace(one, location=InFile(("a",), 99)), replace(one, location=InFile(("b",), 3))
    runs = [body(of_one_run)["results"][0]["partialFingerprints"] for of_one_run in (one, moved, other)]
    said = [marks["primaryLocationLineHash"] for marks in runs]
    assert said[0] == said[1] == one.fingerprint != said[2]


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("./conf/a b.ini", "conf/a%20b.ini"),
        ("/etc/a.ini", "file:///etc/a.ini"),
        ("../a.ini", "../a.ini"),
        ("", "."),
        ("./", "."),
        ("etc/caf\udce9", "etc/caf%E9"),
        ("\ud800", "%5Cud800"),
    ],
)
def test_a_path_is_an_address_that_a_reader_resolves(path: str, uri: str) -> None:
    made = address(checkout_file(found(path)))
    assert made["uri"] == uri
    assert ("uriBaseId" in made) == (path[:1] != "/" and not path.startswith(".."))


@pytest.mark.parametrize(("endpoint", "uri"), [("[::1]:443", "%5B%3A%3A1%5D%3A443"), ("", ".")])
def test_an_endpoint_is_an_address_too(endpoint: str, uri: str) -> None:
    (one,) = body(replace(found("a"), location=OnWire(endpoint)))["results"]
    assert one["locations"][0]["physicalLocation"]["artifactLocation"] == {"uri": uri}


@pytest.mark.parametrize(("why", "said"), [("It is broken.", "It is broken."), ("", PROTOCOL.title)])
def test_a_rule_is_described_by_its_reason_or_else_by_its_title(why: str, said: str) -> None:
    one = replace(found("a"), rule=replace(PROTOCOL, rationale=why))
    (rule,) = body(one)["tool"]["driver"]["rules"]
    assert rule["fullDescription"]["text"] == said
