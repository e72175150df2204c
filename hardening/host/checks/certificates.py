"""The certificates that servers' configurations name, judged as everywhere."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from hardening.findings import Finding, InFile, Run, in_file
from hardening.host.checks.root import Root
from hardening.host.checks.rules import UNREAD
from hardening.tls.certificate import read
from hardening.tls.judging import certificate_facts, rules
from hardening.tls.judging.certificates import Moment
from hardening.tls.offer import Offer
from hardening.tls.targets.reading import chroot

if TYPE_CHECKING:
    from OpenSSL.crypto import X509Store

_DIRECTIVES = (
    "SSLCertificateFile",  # httpd
    "ssl_certificate",  # nginx
    r"ssl\.pemfile",  # lighttpd
    "ssl[-_]cert(?:_file)?",  # dovecot, MySQL, PostgreSQL
    "smtpd_tls_cert_file",  # postfix
    "smtp_tls_cert_file",
    "TLS(?:RSA|ECDSA)CertificateFile",  # proftpd
    "rsa_cert_file",  # vsftpd
    "tls_certificate",  # exim
    "tls-cert-file",  # redis
    "cert",  # stunnel
    r"bind\b[^\n]*?\bcrt",  # haproxy
)
_NAMED = re.compile(
    rf"^[ \t]*(?:{'|'.join(_DIRECTIVES)})[ \t]*[=:]?[ \t]*<?[\"']?(/[^\s\"';]+)", re.MULTILINE | re.IGNORECASE
)


def look(
    root: Root,
    subject: str,
    folders: Iterable[str],
    now: datetime,
    run: Run,
    expiry_days: int = 30,
    store: X509Store | None = None,
) -> Iterator[Finding]:
    """Yield what is wrong with each certificate that a configuration names and that the audit of TLS, `run`, did not read."""
    judged = {
        card["file"]
        for one in run.subjects
        for card in (one.offer or {}).get("certificates", ())
        if "file" in card
    }
    unread = {one.where for one in run.findings if one.rule.id == rules.CERTIFICATE_UNREAD.id}
    for path, (config, line) in sorted(named(root, folders).items()):
        if path in judged:
            continue
        where = f"{config}:{line}"
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
                        remedy="Run the audit as root, or replace the file by a certificate in PEM form.",
                    )  # fmt: skip
                continue
        card = read(cards[0].public_bytes(Encoding.DER)) if cards else None
        if card is not None:
            place = InFile((path,))
            offer = Offer(subject=subject, at=place, certificates=(replace(card, at=place, own=True),))
            for one in certificate_facts.findings(offer, Moment(now, (), expiry_days)):
                yield replace(one, message=f"{one.message}; {path} is named in {where}")
            if store is not None:
                from hardening.tls.judging import trust  # OpenSSL, for those who ask alone

                yield from trust.of_files(offer, store, now)


def _why(problem: Exception) -> str:
    return (
        (problem.strerror or str(problem)).lower() if isinstance(problem, OSError) else "no certificate in it"
    )


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
