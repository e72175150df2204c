"""What policies say of an offer: findings, one result per rule, and a verdict per policy.

An offer is read once into facts (`hardening.tls.judging.facts`); each policy enters what the facts break
into its ledger; a fact that breaks several policies becomes one finding that names them all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from hardening.errors import UsageError
from hardening.findings import Finding, Fix, InFile, Severity
from hardening.tls.judging import certificate_facts, facts, rules
from hardening.tls.judging.certificates import Moment
from hardening.tls.judging.certificates import check as check_certificates
from hardening.tls.judging.doubt import doubted_rules
from hardening.tls.judging.facts import Fact
from hardening.tls.judging.judgement import Judgement
from hardening.tls.judging.ledger import Ledger
from hardening.tls.judging.scan_command import scan_command
from hardening.tls.judging.sessions import check as check_session
from hardening.tls.offer import Offer
from hardening.tls.policies.requirement import PolicyRule, Reason, SuiteMatch
from hardening.tls.policies.ruleset import Policy

__all__ = ["Judgement", "judge"]


def judge(
    offer: Offer,
    *policies: Policy,
    now: datetime | None = None,
    hostname: str | None = None,
    hostnames: tuple[str, ...] = (),
    required: frozenset[str] = frozenset(),
    expiry_days: int = 30,
) -> Judgement:
    """Judge one offer by one policy or several; one fact they agree on is one finding.

    `now` is when certificates have to be valid (default: this moment). `hostname` is what the
    certificate has to name, as each of `hostnames`; without a name that rule says `skipped`. `required` are rules
    (`tls/POLICY/RULE`) without whose answer the verdict is `unknown`. A certificate with fewer than `expiry_days`
    is a finding. Errors: UsageError for two policies with one id.
    """
    by_id: dict[str, Policy] = {}
    for policy in policies:
        if by_id.setdefault(policy.id, policy) != policy:
            raise UsageError(f"two policies have the id {policy.id!r}", hint="give one of them another id")
    if offer.ssh is not None:
        # loaded for SSH alone: most runs judge TLS
        from hardening.tls.judging import ssh as ssh_judge

        return ssh_judge.judge(offer, offer.ssh, tuple(by_id.values()), required)
    now = now or datetime.now(UTC)
    by_id = {name: one.at(now.date()) for name, one in by_id.items()}
    names = (*((hostname,) if hostname else ()), *hostnames)
    moment = Moment(now, names, expiry_days)
    seen = _Facts(offer)
    ledgers = [_entered(Ledger(policy, required=required), seen, moment) for policy in by_id.values()]
    verdicts = {ledger.policy.id: _verdict(ledger, offer) for ledger in ledgers}
    broken = tuple(_broken(offer, ledgers))
    reported = {(one.rule.id, one.evidence.partition(" ")[0]) for one in broken}
    return Judgement(
        findings=(
            *broken,
            *(
                certificate_facts.findings(offer, moment, reported)
                if offer.certificates or offer.parameters
                else ()
            ),
            *_unsettled(offer, ledgers),
            *_unverified(offer, ledgers, verdicts),
            *_unread(offer, ledgers),
            *_unlinked(offer),
        ),
        results=tuple(result for ledger in ledgers for result in ledger.results(offer.subject)),
        verdicts=verdicts,
        unanswered=tuple(one for ledger in ledgers for one in ledger.unanswered()),
        gap=next((gap for ledger in ledgers if (gap := ledger.gap())), ""),
    )


class _Facts:
    """An offer read once, for every policy."""

    def __init__(self, offer: Offer) -> None:
        self.offer = offer
        self.suites = facts.suites(offer)
        self.groups = facts.groups(offer)
        self.schemes = facts.schemes(offer)


def _verdict(ledger: Ledger, offer: Offer) -> str:
    verdict = ledger.verdict()
    silent = ledger.policy.silent  # it speaks of SSH alone
    return "unknown" if verdict == "pass" and (silent or not offer.protocols) else verdict


def _entered(ledger: Ledger, seen: _Facts, moment: Moment) -> Ledger:
    _protocols(ledger, seen.offer)
    _suites(ledger, seen)
    _groups(ledger, seen)
    _schemes(ledger, seen)
    check_certificates(seen.offer, moment, ledger)
    check_session(seen.offer, ledger, [s.suite for s in seen.suites if s.suite])
    for what in seen.offer.inconclusive:
        ledger.doubts(doubted_rules(ledger.policy, seen.offer, what), what)
    return ledger


def _protocols(ledger: Ledger, offer: Offer) -> None:
    for one in offer.protocols:
        if broken := ledger.policy.protocol_breaches(one.name):
            ledger.breaks(broken, facts.protocol(offer, one.name))
    for rule in ledger.policy.rules:
        if rule.protocols is not None:
            ledger.looks(rule)
            for name in rule.protocols.require:
                _wanted(ledger, rule, offer, (name,))
            if rule.protocols.require_any:
                _wanted(ledger, rule, offer, rule.protocols.require_any)


def _wanted(ledger: Ledger, rule: PolicyRule, offer: Offer, names: tuple[str, ...]) -> None:
    """One of these versions has to be offered; what was not asked about is not missing."""
    if any(offer.protocol(name) for name in names):
        return
    doubtful = [name for name in names if name in offer.inconclusive]
    if doubtful or offer.coverage != "full":
        ledger.doubts((rule,), (doubtful or names)[0])
    else:
        ledger.breaks((rule,), facts.missing(offer, " or ".join(names)))


def _suites(ledger: Ledger, seen: _Facts) -> None:
    policy = ledger.policy
    for rule in policy.rules:
        if rule.suites is not None and (rule.suites.forbid or rule.suites.allow is not None):
            _look(ledger, rule, seen.offer, "no suite is known", present=bool(seen.suites))
        if rule.suites is not None and rule.suites.some:
            _some(ledger, rule, rule.suites.some, seen)
    if seen.offer.coverage == "full":
        for blind in (p.name for p in seen.offer.protocols if not p.suites and p.name != "SSLv2"):
            doubted = (r for r in policy.rules if r.suites is not None)
            ledger.doubts(doubted, f"a suite that is forbidden under {blind}")
    for one in seen.suites:
        if one.suite is not None:
            if broken := policy.breaches_under(one.suite, one.protocols):
                ledger.breaks(broken, one.fact)
        elif one.kind is not None:
            ledger.breaks(policy.protocol_breaches("SSLv2"), one.fact)
        else:
            listed = [r for r in policy.rules if r.suites and r.suites.allow is not None]
            ledger.breaks(listed, one.fact)
            other = [r for r in policy.rules if r.suites and r.suites.allow is None]
            ledger.doubts(other, f"{one.protocols[0]} {one.located.value}")


def _some(ledger: Ledger, rule: PolicyRule, wanted: tuple[SuiteMatch, ...], seen: _Facts) -> None:
    """At least one suite has to be among the wanted."""
    offered = [(s.suite, p) for s in seen.suites if s.suite for p in s.protocols]
    if any(match(suite, p) for match in wanted for suite, p in offered):
        ledger.looks(rule)
    elif not seen.suites:
        ledger.misses(rule, "no suite is known")
    elif seen.offer.coverage == "full" and not seen.offer.inconclusive:
        ledger.breaks((rule,), facts.no_suite(seen.offer, rule.text))
    elif not rule.binding:
        ledger.misses(rule, "only what a policy forbids was asked about")
    else:
        ledger.doubts((rule,), f"a suite with: {rule.text}")


_WITHOUT_GROUP = frozenset({"RSA", "PSK", "RSA_PSK", "NULL"})
"""Key exchanges without Diffie-Hellman."""


def _groups(ledger: Ledger, seen: _Facts) -> None:
    unused = seen.offer.coverage == "full" and bool(seen.suites) and not seen.groups
    unused = unused and all(one.suite is not None and one.suite.kx in _WITHOUT_GROUP for one in seen.suites)
    for rule in ledger.policy.rules:
        if rule.groups is not None and unused:
            ledger.passes_over(rule, "no suite that is offered uses a group")
        elif rule.groups is not None:
            _look(ledger, rule, seen.offer, "no group is known", present=bool(seen.groups))
        if rule.groups is not None and rule.groups.some:
            _some_group(ledger, rule, rule.groups.some, seen)
    for one in seen.groups:
        if one.group is not None:
            if broken := ledger.policy.group_breaches(one.group):
                ledger.breaks(broken, one.fact)
        else:
            ledger.breaks((r for r in ledger.policy.rules if r.groups and r.groups.allow), one.fact)


def _some_group(ledger: Ledger, rule: PolicyRule, wanted: frozenset[int], seen: _Facts) -> None:
    """At least one group has to be among the wanted."""
    if any(one.group is not None and one.group.id in wanted for one in seen.groups):
        ledger.looks(rule)
    elif seen.offer.coverage == "full" and not seen.offer.inconclusive:
        ledger.breaks((rule,), facts.no_group(seen.offer))
    elif not rule.binding:
        ledger.misses(rule, "only what a policy forbids was asked about")
    else:
        ledger.doubts((rule,), "a group with ML-KEM")


_NO_LIST = (
    "no list of signature algorithms is set; what the library signs with by itself, a scan with --deep sees"
)


def _schemes(ledger: Ledger, seen: _Facts) -> None:
    for rule in ledger.policy.rules:
        if rule.signatures is not None:
            in_file = isinstance(seen.offer.at, InFile)
            if not seen.schemes:
                ledger.misses(rule, _NO_LIST if in_file else "no signature algorithm is known")
            elif in_file or _all_schemes(seen.offer):
                ledger.looks(rule)
            else:
                ledger.misses(
                    rule, "only signature algorithms that the server chose are known; --deep asks for all"
                )
    for one in seen.schemes:
        if one.scheme is not None:
            if broken := ledger.policy.scheme_breaches(one.scheme):
                ledger.breaks(broken, one.fact)
        else:
            ledger.breaks((r for r in ledger.policy.rules if r.signatures and r.signatures.allow), one.fact)


def _all_schemes(offer: Offer) -> bool:
    """Tell whether every scheme of the versions that negotiate one was asked for."""
    negotiating = [p for p in offer.protocols if p.name in ("TLSv1.2", "TLSv1.3") and p.signature_algorithms]
    return bool(negotiating) and all(p.signatures_complete for p in negotiating)


def _look(ledger: Ledger, rule: PolicyRule, offer: Offer, missing: str, *, present: bool) -> None:
    """Note whether a clause was looked at; what was not asked about is not passed."""
    if offer.coverage != "full" and not rule.binding:
        ledger.misses(rule, "only what a policy forbids was asked about")
    elif present:
        ledger.looks(rule)
    else:
        ledger.misses(rule, missing)


def _broken(offer: Offer, ledgers: Sequence[Ledger]) -> Iterable[Finding]:
    by_id = {ledger.policy.id: ledger.policy for ledger in ledgers}
    shared: dict[tuple[object, ...], tuple[Fact, list[Reason]]] = {}
    same: dict[int, list[Reason]] = {}  # most are one object; comparing those that are not costs more
    number = facts.Places().number
    for ledger in ledgers:
        for fact, reason in ledger.reasons():
            reasons = same.get(id(fact))
            if reasons is None:
                fact_key = (fact.rule.id, fact.evidence, fact.message, number(fact.at))
                reasons = same[id(fact)] = shared.setdefault(fact_key, (fact, []))[1]
            reasons.append(reason)
    facts_of: dict[
        tuple[int, ...], tuple[bool, tuple[str, ...], str]
    ] = {}  # dozens of suites of one server break the very same rules
    fixes: dict[tuple[str, str], Fix] = {}
    for fact, reasons in shared.values():
        key = tuple(map(id, reasons))
        binding, named, words = facts_of.get(key) or facts_of.setdefault(key, _breach(reasons))
        later = not binding and all(fact.evidence in by_id[name].rendered_names for name in named)
        yield Finding(
            rule=fact.rule,
            subject=offer.subject,
            location=fact.at,
            message=fact.message
            + words
            + ("; it is among what the policy has written until then" if later else ""),
            severity=max(fact.severity, Severity.MEDIUM)
            if binding
            else Severity.INFO
            if later
            else Severity.LOW,
            evidence=fact.evidence,
            remedy="Nothing has to change now; plan for the day it goes." if later else fact.remedy,
            policies=named,
            because=fact.because,
            fix=None if later else _fix(fact, named[0], fixes),
        )


def _breach(reasons: Sequence[Reason]) -> tuple[bool, tuple[str, ...], str]:
    """Return whether a rule among them binds, the policies, and words such as `; against rfc9325 4.1 (must)`."""
    binding = [reason for reason in reasons if reason.rule.binding]
    first = {reason.policy: reason for reason in reversed(binding or reasons)}
    named = tuple(sorted(first))
    verb = "against" if binding else "discouraged by"
    return bool(binding), named, f"; {verb} {'; '.join(str(first[name]) for name in named)}"


def _fix(fact: Fact, policy: str, fixes: dict[tuple[str, str], Fix]) -> Fix | None:
    """Return what to write; one object for all that is wrong in a file."""
    if not isinstance(fact.at, InFile) or fact.rule.id.startswith("tls/certificate"):
        return None
    path = fact.at.path
    found = fixes.get((path, policy))
    if found is None:
        action = f"write what `harden tls render --policy {policy}` says into {path}"
        found = fixes[path, policy] = Fix(action=action, safe=False, operation="set-directive")
    return found


_NAME_IT = (
    "Name the OpenSSL build that the server runs with: `--openssl BUILD`; `harden tls builds` lists them."
)
"""A file is not asked again: what it leaves open hangs on what reads it."""
_ASK_AGAIN = "Ask again, slower (`--concurrency 1`)."


def _unsettled(offer: Offer, ledgers: Sequence[Ledger]) -> Iterable[Finding]:
    touched: dict[str, list[str]] = {what: [] for what in offer.inconclusive}
    for ledger in ledgers:
        for what in ledger.doubted():
            touched.setdefault(what, []).append(ledger.policy.id)
    every = [ledger.policy.id for ledger in ledgers]
    if not offer.protocols and not offer.inconclusive and isinstance(offer.at, InFile):
        yield _nothing(offer, every)  # whatever a policy doubts besides
    elif not offer.protocols and not touched:
        touched["any protocol"] = every
    for silent in (ledger.policy.id for ledger in ledgers if ledger.policy.silent):
        touched.setdefault("anything of TLS", []).append(silent)
    for what, names in sorted(touched.items()):
        yield Finding(
            rule=rules.INCONCLUSIVE,
            subject=offer.subject,
            location=offer.at,
            message=f"it could not be settled whether {what} is offered",
            evidence=what,
            remedy=_NAME_IT if isinstance(offer.at, InFile) else _ASK_AGAIN,
            policies=tuple(sorted(names)),
        )


def _nothing(offer: Offer, names: Iterable[str]) -> Finding:
    """Return what a file that was read whole says of a server nobody can connect to."""
    return Finding(
        rule=rules.PROTOCOL,
        subject=offer.subject,
        location=offer.at,
        message="nothing can be negotiated: of the versions and suites that are switched on, the TLS library does none",
        evidence="nothing is offered",
        remedy=f"Switch on a version and suites that the library does{facts.place(offer.at)}; "
        "`harden tls render` writes them, and `harden tls explain --openssl BUILD` shows what a list selects.",
        policies=tuple(sorted(names)),
    )


def _unread(offer: Offer, ledgers: Sequence[Ledger]) -> Iterable[Finding]:
    """Name each file that could not be read, with the policies whose rules it leaves open."""
    for file in offer.unread_files:
        names = sorted(
            {one.policy.id for one in ledgers for reason in one.unread.values() if file.reason in reason}
        )
        yield Finding(
            rule=rules.CERTIFICATE_UNREAD,
            subject=offer.subject,
            location=file.at,
            message=file.reason,
            evidence=f"{file.path}: {file.why}",
            remedy=f"{file.way}, or ask the server itself: `{scan_command(offer, names)}`.",
            policies=tuple(names),
        )


def _unlinked(offer: Offer) -> Iterable[Finding]:
    for one in offer.certificates:
        if one.unlinked:
            yield Finding(
                rule=rules.CHAIN_ORDER,
                subject=offer.subject,
                location=one.at or offer.at,
                message=f"certificate {one.subject}: it does not certify the one before it in the file",
                evidence=one.sha256[:16],
            )


def _unverified(offer: Offer, ledgers: Iterable[Ledger], verdicts: Mapping[str, str]) -> Iterable[Finding]:
    for ledger in ledgers:
        policy = ledger.policy
        count = policy.counts()
        if verdicts[policy.id] == "pass" and count["unverified"]:
            yield Finding(
                rule=rules.UNVERIFIED,
                subject=offer.subject,
                location=offer.at,
                message=(
                    f"{policy.id} passes; {count['unverified']} of its {count['rules']} rules were not "
                    f"verified against the source text: {', '.join(r.id for r in policy.every_rule if not r.is_verified)}"
                ),
                remedy=f"Compare these rules with your copy of the standard: `harden tls policies {policy.id}` says "
                "of each what was not read.",
                evidence=policy.id,
                policies=(policy.id,),
            )
