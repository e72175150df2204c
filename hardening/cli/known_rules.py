"""Every rule that the tool knows, from every module that declares some."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hardening.findings import Rule

SOURCES = (
    ("hardening.tls.judging.rules", "rules"),
    ("hardening.tls.auditing.problems", "rules"),
    ("hardening.tls.auditing.inert", "INERT"),
    ("hardening.tls.scan.report.attacks", "rules"),
    ("hardening.tls.judging.cleartext", "rules"),
    ("hardening.tls.scan.report.observed", "rules"),
    ("hardening.tls.scan.strategy.probes", "rules"),
    ("hardening.tls.judging.ssh", "all_rules"),
    ("hardening.tls.judging.trust", "rules"),
    ("hardening.tls.rendering.rendered", "INEXPRESSIBLE"),
    ("hardening.tls.clients", "LOCKED_OUT"),
    ("hardening.tls.policy", "result_rules"),
    ("bundle.walk.problem", "RULES"),
    ("bundle.detect", "all_rules"),
    ("bundle.trust.verify", "rules"),
    ("bundle.verify_clean.verify", "rules"),
    ("bundle.trust.cleaning", "rules"),
    ("bundle.clean.leftovers", "rules"),
    ("bundle.compare.diff", "rules"),
    ("hardening.host.rules", "rules"),
    ("hardening.host.checks.rules", "rules"),
    ("hardening.upgrade.rules", "rules"),
    ("hardening.upgrade.logs.patterns", "rules"),
    ("hardening.mailer.doctor_rules", "rules"),
    ("hardening.mailer.record", "rules"),
    ("hardening.advisories.rules", "rules"),
    ("hardening.claims.claims", "rules"),
    ("hardening.waivers", "rules"),
)
"""Who has rules: a module, and in it a function that returns them, a table of them, or one rule."""


def all_rules() -> tuple[Rule, ...]:
    """Return every rule of every source by id. Errors: ValueError (one id declared in two ways)."""
    from importlib import import_module

    known: dict[str, Rule] = {}
    for module, name in SOURCES:
        for rule in _rules_of(getattr(import_module(module), name)):
            if known.setdefault(rule.id, rule) != rule:
                raise ValueError(f"rule {rule.id} is declared in two ways, once in {module}")
    return tuple(known[rule_id] for rule_id in sorted(known))


def _rules_of(source: Any) -> Iterable[Rule]:
    if isinstance(source, Rule):
        return (source,)
    if isinstance(source, Mapping):
        return source.values()
    returned: Iterable[Rule] = source()
    return returned
