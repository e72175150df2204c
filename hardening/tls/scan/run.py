"""Scan endpoints against policies: the door for the command line and for other packages.

run = scan(["host:443"], [policy.load("aspect")], ScanSettings())
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from hardening.findings import Examined, Finding, OnWire, Run, Subject, SubjectKind, Unanswered
from hardening.tls import clients, registry
from hardening.tls.judging import cleartext, readiness, rules
from hardening.tls.judging.judge import judge
from hardening.tls.judging.required import unmet
from hardening.tls.offer import Offer
from hardening.tls.policies.ruleset import Policy
from hardening.tls.scan.endpoint import ScanTarget, parse
from hardening.tls.scan.engine.connecting import Wire
from hardening.tls.scan.engine.conversations import Engine
from hardening.tls.scan.engine.job import EndpointJob
from hardening.tls.scan.engine.net import Loop
from hardening.tls.scan.engine.rate_limit import Pace, RateLimits
from hardening.tls.scan.fleet import Outcome, joined
from hardening.tls.scan.report import observed, remedies
from hardening.tls.scan.report.attacks import implied
from hardening.tls.scan.report.offers import offer_of
from hardening.tls.scan.strategy.endpoint_state import Endpoint
from hardening.tls.scan.strategy.messages import Identity
from hardening.tls.scan.strategy.plan import Inquiry
from hardening.tls.scan.strategy.scope import ScanScope
from hardening.tls.scan.wire import ssh
from hardening.tls.scan.wire.starttls import dialogue

if TYPE_CHECKING:
    from OpenSSL.crypto import X509Store


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanSettings:
    """How a scan is carried out."""

    full: bool = False
    """Inventory everything, rather than ask only for what the policies forbid."""
    required: frozenset[str] = frozenset()
    """Rules (`tls/POLICY/RULE`) that have to be answered, or the verdict is `unknown`."""
    deep: bool = False
    """Also finish handshakes: resumption, renegotiation, HTTP headers; and ask for every signature scheme."""
    vulnerabilities: bool = False
    identity: Identity | None = None
    """The client certificate to present; None: none."""
    expiry_days: int = 30
    """How long before its end a certificate is worth a finding."""
    trust: str | None = None
    """A PEM file of authorities, or `system`; None leaves trust to the policies' own rules."""
    starttls: str | None = None
    sni: str | None = None
    wire: Wire = field(default_factory=Wire)
    limits: RateLimits = field(default_factory=RateLimits)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointExamination:
    """One endpoint, examined."""

    target: ScanTarget
    found: Endpoint
    offer: Offer
    seconds: float
    connections: int

    @property
    def examined(self) -> Examined:
        """How much of it could be looked at."""
        if self.found.no_starttls:
            return Examined.FULL
        if not self.found.answered or (self.found.failure and not self.offer.protocols):
            return Examined.NONE
        return Examined.PARTIAL if self.offer.inconclusive else Examined.FULL


def scope_of(policies: Sequence[Policy], settings: ScanSettings) -> ScanScope:
    """Return what has to be asked so that each of the policies can be judged."""
    judged = any(r.session is not None and r.session.client_certificate for p in policies for r in p.rules)
    clients = settings.deep or settings.identity is not None or judged
    if settings.full or not policies:
        return ScanScope(
            full=True,
            deep=settings.deep,
            clients=clients,
            identity=settings.identity,
            vulnerabilities=settings.vulnerabilities,
        )
    names = registry.PROTOCOLS
    return ScanScope(
        full=False,
        deep=settings.deep,
        clients=clients,
        identity=settings.identity,
        vulnerabilities=settings.vulnerabilities,
        first="TLSv1.3" if any(p.forbids_protocol("TLSv1.2") for p in policies) else "TLSv1.2",
        forbidden={n: frozenset().union(*(p.forbidden_suites(n) for p in policies)) for n in names},
        forbidden_protocols=frozenset(n for n in names if any(p.forbids_protocol(n) for p in policies)),
        forbidden_groups=frozenset(
            g.id for g in registry.groups() if any(p.group_reason(g) is not None for p in policies)
        ),
    )


_ANOTHER = (
    "what {} offers: every hello with this name was refused, and what was seen is the answer to hellos without one, "
    "which may be another server's"
)


def examine(
    targets: Iterable[ScanTarget],
    scope: ScanScope,
    settings: ScanSettings,
    done: Callable[[EndpointExamination], None],
) -> None:
    """Examine targets side by side and hand over each as it is done, in the order of completion."""
    inquiries: dict[int, Inquiry] = {}
    targets = list(targets)
    names = Counter((target.host, target.port) for target in targets)

    http = replace(scope, http=scope.deep, web=True)

    def talk(target: ScanTarget, now: float) -> Engine:
        pace = Pace(settings.limits.shared(names[target.host, target.port]), now)
        inquiry = Inquiry(http if target.is_http else scope, pace)
        engine = Engine(inquiry.run(), pace, now)
        inquiries[id(engine)] = inquiry
        return engine

    def ended(job: EndpointJob) -> None:
        inquiry = inquiries.pop(id(job.engine))
        found = inquiry.found
        offer = offer_of(found, job.target.text, full=scope.full, connections=job.connections)
        if found.nameless and job.target.server_name:
            doubt = _ANOTHER.format(job.target.server_name)
            offer = replace(offer, inconclusive=(*offer.inconclusive, doubt))
        done(
            EndpointExamination(
                target=job.target,
                found=found,
                offer=offer,
                seconds=round(job.seconds, 3),
                connections=job.connections,
            )
        )

    lead = partial(dialogue, proxy=settings.wire.proxy is not None)
    Loop(settings.wire, talk=talk, dialogue=lead, done=ended).run(targets)


def offers(endpoints: Iterable[str], settings: ScanSettings | None = None) -> list[Offer]:
    """Return the full offer of each endpoint, in the order given; for tests and other packages."""
    settings = settings or ScanSettings(full=True)
    targets = [parse(text, starttls=settings.starttls, sni=settings.sni) for text in endpoints]
    got: dict[str, Offer] = {}
    examine(targets, scope_of((), settings), settings, lambda e: got.__setitem__(e.target.text, e.offer))
    return [got[t.text] for t in targets]


def _partial(one: EndpointExamination) -> str:
    nameless = one.found.nameless and one.target.server_name is not None
    return one.offer.inconclusive[-1] if nameless else "some questions were never answered"


def _with_command(one: Unanswered, target: ScanTarget, policies: Sequence[Policy]) -> Unanswered:
    """Add the command where a deeper scan answers the rule."""
    rules = {
        p.result_rules[r.id].id
        for p in policies
        for r in p.rules
        if r.signatures is not None or (r.session is not None and r.session.client_certificate)
    }
    if one.rule not in rules:
        return one
    return replace(one, command=f"harden tls scan {target.text} --policy {one.policy} --deep")


def judged(
    one: EndpointExamination,
    policies: Sequence[Policy],
    now: datetime,
    store: X509Store | None = None,
    required: frozenset[str] = frozenset(),
    expiry_days: int = 30,
) -> Outcome:
    """Return one examined endpoint as the report's subject, findings and results."""
    examined = one.examined
    stats = {"seconds": one.seconds, "connections": one.connections, **observed.stats(one.found)}
    if one.found.no_starttls:
        target = one.target
        subject, finding, result = cleartext.of_endpoint(
            target.text, target.starttls or "", one.found.no_starttls, policies, stats
        )
        return subject, (finding,), (result,)
    if examined is Examined.NONE:
        names = tuple(sorted(p.id for p in policies))
        way = remedies.instead(one.target, one.found.other, policies[0].id) if one.found.other else ""
        return _unanswered(one.target, one.found.failure or "no answer", names, stats, way)
    name = one.target.server_name or one.target.host
    judgement = judge(
        one.offer, *policies, now=now, hostname=name, required=required, expiry_days=expiry_days
    )
    reason = _partial(one) if examined is Examined.PARTIAL else judgement.gap
    subject = Subject(
        id=one.target.text,
        kind=SubjectKind.ENDPOINT,
        examined=Examined.PARTIAL if reason else examined,
        reason=reason,
        stats=stats,
        policies=dict(judgement.verdicts),
        scope="scan" if judgement.unanswered else "",
        unanswered=tuple(_with_command(u, one.target, policies) for u in judgement.unanswered),
        offer=readiness.inventory(one.offer),
    )
    failed = judgement.verdict == "fail"
    attacks = tuple(implied(one.offer, tuple(p.id for p in policies), failed=failed))
    chains: tuple[Finding, ...] = ()
    if one.found.chains:
        from hardening.tls.judging.trust import check

        chains = tuple(check(list(one.found.chains.values()), store, one.target.text, now))
    faults: tuple[Finding, ...] = ()
    if one.found.faults:
        from hardening.tls.scan.strategy import probes

        faults = probes.findings(one.found.faults, one.target.text)
    judged_rules = {f.rule.id for f in judgement.findings}
    seen = [
        f
        for f in observed.findings(one.found, one.offer)
        if not (
            f.message == observed.ACCEPTS_WITHOUT and f.rule.id in judged_rules
        )  # a policy says it already
    ]
    lost = clients.warning(one.offer)
    found = (*judgement.findings, *attacks, *chains, *faults, *seen, *((lost,) if lost else ()))
    return subject, tuple(remedies.with_command(found, one.target, one.found.server)), judgement.results


def scan(
    endpoints: Iterable[str],
    policies: Sequence[Policy],
    settings: ScanSettings | None = None,
    *,
    each: Callable[[Outcome], None] | None = None,
    done: Mapping[str, Outcome] | None = None,
    beside: Mapping[str, Outcome] | None = None,
    now: datetime | None = None,
) -> Run:
    """Scan endpoints and judge each by the policies.

    `each` gets every endpoint as it is done; `done` holds what an earlier, interrupted scan found, `beside` what other scans
    found: endpoints of theirs are asked all the same where they are given.
    Errors: UsageError for an endpoint that is none.
    """
    settings = settings or ScanSettings()
    started = now or datetime.now(UTC)
    policies = [one.at(started.date()) for one in policies]
    outcomes = dict(done or {})
    texts = [text for text in dict.fromkeys(endpoints) if text not in outcomes]
    targets = [parse(text, starttls=settings.starttls, sni=settings.sni) for text in texts]

    def take(outcome: Outcome) -> None:
        outcomes[outcome[0].id] = outcome
        if each is not None:
            each(outcome)

    store = None
    if settings.trust is not None:
        from hardening.tls.judging.trust import load_store

        store = load_store(settings.trust)
    for outcome in _ssh([t for t in targets if t.ssh], policies, settings):
        take(outcome)
    scope = scope_of(policies, settings)
    open_: dict[str, EndpointExamination] = {}

    def settle(one: EndpointExamination) -> None:
        whole = (
            scope.full or one.offer.coverage == "full" or one.offer.inconclusive or not one.offer.protocols
        )
        if not whole and unmet(one.offer, policies):
            open_[one.target.text] = one
            return
        if first := open_.get(one.target.text):
            count = first.connections + one.connections
            one = replace(one, connections=count, seconds=round(first.seconds + one.seconds, 3))
        take(judged(one, policies, started, store, settings.required, settings.expiry_days))

    examine([t for t in targets if not t.ssh], scope, settings, settle)
    if open_:  # an inventory tells whether they lack what a policy requires
        again = scope_of(policies, replace(settings, full=True))
        examine([one.target for one in open_.values()], again, settings, settle)
    every = joined((beside or {}, outcomes)).values()
    return Run.of(
        [subject for subject, _, _ in every],
        [finding for _, findings, _ in every for finding in findings],
        [result for _, _, results in every for result in results],
        started=started,
    )


def _ssh(
    targets: Sequence[ScanTarget], policies: Sequence[Policy], settings: ScanSettings
) -> Iterator[Outcome]:
    names = tuple(sorted(p.id for p in policies))
    wire = settings.wire
    where = [(t.host, t.port) for t in targets]
    for place, seen, seconds in ssh.read_all(where, wire.idle_timeout, wire.concurrency):
        stats = {"connections": 1, "seconds": round(seconds, 3)}
        if isinstance(seen, str):
            yield _unanswered(targets[place], seen, names, stats)
        else:
            yield _ssh_judged(targets[place], seen, policies, stats)


def _ssh_judged(
    target: ScanTarget, seen: ssh.SshAnswer, policies: Sequence[Policy], stats: Mapping[str, object]
) -> Outcome:
    shown = ssh.offer_of(seen, target.text)
    judgement = judge(shown, *policies)
    subject = Subject(
        id=target.text,
        kind=SubjectKind.ENDPOINT,
        stats={
            **stats,
            "banner": seen.banner,
            "algorithms": {k: list(v) for k, v in seen.lists.items()},
        },
        policies=dict(judgement.verdicts),
        offer=readiness.inventory(shown),
    )
    return subject, tuple(remedies.with_command(judgement.findings, target)), judgement.results


def _unanswered(
    target: ScanTarget, why: str, policies: tuple[str, ...], stats: Mapping[str, object], way: str = ""
) -> Outcome:
    subject = Subject(
        id=target.text,
        kind=SubjectKind.ENDPOINT,
        examined=Examined.NONE,
        reason=why,
        stats=stats,
        policies=dict.fromkeys(policies, "unknown"),
    )
    finding = Finding(
        rule=rules.INCONCLUSIVE,
        subject=target.text,
        location=OnWire(target.text),
        message=f"nothing could be examined: {why}",
        evidence="unanswered",
        remedy=way
        or "Check host, port, protocol and that the server is running, then scan again; "
        "`--timeout SECONDS` waits longer for one that is slow.",
        policies=policies,
    )
    return subject, (finding,), ()
