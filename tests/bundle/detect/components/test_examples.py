"""Every component file carries examples, and each is found, or not found, as it says."""

from __future__ import annotations

import re
from datetime import date

import pytest

from bundle.detect.components import Components
from bundle.detect.components.load import shipped
from bundle.detect.components.model import Component, Example
from bundle.walk.member import Entry, Member
from hardening.findings import Finding

TODAY = date(2026, 11, 24)
CASES = [(c, e) for c in shipped() for e in c.examples]


@pytest.fixture(scope="module")
def components() -> Components:
    return Components(today=TODAY)


def member_of(example: Example) -> Member:
    entries = tuple(Entry(name, 100, 1) for name in example.entries)
    return Member(
        parts=("bundle.zip", example.path),
        kind="listing" if entries else "file",
        size=len(example.content),
        content=example.content,
        entries=entries,
    )


def found(components: Components, example: Example, rule: str) -> list[Finding]:
    return [f for f in components.check(member_of(example), "bundle.zip") if f.rule.id == rule]


@pytest.mark.parametrize(("component", "example"), CASES, ids=[f"{c.id}:{e.path}" for c, e in CASES])
def test_example(components: Components, component: Component, example: Example) -> None:
    findings = found(components, example, component.rule.id)
    assert len(findings) == int(example.flagged), [f.message for f in findings]
    if example.version:
        assert f" {example.version}," in findings[0].message
    if example.level is not None:
        assert findings[0].level is example.level


@pytest.mark.parametrize("component", shipped(), ids=lambda c: c.id)
def test_every_component_has_a_flagged_and_a_clean_example(component: Component) -> None:
    assert {e.flagged for e in component.examples} == {True, False}


def test_known_flaws_have_numbers_and_no_sentences() -> None:
    number = re.compile(r"(CVE-\d{4}-\d+|GHSA(-[a-z0-9]{4}){3}|RETIREJS-[A-Za-z0-9.-]+)")
    said = {bad.cve for component in shipped() for bad in component.bad if bad.cve}
    assert [cve for cve in sorted(said) if not number.fullmatch(cve)] == []
