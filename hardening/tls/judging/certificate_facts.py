"""What is wrong with a certificate or with Diffie-Hellman parameters under any policy, wherever they were met.

Scans, audits of files, hosts and bundles, and the playbook ask here, so that they agree.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from functools import cache

from hardening import resources
from hardening.findings import Finding, InFile, Rule, Severity
from hardening.records import dataclass
from hardening.tls.judging import rules
from hardening.tls.judging.certificates import Moment, broken, key_bits, key_type, signature_hash
from hardening.tls.offer import Certificate, Offer
from hardening.tls.policies.requirement import CertificateNeed
from hardening.toml_rows import Table

LEAST_RSA = 2048
LEAST_EC = 224
_DAY = timedelta(days=1)
_OLD = frozenset({"md2", "md5", "sha1"})
_NEED = CertificateNeed(
    rsa_min_bits=LEAST_RSA,
    ec_min_bits=LEAST_EC,
    hashes=frozenset({"sha224", "sha256", "sha384", "sha512"}),
    valid_now=True,
    hostname=True,
    trusted=True,
)
_ONLY_LOW = frozenset({rules.CERTIFICATE_TRUST.id, rules.CERTIFICATE_HOSTNAME.id})
"""A site may have decided these: its own authority, a name in a hosts file."""
_SOON = ((7, Severity.HIGH), (14, Severity.MEDIUM))


@dataclass(frozen=True, slots=True)
class Limit:
    """How long a public certificate may be valid that is issued from a day on."""

    since: date
    days: int


@cache
def limits() -> tuple[Limit, ...]:
    """Return the limits of the CA/Browser Forum, oldest first."""
    table = Table.load(resources.tls_data() / "lifetimes.toml", named=False)
    for key in ("source", "section", "read", "ballot"):
        table.text(key)
    rows = []
    for row in table.rows("limit"):
        rows.append(Limit(row.day("since"), row.number("days")))
        row.done()
    table.done()
    return tuple(rows)


def limit(issued: datetime) -> Limit | None:
    """Return the limit for a public certificate issued at this time; None before there was one."""
    return next((one for one in reversed(limits()) if one.since <= issued.date()), None)


def lifetime(one: Certificate) -> int:
    """Return for how many days a certificate is valid; a day that has begun counts."""
    return math.ceil((one.not_after - one.not_before) / _DAY)


def running_out(one: Certificate, now: datetime, days: int = 30) -> str:
    """Return that a certificate expired or soon will; nothing where it does not."""
    if one.not_after < now:
        return f"expired on {one.not_after:%Y-%m-%d}"
    left = (one.not_after - now) // _DAY
    if left >= days:
        return ""
    return f"expires in {left} {'day' if left == 1 else 'days'}, on {one.not_after:%Y-%m-%d}"


def weaknesses(one: Certificate) -> list[str]:
    """Return what is too weak in a certificate: its key, the digest its signature is over."""
    bits, kind, digest = key_bits(one), key_type(one), signature_hash(one)
    weak = []
    if (kind == "rsa" and bits < LEAST_RSA) or (kind == "ec" and 0 < bits < LEAST_EC):
        weak.append(f"a key of {one.key}")
    if digest in _OLD and not (one.self_signed and one.ca):
        weak.append(f"a signature over {digest}")
    return weak


def findings(offer: Offer, moment: Moment, reported: Collection[tuple[str, str]] = ()) -> Iterator[Finding]:
    """Yield what is wrong whatever the policy; `said` are rules and fingerprints that a policy's finding names already."""
    moment = Moment(moment.now, tuple(n for n in moment.hostnames if not _is_address(n)), moment.expiry_days)
    for index, one in enumerate(offer.certificates):
        leaf = index == 0 or one.own or not one.ca
        for fact in broken(offer, one, _NEED, moment, leaf=leaf):
            if (fact.rule.id, fact.evidence.partition(" ")[0]) not in reported:
                yield Finding(
                    rule=fact.rule,
                    subject=offer.subject,
                    location=fact.at,
                    message=fact.message,
                    evidence=fact.evidence,
                    remedy=fact.remedy,
                    severity=Severity.LOW if fact.rule.id in _ONLY_LOW else fact.severity,
                )
        yield from _of_one(offer, one, moment, leaf=leaf)
    yield from _alone(offer)
    yield from _of_parameters(offer)


def _is_address(name: str) -> bool:
    return ":" in name or name.replace(".", "").isdigit()


def _of_one(offer: Offer, one: Certificate, moment: Moment, *, leaf: bool) -> Iterator[Finding]:
    def finding(rule: Rule, what: str, severity: Severity | None = None) -> Finding:
        return Finding(
            rule=rule,
            subject=offer.subject,
            location=one.at or offer.at,
            evidence=one.sha256[:16],
            message=f"certificate {one.subject}: {what}",
            severity=severity,
        )

    if one.not_after >= moment.now and (soon := running_out(one, moment.now, moment.expiry_days)):
        left = (one.not_after - moment.now) // _DAY
        yield finding(
            rules.CERTIFICATE_EXPIRING,
            soon,
            next((how for days, how in _SOON if left < days), Severity.LOW),
        )
    if not leaf:
        return
    most = limit(one.not_before) if one.public else None
    if most is not None and lifetime(one) > most.days:
        yield finding(
            rules.CERTIFICATE_LIFETIME,
            f"valid for {lifetime(one)} days; a public certificate issued since {most.since} has at most {most.days}",
        )
    if one.other_key:
        yield finding(
            rules.CERTIFICATE_KEY_MISMATCH, f"the private key in {one.other_key} does not belong to it"
        )
    if one.must_staple and isinstance(offer.at, InFile):
        yield finding(
            rules.MUST_STAPLE,
            "clients accept it only with an OCSP answer (Must-Staple), which no file shows",
            Severity.INFO,
        )


def _alone(offer: Offer) -> Iterator[Finding]:
    """Yield public certificates that are sent without the authority that issued them."""
    cards = [*offer.certificates]
    if offer.unread or any(one.what == "certificate" for one in offer.unread_files):
        return
    known = {one.subject for one in cards if one.ca}
    for one in cards:
        if one.public and not one.ca and not one.self_signed and one.issuer not in known:
            yield Finding(
                rule=rules.CHAIN_INCOMPLETE,
                subject=offer.subject,
                location=one.at or offer.at,
                evidence=one.sha256[:16],
                message=f"certificate {one.subject}: the certificate of its issuer {one.issuer} is not sent with it",
            )


def _of_parameters(offer: Offer) -> Iterator[Finding]:
    for one in offer.parameters:
        if one.problem:
            yield Finding(
                rule=rules.DH_PRIME,
                subject=offer.subject,
                location=one.at,
                evidence=one.at.path,
                message=f"Diffie-Hellman parameters of {one.bits} bits in {one.at.path}: {one.problem}",
            )
        if one.shared:
            yield Finding(
                rule=rules.KNOWN_PRIME,
                subject=offer.subject,
                location=one.at,
                evidence=one.shared,
                message=f"a {one.bits}-bit group of {one.shared} in {one.at.path}",
            )


def chains(cards: Iterable[Certificate]) -> Iterator[Sequence[Certificate]]:
    """Yield the certificates of an offer's files chain by chain, each leaf first."""
    chain: list[Certificate] = []
    for one in cards:
        if one.own and chain:
            yield chain
            chain = []
        chain.append(one)
    if chain:
        yield chain
