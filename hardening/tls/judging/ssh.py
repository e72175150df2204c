"""What policies say of an SSH offer: findings, one result per `[[ssh]]` rule, a verdict per policy.

A policy without such rules says nothing about SSH: its verdict is `unknown`, and a finding says why.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from hardening.findings import Finding, Fix, InFile, Result, Rule, Severity, Verdict
from hardening.tls.judging import rules
from hardening.tls.judging.facts import place
from hardening.tls.judging.judgement import Judgement
from hardening.tls.judging.ledger import NOT_VERIFIED
from hardening.tls.libraries import ssh_algorithms
from hardening.tls.offer import Located, Offer, SshOffer
from hardening.tls.policies.ruleset import Policy
from hardening.tls.policies.ssh import SshRule

_RFC = "https://www.rfc-editor.org/rfc/"
ALGORITHM = Rule(
    id="tls/ssh-algorithm",
    title="SSH offers an algorithm that is not allowed",
    severity=Severity.MEDIUM,
    rationale="Client and server settle on what both have; a weak one that is offered is one downgrade away.",
    remedy="List only current algorithms: KexAlgorithms, HostKeyAlgorithms, Ciphers, MACs; "
    "`harden tls render openssh` writes them.",
    references=(_RFC + "rfc9142", _RFC + "rfc8758", _RFC + "rfc8332"),
)
PROTOCOL_1 = Rule(
    id="tls/ssh-protocol",
    title="SSH protocol 1 is offered",
    severity=Severity.CRITICAL,
    rationale="Protocol 1 protects integrity with a CRC; sessions can be altered and taken over.",
    remedy="Set `Protocol 2`, or update the server.",
    references=(_RFC + "rfc4253",),
)
_DIRECTIVES = {
    "kex": "KexAlgorithms",
    "host_keys": "HostKeyAlgorithms",
    "ciphers": "Ciphers",
    "macs": "MACs",
    "user_keys": "PubkeyAcceptedAlgorithms",
}
_SHOWN = 5


def all_rules() -> tuple[Rule, ...]:
    """Return every rule this judge can say."""
    return (ALGORITHM, PROTOCOL_1)


def judge(
    offer: Offer, ssh: SshOffer, policies: Sequence[Policy], required: frozenset[str] = frozenset()
) -> Judgement:
    """Judge one SSH offer by several policies; what they agree on is one finding."""
    speaking = [p for p in policies if p.ssh]
    results = tuple(_result(policy, rule, ssh, offer.subject) for policy in speaking for rule in policy.ssh)
    failing = {r.rule.id for r in results if r.verdict is Verdict.FAIL}
    unseen = {r.rule.id for r in results if r.verdict is Verdict.SKIPPED}
    open_ = {r.rule.id: r.reason for r in results if r.verdict is Verdict.SKIPPED and r.rule.id in required}
    verdicts = {p.id: _verdict(p, failing, unseen) for p in policies}
    for policy in speaking:
        if verdicts[policy.id] == "pass" and any(r.id in open_ for r in policy.result_rules.values()):
            verdicts[policy.id] = "unknown"
    return Judgement(
        findings=(
            *_weak(offer, ssh, speaking),
            *_protocol1(offer, ssh, speaking),
            *_silent(offer, [p for p in policies if not p.ssh]),
            *_doubted(offer, [p for p in speaking if verdicts[p.id] == "unknown"], results),
        ),
        results=results,
        verdicts=verdicts,
        gap=next((f"{name} is required and was not answered: {why}" for name, why in open_.items()), ""),
    )


def _verdict(policy: Policy, failing: set[str], unseen: set[str]) -> str:
    binding = {policy.result_rules[r.id].id for r in policy.ssh if r.binding}
    if binding & failing:
        return "fail"
    return "unknown" if not binding or binding & unseen else "pass"


def _broken(rule: SshRule, ssh: SshOffer) -> Iterator[tuple[str, Located]]:
    for kind, names in ssh.lists:
        for located in names:
            if not (kind == "kex" and ssh_algorithms.is_signal(located.value)) and rule.forbids(
                kind, located.value
            ):
                yield kind, located


def _result(policy: Policy, rule: SshRule, ssh: SshOffer, subject: str) -> Result:
    found = [f"{kind} {located.value}" for kind, located in _broken(rule, ssh)]
    because = [(ALGORITHM.id, word) for word in found]
    if rule.no_protocol1 and ssh.protocol1:
        found.append("protocol 1")
        because.append((PROTOCOL_1.id, ssh.protocol1.value))
    missing = [need.kind for need in rule.needs if ssh.of(need.kind) is None]
    if found:
        rest = len(found) - _SHOWN
        reason = "offered: " + ", ".join(found[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
        verdict = Verdict.FAIL if rule.binding else Verdict.ADVICE
    elif missing:
        reason = "not known: " + ", ".join(ssh_algorithms.LABELS[kind] + "s" for kind in missing)
        # the names of user keys come after encryption starts: that the wire shows none is no doubt
        verdict = Verdict.NOT_APPLICABLE if missing == ["user_keys"] else Verdict.SKIPPED
    else:
        reason = "" if rule.is_verified else f"{NOT_VERIFIED} ({rule.verified})"
        verdict = Verdict.PASS
    return Result(
        rule=policy.result_rules[rule.id],
        subject=subject,
        verdict=verdict,
        reason=reason,
        because=tuple(because),
    )


def _weak(offer: Offer, ssh: SshOffer, policies: Sequence[Policy]) -> Iterator[Finding]:
    held: dict[tuple[str, Located], dict[str, SshRule]] = {}
    for policy in policies:
        for rule in sorted(policy.ssh, key=lambda r: not r.binding):  # of two rules the binding one speaks
            for key in _broken(rule, ssh):
                held.setdefault(key, {}).setdefault(policy.id, rule)
    for (kind, located), against in held.items():
        weak = ssh_algorithms.weakness(kind, located.value)
        binding = {p: r for p, r in against.items() if r.binding}
        named = binding or against
        why = "; ".join(f"{p} {r.section} ({r.level})" for p, r in sorted(named.items()))
        reason = weak.why if weak else "not on the policy's list"
        severity = weak.severity if weak else Severity.MEDIUM
        verb = "against" if binding else "discouraged by"
        yield Finding(
            rule=ALGORITHM,
            subject=offer.subject,
            location=located.at,
            message=f"{ssh_algorithms.LABELS[kind]} {located.value}: {reason}; {verb} {why}",
            severity=max(severity, Severity.MEDIUM) if binding else Severity.LOW,
            evidence=f"{kind} {located.value}",
            remedy=f"Set {_DIRECTIVES[kind]} without {located.value}{place(located.at)}; where it is not set, the "
            "release's own list holds.",
            policies=tuple(sorted(named)),
            fix=_fix(located, min(named)),
        )


def _fix(located: Located, policy: str) -> Fix | None:
    if not isinstance(located.at, InFile):
        return None
    action = f"write what `harden tls render openssh --policy {policy}` says into {located.at.path}"
    return Fix(action=action, safe=False, operation="set-directive")


def _protocol1(offer: Offer, ssh: SshOffer, policies: Iterable[Policy]) -> Iterator[Finding]:
    against = sorted(p.id for p in policies if any(r.no_protocol1 for r in p.ssh))
    if ssh.protocol1 is not None and against:
        yield Finding(
            rule=PROTOCOL_1,
            subject=offer.subject,
            location=ssh.protocol1.at,
            message="protocol 1 is offered",
            evidence=ssh.protocol1.value,
            policies=tuple(against),
        )


def _silent(offer: Offer, policies: Sequence[Policy]) -> Iterator[Finding]:
    for policy in policies:
        yield Finding(
            rule=rules.INCONCLUSIVE,
            subject=offer.subject,
            location=offer.at,
            message=f"{policy.id} says nothing about SSH, so nothing was judged by it",
            evidence=f"{policy.id}: no rule about SSH",
            remedy="Name a policy that has rules about SSH: aspect, cis-centos7-ssh, crypto-policies-default.",
            policies=(policy.id,),
        )


def _doubted(offer: Offer, policies: Sequence[Policy], results: Sequence[Result]) -> Iterator[Finding]:
    for policy in policies:
        ours = {rule.id for rule in policy.result_rules.values()}
        why = [r.reason for r in results if r.rule.id in ours and r.verdict is Verdict.SKIPPED]
        if why:
            yield Finding(
                rule=rules.INCONCLUSIVE,
                subject=offer.subject,
                location=offer.at,
                message=f"it could not be settled whether {policy.id} holds: {'; '.join(dict.fromkeys(why))}",
                evidence=f"{policy.id}: lists not known",
                policies=(policy.id,),
            )
