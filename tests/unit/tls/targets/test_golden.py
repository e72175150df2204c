"""One golden file per target, release and policy: what is rendered, or the refusal with its way out."""

from __future__ import annotations

import pytest

from hardening.errors import UsageError
from hardening.tls import policy as policies
from hardening.tls.judging.judge import judge
from hardening.tls.rendering.render import render
from hardening.tls.targets import Target, targets
from tests.support.places import DATA

GOLDEN = DATA / "tls/golden"
POLICIES = ("aspect", "mozilla-intermediate-6.0", "mozilla-old-5.7", "nist-sp800-52r2-government-only")
ALL = [
    pytest.param(t, r.version, p, id=f"{t.name}@{r.version}-{p}")
    for t in targets()
    for r in t.facts.releases
    for p in POLICIES
]


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


@pytest.mark.parametrize(("target", "version", "policy"), ALL)
def test_golden(target: Target, version: str, policy: str, request: pytest.FixtureRequest) -> None:
    golden = GOLDEN / target.name / f"{version}-{policy}.conf"
    text = written(target, version, policy)
    if request.config.getoption("--regolden", default=False):
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(text)
    assert golden.is_file(), f"no golden file for {target.name}; run make golden"
    assert text == golden.read_text()


@pytest.mark.parametrize(("target", "version", "policy"), ALL)
def test_what_is_rendered_reads_back_clean_or_says_why(target: Target, version: str, policy: str) -> None:
    loaded = policies.load(policy)
    try:
        made = render(target, loaded, version=version)
    except UsageError as refused:
        if refused.hint:
            return
        raise
    judged = {
        f.evidence for f in judge(made.offer, loaded).findings if f.rule.id in {"tls/suite", "tls/protocol"}
    }
    said = {f.evidence for f in (*made.findings, *made.explained)}
    assert judged <= said, f"unexplained: {judged - said}"


def test_no_golden_file_is_left_over() -> None:
    wanted = {f"{t.name}/{r.version}-{p}.conf" for t in targets() for r in t.facts.releases for p in POLICIES}
    assert {f"{g.parent.name}/{g.name}" for g in GOLDEN.glob("*/*")} == wanted
