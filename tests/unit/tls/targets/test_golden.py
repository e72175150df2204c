"""One golden file per target, release and policy: what is rendered, or the refusal with its way out."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import unified_diff

import pytest

from hardening.errors import UsageError
from hardening.tls import policy as policies
from hardening.tls.judging.judge import judge
from hardening.tls.rendering.render import render
from hardening.tls.targets import TARGETS, Target, find
from tests.support.places import DATA

GOLDEN = DATA / "tls/golden"
POLICIES = ("aspect", "mozilla-intermediate-6.0", "mozilla-old-5.7", "nist-sp800-52r2-government-only")


def _each(name: str) -> Iterator[tuple[Target, str, str]]:
    """Yield the target with each of its releases and each policy."""
    target = find(name)
    for release in target.facts.releases:
        for policy in POLICIES:
            yield target, release.version, policy


def written(target: Target, version: str, policy: str) -> str:
    """Return the rendered text with its findings, or the refusal, as one text."""
    try:
        made = render(target, policies.load(policy), version=version)
    except UsageError as refused:
        return f"refused: {refused}\nnext: {refused.hint}\n"
    shown = [
        f for f in made.findings if f.rule.id != "tls/locked-out"
    ]  # whom clients.toml names is tested by itself
    said = "".join(f"# finding: {f.level.label} {f.rule.id}: {f.message}\n" for f in shown)
    return said + made.text


@pytest.mark.parametrize("name", TARGETS)
def test_golden(name: str, request: pytest.FixtureRequest) -> None:
    wrong: list[str] = []
    for target, version, policy in _each(name):
        golden, text = GOLDEN / name / f"{version}-{policy}.conf", written(target, version, policy)
        if request.config.getoption("--regolden", default=False):
            golden.parent.mkdir(parents=True, exist_ok=True)
            golden.write_text(text)
        before = golden.read_text() if golden.is_file() else ""
        wrong += unified_diff(
            before.splitlines(), text.splitlines(), golden.name, "rendered now", lineterm=""
        )
        if not golden.is_file() or (before != text and before.splitlines() == text.splitlines()):
            wrong.append(f"{golden.name}: other line ends, or no such file")
    assert not wrong, "\n".join(["run make golden and read the diff:", *wrong])


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_rendered_reads_back_clean_or_says_why(name: str) -> None:
    wrong = []
    for target, version, policy in _each(name):
        loaded = policies.load(policy)
        try:
            made = render(target, loaded, version=version)
        except UsageError as refused:
            if not refused.hint:
                wrong.append(f"{version} {policy}: refused without a way out: {refused}")
            continue
        judged = {
            f.evidence
            for f in judge(made.offer, loaded).findings
            if f.rule.id in {"tls/suite", "tls/protocol"}
        }
        said = {f.evidence for f in (*made.findings, *made.explained)}
        wrong += [f"{version} {policy}: unexplained: {one}" for one in sorted(map(str, judged - said))]
    assert wrong == []


def test_no_golden_file_is_left_over() -> None:
    wanted = {f"{name}/{version}-{p}.conf" for name in TARGETS for _, version, p in _each(name)}
    assert {f"{g.parent.name}/{g.name}" for g in GOLDEN.glob("*/*")} == wanted
