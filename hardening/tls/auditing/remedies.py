"""Remedies that a server can be told: where it has no setting for what is wrong, its finding names the way out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache

from hardening.errors import UsageError
from hardening.findings import Finding
from hardening.tls import registry
from hardening.tls.judging import rules
from hardening.tls.release import Release
from hardening.tls.targets import find
from hardening.tls.targets.base import Capabilities, Reading, Target


def fitting(found: Iterable[Finding], target: Target, way: Reading) -> Iterator[Finding]:
    """Return the findings with remedies that this release of the target can be told."""
    capabilities = _can(target.name, way.release, way.build)
    for one in found:
        remedy = ""
        if one.rule.id in _ABOUT:
            remedy = target.remedy(one, way) if target.remedy is not None else ""
            if not remedy and capabilities is not None and (out := _way_out(one, capabilities)):
                remedy = f"{target.title} {way.release.version} has no setting for it: {out}."
        fix = one.fix
        if fix is not None and fix.operation == "set-directive":
            action = fix.action.replace("tls render --policy", f"tls render {target.name} --policy")
            fix = replace(fix, action=action)
        yield replace(one, remedy=remedy or one.remedy, fix=fix)


_ABOUT = frozenset(
    rule.id for rule in (rules.GROUP, rules.PROTOCOL, rules.SUITE, rules.PREFERENCE, rules.DH_BITS)
)


@lru_cache(maxsize=256)
def _can(name: str, release: Release, build: str) -> Capabilities | None:
    try:
        return find(name).capabilities(release, build, {})
    except UsageError:  # a release that cannot be told anything
        return None


def _way_out(one: Finding, capabilities: Capabilities) -> str:
    """Return the way out of what a release cannot be told; nothing where it can."""
    if one.rule.id == rules.SUITE.id:
        if capabilities.ciphersuites:
            return ""
        suite = registry.find_suite(one.evidence)
        return capabilities.ways_out.get("ciphersuites", "") if suite is not None and suite.tls13 else ""
    if one.rule.id == rules.GROUP.id:
        return capabilities.ways_out.get("groups", "") if capabilities.groups == "none" else ""
    if one.rule.id == rules.PROTOCOL.id:
        return capabilities.stuck.get(one.evidence, "")
    if one.rule.id == rules.PREFERENCE.id:
        return capabilities.ways_out.get("preference", "") if capabilities.preference != "settable" else ""
    return ""
