"""The certificates of an offer against the rules of a policy that speak of certificates."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from ipaddress import ip_address

from hardening.findings import InFile, Rule, Severity
from hardening.numerals import whole
from hardening.records import dataclass
from hardening.tls import registry
from hardening.tls.judging import rules
from hardening.tls.judging.facts import Fact
from hardening.tls.judging.ledger import Ledger
from hardening.tls.offer import Certificate, Offer
from hardening.tls.policies.requirement import CertificateNeed, PolicyRule

_HASH = re.compile(r"md2|md5|sha-?(?:512|384|256|224|1)(?!\d)", re.IGNORECASE)
_OWN_HASH = ("ed25519", "ed448", "ml-dsa", "mldsa")  # these sign without naming a hash
_RSA_FACTORED = 1024
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Moment:
    """When, and under which name, the certificates are looked at."""

    now: datetime
    hostnames: tuple[str, ...] = ()
    expiry_days: int = 30
    """How long before its end a certificate is worth a finding."""


def check(offer: Offer, moment: Moment, ledger: Ledger) -> None:
    """Enter what the certificates break into the ledger."""
    for rule, need in ledger.policy.certificate_rules:
        if offer.unread:
            ledger.lacks(rule, "a certificate that is sent cannot be read")
        unread = [one for one in offer.unread_files if one.what == "certificate"]
        for file in unread:
            ledger.lacks(rule, file.reason)
        if not offer.certificates:
            if not offer.unread and not unread:
                ledger.misses(
                    rule, _NONE_NAMED if isinstance(offer.at, InFile) else "no certificate was seen"
                )
            continue
        ledger.looks(rule)
        for index, one in enumerate(offer.certificates):
            leaf = index == 0 or one.own or not one.ca
            for fact in broken(offer, one, need, moment, leaf=leaf):
                ledger.breaks((rule,), fact)
            _unread(one, rule, need, ledger)
        if need.hostname and not moment.hostnames:
            ledger.misses(rule, "no host name to compare with")


_NONE_NAMED = "the configuration that was read names no certificate file"


def broken(
    offer: Offer, one: Certificate, need: CertificateNeed, moment: Moment, *, leaf: bool
) -> Iterator[Fact]:
    """Yield what one certificate breaks of what a rule asks for; `leaf` is a server's own."""

    def fact(rule: Rule, text: str, severity: Severity | None = None) -> Fact:
        return Fact(
            rule=rule,
            at=one.at or offer.at,
            evidence=f"{one.sha256[:16]} {text}",
            message=f"certificate {one.subject}: {text}",
            severity=rule.severity if severity is None else severity,
            remedy=f"{rule.remedy} It is the certificate {one.subject} (SHA-256 {one.sha256[:16]}...).",
        )

    if problem := _key_problem(one, need, leaf=leaf):
        weak = one.key.startswith("rsa") and 0 < key_bits(one) <= _RSA_FACTORED
        yield fact(rules.CERTIFICATE_KEY, problem, Severity.HIGH if weak else None)
    digest = signature_hash(one)
    root = one.self_signed and one.ca and not leaf  # nobody checks a root's signature over itself
    if need.hashes and digest and digest not in need.hashes and not root:
        old = digest in {"md2", "md5", "sha1"}
        severity = Severity.HIGH if old else Severity.MEDIUM
        yield fact(rules.CERTIFICATE_SIGNATURE, f"signed over {digest}", severity)
    if need.valid_now and one.not_after < moment.now:
        yield fact(rules.CERTIFICATE_EXPIRED, f"expired on {one.not_after:%Y-%m-%d}")
    if need.valid_now and one.not_before > moment.now:
        yield fact(rules.CERTIFICATE_EXPIRED, f"not valid before {one.not_before:%Y-%m-%d}")
    if not leaf:
        return
    days = -((one.not_before - one.not_after) // _DAY)  # a day that has begun counts
    if need.max_lifetime_days is not None and days > need.max_lifetime_days:
        yield fact(rules.CERTIFICATE_LIFETIME, f"valid for {days} days")
    if need.trusted and one.self_signed:
        yield fact(rules.CERTIFICATE_TRUST, "self-signed")
    if need.hostname and (missing := [name for name in moment.hostnames if not names_host(one, name)]):
        yield fact(rules.CERTIFICATE_HOSTNAME, f"does not name {', '.join(missing)}")


def _unread(one: Certificate, rule: PolicyRule, need: CertificateNeed, ledger: Ledger) -> None:
    """A certificate the rule cannot be applied to is no pass."""
    if need.hashes and signature_hash(one) is None and not one.signature.lower().startswith(_OWN_HASH):
        ledger.lacks(rule, f"signature algorithm {one.signature!r} names no hash we know")
    if (need.types or need.curves) and not one.key:
        ledger.lacks(rule, "kind of key not known")


def key_type(one: Certificate) -> str:
    """Return `rsa`, `ec`, `ed25519`, `ed448`, `dsa`, `ml-dsa`, or the word the reader used."""
    word = one.key.partition(":")[0].lower()
    if word.startswith("rsa"):
        return "rsa"
    return "ml-dsa" if word.startswith(("mldsa", "ml-dsa")) else {"ecdsa": "ec"}.get(word, word)


def key_bits(one: Certificate) -> int:
    """Return the size of the key, 0 where it is not known."""
    size = one.key.partition(":")[2]
    if (bits := whole(size)) is not None:
        return bits
    group = registry.find_group(size) if size else None
    return (group.bits or 0) if group else 0


def signature_hash(one: Certificate) -> str | None:
    """Return such as `sha256`, or None where the signature names no hash."""
    found = _HASH.search(one.signature)
    return found.group(0).lower().replace("-", "") if found else None


def _key_problem(one: Certificate, need: CertificateNeed, *, leaf: bool) -> str | None:
    kind, bits = key_type(one), key_bits(one)
    if leaf and need.types and kind and kind not in need.types:
        return f"key type {kind}, allowed: {', '.join(sorted(need.types))}"
    if kind == "rsa" and need.rsa_min_bits and 0 < bits < need.rsa_min_bits:
        return f"RSA key of {bits} bits, least: {need.rsa_min_bits}"
    if kind == "ec" and need.ec_min_bits and 0 < bits < need.ec_min_bits:
        return f"elliptic-curve key of {bits} bits, least: {need.ec_min_bits}"
    if leaf and kind == "ec" and need.curves:
        group = registry.find_group(one.key.partition(":")[2])
        if group is None or group.name not in need.curves:
            return f"key on {one.key.partition(':')[2]}, allowed: {', '.join(sorted(need.curves))}"
    return None


def names_host(one: Certificate, hostname: str) -> bool:
    """Return whether subjectAltName covers the host; a wildcard stands for one label (RFC 9525)."""
    wanted = hostname.strip("[]").rstrip(".").lower()
    try:
        address = ip_address(wanted)
    except ValueError:
        return any(_covers(name.lower(), wanted) for name in one.names)
    return any(_same_address(name, address) for name in one.names)


def _covers(pattern: str, host: str) -> bool:
    if pattern == host:
        return True
    head, _, rest = pattern.partition(".")
    label, _, domain = host.partition(".")
    return head == "*" and bool(rest) and rest == domain and fnmatchcase(label, "?*")


def _same_address(name: str, address: object) -> bool:
    try:
        return ip_address(name) == address
    except ValueError:
        return False
