"""Private keys and password hashes that were judged on the host itself, as findings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

from bundle.detect import detectors, keys, roles
from bundle.detect.credentials.texts import place as places
from hardening.findings import Confidence, Finding, Rule, Severity, in_file
from hardening.host.checks.root import JudgedSecret, Root

HASH = "credential/password-hash"
_WORDS = {
    keys.PRIVATE.id: ("A private key lies on the host", "Make a new key. Remove the old one from every place that trusts it: it may have been read."),
    keys.ENCRYPTED.id: ("An encrypted private key lies on the host", "Remove it if nothing uses it."),
    keys.WEAK.id: ("A key store opens with a default password", "Make a new key, and a store with its own password."),
    keys.STORE.id: ("A key store with a private key lies on the host", "Remove it if nothing uses it. Otherwise close it to other accounts: `chmod 0600 FILE`."),
    HASH: ("A password hash lies on the host", "Set a new password for the account. Remove its hash from files that programs ship."),
}  # fmt: skip
"""Titles and remedies of rules that speak of bundles elsewhere."""
_WHY = "Whoever reads the key can impersonate its owner, and read what it protects."
_OLD = ("DES", "MD5", "MD5 (apr1)", "unknown")
"""Schemes that a home computer undoes."""
_SHADOW = ("/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/gshadow-", "/etc/security/opasswd")
"""Where a host keeps its own accounts' hashes."""
_KINDS = {"private": keys.PRIVATE, "encrypted": keys.ENCRYPTED, "weak": keys.WEAK, "store": keys.STORE}


def worded(rule: Rule) -> Rule:
    """Return a rule in the words of a host."""
    title, remedy = _WORDS.get(
        rule.id, (rule.title.replace("ships in the bundle", "lies on the host"), rule.remedy)
    )
    why = _WHY if rule.id.startswith("key/") else rule.rationale
    return (
        rule
        if (title, remedy, why) == (rule.title, rule.remedy, rule.rationale)
        else replace(rule, title=title, remedy=remedy, rationale=why)
    )


@cache
def _hash() -> Rule:
    return next(worded(rule) for one in detectors() for rule in one.rules() if rule.id == HASH)


def look(host: Root, subject: str) -> Iterator[Finding]:
    """Yield a finding for each key and hash that is not where a host keeps its own."""
    for one in host.judged:
        found = _of_hash(host, subject, one) if one.kind == "hash" else _of_key(host, subject, one)
        if found is not None:
            yield found


def _is_shut(host: Root, path: str) -> bool:
    """Return whether nobody but the owner, and a group that may read, gets at a file."""
    about = host.about(path)
    return about is not None and not about.mode & 0o027


def _of_key(host: Root, subject: str, one: JudgedSecret) -> Finding | None:
    rule = worded(_KINDS[one.kind])
    shut = _is_shut(host, one.path)
    if shut and one.path.startswith("/etc/") and one.kind != "weak":
        return None  # a server's own key, where servers have theirs
    severity, confidence = rule.severity, Confidence.HIGH
    if shut and one.kind == "private":
        severity = Severity.HIGH
    if places.is_documentation(one.path, "", b""):
        severity, confidence = Severity.INFO, Confidence.LOW
    elif roles.is_test(one.path):
        severity, confidence = min(severity, Severity.MEDIUM), Confidence.MEDIUM
    return Finding(
        rule=rule, subject=subject, location=in_file(one.path, one.line), message=f"{rule.title}: {one.what}",
        severity=severity, confidence=confidence, evidence=one.what,
    )  # fmt: skip


def _of_hash(host: Root, subject: str, one: JudgedSecret) -> Finding | None:
    rule, severity = _hash(), Severity.MEDIUM
    words = {
        "usual": "it is the hash of a very common password",
        "untried": "it was not tried", "no": "it is not the hash of a very common password",
    }[one.tried]  # fmt: skip
    if one.tried == "usual":
        severity = Severity.HIGH
    elif one.path in _SHADOW and _is_shut(host, one.path) and one.what not in _OLD:
        return None  # an account of the host, where its hash belongs
    whose = f" of {one.user!r}" if one.user else ""
    what = f"{one.what} hash{whose}" if one.what else f"account{whose}"
    return Finding(
        rule=rule, subject=subject, location=in_file(one.path, one.line), message=f"{rule.title}: {what}; {words}",
        severity=severity, evidence=f"{one.what} {one.user}".strip(), account=one.user,
    )  # fmt: skip
