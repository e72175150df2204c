"""Examine bundles, hosts, endpoints and logs for the facts that the claims ask for."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bundle.audit import audit
from bundle.compare.exposure import listening
from bundle.configurations import Configurations
from bundle.detect import detectors
from bundle.sbom.contents import inside
from bundle.walk import Member, walk
from hardening import products
from hardening.advisories.judge import AdvisoryAnswer, answers
from hardening.advisories.seen import of_bundle, of_host
from hardening.claims.claims import ClaimKind, ClaimSet
from hardening.findings import NESTING, Examined, Finding, Result, Run, Subject, SubjectKind
from hardening.host import checks
from hardening.host.checks.root import Root
from hardening.host.checks.rules import ENGINE_NOT_SEEN, PORT_DIFFERS
from hardening.tls import policy
from hardening.tls.policies.ruleset import Policy

if TYPE_CHECKING:
    from hardening.upgrade.logs.triage import Triage

DETECTED = (ClaimKind.COMPONENT_ABSENT, ClaimKind.CREDENTIAL_GONE)
"""The kinds that the detectors of bundles answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Facts that one subject shows."""

    subject: str
    kind: SubjectKind
    gap: str = ""
    """Why not all of it was examined."""
    lost: bool = False
    """Whether it was not examined at all."""
    findings: tuple[Finding, ...] = ()
    servers: tuple[Subject, ...] = ()
    """TLS servers: of configurations, or on the wire."""
    ports: Mapping[int, str] = field(default_factory=dict)
    """Ports that are listened on, or that a configuration in a bundle names, each with the place."""
    listening_known: bool = False
    """Whether `ports` is everything that listens."""
    engine: tuple[Result | Finding, ...] = ()
    """What was said of the control engine's configured port and the one that it listens on."""
    answers: Mapping[str, AdvisoryAnswer] = field(default_factory=dict)
    """By each name of an advisory."""


class Looker:
    """Looks at subjects for one file of claims; a key of its own makes equal credentials known by an HMAC."""

    def __init__(self, claims: ClaimSet) -> None:
        self._claims = claims
        self._pack = products.load(claims.product)
        self._key = secrets.token_bytes(32)
        names = dict.fromkeys(one.policy for one in claims.rows if one.policy)
        self.policies: tuple[Policy, ...] = tuple(policy.load(name) for name in names)

    def old(self, path: Path) -> Shown:
        """Return what the last release's bundle shows. Errors: InputError."""
        return (
            self._bundle(path)
            if self._claims.has(*DETECTED)
            else Shown(subject=str(path), kind=SubjectKind.BUNDLE)
        )

    def new(self, path: Path) -> Shown:
        """Return what the new bundle shows. Errors: InputError."""
        shown = self._bundle(path)
        servers: tuple[Subject, ...] = ()
        ports: dict[int, str] = {}
        if self._claims.has(ClaimKind.POLICY_MET, ClaimKind.PORT_BEHAVIOUR):
            servers, ports = self._configured(path)
        return Shown(
            subject=shown.subject, kind=shown.kind, gap=shown.gap, lost=shown.lost, findings=shown.findings, servers=servers,
            ports=ports, answers=self._answered(lambda: of_bundle(self._pack, str(path))),
        )  # fmt: skip

    def host(self, name: str, copy: Root, why: str = "") -> Shown:
        """Return what the copy of a host's files shows; `why`: what kept the copy from being whole. Errors: HardeningError."""
        run = checks.audit(copy, self.policies, key=self._key, product=self._claims.product)
        gaps = [
            one.reason
            for one in run.subjects
            if one.kind is SubjectKind.HOST and one.examined is not Examined.FULL
        ]
        both: tuple[Result | Finding, ...] = (*run.findings, *run.results)
        about = [one for one in both if one.rule in (PORT_DIFFERS, ENGINE_NOT_SEEN)]
        return Shown(
            subject=name,
            kind=SubjectKind.HOST,
            gap="; ".join(filter(None, (why, *gaps))),
            findings=run.findings,
            servers=tuple(one for one in run.subjects if one.policies),
            ports={one["port"]: f"port {one['port']}" for one in copy.listening or ()},
            listening_known=copy.listening is not None,
            engine=tuple(about),
            answers=self._answered(lambda: of_host(self._pack, copy)),
        )

    def endpoints(self, texts: Sequence[str]) -> Iterator[Shown]:
        """Yield what each endpoint offers. Errors: UsageError for one that is malformed."""
        from hardening.tls.scan.run import scan

        if not texts or not self.policies:
            return
        for one in scan(texts, self.policies).subjects:
            lost = one.examined is Examined.NONE
            gap = one.reason if one.examined is not Examined.FULL else ""
            yield Shown(subject=one.id, kind=SubjectKind.ENDPOINT, servers=(one,), gap=gap, lost=lost)

    def logs(self, paths: Sequence[Path]) -> Iterator[Shown]:
        """Yield what each log holds. Errors: InputError."""
        if paths:
            yield from _logs(paths)

    def _bundle(self, path: Path) -> Shown:
        if not self._claims.has(*DETECTED):
            return Shown(subject=str(path), kind=SubjectKind.BUNDLE)
        run = audit([path], detectors=detectors(key=self._key))
        gaps = [f"{one.reason}" for one in run.subjects if one.examined is not Examined.FULL]
        lost = {one.examined for one in run.subjects} == {Examined.NONE}
        return Shown(
            subject=str(path), kind=SubjectKind.BUNDLE, gap="; ".join(gaps), lost=lost, findings=run.findings
        )

    def _configured(self, path: Path) -> tuple[tuple[Subject, ...], dict[int, str]]:
        """Return the TLS servers and the ports that configurations in a bundle name."""
        found, ports = Configurations(), dict[int, str]()
        for member in walk(str(path)):
            if not isinstance(member, Member):
                continue
            within = inside(path, member.parts)
            found.take(member, within)
            for number, _ in listening(member):
                ports.setdefault(number, NESTING.join(within))
        return tuple(found.judged(self.policies)) if self.policies else (), ports

    def _answered(self, look: Any) -> dict[str, AdvisoryAnswer]:
        if not self._claims.has(ClaimKind.ADVISORY_CLOSED):
            return {}
        return {name: one for one in answers(self._pack.advisories, look()) for name in one.advisory.names}


def message(line: str) -> Finding | None:
    """Return what a line alone is known to mean, or None where no known message says it."""
    import tempfile

    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".log") as file:
        file.write(line + "\n")
        file.flush()
        (found, *_) = [*next(iter(_logs([Path(file.name)]))).findings, None]
    return found


@cache
def _triage() -> Triage:
    from hardening.upgrade.logs.triage import Triage

    return Triage()


def _logs(paths: Iterable[Path]) -> Iterator[Shown]:
    run: Run = _triage().logs(list(paths))
    for one in run.subjects:
        yield Shown(
            subject=one.id,
            kind=SubjectKind.LOG,
            gap=one.reason if one.examined is not Examined.FULL else "",
            lost=one.examined is Examined.NONE,
            findings=tuple(found for found in run.findings if found.subject == one.id),
        )
