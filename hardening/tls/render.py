"""From a policy to a server's configuration: narrowed to what release and build have, read back, and judged.

What a target cannot express becomes a finding with the way out; what it would silently ignore is never written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

from hardening.errors import HardeningError, UsageError
from hardening.findings import Finding, Rule, Severity, in_file
from hardening.tls import builds, clients, openssl, rules, templates
from hardening.tls.builds import Cipher
from hardening.tls.offer import Offer
from hardening.tls.ruleset import Policy
from hardening.tls.targets import served
from hardening.tls.targets.base import Abilities, Job, Reading, Target
from hardening.tls.targets.release import Release
from hardening.tls.targets.tree import Tree, joined

INEXPRESSIBLE = Rule(
    id="tls/inexpressible",
    title="The server cannot be told everything the policy asks for",
    severity=Severity.MEDIUM,
    rationale="A setting the server does not know is ignored or refused; either way the policy does not hold.",
    remedy="Take the way out the finding names: a newer release, or a proxy in front that can.",
    references=("https://www.rfc-editor.org/rfc/rfc9325",),
)
_OLD = ("SSLv2", "SSLv3", "TLSv1.0", "TLSv1.1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Something the policy asks for that stays undone, and the way out."""

    what: str
    way_out: str
    severity: Severity = Severity.MEDIUM
    covers: frozenset[str] = frozenset()
    """Evidence of the judge's findings that this explains."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What will be written, what cannot be, and what was assumed."""

    job: Job
    gaps: tuple[Gap, ...]
    assumptions: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """One configuration, what it offers when read back, and what stays to be said about it."""

    text: str
    job: Job
    offer: Offer
    findings: tuple[Finding, ...]
    assumptions: tuple[str, ...]
    verdicts: Mapping[str, str]
    stuck: tuple[str, ...] = ()
    """Versions that are offered although the job has them not, for they cannot be switched off."""


def settle(target: Target, version: str | None, build: str | None) -> tuple[Release, str, tuple[str, ...]]:
    """Return the release, the OpenSSL build, and what was assumed for them. Errors: UsageError."""
    release, assumed = target.facts.release(version)
    notes = [assumed] if assumed else []
    if build is None:
        notes.append(f"{builds.shown(release.openssl)}, which ships with {target.name} {release.version}")
        if release.verified != "yes":
            why = f" ({release.note})" if release.note else ""
            notes.append(f"facts about the release are from {release.verified}{why}")
    return release, builds.chosen(build, release.openssl), tuple(notes)


def plan(
    target: Target,
    policy: Policy,
    *,
    version: str | None = None,
    build: str | None = None,
    params: Mapping[str, str] | None = None,
) -> Plan:
    """Narrow a policy to what a release and a build have. Errors: UsageError when nothing is left."""
    release, build_name, assumptions = settle(target, version, build)
    given = target.checked(params or {})
    can = target.can(release, build_name, given)
    narrowing = _Narrowing(target, policy, release, build_name, can)
    protocols = narrowing.protocols()
    ciphers = narrowing.ciphers(protocols)
    suites13 = narrowing.ciphersuites(protocols)
    groups = narrowing.groups()
    protocols = narrowing.left_over(protocols, ciphers)
    prefers = narrowing.preference()
    job = Job(
        policy=policy,
        release=release,
        build=build_name,
        protocols=protocols,
        ciphers=tuple(c.name for c in ciphers),
        ciphersuites=suites13 if "TLSv1.3" in protocols else (),
        groups=groups,
        server_preference=prefers,
        params=given,
    )
    return Plan(job=job, gaps=tuple(narrowing.gaps), assumptions=assumptions)


class _Narrowing:
    """One policy being narrowed, collecting the gaps on the way."""

    def __init__(self, target: Target, policy: Policy, release: Release, build: str, can: Abilities) -> None:
        self.target, self.policy, self.release, self.can = target, policy, release, can
        self.build = builds.build(build)
        self.level = self.build.security_level or 0
        self.speaks = served.protocols_of(build, self.level)
        self.gaps: list[Gap] = []
        self.stuck = tuple(n for n in can.stuck if n in self.speaks and n not in policy.protocols)

    def protocols(self) -> tuple[str, ...]:
        allowed = self.policy.protocols
        found = tuple(
            n for n in allowed if n in self.speaks and (n in self.can.protocols or n in self.can.stuck)
        )
        if found:
            return found
        have = joined(n for n in builds_order(self.speaks))
        reason = self.policy.forbids_protocol(next(iter(builds_order(self.speaks)), "TLSv1.2"))
        raise UsageError(
            f"{self.policy.id} allows {joined(allowed)}, and {self.target.name} {self.release.version} with "
            f"{builds.shown(self.build.name)} has {have}: nothing is left"
            + (f" ({reason})" if reason else ""),
            hint="name a build with --openssl that has more, update the host, or put a proxy in front that can",
        )

    def ciphers(self, protocols: tuple[str, ...]) -> tuple[Cipher, ...]:
        by_code = {c.code: c for c in self.build.ciphers}
        older = [p for p in protocols if p != "TLSv1.3"]
        found = [c for s in self.policy.suites if (c := by_code.get(s.code)) is not None]
        found = [c for c in found if any(openssl.usable(c, p, self.level) for p in older)]
        if off := [c.iana for c in found if c.name in self.can.unreachable]:
            found = [c for c in found if c.name not in self.can.unreachable]
            self._gap(f"{joined(off)} cannot be switched on and stay off", "unreachable", Severity.INFO)
        small = self.can.dh_bits is not None and self.can.dh_bits < self.policy.dh_min_bits
        for kx, possible, key in (
            ("DHE", self.can.finite_field and not small, "finite_field"),
            ("ECDHE", self.can.elliptic, "elliptic"),
        ):
            if not possible and any(c.suite and c.suite.kx == kx for c in found):
                found = [c for c in found if c.suite is None or c.suite.kx != kx]
                self._gap(f"{kx} suites cannot be used and are left out", key, Severity.INFO)
        stuck = [n for n in self.stuck if n in _OLD]
        if stuck:
            found = self._around(stuck, found)
        return tuple(found)

    def _around(self, stuck: list[str], found: list[Cipher]) -> list[Cipher]:
        """A version that cannot be switched off is made unusable by a list only newer ones can use."""
        newer = [c for c in found if c.version == "TLSv1.2"]
        for name in stuck:
            if newer:
                self.gaps.append(
                    Gap(
                        what=f"{name} cannot be switched off; the list holds TLS 1.2 suites alone, so no "
                        f"{name} handshake succeeds",
                        way_out=self.can.stuck[name],
                        severity=Severity.INFO,
                    )
                )
            else:
                self.gaps.append(
                    Gap(
                        what=f"{name} cannot be switched off and is offered",
                        way_out=self.can.stuck[name],
                        severity=Severity.HIGH if name.startswith("SSL") else Severity.MEDIUM,
                        covers=frozenset({name}),
                    )
                )
        return newer or found

    def left_over(self, protocols: tuple[str, ...], ciphers: tuple[Cipher, ...]) -> tuple[str, ...]:
        usable = tuple(
            p for p in protocols if p == "TLSv1.3" or any(openssl.usable(c, p, self.level) for c in ciphers)
        )
        if "TLSv1.3" in usable and self.drop13:
            usable = tuple(p for p in usable if p != "TLSv1.3")
        if usable:
            least, greatest = protocols.index(usable[0]), protocols.index(usable[-1])
            return protocols[least : greatest + 1]
        ways = (
            "; ".join(dict.fromkeys(g.way_out for g in self.gaps))
            or "name a build with --openssl that has more"
        )
        raise UsageError(
            f"{self.target.name} {self.release.version} with {builds.shown(self.build.name)} has none of the suites "
            f"{self.policy.id} allows",
            hint=ways,
        )

    drop13 = False

    def ciphersuites(self, protocols: tuple[str, ...]) -> tuple[str, ...]:
        if "TLSv1.3" not in protocols:
            return ()
        have = {c.code: c.name for c in self.build.tls13}
        wanted = tuple(have[s.code] for s in self.policy.suites13 if s.code in have)
        if self.can.ciphersuites:
            return wanted
        default = openssl.resolve("DEFAULT", self.build).tls13
        extra = [c.iana for c in default if self._forbidden(c)]
        if extra:
            self.drop13 = len(protocols) > 1
            self._gap(
                f"the TLS 1.3 suites cannot be chosen, and the library's own hold {joined(extra)}"
                + ("; TLS 1.3 is left off" if self.drop13 else ""),
                "ciphersuites",
                Severity.INFO if self.drop13 else Severity.MEDIUM,
                covers=frozenset(extra),
            )
        return ()

    def _forbidden(self, cipher: Cipher) -> bool:
        suite = cipher.suite
        return suite is not None and self.policy.forbids_suite(suite, "TLSv1.3") is not None

    def groups(self) -> tuple[str, ...]:
        names = served.known_groups(self.build)
        wanted = tuple(g.openssl for g in self.policy.groups if g.openssl and g.openssl in names)
        if self.can.groups == "list":
            return wanted
        if (
            self.can.groups == "one"
        ):  # one curve, and these servers know curves alone, no X25519 and no hybrids
            curves = [n for n in wanted if n.startswith(("prime", "secp"))]
            if curves:
                return ("prime256v1" if "prime256v1" in curves else curves[0],)
            if wanted:
                self._gap("none of the policy's groups can be set", "groups", Severity.MEDIUM)
        return ()

    def preference(self) -> bool:
        wanted = self.policy.server_preference
        if self.can.preference == "settable":
            return True if wanted is None else wanted
        fixed = self.can.preference == "server"
        if wanted is not None and wanted is not fixed:
            side = "client" if wanted else "server"
            self._gap(f"the {side}'s order of suites decides, whatever is set", "preference", Severity.LOW)
        return fixed

    def _gap(self, what: str, key: str, severity: Severity, covers: frozenset[str] = frozenset()) -> None:
        way = self.can.ways_out.get(key, "")
        self.gaps.append(Gap(what=what, way_out=way, severity=severity, covers=covers))


def builds_order(names: frozenset[str]) -> tuple[str, ...]:
    """Return protocol names weakest first."""
    from hardening.tls.registry import PROTOCOLS

    return tuple(n for n in PROTOCOLS if n in names)


class _Params(dict[str, str]):
    """Parameters as a template sees them: one that was not given is empty."""

    def __missing__(self, key: str) -> str:
        return ""

    def __getattr__(self, name: str) -> str:
        return self.get(name, "")


def render(
    target: Target,
    policy: Policy,
    *,
    version: str | None = None,
    build: str | None = None,
    params: Mapping[str, str] | None = None,
) -> Rendered:
    """Write a configuration and prove by reading it back that it says what the policy asks.

    Errors: UsageError (impossible wishes), HardeningError (what was written reads back differently: a bug).
    """
    if target.writer:
        module = import_module(f"hardening.tls.{target.writer}")
        written: Rendered = module.render(target, policy, version=version, build=build, params=params)
        return written
    release, build_name, assumptions = settle(target, version, build)
    if target.gnutls(release):
        from hardening.tls import gnutls_render

        given = target.checked(params or {})
        return gnutls_render.render(target, policy, release, given, assumptions, build_name)
    made = plan(target, policy, version=version, build=build, params=params)
    job = made.job
    notes = [*(f"assumed: {a}" for a in made.assumptions), *(f"cannot: {g.what}" for g in made.gaps)]
    text = templates.template(target.template).render(
        job=job,
        target=target,
        params=_Params(job.params),
        notes=notes,
        comment="#",
        library="JDK" if job.build.startswith(builds.JDK) else "OpenSSL",
        **_plain(target.context(job)),
    )
    reading = Reading(release=job.release, build=job.build, assumptions=made.assumptions)
    offers = tuple(target.read(Tree.of_text(text, target.place), target.place, reading))
    offer = _agreed(target, made, offers)
    verdicts, findings = judged(target, made, offer)
    return Rendered(
        text=text,
        job=job,
        offer=offer,
        findings=findings,
        assumptions=made.assumptions,
        verdicts=verdicts,
        stuck=tuple(p.name for p in offer.protocols if p.name not in job.protocols),
    )


def _plain(values: Mapping[str, object]) -> dict[str, Any]:
    return dict(values)


def expected(job: Job, stuck: frozenset[str] = frozenset()) -> dict[str, tuple[str, ...]]:
    """Return the suites per protocol version that a job means to offer, in order (IANA names)."""
    build = builds.build(job.build)
    level = build.security_level or 0
    by_name = {c.name: c for c in (*build.ciphers, *build.tls13)}
    found: dict[str, tuple[str, ...]] = {}
    for name in builds_order(frozenset(job.protocols) | stuck):
        if name == "TLSv1.3":
            names = job.ciphersuites or tuple(c.name for c in openssl.resolve("DEFAULT", build).tls13)
        else:
            names = job.ciphers
        suites = tuple(c.iana for n in names if openssl.usable(c := by_name[n], name, level))
        if suites:
            found[name] = suites
    return found


def _agreed(target: Target, made: Plan, offers: tuple[Offer, ...]) -> Offer:
    """Return the one offer, which has to be what the job means. Errors: HardeningError."""
    job = made.job
    can = target.can(job.release, job.build, job.params)
    speaks = served.protocols_of(job.build, builds.build(job.build).security_level or 0)
    want = expected(job, frozenset(can.stuck) & speaks)
    got = {p.name: tuple(s.value for s in p.suites) for p in offers[0].protocols} if offers else {}
    if not can.ordered:  # the library's order, whatever the job's
        want, got = _sorted(want), _sorted(got)
    if len(offers) != 1 or got != want:
        raise HardeningError(
            f"what was written for {target.name} {job.release.version} reads back differently: "
            f"{_difference(want, got)}",
            hint="this is a fault of aspect-hardening; please report policy, target, version and build",
        )
    return offers[0]


def _sorted(seen: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(sorted(suites)) for name, suites in seen.items()}


def _difference(want: Mapping[str, tuple[str, ...]], got: Mapping[str, tuple[str, ...]]) -> str:
    for name in {**want, **got}:
        if want.get(name) != got.get(name):
            missing = [s for s in want.get(name, ()) if s not in got.get(name, ())]
            extra = [s for s in got.get(name, ()) if s not in want.get(name, ())]
            return f"{name}: missing {joined(missing) or 'none'}, unexpected {joined(extra) or 'none'}"
    return "more than one server, or none"


CONFIGURABLE = frozenset(
    (
        *(r.id for r in (rules.PROTOCOL, rules.SUITE, rules.GROUP)),
        *(r.id for r in (rules.PREFERENCE, rules.COMPRESSION, rules.DH_BITS)),
        "tls/ssh-algorithm",
        "tls/ssh-protocol",
    )
)


def judged(target: Target, made: Plan, offer: Offer) -> tuple[Mapping[str, str], tuple[Finding, ...]]:
    """Return the verdicts, and as findings what cannot be expressed and what is still against the policy."""
    judgement = made.job.policy.judge(offer)
    subject = f"{target.name}@{made.job.release.version}"
    place = in_file(target.place)
    explained = {word for gap in made.gaps for word in gap.covers}
    found = [
        Finding(
            rule=INEXPRESSIBLE,
            subject=subject,
            location=place,
            message=gap.what,
            severity=gap.severity,
            evidence=gap.what,
            remedy=gap.way_out[:1].upper() + gap.way_out[1:] + "." if gap.way_out else "",
            policies=(made.job.policy.id,),
        )
        for gap in made.gaps
    ]
    found += [
        replace(one, subject=subject, location=place, fix=None)
        for one in judgement.findings
        if one.rule.id in CONFIGURABLE and one.evidence not in explained
    ]
    if (lost := clients.warning(offer)) is not None:
        found.append(replace(lost, subject=subject, location=place))
    return judgement.verdicts, tuple(found)
