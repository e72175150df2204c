"""From a policy to the lists of an sshd or ssh: narrowed to what the release has, read back, and judged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field

from hardening.errors import HardeningError, UsageError
from hardening.findings import Severity
from hardening.records import dataclass
from hardening.tls.libraries import ssh_algorithms
from hardening.tls.offer import Offer
from hardening.tls.policies.ruleset import Policy
from hardening.tls.release import Release
from hardening.tls.rendering import templates
from hardening.tls.rendering.narrowing import Gap
from hardening.tls.rendering.rendered import Rendered, RenderPlan, rendered, settle
from hardening.tls.targets.base import Job, Reading, Target
from hardening.tls.targets.openssh.host_keys import base_type
from hardening.tls.targets.openssh.sshd import overruled
from hardening.tls.targets.openssh.syntax import NAMES
from hardening.tls.targets.reading.tree import Tree, joined

_OLD_KEYS = ("PubkeyAcceptedAlgorithms", "PubkeyAcceptedKeyTypes")


@dataclass(slots=True)
class _Narrowing:
    """One policy being narrowed to one release, collecting the gaps on the way."""

    target: Target
    policy: Policy
    release: Release
    gaps: list[Gap] = field(default_factory=list)

    def lists(self) -> Iterator[tuple[str, str, tuple[str, ...]]]:
        """Yield kind, directive and names of what can be written. Errors: UsageError when nothing is left."""
        for kind, wanted in self.policy.ssh_lists:
            directive = self.directive(kind)
            if not directive:
                self._unsettable(kind)
                continue
            known = ssh_algorithms.known(kind)
            names = tuple(n for n in wanted if known[n].listed_by(self.release))
            if not names:
                raise UsageError(
                    f"{self.target.name} {self.release.version} has none of the {ssh_algorithms.LABELS[kind]}s "
                    f"{self.policy.id} allows",
                    hint="update OpenSSH; to allow more for this host alone, extend the policy (harden docs policies-own)",
                )
            if kind == "host_keys" and not self._has("host keys by signature"):
                self._by_type(names)
            yield kind, directive, names
        for kind in NAMES:  # what the policy has no list for: the release's own, less what is forbidden
            if kind in dict(self.policy.ssh_lists):
                continue
            if not (directive := self.directive(kind)):
                self._unsettable(kind)
            elif (kept := self._kept(kind)) is not None:
                yield kind, directive, kept

    def directive(self, kind: str) -> str:
        """Return what the release calls the list, or nothing where it cannot be set."""
        names = _OLD_KEYS if kind == "user_keys" else (NAMES[kind],)
        return next((n for n in names if self._has(n)), "")

    def _has(self, feature: str) -> bool:
        return self.target.has(feature, self.release)

    def _unsettable(self, kind: str) -> None:
        default = ssh_algorithms.defaults(self.target.ssh, self.release).get(kind)
        against = [n for n in default.names if self._forbidden(kind, n)] if default else []
        if against:
            since = self.target.facts.features[NAMES[kind]].since[0]
            self.gaps.append(
                Gap(
                    what=f"the {ssh_algorithms.LABELS[kind]}s cannot be chosen, and the release has {joined(against)}",
                    way_out=f"use OpenSSH {'.'.join(map(str, since))} or later"
                    + ("; take away the host keys of that kind (HostKey)" if kind == "host_keys" else ""),
                    covers=frozenset(f"{kind} {n}" for n in against),
                )
            )

    def _kept(self, kind: str) -> tuple[str, ...] | None:
        """Return what of the release's own list is allowed; None where all of it is, or nothing."""
        default = ssh_algorithms.defaults(self.target.ssh, self.release).get(kind)
        every = default.names if default else ()
        kept = tuple(n for n in every if not self._forbidden(kind, n))
        return kept if kept and kept != tuple(every) else None

    def _forbidden(self, kind: str, name: str) -> bool:
        return any(r.binding and r.forbids(kind, name) for r in self.policy.ssh)

    def _by_type(self, names: tuple[str, ...]) -> None:
        if "ssh-rsa" in names:
            return
        if any(base_type(n) == "ssh-rsa" for n in dict(self.policy.ssh_lists)["host_keys"]):
            self.gaps.append(
                Gap(
                    what="before OpenSSH 7.8 an RSA host key cannot be kept to SHA-2 signatures, so RSA host keys are left out",
                    way_out="make an Ed25519 or ECDSA host key (ssh-keygen -A), and tell the clients its fingerprint",
                    severity=Severity.INFO,
                )
            )

    def system_policy(self) -> None:
        """The system-wide policy of EL8 wins over the file."""
        if self.target.ssh == "server" and overruled(self.release):
            self.gaps.append(
                Gap(
                    what="sshd of EL8 gets the lists of the system-wide crypto policy on its command line, and they win "
                    "over this file",
                    way_out="add a line `CRYPTO_POLICY=` to /etc/sysconfig/sshd, or change the system-wide policy: "
                    "`harden tls render crypto_policies`",
                    severity=Severity.MEDIUM,
                )
            )


def render(
    target: Target,
    policy: Policy,
    *,
    version: str | None = None,
    build: str | None = None,
    params: Mapping[str, str] | None = None,
) -> Rendered:
    """Write the lists and prove by reading them back that they say what the policy asks.

    Errors: UsageError (the policy says nothing about SSH, or nothing is left), HardeningError (a bug).
    """
    release, build_name, assumptions = settle(target, version, build)
    values = target.checked(params or {})
    if not policy.ssh_lists:
        raise UsageError(
            f"{policy.id} says nothing about SSH",
            hint="policies that do: aspect, cis-centos7-ssh, crypto-policies-default and its siblings",
        )
    narrowing = _Narrowing(target, policy, release)
    lists = tuple(narrowing.lists())
    narrowing.system_policy()
    job = Job(
        policy=policy,
        release=release,
        build=build_name,
        protocols=(),
        ciphers=(),
        ciphersuites=(),
        groups=(),
        server_preference=False,
        params=values,
    )
    planned = RenderPlan(job=job, gaps=tuple(narrowing.gaps), assumptions=assumptions)
    text = _text(target, planned, lists)
    reading = Reading(release=release, build=build_name, assumptions=assumptions)
    offers = tuple(target.read(Tree.of_text(text, target.place), target.place, reading))
    offer = _agreed(target, release, lists, offers)
    return rendered(target, planned, text, offer)


def _text(target: Target, planned: RenderPlan, lists: tuple[tuple[str, str, tuple[str, ...]], ...]) -> str:
    job = planned.job
    client = target.ssh == "client"
    dropin = target.has("Include", job.release) and (client or not overruled(job.release))
    return templates.render(
        target,
        job,
        notes=[*(f"assumed: {a}" for a in planned.assumptions), *(f"cannot: {g.what}" for g in planned.gaps)],
        where=f"such as {target.place}.d/00-harden.conf" if dropin else f"at the top of {target.place}",
        program="client" if client else "server",
        check=" ".join(target.check).format(path=target.place),
        protocol=target.has("Protocol", job.release),
        lists=[(directive, names) for _, directive, names in lists],
    )


def _agreed(
    target: Target,
    release: Release,
    lists: tuple[tuple[str, str, tuple[str, ...]], ...],
    offers: tuple[Offer, ...],
) -> Offer:
    """Return the one offer, whose lists have to be those that were meant. Errors: HardeningError."""
    ssh = offers[0].ssh if len(offers) == 1 else None
    for kind, directive, names in lists:
        got = tuple(s.value for s in ssh.of(kind) or ()) if ssh else ()
        extra = [n for n in got if n not in names and not (kind == "host_keys" and base_type(n) == "ssh-rsa")]
        missing = [n for n in names if n not in got] if kind != "host_keys" else []
        if ssh is None or extra or missing:
            raise HardeningError(
                f"what was written for {target.name} {release.version} reads back differently: {directive}: "
                f"missing {joined(missing) or 'none'}, unexpected {joined(extra) or 'none'}",
                hint="this is a fault of aspect-hardening; please report policy, target and version",
            )
    return offers[0]
