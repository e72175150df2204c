"""What a policy has written is clean under that policy, or says with a way out what the server cannot be told."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from hardening.errors import UsageError
from hardening.findings import Finding, Severity
from hardening.tls import policy as policies
from hardening.tls.auditing import audit, mains
from hardening.tls.libraries import builds
from hardening.tls.policies.ruleset import Policy
from hardening.tls.rendering.render import render
from hardening.tls.rendering.rendered import CONFIGURABLE, INEXPRESSIBLE, Rendered
from hardening.tls.targets import Target, find, targets

KNOWN = (
    "no suite: ",  # a server without ECDHE has none of the suites that BSI TR-03116-4 asks for
    "no post-quantum group",  # a library before OpenSSL 3.5 has none of those that pq-readiness asks for
    "user_keys ssh-rsa",  # discouraged by aspect, and left on, for clients of CentOS 6 have no other signature
)
"""Evidence of what stays a finding of the judge: docs/policies.md says so."""


def rendered(target: Target, policy: Policy) -> Iterator[tuple[str, Rendered]]:
    """Yield what each release can be told, on the build that ships with it and on one drawn at random."""
    other = random.Random(f"{target.name} {policy.id}").choice(builds.NAMES)
    for release in target.facts.releases:
        for build in (None, None if release.openssl.startswith(builds.JDK) else other):
            try:
                made = render(target, policy, version=release.version, build=build)
            except UsageError as refused:
                if refused.hint:
                    continue
                raise
            yield f"{target.name}@{release.version} on {made.job.build}", made


def bad(findings: tuple[Finding, ...] | list[Finding]) -> list[Finding]:
    stuck = any(f.evidence.startswith("no suite: ") for f in findings)
    known = (*KNOWN, "no TLSv1.2") if stuck else KNOWN  # a version without a suite is switched off
    return [
        f
        for f in findings
        if f.rule.id in CONFIGURABLE and f.level > Severity.INFO and not f.evidence.startswith(known)
    ]


@pytest.mark.parametrize("name", [t.name for t in targets()])
def test_what_a_policy_writes_it_does_not_find_fault_with(name: str, tmp_path: Path) -> None:
    target = find(name)
    seen = 0
    for one in policies.available():
        policy = policies.load(one)
        for where, made in rendered(target, policy):
            seen += 1
            assert not bad(made.findings), (where, one)
            for gap in (f for f in made.findings if f.rule is INEXPRESSIBLE and f.level > Severity.INFO):
                assert gap.remedy, (where, one, gap.message)
            told = {(f.rule.id, f.evidence) for f in made.explained}
            if seen % 40 == 0:  # read back from a file as well, by the audit itself
                path = tmp_path / f"{seen}.{Path(target.place).name}"
                path.write_text(made.text)
                asked = mains.AuditInput(
                    target=target, version=made.job.release.version, build=made.job.build
                )
                found = bad(audit.audit([path], [policy], asked).findings)
                assert {(f.rule.id, f.evidence) for f in found} <= told, (where, one)
    assert seen
