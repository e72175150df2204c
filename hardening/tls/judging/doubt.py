"""Which rules of a policy are touched by something that could not be settled."""

from __future__ import annotations

from collections.abc import Iterable

from hardening.tls import registry
from hardening.tls.offer import Offer
from hardening.tls.policies.requirement import PolicyRule, RuleKind
from hardening.tls.policies.ruleset import Policy

_FIRST_WITH_GROUPS = registry.PROTOCOLS.index("TLSv1.0")
_FIRST_WITH_SCHEMES = registry.PROTOCOLS.index("TLSv1.2")


def doubted_rules(policy: Policy, offer: Offer, what: str) -> tuple[PolicyRule, ...]:
    """Return the rules that `what`, an entry of `Offer.inconclusive`, leaves undecided.

    It is a protocol version (`SSLv2`), or one with a suite, a group or a signature scheme
    (`TLSv1.0 TLS_RSA_WITH_RC4_128_SHA`); of anything else every automated rule is in doubt.
    """
    protocol, _, thing = what.partition(" ")
    if protocol not in registry.PROTOCOLS:
        return tuple(r for r in policy.rules if r.kind is RuleKind.AUTOMATED)
    if thing:
        found = tuple(_thing(policy, protocol, thing))
    else:
        found = (*policy.protocol_breaches(protocol), *_required(policy, protocol), *_under(policy, protocol))
    if thing and offer.protocol(protocol) is None:
        found = (*found, *policy.protocol_breaches(protocol))
    return tuple(dict.fromkeys(found))


def _thing(policy: Policy, protocol: str, thing: str) -> Iterable[PolicyRule]:
    if thing.startswith("SSL_CK_"):
        return policy.protocol_breaches("SSLv2")
    if suite := registry.find_suite(thing):
        return policy.suite_breaches(suite, protocol)
    if group := registry.find_group(thing):
        return policy.group_breaches(group)
    if scheme := registry.find_scheme(thing):
        return policy.scheme_breaches(scheme)
    return _under(policy, protocol)


def _required(policy: Policy, protocol: str) -> Iterable[PolicyRule]:
    return (
        r
        for r in policy.rules
        if r.protocols and protocol in (*r.protocols.require, *r.protocols.require_any)
    )


def _under(policy: Policy, protocol: str) -> Iterable[PolicyRule]:
    """Everything that could be offered under a version nobody could look into."""
    age = registry.PROTOCOLS.index(protocol)
    for rule in policy.rules:
        groups = rule.groups is not None and age >= _FIRST_WITH_GROUPS
        signatures = rule.signatures is not None and age >= _FIRST_WITH_SCHEMES
        if groups or signatures or _may_break(rule, protocol):
            yield rule


def _may_break(rule: PolicyRule, protocol: str) -> bool:
    if rule.suites is None or protocol == "SSLv2":
        return False
    candidates = (s for s in registry.suites() if not s.scsv and s.tls13 is (protocol == "TLSv1.3"))
    return any(rule.suites.forbids(s, protocol) for s in candidates)
