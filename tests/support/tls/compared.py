"""Rendered, audited and scanned: the same server seen three ways, brought to one form and compared."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from hardening.tls import registry
from hardening.tls.auditing import audit as audits
from hardening.tls.libraries import ssh_algorithms
from hardening.tls.offer import Offer
from hardening.tls.policies.ruleset import Policy
from hardening.tls.registry import find_group, find_suite
from hardening.tls.rendering import render as renders
from hardening.tls.scan import run as scans
from hardening.tls.scan.engine.connecting import Wire
from hardening.tls.scan.wire import ssh
from hardening.tls.targets.reading import signatures
from tests.support.ports import free_port
from tests.support.tls import servers

Seen = dict[str, tuple[str, ...]]
_KEY_SCHEME = "ecdsa_secp256r1_sha256"
"""What a key of the tests' servers signs with under TLS 1.3, where the scheme names the curve."""
_WIDE = {"rsa": {"RSA", "TLS1.3"}, "ec": {"ECDSA", "TLS1.3"}}


@dataclass(frozen=True)
class Views:
    """What a server offers per protocol version, three ways."""

    rendered: Seen
    audited: Seen
    scanned: Seen
    text: str
    groups: Groups
    signatures: Groups

    @property
    def equal(self) -> bool:
        """Whether the three agree, set for set."""
        suites = _sets(self.rendered) == _sets(self.audited) == _sets(self.scanned)
        return suites and self.groups.equal and self.signatures.equal

    def difference(self) -> str:
        """Return where they differ, for people."""
        return f"rendered {self.rendered}\naudited {self.audited}\nscanned {self.scanned}\n{self.groups}\nsignatures {self.signatures}\n{self.text}"


@dataclass(frozen=True)
class Groups:
    """The groups or signature schemes per protocol version, three ways, where one certificate lets them be seen."""

    rendered: Seen
    """Empty where the target cannot be told; then the library's own are what was audited."""
    audited: Seen
    scanned: Seen

    @property
    def equal(self) -> bool:
        """Whether they agree, set for set."""
        if _sets(self.audited) != _sets(self.scanned):
            return False
        return not self.rendered or _sets(self.rendered) == _sets(self.scanned)


def _sets(seen: Seen) -> dict[str, frozenset[str]]:
    return {name: frozenset(suites) for name, suites in seen.items()}


def seen_in(offer: Offer) -> Seen:
    """Return the suites of an offer per protocol version."""
    return {p.name: tuple(s.value for s in p.suites) for p in offer.protocols}


def _passed_over(groups: Iterable[str]) -> bool:
    """Tell whether Java, up to TLS 1.2, passes over the ECDSA key of the tests' servers: its curve is none of the groups."""
    return find_group("secp256r1") not in [find_group(name) for name in groups]


def with_certificate(offer: Offer, kind: str) -> Seen:
    """A configuration that names no certificate offers what a certificate of either kind can do."""
    seen = seen_in(offer)
    if not any(note.startswith("certificates of every kind") for note in offer.assumptions):
        return seen
    narrowed = {
        name: tuple(s for s in suites if (suite := find_suite(s)) and suite.auth in _WIDE[kind])
        for name, suites in seen.items()
    }
    groups = [g.value for p in offer.protocols for g in p.groups]
    if kind == "ec" and offer.subject.endswith("#java") and _passed_over(groups):
        narrowed = {name: suites for name, suites in narrowed.items() if name == "TLSv1.3"}
    mute = {name for name, schemes in signatures_in(offer, kind).items() if name == "TLSv1.3" and not schemes}
    return {name: suites for name, suites in narrowed.items() if suites and name not in mute}


def groups_in(offer: Offer, kind: str, among: Iterable[str]) -> Seen:
    """Return the groups of an offer under TLS 1.3 and 1.2, which a scan asks for.

    Before TLS 1.3 a client has to name the curve of an ECDSA certificate among its groups, so with
    such a certificate a scan cannot ask for one group alone.
    """
    return {
        p.name: tuple(s.value for s in p.groups)
        for p in offer.protocols
        if p.name in among and (p.name == "TLSv1.3" or (p.name == "TLSv1.2" and kind == "rsa"))
    }


def groups_meant(target: str, made: renders.Rendered, seen: Seen) -> Seen:
    """Return the groups that were written, for each version in which groups were seen."""
    groups = [g for name in made.job.groups if (g := find_group(name)) is not None]
    if (
        not groups
        or servers.target_of(target).capabilities(made.job.release, made.job.build, made.job.params).groups
        == "none"
    ):
        return {}
    newer = tuple(g.name for g in groups if g.tls13)
    older = tuple(g.name for g in groups if g.tls12 and g.kind == "EC")
    return {name: newer if name == "TLSv1.3" else older for name, there in seen.items() if there} | {
        name: () for name, there in seen.items() if not there
    }


def signatures_in(offer: Offer, kind: str) -> Seen:
    """Return the signature schemes of an offer that a certificate of one kind can make, for each version that names them."""
    family = {"rsa": "rsa_", "ec": "ecdsa_"}[kind]
    return {
        p.name: tuple(s.value for s in p.signature_algorithms if s.value.startswith(family) and (kind == "rsa" or p.name == "TLSv1.2" or s.value == _KEY_SCHEME))
        for p in offer.protocols
        if p.signature_algorithms
    }  # fmt: skip


def signatures_meant(made: renders.Rendered, kind: str, seen: Seen) -> Seen:
    """Return the schemes that were written, for each version in which any were seen; empty where none was."""
    asked = signatures.meant(made.job.signature_string, made.job.build) or ()
    newer = {s.name for s in registry.schemes() if s.tls13}
    family = {"rsa": ("rsa_pkcs1_", "rsa_sha", "rsa_pss_rsae_"), "ec": ("ecdsa_secp", "ecdsa_sha")}[kind]
    able = [n for n in asked if n.startswith(family)]
    return {
        name: tuple(
            n for n in able if name == "TLSv1.2" or (n in newer and (kind == "rsa" or n == _KEY_SCHEME))
        )
        for name in seen
        if made.job.signatures
    }


def meant(made: renders.Rendered, kind: str) -> Seen:
    """Return what the rendered names amount to with a certificate of one kind."""
    found: Seen = {}
    job = made.job
    stuck = frozenset(made.stuck)
    if not job.ciphers and not job.ciphersuites:  # written for GnuTLS, where no list of names says it
        return with_certificate(made.offer, kind)
    for name, suites in renders.expected(job, stuck).items():
        if name == "TLSv1.3" and job.signatures and not signatures_meant(made, kind, {name: ()})[name]:
            continue  # the key's own scheme is not in the list that was written
        fitting = tuple(s for s in suites if (suite := find_suite(s)) and suite.auth in _WIDE[kind])
        if kind == "ec" and job.params.get("options") and name != "TLSv1.3" and _passed_over(job.groups):
            continue
        if fitting:
            found[name] = fitting
    return found


def ssh_in(offer: Offer) -> Seen:
    """Return the lists of an SSH offer that the wire shows, without the words that are signals."""
    assert offer.ssh is not None
    wanted = ("kex", "host_keys", "ciphers", "macs")
    return {
        kind: tuple(s.value for s in said if not ssh_algorithms.is_signal(s.value))
        for kind, said in offer.ssh.lists
        if kind in wanted
    }


def compare_ssh(name: str, policy: Policy, kind: str, folder: Path) -> Views:
    """Render, start the real sshd, audit its file and scan it. Errors: UsageError when refused."""
    server = servers.SERVERS[name]
    port = free_port()
    certificate = servers.pair(kind, folder.parent / "certificates")
    made = renders.render(servers.target_of(name), policy, params=server.params(port, certificate))
    main = servers.write(name, made.text, folder, port, certificate)
    (audited,) = audits.read(main, servers.target_of(name))
    with servers.running(name, main, port):
        seen = ssh.offer_of(ssh.read("127.0.0.1", port), f"ssh://127.0.0.1:{port}")
    rendered = ssh_in(made.offer)
    own = ssh_in(audited)
    keys = tuple(n for n in rendered["host_keys"] if n in own["host_keys"])  # of the one key that is there
    return Views(
        rendered={**rendered, "host_keys": keys},
        audited=own,
        scanned=ssh_in(seen),
        text=made.text,
        groups=Groups({}, {}, {}),
        signatures=Groups({}, {}, {}),
    )


def compare(name: str, policy: Policy, kind: str, folder: Path) -> Views:
    """Render, start the real server, audit its files and scan it. Errors: UsageError when refused."""
    server = servers.SERVERS[name]
    if servers.target_of(name).ssh:
        return compare_ssh(name, policy, kind, folder)
    certificate = servers.pair(kind, folder.parent / "certificates")
    port = free_port()
    version, build = server.release(), server.library()
    params = server.params(port, certificate)
    made = renders.render(servers.target_of(name), policy, version=version, build=build, params=params)
    main = servers.write(name, made.text, folder, port, certificate)
    found = audits.read(main, servers.target_of(name), version=version, build=build)
    with servers.running(name, main, port):
        wire = Wire(idle_timeout=server.patience)
        deep = bool(made.job.signatures)  # what else a deep scan asks is not compared
        settings = scans.ScanSettings(full=True, deep=deep, starttls=server.starttls, wire=wire)
        (scanned,) = scans.offers([f"127.0.0.1:{port}"], settings)
    (audited,) = [o for o in found if o.subject.endswith(f":{port}")] or found[:1]
    seen = groups_in(scanned, kind, [p.name for p in scanned.protocols])
    signed = signatures_in(scanned, kind)
    signed_by_file = {n: s for n, s in signatures_in(audited, kind).items() if s or n in signed}
    return Views(
        rendered=meant(made, kind),
        audited=with_certificate(audited, kind),
        scanned=seen_in(scanned),
        text=made.text,
        groups=Groups(groups_meant(name, made, seen), groups_in(audited, kind, seen), seen),
        signatures=Groups(signatures_meant(made, kind, signed), signed_by_file, signed)
        if made.job.signatures
        else Groups({}, {}, {}),
    )
