"""From a policy to a module (`.pmod`) for the system-wide crypto policy, applied over DEFAULT."""

from __future__ import annotations

from collections.abc import Mapping

from hardening.errors import UsageError
from hardening.findings import Severity
from hardening.tls import registry
from hardening.tls.judging import rules
from hardening.tls.libraries import crypto_policies as language
from hardening.tls.offer import Offer
from hardening.tls.policies.ruleset import Policy
from hardening.tls.registry import Suite
from hardening.tls.release import Release
from hardening.tls.rendering import templates
from hardening.tls.rendering.narrowing import Gap
from hardening.tls.rendering.rendered import Rendered, RenderPlan, judged, settle
from hardening.tls.targets.base import Job, Reading, Target
from hardening.tls.targets.crypto_policies import known
from hardening.tls.targets.reading.tree import Tree, joined

_KX = {"ECDHE": ("ECDHE",), "RSA": ("RSA",), "DHE": ("DHE", "DHE-RSA"), "ANY": ()}
_MACS = {"SHA1": "HMAC-SHA1", "SHA256": "HMAC-SHA2-256", "SHA384": "HMAC-SHA2-384", "AEAD": "AEAD"}
_VERSIONS = {"TLSv1.3": "TLS1.3", "TLSv1.2": "TLS1.2", "TLSv1.1": "TLS1.1", "TLSv1.0": "TLS1.0"}
Words = dict[str, tuple[str, ...]]
_LANGUAGE = (
    "the language lists key exchanges, ciphers and MACs apart; a server's own cipher list can say more"
)


def cipher_of(suite: Suite) -> str:
    """Return the policy's name of a suite's cipher, or nothing where the language has none."""
    if suite.enc == "3DES":
        return "3DES-CBC"
    if suite.enc.startswith("CHACHA20"):
        return "CHACHA20-POLY1305"
    if suite.enc.startswith("AES") and suite.mode in {"GCM", "CCM", "CBC"}:
        return f"AES-{suite.bits}-{suite.mode}"
    return ""


def _parts(suites: tuple[Suite, ...]) -> Words:
    return {
        "cipher": tuple(dict.fromkeys(c for s in suites if (c := cipher_of(s)))),
        "key_exchange": tuple(dict.fromkeys(k for s in suites for k in _KX.get(s.kx, ()))),
        "mac": tuple(dict.fromkeys(_MACS[s.mac] for s in suites if s.mac in _MACS)),
    }


def _settings(policy: Policy, release: Release, parts: Words) -> list[tuple[str, tuple[str, ...]]]:
    versions = tuple(word for name, word in _VERSIONS.items() if name in policy.protocols)
    groups = tuple(
        name
        for g in policy.groups
        for name, openssl in language.GROUPS.items()
        if openssl.lower() in {(g.openssl or "").lower(), g.name.lower()}
    )
    found = [
        ("protocol@TLS", versions),
        ("cipher@TLS", parts["cipher"]),
        (
            "key_exchange@TLS",
            (*parts["key_exchange"], *(("KEM-ECDH",) if "ECDHE" in parts["key_exchange"] else ())),
        ),
        ("mac@TLS", parts["mac"]),
        ("group@TLS", groups),
        ("min_dh_size", (str(max(policy.dh_min_bits, 2048)),)),
    ]
    return [(key, known(words, release)) for key, words in found] + _ssh(policy, release)


def _ssh(policy: Policy, release: Release) -> list[tuple[str, tuple[str, ...]]]:
    """The SSH side as far as the language says it: ciphers, MACs, key exchanges by group and hash, signatures."""
    lists = dict(policy.ssh_lists)
    found: list[tuple[str, tuple[str, ...]]] = []
    if "ciphers" in lists:
        by_name = {v: k for k, v in language.SSH_CIPHERS.items()}
        found.append(("cipher@SSH", tuple(by_name[n] for n in lists["ciphers"] if n in by_name)))
    if "macs" in lists:
        by_mac = {v: k for k, v in language.SSH_MACS.items()}
        stems = [n.removesuffix("@openssh.com").removesuffix("-etm") for n in lists["macs"]]
        found.append(("mac@SSH", tuple(dict.fromkeys(by_mac[n] for n in stems if n in by_mac))))
    if "kex" in lists:
        rows = [row for row in language.SSH_KEX if row[3] in lists["kex"]]
        for key, index in (("key_exchange@SSH", 0), ("group@SSH", 1), ("hash@SSH", 2)):
            words = tuple(dict.fromkeys(row[index] for row in rows if row[index]))
            found.append((key, known(words, release)))
    if "host_keys" in lists:
        found.append(
            ("sign@SSH", tuple(k for k, v in language.SSH_SIGNATURES.items() if v in lists["host_keys"]))
        )
    return [(key, words) for key, words in found if words]


def render(
    target: Target,
    policy: Policy,
    *,
    version: str | None = None,
    build: str | None = None,
    params: Mapping[str, str] | None = None,
) -> Rendered:
    """Write a module and prove by reading it back that nothing it leaves is forbidden, or say what is.

    Errors: UsageError (the release's modules know no scopes; the policy says nothing about TLS; nothing is left).
    """
    release, build_name, assumptions = settle(target, version, build)
    values = target.checked(params or {})
    if not target.has("scopes", release):
        raise UsageError(
            f"modules of crypto-policies {release.version} know no scopes, so a module would change every program alike",
            hint="update crypto-policies to 20210617 or later (CentOS 8.5)",
        )
    if not policy.rules:
        raise UsageError(
            f"{policy.id} says nothing about TLS",
            hint="`harden tls render openssh` writes the SSH side alone",
        )
    reading = Reading(release=release, build=build_name, assumptions=assumptions)
    job = Job(
        policy=policy,
        release=release,
        build=build_name,
        protocols=policy.protocols,
        ciphers=(),
        ciphersuites=(),
        groups=(),
        server_preference=True,
        params=values,
    )
    parts = _parts((*policy.suites13, *policy.suites))
    while True:
        settings = [(key, words) for key, words in _settings(policy, release, parts) if words]
        offers = _read(target, _text(target, job, settings, ()), reading)
        extra = _forbidden(policy, offers[0])
        if not extra:
            break
        worse = _worst(extra, parts)
        if worse is None:
            break
        key, word = worse
        parts[key] = tuple(w for w in parts[key] if w != word)
    offered = {s.value for p in offers[0].protocols for s in p.suites}
    if not offered:
        raise UsageError(
            f"the crypto policy of {release.version} has none of the suites {policy.id} allows",
            hint="name a release or a build (--openssl) that has more",
        )
    left = [s.iana for s in (*policy.suites13, *policy.suites) if s.iana not in offered]
    gaps = [
        Gap(what=what, way_out=_LANGUAGE, severity=Severity.INFO, rule=rule.id, if_broken=True)
        for what, rule in (
            ("single suites cannot be chosen", rules.SUITE),
            ("whose order of suites decides cannot be said", rules.PREFERENCE),
        )
    ]
    speaks = {p.name for p in offers[0].protocols}
    mute = [n for n in policy.protocols if n not in speaks]
    gaps.append(
        Gap(
            what=f"{joined(mute)} cannot be had of OpenSSL {build_name}",
            way_out="a newer library has more",
            severity=Severity.INFO,
            covers=frozenset(f"no {n}" for n in mute),
            if_broken=True,
        )
    )
    if left:
        what = f"{joined(left)} cannot be had, or not without suites the policy forbids, and are left out"
        gaps.append(Gap(what=what, way_out=_LANGUAGE, severity=Severity.INFO))
    planned = RenderPlan(job=job, gaps=tuple(gaps), assumptions=assumptions)
    notes = (
        *(f"assumed: {a}" for a in assumptions),
        *(f"cannot: {g.what}" for g in gaps if not g.if_broken),
    )
    text = _text(target, job, settings, notes)
    tls, ssh = _read(target, text, reading)
    judgement = judged(target, planned, tls)
    verdicts, findings, explained = judgement.verdicts, judgement.findings, judgement.explained
    if policy.ssh:
        more = judged(target, RenderPlan(job=job, gaps=(), assumptions=()), ssh)
        worst = "fail" if "fail" in {more.verdicts[policy.id], verdicts[policy.id]} else verdicts[policy.id]
        verdicts, findings = {policy.id: worst}, (*findings, *more.findings)
    return Rendered(
        text=text,
        job=job,
        offer=tls,
        findings=findings,
        explained=explained,
        assumptions=assumptions,
        verdicts=verdicts,
    )


def _text(
    target: Target, job: Job, settings: list[tuple[str, tuple[str, ...]]], notes: tuple[str, ...]
) -> str:
    return templates.render(target, job, notes=notes, settings=settings)


def _read(target: Target, text: str, reading: Reading) -> tuple[Offer, Offer]:
    tls, ssh = target.read(Tree.of_text(text, target.place), target.place, reading)
    return tls, ssh


def _forbidden(policy: Policy, offer: Offer) -> list[Suite]:
    return [
        suite
        for p in offer.protocols
        for located in p.suites
        if (suite := registry.find_suite(located.value)) and policy.forbids_suite(suite, p.name) is not None
    ]


def _worst(extra: list[Suite], parts: Words) -> tuple[str, str] | None:
    """The part that most of the forbidden suites share and that may still go."""
    counts: dict[tuple[str, str], int] = {}
    for suite in extra:
        if cipher_of(suite) not in parts["cipher"]:
            continue  # no setting takes it out of the string; it stays, and stays a finding
        for key, words in _parts((suite,)).items():
            for word in words:
                if word in parts[key] and word != "AEAD" and len(parts[key]) > 1:
                    counts[key, word] = counts.get((key, word), 0) + 1
    return max(sorted(counts), key=lambda k: counts[k]) if counts else None
