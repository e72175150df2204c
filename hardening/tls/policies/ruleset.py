"""A policy: its rules, what it would have rendered, and what it forbids."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field, replace
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING

from hardening.findings import Rule, Severity
from hardening.records import dataclass
from hardening.tls import registry
from hardening.tls.policies.requirement import (
    REMOVED,
    CertificateNeed,
    Level,
    PolicyRule,
    Reason,
    RuleKind,
    SessionNeed,
)
from hardening.tls.registry import Group, Scheme, Suite

if TYPE_CHECKING:
    from hardening.tls.policies.ssh import Lists, SshRule

SIGNATURES = (
    "List only the policy's algorithms in the server's own setting, where it has one: `harden tls render` writes it for nginx, "
    "httpd, HAProxy, lighttpd and openssl.cnf (OpenSSL's SignatureAlgorithms), from the releases on that know it."
)
"""What makes a server keep a rule about signature schemes."""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """One policy: what may be offered, in which order we would offer it, and which rule says so.

    Source: one TOML file under data/policies, or the user's own (docs/policies.md).
    """

    id: str
    title: str
    version: str
    source: tuple[str, ...]
    verified: str
    """`yes`, or how far the whole was checked against its source."""
    rules: tuple[PolicyRule, ...]
    suites: tuple[Suite, ...] = ()
    """To render for TLS 1.2 and older, in order of preference."""
    suites13: tuple[Suite, ...] = ()
    """To render for TLS 1.3, in order of preference."""
    groups: tuple[Group, ...] = ()
    """To render, in order of preference."""
    signature_algorithms: tuple[Scheme, ...] = ()
    """To render; empty: leave the library's own."""
    server_preference: bool | None = None
    """Whose order of suites decides; None where the policy does not say."""
    session_tickets: bool = False
    """To render: leave them as the server has them; else they are switched off where it has a word for that."""
    notes: tuple[str, ...] = ()
    ssh: tuple[SshRule, ...] = ()
    """What the policy says of SSH servers; empty: nothing."""
    ssh_lists: Lists = ()
    """To render for SSH, in order of preference."""
    permits: frozenset[int] = frozenset()
    """Suite code points a derived policy allows whatever the rules it extends say."""
    permits_groups: frozenset[int] = frozenset()
    permits_protocols: frozenset[str] = frozenset()
    _breaches: dict[tuple[int, str], tuple[PolicyRule, ...]] = field(
        default_factory=dict, compare=False, repr=False
    )
    _breaches_under: dict[tuple[int, tuple[str, ...]], tuple[PolicyRule, ...]] = field(
        default_factory=dict, compare=False, repr=False
    )

    def at(self, day: date) -> Policy:
        """Return the policy as it is on a day: advice whose day has come binds."""
        due = {r.id for r in self.rules if r.binding_from is not None and r.binding_from <= day}
        if not any(r.id in due and not r.binding for r in self.rules):
            return self
        rules = tuple(replace(r, level=Level.MUST) if r.id in due else r for r in self.rules)
        return replace(self, rules=rules, _breaches={}, _breaches_under={})

    @cached_property
    def silent(self) -> bool:
        """Whether it says nothing of TLS; to take something out of such a policy says nothing of the rest either."""
        return all(rule.section == REMOVED for rule in self.rules)

    @cached_property
    def protocols(self) -> tuple[str, ...]:
        """The protocol versions that are allowed, weakest first."""
        return tuple(name for name in registry.PROTOCOLS if self.forbids_protocol(name) is None)

    @cached_property
    def rendered_names(self) -> frozenset[str]:
        """What the policy itself would have written: names of versions, suites, groups and signature schemes."""
        schemes = self.signature_algorithms or registry.schemes()
        return frozenset(
            (
                *self.protocols,
                *(s.iana for s in (*self.suites, *self.suites13)),
                *(g.name for g in self.groups),
                *(s.name for s in schemes if self.forbids_scheme(s) is None),
            )
        )

    @cached_property
    def required_protocols(self) -> tuple[str, ...]:
        """The protocol versions a binding rule wants offered."""
        return tuple(
            dict.fromkeys(n for r in self.rules if r.protocols and r.binding for n in r.protocols.require)
        )

    @cached_property
    def dh_min_bits(self) -> int:
        """The least size of finite-field Diffie-Hellman parameters, 0 where the policy does not say."""
        return max((r.session.dh_min_bits or 0 for r in self.rules if r.session and r.binding), default=0)

    @cached_property
    def certificate_rules(self) -> tuple[tuple[PolicyRule, CertificateNeed], ...]:
        """The rules about certificates, each with what it asks."""
        return tuple((r, r.certificate) for r in self.rules if r.certificate is not None)

    @cached_property
    def result_rules(self) -> dict[str, Rule]:
        """The policy's rules as reports name them: `tls/POLICY/RULE`."""
        return {r.id: self._as_rule(r) for r in self.every_rule}

    @property
    def every_rule(self) -> tuple[PolicyRule | SshRule, ...]:
        """The rules about TLS and those about SSH."""
        return (*self.rules, *self.ssh)

    def _as_rule(self, rule: PolicyRule | SshRule) -> Rule:
        mark = "" if rule.is_verified else f" (rule text: {rule.verified}; not read: {rule.not_read})"
        return Rule(
            id=f"tls/{self.id}/{rule.id}",
            title=rule.text,
            severity=Severity.MEDIUM if rule.binding else Severity.LOW,
            rationale=f"{self.title}, {self.version}, {rule.section}, level {rule.level}{mark}",
            remedy=_remedy(rule, self.id),
            references=tuple(
                word for source in self.source for word in source.split() if word.startswith("https:")
            ),
        )

    def counts(self) -> dict[str, int]:
        """Return how many rules are verified, unverified (`memory` and the like) and manual."""
        every = self.every_rule
        return {
            "rules": len(every),
            "verified": sum(r.is_verified for r in every),
            "unverified": sum(not r.is_verified for r in every),
            "manual": sum(r.kind is RuleKind.MANUAL for r in self.rules),
        }

    def protocol_breaches(self, name: str) -> tuple[PolicyRule, ...]:
        """Return every rule that offering this protocol version breaks."""
        if name in self.permits_protocols:
            return ()
        return tuple(r for r in self.rules if r.protocols and r.protocols.forbids(name))

    def forbids_protocol(self, name: str) -> Reason | None:
        """Return why a protocol version may not be offered, or None."""
        return self._first(self.protocol_breaches(name))

    def suite_breaches(self, suite: Suite, protocol: str) -> tuple[PolicyRule, ...]:
        """Return every rule, binding or advice, that the suite itself breaks under this protocol."""
        key = (suite.code, protocol)
        found = self._breaches.get(key)
        if found is None:
            exempt = suite.scsv or suite.code in self.permits
            found = self._breaches[key] = (
                ()
                if exempt
                else tuple(r for r in self.rules if r.suites and r.suites.forbids(suite, protocol))
            )
        return found

    def breaches_under(self, suite: Suite, protocols: tuple[str, ...]) -> tuple[PolicyRule, ...]:
        """Return every rule that the suite breaks under one of these protocols, each once."""
        key = (suite.code, protocols)
        found = self._breaches_under.get(key)
        if found is None:
            every = {id(r): r for p in protocols for r in self.suite_breaches(suite, p)}
            found = self._breaches_under[key] = tuple(every.values())
        return found

    def suite_reason(self, suite: Suite, protocol: str) -> Reason | None:
        """Return the binding rule that forbids the suite itself, whatever is said of the protocol."""
        return self._first(self.suite_breaches(suite, protocol))

    def _first(self, broken: Iterable[PolicyRule]) -> Reason | None:
        return next((Reason(self.id, rule) for rule in broken if rule.binding), None)

    def forbids_suite(self, suite: Suite, protocol: str) -> Reason | None:
        """Return why a suite may not be negotiated under a protocol version, or None."""
        if suite.scsv:
            return None
        return self.suite_reason(suite, protocol) or self.forbids_protocol(protocol)

    def forbids_group(self, group: Group, protocol: str) -> Reason | None:
        """Return why a group may not be negotiated under a protocol version, or None."""
        return self.group_reason(group) or self.forbids_protocol(protocol)

    def group_breaches(self, group: Group) -> tuple[PolicyRule, ...]:
        """Return every rule that offering this group breaks."""
        if group.id in self.permits_groups:
            return ()
        return tuple(r for r in self.rules if r.groups and r.groups.forbids(group))

    def group_reason(self, group: Group) -> Reason | None:
        """Return the binding rule that forbids the group itself, or None."""
        return self._first(self.group_breaches(group))

    def scheme_breaches(self, scheme: Scheme) -> tuple[PolicyRule, ...]:
        """Return every rule that offering this signature scheme breaks."""
        return tuple(r for r in self.rules if r.signatures and r.signatures.forbids(scheme))

    def forbids_scheme(self, scheme: Scheme) -> Reason | None:
        """Return why a signature scheme may not be offered, or None."""
        return self._first(self.scheme_breaches(scheme))

    def forbidden_suites(self, protocol: str) -> frozenset[int]:
        """Return every code point of the registry that may not be negotiated under a protocol.

        TLS 1.3 suites are asked about under TLS 1.3 alone, all others under everything older;
        unregistered code points are among them, signalling values are not. Empty for SSLv2,
        whose cipher kinds are no suites.
        """
        if protocol == "SSLv2":
            return frozenset()
        return frozenset(
            s.code
            for s in registry.suites()
            if s.tls13 is (protocol == "TLSv1.3") and self.forbids_suite(s, protocol) is not None
        )

    def forbidden_groups(self, protocol: str) -> frozenset[int]:
        """Return every group of the registry that may not be negotiated under a protocol."""
        return frozenset(g.id for g in registry.groups() if self.forbids_group(g, protocol) is not None)


def _remedy(rule: PolicyRule | SshRule, policy: str) -> str:
    """Return what makes a server keep the rule: what is rendered, and what no configuration of ours can do."""
    if rule.kind is RuleKind.MANUAL:
        return "No program can check this: look, and keep a note of what you saw."
    if not isinstance(rule, PolicyRule):
        return f"`harden tls render openssh --policy {policy}` writes the settings that do it."
    session = rule.session or SessionNeed()
    set_by_lines = (session.dh_min_bits, session.compression, session.preference)
    sentences = []
    if rule.protocols or rule.suites or rule.groups or any(need is not None for need in set_by_lines):
        sentences.append(f"`harden tls render TARGET --policy {policy}` writes the settings that do it.")
    if rule.signatures:
        sentences.append(SIGNATURES)
    if rule.certificate:
        sentences.append(
            "Have a certificate issued that is so, with a new key where the key is not, and install it."
        )
    if session.client_certificate:
        sentences.append("Set the server's own directive for client certificates, and give each client one.")
    if session.secure_renegotiation:
        sentences.append("Update the TLS library: OpenSSL has secure renegotiation from 0.9.8m on.")
    if session.extensions:
        sentences.append(f"Update the TLS library to one that answers with {', '.join(session.extensions)}.")
    return " ".join(sentences)
