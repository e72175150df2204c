"""From a policy to a GnuTLS priority string: the largest set of suites the language can say and the policy allows."""

from __future__ import annotations

from collections.abc import Mapping

from hardening.errors import HardeningError, UsageError
from hardening.findings import Severity
from hardening.tls import registry
from hardening.tls.libraries import gnutls
from hardening.tls.libraries.gnutls import GnutlsSuite
from hardening.tls.offer import Offer
from hardening.tls.policies.ruleset import Policy
from hardening.tls.registry import PROTOCOLS
from hardening.tls.release import Release
from hardening.tls.rendering import templates
from hardening.tls.rendering.narrowing import Gap
from hardening.tls.rendering.rendered import Rendered, RenderPlan, rendered
from hardening.tls.targets.base import Job, Reading, Target
from hardening.tls.targets.reading.tree import Tree, joined

_VERSIONS = ("TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3")
_KX = frozenset({"ECDHE-ECDSA", "ECDHE-RSA", "DHE-RSA", "RSA", ""})
_LANGUAGE = (
    "the language of GnuTLS lists key exchanges, ciphers and MACs apart; nothing but a server linked with OpenSSL can "
    "choose suite by suite"
)
Parts = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]
"""Key exchanges, ciphers and MACs, each in order of preference."""


def _ordered(suites: tuple[GnutlsSuite, ...]) -> Parts:
    return (
        tuple(dict.fromkeys(s.kx for s in suites if s.kx)),
        tuple(dict.fromkeys(s.cipher for s in suites)),
        tuple(dict.fromkeys(s.mac for s in suites)),
    )


def _without(parts: Parts, kind: int, word: str) -> Parts:
    kx, ciphers, macs = (
        tuple(w for w in words if kind != index or w != word) for index, words in enumerate(parts)
    )
    return kx, ciphers, macs


def choose(
    policy: Policy, protocols: tuple[str, ...], *, finite_field: bool = True
) -> tuple[Parts, tuple[GnutlsSuite, ...]]:
    """Return the parts to list, and the wanted suites they leave out; without `finite_field` none of DHE is wanted.

    A part that brings in a forbidden suite goes; of several the one whose loss costs the fewest wanted suites.
    """
    by_iana = {s.iana: s for s in gnutls.suites()}
    wanted = tuple(
        s
        for one in (*policy.suites13, *policy.suites)
        if (s := by_iana.get(one.iana)) is not None
        and s.kx in _KX
        and (finite_field or s.kx != "DHE-RSA")
        and any(gnutls.usable(s, p) for p in protocols)
    )
    parts = _ordered(wanted)
    while True:
        suites = gnutls.product(protocols, *parts)
        extra = [s for s in suites if _forbidden(policy, s, protocols)]
        if not extra:
            return parts, tuple(s for s in wanted if s not in suites)
        culprits = (
            {(0, s.kx) for s in extra if s.kx} | {(1, s.cipher) for s in extra} | {(2, s.mac) for s in extra}
        )
        keeps = {
            culprit: sum(s in wanted for s in gnutls.product(protocols, *_without(parts, *culprit)))
            for culprit in sorted(culprits)
        }
        parts = _without(parts, *max(keeps, key=lambda c: keeps[c]))


def _forbidden(policy: Policy, suite: GnutlsSuite, protocols: tuple[str, ...]) -> bool:
    found = registry.find_suite(suite.iana)
    return found is None or any(
        policy.forbids_suite(found, p) is not None for p in protocols if gnutls.usable(suite, p)
    )


def render(
    target: Target,
    policy: Policy,
    release: Release,
    params: Mapping[str, str],
    assumptions: tuple[str, ...],
    build: str,
) -> Rendered:
    """Write a priority string and prove by reading it back that it says what was chosen.

    Errors: UsageError when nothing is left, HardeningError (a bug).
    """
    protocols = tuple(n for n in policy.protocols if n in _VERSIONS)
    can = target.capabilities(release, build, params)
    finite_field = can.finite_field and (can.dh_bits is None or can.dh_bits >= policy.dh_min_bits)
    parts, left = choose(policy, protocols, finite_field=finite_field)
    suites = gnutls.product(protocols, *parts)
    protocols = tuple(p for p in protocols if any(gnutls.usable(s, p) for s in suites))
    if not protocols:
        raise UsageError(
            f"{target.name} {release.version} with GnuTLS has none of the suites {policy.id} allows",
            hint=f"use {target.title} linked with OpenSSL, or put a TLS proxy in front of it",
        )
    names = {
        n.removeprefix("GROUP-").lower(): n for n in gnutls.resolve("NORMAL:+GROUP-SECP224R1").lists["groups"]
    }
    groups = tuple(names[g.name.lower()] for g in policy.groups if g.name.lower() in names)
    gaps = []
    if not finite_field and any(s.kx == "DHE" for s in policy.suites):
        gaps.append(
            Gap(
                what="DHE suites cannot be used and are left out",
                way_out=can.ways_out.get("finite_field", ""),
                severity=Severity.INFO,
            )
        )
    if left:
        gaps.append(
            Gap(
                what=f"{joined(s.iana for s in left)} cannot be listed without suites the policy forbids, and are left out",
                way_out=_LANGUAGE,
                severity=Severity.INFO,
            )
        )
    job = Job(
        policy=policy,
        release=release,
        build=build,
        protocols=protocols,
        ciphers=(),
        ciphersuites=(),
        groups=(),
        priority=_string(protocols, parts, groups, prefers=policy.server_preference is not False),
        server_preference=policy.server_preference is not False,
        params=params,
    )
    notes = tuple(n for n in assumptions if not n.startswith("OpenSSL"))
    planned = RenderPlan(job=job, gaps=tuple(gaps), assumptions=notes)
    text = templates.render(
        target,
        job,
        library="",
        notes=[*(f"assumed: {a}" for a in notes), *(f"cannot: {g.what}" for g in gaps)],
        **target.context(job),
    )
    reading = Reading(release=release, build=build, assumptions=notes)
    offers = tuple(target.read(Tree.of_text(text, target.place), target.place, reading))
    offer = _agreed(target, job, suites, offers)
    return rendered(target, planned, text, offer)


def _string(protocols: tuple[str, ...], parts: Parts, groups: tuple[str, ...], *, prefers: bool) -> str:
    kx, ciphers, macs = parts
    words = ["NONE"]
    words += [f"+VERS-{name.replace('TLSv', 'TLS')}" for name in reversed(protocols)]
    words += [f"+{word}" for word in (*kx, *ciphers, *macs)]
    words += [f"+{word}" for word in groups] or ["+GROUP-ALL"]
    words.append("+SIGN-ALL")
    if prefers:
        words.append("%SERVER_PRECEDENCE")
    return ":".join(words)


def _agreed(target: Target, job: Job, suites: tuple[GnutlsSuite, ...], offers: tuple[Offer, ...]) -> Offer:
    """Return the one offer, which has to be what was chosen. Errors: HardeningError."""
    want = {p: {s.iana for s in suites if gnutls.usable(s, p)} for p in job.protocols}
    got = {p.name: {s.value for s in p.suites} for p in offers[0].protocols} if len(offers) == 1 else {}
    if want != got:
        name = next(p for p in PROTOCOLS if want.get(p) != got.get(p))
        raise HardeningError(
            f"what was written for {target.name} {job.release.version} reads back differently under {name}: "
            f"{joined(sorted(want.get(name, set()) ^ got.get(name, set())))}",
            hint="this is a fault of aspect-hardening; please report policy, target and version",
        )
    return offers[0]
