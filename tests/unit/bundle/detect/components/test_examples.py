"""Every component file carries examples, and each is found, or not found, as it says."""

from __future__ import annotations

import re
from datetime import date

import pytest

from bundle.detect.components import Components
from bundle.detect.components.judge import Sighting, judge
from bundle.detect.components.load import component, shipped
from bundle.detect.components.model import Component, ComponentExample
from bundle.detect.components.phpcode import is_command_shell
from bundle.walk.member import ContainerEntry, Member
from hardening.findings import Confidence, Finding, Fix, InFile
from hardening.toml_rows import Table
from tests.support.places import ROOT

TODAY = date(2026, 11, 24)
IDS = sorted(path.stem for path in (ROOT / "bundle/data/components").glob("*.toml"))


@pytest.fixture(scope="module")
def components() -> Components:
    return Components(today=TODAY)


def member_of(example: ComponentExample) -> Member:
    entries = tuple(ContainerEntry(name, 100, 1) for name in example.entries)
    return Member(
        parts=("bundle.zip", example.path),
        kind="listing" if entries else "file",
        size=len(example.content),
        content=example.content,
        entries=entries,
    )


def found(components: Components, example: ComponentExample, rule: str) -> list[Finding]:
    return [f for f in components.check(member_of(example), "bundle.zip") if f.rule.id == rule]


def _component(ident: str) -> Component:
    return next(c for c in shipped() if c.id == ident)


@pytest.mark.parametrize("ident", IDS)
def test_examples(components: Components, ident: str) -> None:
    component, wrong = _component(ident), []
    for example in component.examples:
        findings = found(components, example, component.rule.id)
        said = [f.message for f in findings]
        if len(findings) != int(example.flagged):
            wrong.append(f"{example.path}: flagged {example.flagged}, found {said}")
        elif example.version and f" {example.version}," not in said[0]:
            wrong.append(f"{example.path}: not version {example.version}: {said[0]}")
        elif example.level is not None and findings[0].level is not example.level:
            wrong.append(f"{example.path}: not {example.level.label}: {findings[0].level.label}")
    assert wrong == []
    assert {e.flagged for e in component.examples} == {True, False}, (
        "a flagged and a clean example are wanted"
    )


@pytest.mark.parametrize(
    ("code", "shell"),
    [
        (b"<?php system($_GET['f']); ?>", True),
        (b"<?php $_GET['f'](1); system(", False),  # it ends where the argument would begin
        (b"<?php eval(@(", False),
    ],
)
def test_a_command_shell_runs_what_was_asked_for(code: bytes, shell: bool) -> None:
    assert is_command_shell(code) is shell


@pytest.mark.parametrize(
    ("ident", "confidence", "safe"),
    [
        ("adminer", Confidence.HIGH, True),
        ("adminer", Confidence.MEDIUM, False),
        ("jquery", Confidence.HIGH, False),
    ],
)
def test_a_fix_is_safe_for_what_must_not_ship_and_is_surely_there(
    ident: str, confidence: Confidence, safe: bool
) -> None:
    seen = Sighting(
        component=_component(ident),
        location=InFile(("bundle.zip", "a")),
        how="its name",
        versions=("1.0",),
        confidence=confidence,
        fix=Fix(action="remove the file", safe=True, operation="remove-member"),
    )
    finding = judge(seen, "bundle.zip", TODAY)
    assert finding is not None
    assert finding.fix is not None
    assert finding.fix.safe is safe


def test_every_component_is_asked() -> None:
    assert {c.id for c in shipped()} == set(IDS)


def test_known_flaws_have_numbers_and_no_sentences() -> None:
    number = re.compile(r"(CVE-\d{4}-\d+|GHSA(-[a-z0-9]{4}){3}|RETIREJS-[A-Za-z0-9.-]+)")
    said = {bad.cve for component in shipped() for bad in component.bad if bad.cve}
    assert [cve for cve in sorted(said) if not number.fullmatch(cve)] == []


@pytest.mark.parametrize(
    ("component", "cve", "flawed", "mended"),
    [
        ("adminer", "CVE-2023-45195", "4.8.1 4.8.3", "4.8.4 4.16.0"),
        ("adodb", "CVE-2021-3850", "5.20.20 5.21.3", "5.20.21 5.21.4"),
        ("bash", "CVE-2014-6271", "3.0.16 3.1.17 3.2.51 4.3.24", "3.0.17 3.1.18 3.2.52 4.3.25"),
        ("bind", "CVE-2015-5477", "9.8.2 9.9.7 9.9.7-P1 9.10.2-P2", "9.9.7-P2 9.9.8 9.10.2-P3 9.11.0"),
        ("bind", "CVE-2020-8617", "9.11.18 9.14.11 9.16.2", "9.11.19 9.14.12 9.16.3"),
        ("derby", "CVE-2022-46337", "10.14.2.0 10.15.2.0 10.16.1.1", "10.14.3.0 10.15.2.1 10.16.1.2"),
        ("dom4j", "CVE-2018-1000632", "1.6.1 2.0.2 2.1.0", "2.0.3 2.1.1"),
        ("hibernate3", "CVE-2020-25638", "5.3.19.Final 5.4.23.Final", "5.3.20.Final 5.4.24.Final"),
        ("httpd", "CVE-2021-41773", "2.4.49", "2.4.48 2.4.50"),
        ("httpd", "CVE-2021-42013", "2.4.49 2.4.50", "2.4.48 2.4.51"),
        ("jackson-databind", "CVE-2019-12384", "2.6.7.2 2.8.11.3 2.9.9", "2.6.7.3 2.7.9.6 2.8.11.4 2.9.9.1"),
        ("jackson-databind", "CVE-2019-14540", "2.6.7.2 2.7.9.6 2.8.11.4", "2.6.7.3 2.7.9.7 2.8.11.5 2.9.10"),
        ("jackson-databind", "CVE-2022-42003", "2.11.4 2.12.7 2.13.4", "2.12.7.1 2.13.4.1 2.14.0"),
        ("libthrift", "CVE-2018-1320", "0.9.3 0.11.0", "0.9.3-1 0.12.0"),
        ("log4j2", "CVE-2021-44228", "2.0-rc1 2.3 2.12.1 2.14.1", "2.3.1 2.12.2 2.15.0"),
        ("log4j2", "CVE-2021-45046", "2.3 2.12.1 2.15.0", "2.3.1 2.12.2 2.16.0"),
        ("log4j2", "CVE-2021-44832", "2.3.1 2.12.3 2.17.0", "2.3.2 2.12.4 2.17.1"),
    ],
)
def test_each_branch_ends_with_its_own_fix(component: str, cve: str, flawed: str, mended: str) -> None:
    known = _component(component)
    ranges = [bad.range for bad in known.bad if bad.cve == cve]
    told = {v for v in f"{flawed} {mended}".split() if any(r.holds(v, known.compare) for r in ranges)}
    assert told == set(flawed.split())


@pytest.mark.parametrize("name", IDS)
def test_a_shipped_file_is_one_that_a_user_might_write(name: str) -> None:
    """Its patterns are compiled late, so that only this sees one that is none, or that reads no version."""
    table = Table.load(ROOT / f"bundle/data/components/{name}.toml")
    assert component(table) == next(one for one in shipped() if one.rule.id == f"component/{name}")
