"""From a policy to a server's configuration: narrowed to what release and build have, read back, and judged.

What a target cannot express becomes a finding with the way out; what it would silently ignore is never written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module

from hardening.errors import HardeningError, UsageError
from hardening.tls import openssl
from hardening.tls.libraries import builds
from hardening.tls.offer import Offer
from hardening.tls.policies.ruleset import Policy
from hardening.tls.release import Release
from hardening.tls.rendering import templates
from hardening.tls.rendering.narrowing import Narrowing, builds_order
from hardening.tls.rendering.rendered import Rendered, RenderPlan, rendered, settle
from hardening.tls.targets.base import Capabilities, Job, Reading, Target
from hardening.tls.targets.reading import security_levels, signatures
from hardening.tls.targets.reading.tree import Tree, joined

__all__ = ["RenderPlan", "Rendered", "expected", "plan", "render", "settle"]


def plan(
    target: Target,
    policy: Policy,
    *,
    version: str | None = None,
    build: str | None = None,
    params: Mapping[str, str] | None = None,
    level: int | None = None,
) -> RenderPlan:
    """Narrow a policy to what a release and a build have. Errors: UsageError when nothing is left."""
    release, build_name, assumptions = settle(target, version, build)
    values = target.checked(params or {})
    capabilities = _whatever_runs(target, release, target.capabilities(release, build_name, values), build)
    if level is not None and "dhparam" not in values:  # what the library makes for so small a key is as small
        capabilities = replace(capabilities, finite_field=False)
    narrowing = Narrowing(target, policy, release, build_name, capabilities)
    protocols = narrowing.protocols()
    ciphers = narrowing.ciphers(protocols)
    suites13 = narrowing.ciphersuites(protocols)
    groups = narrowing.groups()
    schemes = narrowing.signatures(protocols)
    protocols = narrowing.left_over(protocols, ciphers)
    narrowing.absent(protocols)
    prefers = narrowing.preference()
    job = Job(
        policy=policy,
        release=release,
        build=build_name,
        protocols=protocols,
        ciphers=tuple(c.name for c in ciphers),
        ciphersuites=suites13 if "TLSv1.3" in protocols else (),
        groups=groups,
        signatures=schemes,
        server_preference=prefers,
        params=values,
        level=level if ciphers else None,
    )
    return RenderPlan(job=job, gaps=tuple(narrowing.gaps), assumptions=assumptions)


def _whatever_runs(
    target: Target, release: Release, capabilities: Capabilities, build: str | None
) -> Capabilities:
    """Where nobody names the Java, DH parameters are as small as in any that the release may run in."""
    if build is not None or target.libraries is None or capabilities.dh_bits is None:
        return capabilities
    others = [
        target.capabilities(release, one, {}) for one in target.libraries(Tree({}), target.place, release)
    ]
    least = min((one.dh_bits for one in others if one.dh_bits is not None), default=capabilities.dh_bits)
    if least >= capabilities.dh_bits:
        return capabilities
    way = (
        "name the Java that runs: --openssl jdk-...; `harden tls builds` lists them, and one with parameters that are "
        "too small can be started with -Djdk.tls.ephemeralDHKeySize=2048"
    )
    return replace(capabilities, dh_bits=least, ways_out={**capabilities.ways_out, "finite_field": way})


def render(
    target: Target,
    policy: Policy,
    *,
    version: str | None = None,
    build: str | None = None,
    params: Mapping[str, str] | None = None,
    level: int | None = None,
) -> Rendered:
    """Write a configuration and prove by reading it back that it says what the policy asks.

    With `level`, the list of suites names that security level, below the build's own.
    Errors: UsageError (impossible wishes), HardeningError (what was written reads back differently: a bug).
    """
    if target.writer:
        module = import_module(f"hardening.tls.rendering.{target.writer}")
        files: Rendered = module.render(target, policy, version=version, build=build, params=params)
        return files
    release, build_name, assumptions = settle(target, version, build)
    if not (policy.suites or policy.suites13):
        raise UsageError(
            f"{policy.id} names no suite of TLS that could be rendered",
            hint="take a policy that does (`harden tls policies`), or give yours a [render] table (harden docs policies-own)",
        )
    if release.gnutls:
        from hardening.tls.rendering import gnutls as gnutls_render

        values = target.checked(params or {})
        return gnutls_render.render(target, policy, release, values, assumptions, build_name)
    planned = plan(target, policy, version=version, build=build, params=params, level=level)
    job = planned.job
    notes = [
        *(f"assumed: {a}" for a in planned.assumptions),
        *(f"cannot: {g.what}" for g in planned.gaps if g.shown),
    ]
    text = templates.render(
        target,
        job,
        notes=notes,
        library="JDK" if job.build.startswith(builds.JDK) else "OpenSSL",
        **target.context(job),
    )
    reading = Reading(release=job.release, build=job.build, assumptions=planned.assumptions)
    offers = tuple(target.read(Tree.of_text(text, target.place), target.place, reading))
    offer = _agreed(target, planned, offers)
    stuck = tuple(p.name for p in offer.protocols if p.name not in job.protocols)
    return rendered(target, planned, text, offer, stuck=stuck)


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


def _agreed(target: Target, planned: RenderPlan, offers: tuple[Offer, ...]) -> Offer:
    """Return the one offer, which has to be what the job means. Errors: HardeningError."""
    job = planned.job
    capabilities = target.capabilities(job.release, job.build, job.params)
    speaks = security_levels.protocols_of(job.build, builds.build(job.build).security_level or 0)
    want = expected(job, frozenset(capabilities.stuck) & speaks)
    got = {p.name: tuple(s.value for s in p.suites) for p in offers[0].protocols} if offers else {}
    if not capabilities.ordered:  # the library's order, whatever the job's
        want, got = _sorted(want), _sorted(got)
    wrong = _difference(want, got) if len(offers) != 1 or got != want else _unasked(job, offers[0])
    if wrong:
        raise HardeningError(
            f"what was written for {target.name} {job.release.version} reads back differently: {wrong}",
            hint="this is a fault of aspect-hardening; please report policy, target, version and build",
        )
    return offers[0]


def _unasked(job: Job, offer: Offer) -> str:
    """Return which signatures are offered beside those of the list that was written; empty: none."""
    schemes = signatures.meant(job.signature_string, job.build) or ()
    signed = {s.value for p in offer.protocols for s in p.signature_algorithms}
    return (
        f"signed by {joined(sorted(signed.difference(schemes)))} as well"
        if job.signatures and signed.difference(schemes)
        else ""
    )


def _sorted(seen: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(sorted(suites)) for name, suites in seen.items()}


def _difference(want: Mapping[str, tuple[str, ...]], got: Mapping[str, tuple[str, ...]]) -> str:
    for name in {**want, **got}:
        if want.get(name) != got.get(name):
            missing = [s for s in want.get(name, ()) if s not in got.get(name, ())]
            extra = [s for s in got.get(name, ()) if s not in want.get(name, ())]
            return f"{name}: missing {joined(missing) or 'none'}, unexpected {joined(extra) or 'none'}"
    return "more than one server, or none"
