"""What policies require to be offered, and whether what was seen of an offer has it."""

from __future__ import annotations

from collections.abc import Iterable

from hardening.tls import registry
from hardening.tls.offer import Offer
from hardening.tls.policies.requirement import PolicyRule
from hardening.tls.policies.ruleset import Policy


def unmet(offer: Offer, policies: Iterable[Policy]) -> bool:
    """Return whether a binding rule requires a version, a suite or a group that was not seen: only an inventory settles that it lacks."""
    return any(_lacks(offer, rule) for policy in policies for rule in policy.rules if rule.binding)


def _lacks(offer: Offer, rule: PolicyRule) -> bool:
    versions = {one.name for one in offer.protocols}
    need = rule.protocols
    if need and (not versions.issuperset(need.require) or not (versions & set(need.require_any or versions))):
        return True
    if rule.suites and (wanted := rule.suites.some):
        offered = [(registry.find_suite(s.value), one.name) for one in offer.protocols for s in one.suites]
        if not any(suite and match(suite, version) for suite, version in offered for match in wanted):
            return True
    if rule.groups and rule.groups.some:
        groups = (registry.find_group(s.value) for one in offer.protocols for s in one.groups)
        return not any(group and group.id in rule.groups.some for group in groups)
    return False
