"""A signed certificate that came back, compared with the key and the request that wait on the host; and who presents it."""

from __future__ import annotations

import hashlib
import socket
import ssl
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding

from hardening.errors import InputError, RefusedError
from hardening.host.plans.certificate import spki
from hardening.tls.certificate import read
from hardening.tls.judging.certificate_facts import running_out, weaknesses
from hardening.tls.offer import Certificate
from hardening.tls.scan import endpoint


def load(folder: Path, host: str) -> dict[Path, list[x509.Certificate]]:
    """Return what came back for a host: `HOST.pem`, or `HOST.ANYTHING.pem` where several are due. Errors: InputError."""
    found = {}
    for path in sorted({folder / f"{host}.pem", *folder.glob(f"{host}.*.pem")}):
        if not path.is_file():
            continue
        try:
            found[path] = x509.load_pem_x509_certificates(path.read_bytes())
        except (OSError, ValueError, x509.InvalidVersion) as problem:
            raise InputError(f"{path}: no certificate in PEM can be read: {problem}") from problem
    return found


def chosen(
    files: dict[Path, list[x509.Certificate]],
    request: x509.CertificateSigningRequest,
    half: bytes,
    now: datetime,
    days: int = 30,
) -> str | None:
    """Return certificate and chain, in order, that belong to the waiting key; None where there is none.

    Errors: RefusedError where one belongs to it and does not do, with everything that is wrong.
    """
    for path, cards in files.items():
        for leaf in cards:
            try:
                mine = spki(leaf.public_key()) == half
            except (ValueError, UnsupportedAlgorithm):
                continue
            if not mine:
                continue
            chain = _chain(leaf, cards)
            if wrong := list(_wrong(leaf, chain, cards, request, now, days)):
                raise RefusedError(
                    f"{path}: {'; '.join(wrong)}", hint="nothing was changed; have it signed again"
                )
            return "".join(one.public_bytes(Encoding.PEM).decode("ascii") for one in chain)
    return None


def stale(files: dict[Path, list[x509.Certificate]], present: Iterable[str]) -> bool:
    """Return whether every file holds a certificate that is in place already: what is left from the last time."""
    known = set(present)
    return all(any(fingerprint(card) in known for card in cards) for cards in files.values())


def fingerprint(card: x509.Certificate) -> str:
    """Return the SHA-256 of the DER form."""
    return hashlib.sha256(card.public_bytes(Encoding.DER)).hexdigest()


def _chain(leaf: x509.Certificate, cards: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """Return the leaf and those above it, as far as signatures, not names alone, lead."""
    chain = [leaf]
    while above := next((one for one in cards if one not in chain and _issued(chain[-1], one)), None):
        chain.append(above)
    return chain


def _issued(below: x509.Certificate, above: x509.Certificate) -> bool:
    try:
        below.verify_directly_issued_by(above)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _wrong(
    leaf: x509.Certificate, chain: Sequence[x509.Certificate], cards: Sequence[x509.Certificate],
    request: x509.CertificateSigningRequest, now: datetime, days: int,
) -> Iterator[str]:  # fmt: skip
    card = read(leaf.public_bytes(Encoding.DER))
    if card is None:
        yield "the certificate cannot be read"
        return
    if card.ca:
        yield "it is the certificate of an authority, not of a server"
    strangers = [one.subject.rfc4514_string() for one in cards if one not in chain]
    if strangers:
        yield f"the chain is broken: {', '.join(strangers)} issued none of the others"
    missing = sorted(_asked(request) - {name.lower() for name in card.names})
    if missing:
        yield f"it lacks the names {', '.join(missing)}"
    for place, one in enumerate(chain):
        above = read(one.public_bytes(Encoding.DER))
        if above is not None:
            yield from _unfit(above, f"{above.subject} " if place else "it ", now, days, authority=place > 0)


def _unfit(card: Certificate, who: str, now: datetime, days: int, *, authority: bool) -> Iterator[str]:
    if card.not_before > now:
        yield f"{who}is valid from {card.not_before:%Y-%m-%d} only"
    if runs := running_out(card, now, days):
        yield who + runs
    if weak := weaknesses(card):
        yield f"{who}has {' and '.join(weak)}"
    if authority and not card.ca:
        yield f"{who}is not the certificate of an authority"


def _asked(request: x509.CertificateSigningRequest) -> set[str]:
    asked = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    hosts = (name.lower() for name in asked.get_values_for_type(x509.DNSName))
    return {*hosts, *(str(one) for one in asked.get_values_for_type(x509.IPAddress))}


def presented(endpoints: Iterable[str]) -> dict[str, str]:
    """Return the fingerprint of the certificate that each endpoint presents; those that do not answer are left out."""
    found = {}
    for text in endpoints:
        target = endpoint.parse(text)
        if target.starttls or target.ssh:
            continue
        try:
            found[text] = _shown_by(target)
        except OSError:
            continue
    return found


def _shown_by(target: endpoint.ScanTarget) -> str:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # the question is which certificate it shows, not whether it is good
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("ALL:@SECLEVEL=0")  # what is replaced may be as weak as can be
    with (
        socket.create_connection((target.host, target.port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname=target.server_name or target.host) as secure,
    ):
        return hashlib.sha256(secure.getpeercert(binary_form=True) or b"").hexdigest()


def proof(before: dict[str, str], swapped: dict[str, str]) -> Callable[[], Iterator[str]]:
    """Return the proof that who presented an old certificate presents the new one now. `swapped`: old to new."""

    def prove() -> Iterator[str]:
        after = presented(before)
        for text, old in before.items():
            if text not in after:
                yield f"{text} no longer answers"
            elif after[text] != swapped.get(old, old):
                yield f"{text} does not present the certificate it should"

    return prove
