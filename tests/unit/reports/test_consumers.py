"""Reports as their consumers take them: GitHub's ingestion rules, GitLab's schemas, what Jenkins and Azure read of SARIF."""

from __future__ import annotations

import io
import json
import secrets
import zipfile
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from hardening import project
from hardening.cli import run as harden
from hardening.findings import Finding, InFile, Run, Severity, Subject, SubjectKind
from hardening.reports import render, sarif
from hardening.reports.gitlab import SECRET
from tests.support.places import DATA
from tests.support.reports.fixtures import PASSWORD, STARTED

SCHEMAS = DATA / "reports/schemas"


def written(name: str, run: Run) -> Any:
    return json.loads(render(name, run, fail_on=Severity.MEDIUM))


def schema(name: str) -> Any:
    return json.loads((SCHEMAS / name).read_text())


def github_refuses(body: dict[str, Any], checkout: Path) -> list[str]:
    """Return what code scanning would refuse, cut, or show nowhere."""
    wrong = []
    (run,) = body["runs"]
    rules = run["tool"]["driver"]["rules"]
    wrong += [f"{len(run['results'])} results"] * (len(run["results"]) > 25_000)
    wrong += [f"{len(rules)} rules"] * (len(rules) > 25_000)
    seen = set()
    for rule in rules:
        wrong += [f"{rule['id']}: tags"] * (len(rule["properties"]["tags"]) > 10)
        wrong += [f"{rule['id']}: precision"] * (
            rule["properties"]["precision"] not in ("high", "medium", "low")
        )
        wrong += [f"{rule['id']}: severity"] * (not 0 < float(rule["properties"]["security-severity"]) <= 10)
    for result in run["results"]:
        (place,) = result["locations"]
        address = place["physicalLocation"]["artifactLocation"]
        file = address["uri"]
        wrong += [f"{file}: not in the checkout"] * (not (checkout / file).is_file())
        wrong += [f"{file}: no base"] * (address.get("uriBaseId") != "%SRCROOT%")
        name = (result["ruleId"], file, result["partialFingerprints"]["primaryLocationLineHash"])
        wrong += [f"{name}: twice"] * (name in seen)
        seen.add(name)
    wrong += ["no category"] * (not run["automationDetails"]["id"].endswith("/"))
    return wrong


def bundle() -> bytes:
    body, inner = io.BytesIO(), io.BytesIO()
    php = f"<?php $db_password = '{secrets.token_urlsafe(18)}';\n"
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("www/db.php", php)
    with zipfile.ZipFile(body, "w") as archive:
        archive.writestr("www/db.php", php)
        archive.writestr("payload.zip", inner.getvalue())
    return body.getvalue()


def test_code_scanning_finds_each_file_in_the_checkout_and_each_alert_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dist").mkdir()
    for name in ("dist/upgrade 1.zip", "dist/other.zip"):
        (tmp_path / name).write_bytes(bundle())
    (tmp_path / "db.php").write_text(f"<?php $db_password = '{secrets.token_urlsafe(18)}';\n")
    assert (
        harden(["bundle", "audit", ".", str(tmp_path / "dist"), "--format", "sarif", "-o", "../out.sarif"])
        == 10
    )
    body = json.loads((tmp_path.parent / "out.sarif").read_text().replace("upgrade%201", "upgrade 1"))
    assert github_refuses(body, tmp_path) == []
    results = body["runs"][0]["results"]
    files = {one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for one in results}
    assert files == {"db.php", "dist/upgrade 1.zip", "dist/other.zip"}
    deep = [one for one in results if "payload.zip!/www/db.php" in one["message"]["text"]]
    assert deep
    for one in deep:
        (logical,) = one["locations"][0]["logicalLocations"]
        assert logical["name"].startswith("payload.zip!/www/db.php:1")


def alerts(body: dict[str, Any]) -> set[tuple[str, str, str]]:
    """What code scanning knows an alert by: rule, file and hash."""
    return {
        (one["ruleId"], one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
         one["partialFingerprints"]["primaryLocationLineHash"])
        for one in body["runs"][0]["results"]
    }  # fmt: skip


def test_the_next_release_of_a_bundle_keeps_its_alerts_under_one_name(tmp_path: Path) -> None:
    """Also where its payload has one archive more around it, or one with another release in its name."""
    body, found = bundle(), []
    inner = zipfile.ZipFile(io.BytesIO(body)).read("payload.zip")
    for number, around in enumerate(((), ("payload-1.2.zip",), ("payload-1.3.zip", "outer.zip"))):
        data = inner
        for name in ("last.zip", *around):
            wrapped = io.BytesIO()
            with zipfile.ZipFile(wrapped, "w") as archive:
                archive.writestr(name, data)
            data = wrapped.getvalue()
        path = tmp_path / f"upgrade-3.07.0{number}.zip"
        path.write_bytes(data)
        named = ["--bundle-name", "build/upgrade.zip", "--format", "sarif", "-o", str(tmp_path / "out.sarif")]
        assert harden(["bundle", "audit", str(path), *named]) == 10
        found.append(alerts(json.loads((tmp_path / "out.sarif").read_text())))
    assert found[0]
    assert found[0] == found[1] == found[2]
    assert {file for _, file, _ in found[0]} == {"build/upgrade.zip"}


def test_rules_link_to_the_project_where_it_has_an_address(
    mixed_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = written("sarif", mixed_run)["runs"][0]["tool"]["driver"]
    assert "informationUri" not in driver
    monkeypatch.setattr(project, "URL", "https://docs.example.org")
    monkeypatch.setattr(sarif, "URL", "https://docs.example.org")
    driver = written("sarif", mixed_run)["runs"][0]["tool"]["driver"]
    assert driver["informationUri"] == "https://docs.example.org"
    for rule in driver["rules"]:
        assert rule["helpUri"] == f"https://docs.example.org/rules/{rule['id']}/"
    schema_ = schema("gitlab-security-report-15.0.7.json")
    jsonschema.validate(written("gitlab-sast", mixed_run), schema_, jsonschema.Draft7Validator)


def test_gitlab_takes_its_reports(any_run: Run) -> None:
    security = schema("gitlab-security-report-15.0.7.json")
    for name in ("gitlab-sast", "gitlab-secrets"):
        jsonschema.validate(written(name, any_run), security, jsonschema.Draft7Validator)
    quality = written("codequality", any_run)
    jsonschema.validate(quality, {**schema("codequality.json"), "items": {}}, jsonschema.Draft7Validator)


def test_gitlab_has_every_finding_that_counts_once(mixed_run: Run) -> None:
    counting = {one.fingerprint: one for one in mixed_run.findings if one.counts}
    quality = written("codequality", mixed_run)
    jsonschema.validate(quality, schema("codequality.json"), jsonschema.Draft7Validator)
    assert [one["fingerprint"] for one in quality] == list(counting)
    sast, hidden = written("gitlab-sast", mixed_run), written("gitlab-secrets", mixed_run)
    ids = [one["id"].replace("-", "") for one in (*sast["vulnerabilities"], *hidden["vulnerabilities"])]
    assert sorted(ids) == sorted(counting)
    for one in hidden["vulnerabilities"]:
        assert one["identifiers"][0]["value"].startswith(SECRET)
    assert (sast["scan"]["type"], hidden["scan"]["type"]) == ("sast", "secret_detection")


def test_gitlab_reads_a_scan_that_saw_nothing_as_failed() -> None:
    from hardening.findings import Examined

    subject = Subject(id="a.zip", kind=SubjectKind.BUNDLE, examined=Examined.NONE, reason="empty")
    run = Run.of([subject], [], started=STARTED, finished=STARTED)
    scan = written("gitlab-sast", run)["scan"]
    assert scan["status"] == "failure"
    assert scan["messages"] == [{"level": "warn", "value": "a.zip: none: empty"}]


def test_jenkins_and_azure_read_file_line_level_and_rule_of_each_result(mixed_run: Run) -> None:
    """warnings-ng and Azure DevOps read the same keys of SARIF; a result without one of them is dropped."""
    (run,) = written("sarif", mixed_run)["runs"]
    for result in run["results"]:
        place = result["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"]
        assert place["region"]["startLine"] >= 1
        assert result["level"] in ("error", "warning", "note")
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["message"]["text"]
    assert run["tool"]["driver"]["name"]


def test_a_file_outside_of_the_checkout_is_called_by_its_whole_path() -> None:
    one = Finding(rule=PASSWORD, subject="/etc", location=InFile(("/etc/app.ini",), 3), message="a password")
    run = Run.of([Subject(id="/etc", kind=SubjectKind.FILE)], [one], started=STARTED, finished=STARTED)
    (result,) = written("sarif", run)["runs"][0]["results"]
    address = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert address == {"uri": "file:///etc/app.ini", "index": 0}
