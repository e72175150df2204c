"""The door to the policies: which there are, and one by its name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from hardening import resources
from hardening.errors import UsageError
from hardening.findings import Rule
from hardening.tls.policies.file import read
from hardening.tls.policies.requirement import Level, PolicyRule, Reason, RuleKind
from hardening.tls.policies.ruleset import Policy

__all__ = [
    "DEFAULT",
    "SHORT_NAMES",
    "Level",
    "Policy",
    "PolicyRule",
    "Reason",
    "RuleKind",
    "available",
    "load",
    "own_file",
    "required",
    "result_rules",
]

DEFAULT = "aspect"

SHORT_NAMES: Mapping[str, str] = {
    "anssi": "anssi-tls-1.2",
    "cis-apache": "cis-apache-2.4",
    "cis-centos7-ssh-crypto": "cis-centos7-ssh",
    "cnsa-1.0": "cnsa-1.0-rfc9151",
    "cnsa-2.0": "cnsa-2.0-tls",
    "mozilla-intermediate": "mozilla-intermediate-6.0",
    "mozilla-modern": "mozilla-modern-6.0",
    "mozilla-old": "mozilla-old-5.8",
    "ncsc-nl": "ncsc-nl-2025-05",
    "nist-800-52r2": "nist-sp800-52r2-government-only",
    "nist-800-52r2-customer-facing": "nist-sp800-52r2-customer-facing",
    "owasp": "owasp-tls-cheatsheet",
    "rfc9325": "rfc9325-bcp195",
    "rhel-bsi": "crypto-policies-bsi",
    "rhel-default": "crypto-policies-default",
    "rhel-fips": "crypto-policies-fips",
    "rhel-future": "crypto-policies-future",
    "rhel-legacy": "crypto-policies-legacy",
    "ssllabs": "ssllabs-rating",
}
"""A short name means the newest edition that has the level, or the stricter of two tables; one is
longer, and the id of the table that its policy was made from."""


ALIASES: Mapping[str, str] = {
    "bsi": "bsi-tr-02102-2",
    "mozilla": "mozilla-intermediate-6.0",
    "nist": "nist-sp800-52r2-government-only",
    "pci": "pci-dss-4.0.1",
    "pci-dss": "pci-dss-4.0.1",
}
"""What a policy is called in one word; case does not matter in any name."""


def _folder() -> Path:
    return resources.tls_data() / "policies"


@cache
def available() -> tuple[str, ...]:
    """Return the full ids of the shipped policies in alphabetical order."""
    return tuple(
        sorted(f.name.removesuffix(".toml") for f in _folder().iterdir() if f.name.endswith(".toml"))
    )


def own_file(name: str) -> Path | None:
    """Return the file that a policy of the user's is named by, or None."""
    return Path(name) if name.endswith(".toml") or "/" in name else None


@cache
def load(name: str) -> Policy:
    """Return a policy by its id, its short name, or the path of a TOML file of the user's.

    Errors: UsageError with the nearest known name; DataError naming file and key.
    """
    if name in available():
        return read(_folder() / f"{name}.toml", find=load)
    own = own_file(name)
    if own is not None:
        return read(own, find=load)
    plain = name.strip().lower()
    full = SHORT_NAMES.get(plain) or ALIASES.get(plain) or (plain if plain in available() else None)
    if full is None:
        if "," in name:
            several = " ".join(f"--policy {one.strip()}" for one in name.split(",") if one.strip())
            raise UsageError(f"{name!r} is not one policy", hint=f"give --policy once for each: {several}")
        known = (*available(), *SHORT_NAMES)
        close = get_close_matches(plain, known, n=1)
        raise UsageError(
            f"unknown policy {name!r}",
            hint=f"did you mean {close[0]!r}?" if close else "harden tls policies lists them",
        )
    return load(full)


def required(words: Iterable[str], policies: Sequence[Policy]) -> frozenset[str]:
    """Return the rules (`tls/POLICY/RULE`) that words name: in full, as `POLICY/RULE`, or as `RULE` of any of the policies.

    Errors: UsageError for a word that names none of them.
    """
    known = {rule.id for policy in policies for rule in policy.result_rules.values()}
    found: set[str] = set()
    for word in words:
        named = {one for one in known if one == word or one.endswith(f"/{word}")}
        if not named:
            close = get_close_matches(word, (*known, *(one.rpartition("/")[2] for one in known)), n=1)
            listed = " ".join(policy.id for policy in policies)
            raise UsageError(
                f"no rule {word!r} in the policies that are judged by",
                hint=f"did you mean {close[0]!r}?" if close else f"harden tls policies {listed} lists them",
            )
        found |= named
    return frozenset(found)


def result_rules() -> tuple[Rule, ...]:
    """Return the rules of every shipped policy as reports name them: `tls/POLICY/RULE`."""
    return tuple(rule for name in available() for rule in load(name).result_rules.values())
