"""Find, fix and prove on what the demo makes itself: a bundle, and a server on loopback."""

from __future__ import annotations

import contextlib
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hardening.errors import ExitCode, HardeningError
from hardening.findings import Run, Severity

BUNDLE = "upgrade-3.07.01.zip"
CLEANED = "upgrade-3.07.01-clean.zip"
POLICY = "aspect"
CLAIMS = "claims.toml"
PRODUCT = "aspect"
ADVISORY = "CVE-2024-4007"
"""The flaw that the package shows: the password of the database's root in phpMyAdmin's settings."""
HOST = "host"
"""The folder that stands for a host's root."""
DEFAULTS = "CVE-2024-51551"
"""The flaw that the host shows: default accounts whose passwords are published."""
_RELEASE = "3.07.01"
_ACCOUNTS = 2
_START = 10
"""Seconds the server may take to say its port."""


@dataclass(frozen=True, slots=True)
class StoryStep:
    """One command of the story as a user would type it, the run behind it, and what it shows."""

    title: str
    command: str
    shows: str
    run: Run | None = None


Say = Callable[[StoryStep], None]


def bundle_story(folder: Path, say: Say) -> tuple[Run, Run]:
    """Audit, clean, sign and verify the invented bundle; return the audits before and after."""
    from bundle.audit import audit
    from bundle.clean.run import clean
    from bundle.trust import dsse, keys, statement
    from bundle.trust.toplevel import members
    from bundle.trust.verify import signature_of, verify
    from hardening.demo import specimen

    path, cleaned = folder / BUNDLE, folder / CLEANED
    path.write_bytes(specimen.bundle())
    before = audit([path], jobs=1)
    say(StoryStep("audit", f"harden bundle audit {BUNDLE}", _found(before), before))
    say(StoryStep("advisories", f"harden advisories {BUNDLE}", _advised(path)))
    after = clean(path, cleaned, lambda one: audit([one], jobs=1))
    reasons = dict.fromkeys(r.reason for r in after.results if r.reason.startswith("removed "))
    removed = "; ".join(reasons) or "removed nothing"
    say(
        StoryStep("clean", f"harden bundle clean {BUNDLE} -o {CLEANED}", f"{removed}; {_found(after)}", after)
    )
    key = keys.generate()
    public = keys.write(key, folder / "release.key", passphrase=None)
    stated = statement.state(
        cleaned, members, created=datetime.now(UTC), product=PRODUCT, release=_RELEASE, nested=False
    )
    signature_of(cleaned).write_bytes(dsse.seal(stated.to_bytes(), key).to_bytes())
    say(
        StoryStep(
            "sign",
            f"harden bundle sign {CLEANED} --key release.key --product {PRODUCT} --release {_RELEASE}",
            f"{len(stated.members)} members signed",
        )
    )
    verified = verify(cleaned, [keys.load_public(public)])
    say(
        StoryStep(
            "verify", f"harden bundle verify {CLEANED} --key {public.name}", _verified(verified), verified
        )
    )
    say(StoryStep("claims", f"harden claims check {CLAIMS} {BUNDLE} {CLEANED}", _claimed(folder)))
    flipped = folder / "flipped.zip"
    data = bytearray(cleaned.read_bytes())
    data[len(data) // 2] ^= 1
    flipped.write_bytes(data)
    refused = verify(flipped, [keys.load_public(public)], signature=signature_of(cleaned))
    flipped.unlink()
    say(StoryStep("verify", "the same with one bit flipped", _verified(refused), refused))
    _expect(before.exit_code() is ExitCode.FINDINGS, "the audit did not find the component")
    _expect(after.exit_code() is ExitCode.OK, "the cleaned bundle is not clean")
    _expect(verified.exit_code() is ExitCode.OK, "the signed bundle does not verify")
    _expect(refused.exit_code() is ExitCode.REFUSED, "a changed bundle was not refused")
    return _named(before, "bundle before"), _named(after, "bundle after", before="bundle before")


def host_story(folder: Path, say: Say) -> Run:
    """Audit a host whose web interface keeps its accounts in hexadecimal digits, and answer the advisories for it."""
    from hardening.demo import specimen
    from hardening.host import gather
    from hardening.tls import policy

    root = specimen.host(folder / HOST)
    found = gather.audited(root, [policy.load(POLICY)])
    stored = [one for one in found.findings if one.rule.id == "credential/password-file"]
    _expect(len(stored) == _ACCOUNTS, "the accounts in user.properties were not found")
    say(StoryStep("host audit", f"harden host audit --root {HOST}", _found(found), found))
    say(StoryStep("advisories", f"harden advisories --root {HOST}", _default_password(root)))
    return found


def tls_story(folder: Path, say: Say) -> tuple[Run, Run]:
    """Scan a weak server, render the policy, restart the server with it and scan again."""
    from hardening.demo import server
    from hardening.tls import policy
    from hardening.tls.rendering.render import render
    from hardening.tls.scan.run import scan
    from hardening.tls.targets import find

    _certificate(folder)
    settings = folder / "server.conf"
    settings.write_text(server.WEAK)
    rules = policy.load(POLICY)
    with _running(folder) as endpoint:
        before = scan([endpoint], [rules])
        say(StoryStep("scan", f"harden tls scan {endpoint} --policy {POLICY}", _found(before), before))
    rendered = render(find("nginx"), rules, build=_build())
    settings.write_text(rendered.text)
    suites = sum(len(p.suites) for p in rendered.offer.protocols)
    say(
        StoryStep(
            "render",
            f"harden tls render nginx --policy {POLICY}",
            f"{suites} suites, all with forward secrecy",
        )
    )
    with _running(folder) as endpoint:
        after = scan([endpoint], [rules])
        say(StoryStep("scan", f"harden tls scan {endpoint} --policy {POLICY}", _found(after), after))
    _expect(before.exit_code() is ExitCode.FINDINGS, "the scan did not find the weak suites")
    _expect(after.exit_code() is ExitCode.OK, "the server is not compliant after the fix")
    return _named(before, "server before"), _named(after, "server after", before="server before")


def _advised(path: Path) -> str:
    """Return how many advisories affect a package, and the one that it shows."""
    from hardening.advisories.judge import Status, answers
    from hardening.advisories.seen import of_bundle
    from hardening.products import load

    pack = load(PRODUCT)
    affected = [
        one for one in answers(pack.advisories, of_bundle(pack, str(path))) if one.status is Status.AFFECTED
    ]
    shown = [one for one in affected if ADVISORY in one.advisory.names and one.evidence]
    _expect(bool(shown), f"{ADVISORY} was not found in the package")
    row = shown[0].advisory
    return f"{len(affected)} of {len(pack.advisories)} affect it; {ADVISORY}: {row.title}, fixed in {row.fixed_in}"


def _default_password(root: Path) -> str:
    """Return what the advisories say of a host on which a published default password still works."""
    from hardening.advisories.judge import Status, answers
    from hardening.advisories.seen import of_host
    from hardening.host.checks.root import Root
    from hardening.products import load

    pack = load(PRODUCT)
    rows = answers(pack.advisories, of_host(pack, Root(root.resolve(), label=HOST)))
    shown = [one for one in rows if one.advisory.id == DEFAULTS and one.status is Status.AFFECTED]
    _expect(bool(shown), f"{DEFAULTS} was not found on the host")
    return f"{DEFAULTS}: {shown[0].because}"


def _claimed(folder: Path) -> str:
    """Return what becomes of the claims of the shipped example, by what they came to."""
    from hardening.claims import claims
    from hardening.claims.judge import ClaimState, judge
    from hardening.claims.look import Looker

    file = folder / CLAIMS
    file.write_bytes(claims.EXAMPLE.read_bytes())
    known = claims.load(file)
    looker = Looker(known)
    old, new = looker.old(folder / BUNDLE), looker.new(folder / CLEANED)
    judged = [judge(one, old, [new]) for one in known.rows]
    named = {state: [one.claim.id for one in judged if one.state is state] for state in ClaimState}
    _expect(
        {"ASP-6360", "ASP-6360-credentials"} <= set(named[ClaimState.TRUE]),
        "the tools or their credentials are still in the cleaned bundle",
    )
    return "; ".join(f"{len(ids)} {state} ({', '.join(ids)})" for state, ids in named.items() if ids)


def _expect(held: bool, otherwise: str) -> None:
    if not held:
        raise HardeningError(
            f"demo: {otherwise}", hint="run it again with --keep DIR and look at what it made"
        )


def _found(run: Run) -> str:
    counts = run.counts()
    counted = ", ".join(f"{counts[s.label]} {s.label}" for s in reversed(Severity) if counts[s.label])
    return counted or "nothing found"


def _verified(run: Run) -> str:
    return run.findings[0].message if run.findings else "as signed, byte for byte"


def _named(run: Run, name: str, *, before: str = "") -> Run:
    """Return the run with its subject under a name that tells before from after, whatever the port was.

    `before` is the name of the subject that this one is the outcome of; reports show the two side by side.
    """
    earlier = {"before": before} if before else {}
    return Run.of(
        [replace(s, id=name, stats={**s.stats, **earlier}) for s in run.subjects],
        [replace(f, subject=name) for f in run.findings],
        [replace(r, subject=name) for r in run.results],
        started=run.started,
        finished=run.finished,
        extra_codes=run.extra_codes,
    )


def _build() -> str:
    """Return the OpenSSL build nearest to the one Python has here."""
    from hardening.tls.libraries import builds

    major, minor, *_ = ssl.OPENSSL_VERSION_INFO
    names = [b.name for b in builds.builds()]
    for wanted in range(minor, -1, -1):
        for name in names:
            if name.startswith(f"{major}.{wanted}."):
                return name
    return names[-1]


def _certificate(folder: Path) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.x509.oid import NameOID

    from bundle.trust import keys

    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "demo.invalid")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=90))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("demo.invalid")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    keys.create(folder / "key.pem", pem, 0o600)


@contextlib.contextmanager
def _running(folder: Path) -> Iterator[str]:
    """Run the server of `hardening.demo.server` on a free port and yield its endpoint."""
    command = [sys.executable, "-P", "-m", "hardening.demo.server", str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        try:
            port = server.stdout.readline().strip() if server.stdout else ""
            _expect(port.isdecimal(), "the loopback server did not start")
            yield f"127.0.0.1:{port}"
        finally:
            if server.stdin:
                server.stdin.close()
            try:
                server.wait(_START)
            except subprocess.TimeoutExpired:
                server.kill()
