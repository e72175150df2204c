"""The certificates that servers' configurations name: expired, about to, or weak."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from hardening.findings import Finding, Run, Severity, in_file
from hardening.host.checks.root import Root
from hardening.host.checks.rules import CERTIFICATE_EXPIRED, CERTIFICATE_WEAK, UNREAD
from hardening.tls.certificate import read
from hardening.tls.judging import certificates as certificate_check
from hardening.tls.judging import rules
from hardening.tls.offer import Certificate
from hardening.tls.targets.reading import chroot

SOON = timedelta(days=30)
LEAST_RSA = 2048
LEAST_EC = 224
_NAMED = re.compile(
    r"^[ \t]*(?:SSLCertificateFile|ssl_certificate|ssl\.pemfile|ssl[-_]cert(?:_file)?|smtpd_tls_cert_file|smtp_tls_cert_file|"
    r"TLS(?:RSA|ECDSA)CertificateFile|rsa_cert_file|tls_certificate|tls-cert-file|cert|bind\b[^\n]*?\bcrt)[ \t]*[=:]?[ \t]*<?[\"']?(/[^\s\"';]+)",
    re.MULTILINE | re.IGNORECASE,
)
_OLD = {"md2", "md5", "sha1"}


OF_THE_JUDGE = {
    rules.CERTIFICATE_EXPIRED.id: CERTIFICATE_EXPIRED.id,
    rules.CERTIFICATE_KEY.id: CERTIFICATE_WEAK.id,
    rules.CERTIFICATE_SIGNATURE.id: CERTIFICATE_WEAK.id,
}
"""What the judge of TLS says of a certificate, and the rule here that says the same."""


def look(root: Root, subject: str, folders: Iterable[str], now: datetime, run: Run) -> Iterator[Finding]:
    """Say each weak, expired or soon expiring certificate once, at its own file, with who names it.

    `run` is what the audit of TLS found: what it says of a certificate is not said again.
    """
    said = {(OF_THE_JUDGE[one.rule.id], one.where) for one in run.findings if one.rule.id in OF_THE_JUDGE}
    unread = {one.where for one in run.findings if one.rule.id == rules.CERTIFICATE_UNREAD.id}
    for path, where in sorted((_of_run(run) | _by_word(root, folders)).items()):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # old certificates break rules that newer libraries warn about
            try:
                with chroot.opened(str(root.place(path))) as file:
                    cards = x509.load_pem_x509_certificates(file.read(1 << 20))
            except FileNotFoundError:
                continue  # the audit of TLS names what a server's own settings name
            except (OSError, ValueError, x509.InvalidVersion) as problem:
                if path not in unread:
                    yield Finding(
                        rule=UNREAD, subject=subject, location=in_file(path),
                        message=f"certificate {path}, named in {where}, was not read: {_why(problem)}",
                        remedy="Run the audit as root; make the file a certificate in PEM form.",
                    )  # fmt: skip
                continue
        card = read(cards[0].public_bytes(Encoding.DER)) if cards else None
        if card is None:
            continue
        told = f"{path} ({card.subject}), named in {where},"
        runs = running_out(card, now)
        if runs is not None and (CERTIFICATE_EXPIRED.id, path) not in said:
            yield Finding(
                rule=CERTIFICATE_EXPIRED, subject=subject, location=in_file(path), evidence=card.sha256[:16],
                severity=Severity.MEDIUM if card.not_after < now else Severity.LOW, message=f"{told} {runs}",
            )  # fmt: skip
        weak = weaknesses(card)
        if weak and (CERTIFICATE_WEAK.id, path) not in said:
            yield Finding(
                rule=CERTIFICATE_WEAK, subject=subject, location=in_file(path), evidence=card.sha256[:16],
                message=f"{told} has {' and '.join(weak)}",
            )  # fmt: skip


def _why(problem: Exception) -> str:
    return (
        (problem.strerror or str(problem)).lower() if isinstance(problem, OSError) else "no certificate in it"
    )


def _of_run(run: Run) -> dict[str, str]:
    """Return the certificate files that the audit of TLS read, each with a server that names it."""
    return {
        card["file"]: subject.id
        for subject in reversed(run.subjects)
        for card in (subject.offer or {}).get("certificates", ())
        if "file" in card
    }


def _by_word(root: Root, folders: Iterable[str]) -> dict[str, str]:
    return {path: f"{config}:{line}" for path, (config, line) in named(root, folders).items()}


def running_out(card: Certificate, now: datetime) -> str | None:
    """Say that a certificate expired or soon will; None where it does not."""
    if card.not_after - now >= SOON:
        return None
    return f"{'expired' if card.not_after < now else 'expires'} on {card.not_after:%Y-%m-%d}"


def weaknesses(card: Certificate) -> list[str]:
    """Return what is too weak in a certificate: its key, the digest its signature is over."""
    bits, kind = certificate_check.key_bits(card), certificate_check.key_type(card)
    digest = certificate_check.signature_hash(card)
    weak = []
    if (kind == "rsa" and bits < LEAST_RSA) or (kind == "ec" and 0 < bits < LEAST_EC):
        weak.append(f"a key of {card.key}")
    if digest in _OLD and not (card.self_signed and card.ca):
        weak.append(f"a signature over {digest}")
    return weak


def named(root: Root, folders: Iterable[str]) -> dict[str, tuple[str, int]]:
    """Return the certificate files that servers' configurations name, each with the first place that does."""
    found: dict[str, tuple[str, int]] = {}
    for folder in folders:
        for place in sorted(Path(root.place(folder)).rglob("*")):
            if not os.path.isfile(place) or place.stat().st_size > 1 << 20:  # noqa: PTH113 - Path's own raises where a folder is closed
                continue
            config = root.name(place)
            text = root.text(config) or ""
            for path, line in named_in(text):
                found.setdefault(path, (config, line))
    return found


def named_in(text: str) -> Iterator[tuple[str, int]]:
    """Yield each certificate file that a configuration names, with its line."""
    for match in _NAMED.finditer(text):
        yield match[1], text.count("\n", 0, match.start()) + 1
