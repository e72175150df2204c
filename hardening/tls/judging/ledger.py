"""What one policy has found out about one offer so far, rule by rule."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field

from hardening.findings import Result, Unanswered, Verdict
from hardening.records import dataclass
from hardening.tls.judging.facts import Fact
from hardening.tls.policies.requirement import PolicyRule, Reason, RuleKind
from hardening.tls.policies.ruleset import Policy

NOT_VERIFIED = "rule text not verified against the source"
_NOT_ANSWERED = frozenset({Verdict.SKIPPED, Verdict.INCONCLUSIVE, Verdict.MANUAL})
_SHOWN = 5  # facts a reason spells out before it counts the rest


@dataclass(slots=True)
class Ledger:
    """The entries of one policy: broken, unsettled, not seen; a rule without any of these passed."""

    policy: Policy
    broken: dict[str, list[Fact]] = field(default_factory=dict)
    unsettled: dict[str, list[str]] = field(default_factory=dict)
    unseen: dict[str, list[str]] = field(default_factory=dict)
    """Why this kind of input cannot answer a rule; the result is `skipped`, never `pass`."""
    unread: dict[str, list[str]] = field(default_factory=dict)
    """Why a rule was not answered that this input could have answered; the verdict is then `unknown`."""
    irrelevant: dict[str, list[str]] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    """Rules of which at least one clause was looked at."""
    required: frozenset[str] = frozenset()
    """Rules (`tls/POLICY/RULE`) that have to be answered, or the verdict is `unknown`."""

    def breaks(self, rules: Iterable[PolicyRule], fact: Fact) -> None:
        """Note that a fact breaks these rules."""
        for rule in rules:
            self.broken.setdefault(rule.id, []).append(fact)

    def doubts(self, rules: Iterable[PolicyRule], what: str) -> None:
        """Note that something these rules forbid could not be settled."""
        for rule in rules:
            reasons = self.unsettled.setdefault(rule.id, [])
            if what not in reasons:
                reasons.append(what)

    def misses(self, rule: PolicyRule, why: str) -> None:
        """Note that this kind of input cannot answer a clause of the rule."""
        self.unseen.setdefault(rule.id, []).append(why)

    def lacks(self, rule: PolicyRule, why: str) -> None:
        """Note that a clause of the rule was not answered, though this input names what answers it."""
        reasons = self.unread.setdefault(rule.id, [])
        if why not in reasons:
            reasons.append(why)

    def passes_over(self, rule: PolicyRule, why: str) -> None:
        """Note that a clause of the rule has nothing to apply to."""
        self.irrelevant.setdefault(rule.id, []).append(why)

    def looks(self, rule: PolicyRule) -> None:
        """Note that a clause of the rule was looked at."""
        self.seen.add(rule.id)

    def verdict(self) -> str:
        """Return `fail`, `unknown` or `pass`; advice never decides."""
        binding = {r.id for r in self.policy.rules if r.binding}
        if binding & self.broken.keys():
            return "fail"
        return "unknown" if binding & self.unsettled.keys() or self.gap() else "pass"

    def gap(self) -> str:
        """Return why the verdict is `unknown` where something was not read or a required rule was not answered."""
        for rule in self.policy.rules:
            if rule.binding and rule.id in self.unread:
                return self.unread[rule.id][0]
        for rule in self.policy.rules:
            name = self.policy.result_rules[rule.id].id
            if name in self.required:
                verdict, reason = self._result(rule)
                if verdict in _NOT_ANSWERED:
                    return f"{name} is required and was not answered: {reason}"
        return ""

    def unanswered(self) -> Iterable[Unanswered]:
        """Return the binding rules that this kind of input cannot answer."""
        for rule in self.policy.rules:
            verdict, reason = self._result(rule)
            if rule.binding and verdict is Verdict.SKIPPED:
                yield Unanswered(
                    policy=self.policy.id, rule=self.policy.result_rules[rule.id].id, reason=reason
                )

    def doubted(self) -> set[str]:
        """Return everything a binding rule could not settle."""
        return {w for r in self.policy.rules if r.binding for w in self.unsettled.get(r.id, ())}

    def reasons(self) -> Iterable[tuple[Fact, Reason]]:
        """Return each fact that breaks a rule, with the rule."""
        for rule in self.policy.rules:
            if found := self.broken.get(rule.id):
                reason = Reason(self.policy.id, rule)
                for fact in found:
                    yield fact, reason

    def results(self, subject: str) -> Iterable[Result]:
        """Return one result per rule of the policy."""
        for rule in self.policy.rules:
            verdict, reason = self._result(rule)
            facts = self.broken.get(rule.id, ())
            yield Result(
                rule=self.policy.result_rules[rule.id],
                subject=subject,
                verdict=verdict,
                reason=reason,
                because=tuple(dict.fromkeys((fact.rule.id, fact.evidence) for fact in facts)),
            )

    def _result(self, rule: PolicyRule) -> tuple[Verdict, str]:  # noqa: PLR0911 - one return per verdict
        if rule.kind is RuleKind.MANUAL:
            return Verdict.MANUAL, "no program can check this"
        if broken := self.broken.get(rule.id):
            return (Verdict.FAIL if rule.binding else Verdict.ADVICE), _listed(
                [fact.message for fact in broken]
            )
        if unsettled := self.unsettled.get(rule.id):
            return Verdict.INCONCLUSIVE, "not settled: " + _listed(unsettled)
        if unread := self.unread.get(rule.id):
            return Verdict.INCONCLUSIVE, _listed(unread)
        if unseen := self.unseen.get(rule.id):
            return Verdict.SKIPPED, _listed(unseen)
        if rule.id not in self.seen:
            return Verdict.NOT_APPLICABLE, _listed(self.irrelevant.get(rule.id, ["nothing it applies to"]))
        return Verdict.PASS, "" if rule.is_verified else f"{NOT_VERIFIED} ({rule.verified})"


def _listed(reasons: list[str]) -> str:
    rest = len(reasons) - _SHOWN
    return "; ".join(reasons[:_SHOWN]) + (f"; and {rest} more" if rest > 0 else "")
