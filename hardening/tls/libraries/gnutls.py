"""The priority language of GnuTLS, for one release of it: keywords, `+`, `-`, `!`, `%`, and what they come to.

Unlike OpenSSL's, the language lists key exchanges, ciphers and MACs apart; what is offered is every
suite whose three parts are listed, so not every set of suites can be said (`product` tells which can).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from functools import cache

from hardening import resources
from hardening.records import dataclass

RELEASE = "3.8.9-debian13"
KINDS = ("protocols", "ciphers", "macs", "kx", "groups", "signatures")
_ALL = {
    "VERS-ALL": "protocols",
    "VERS-TLS-ALL": "protocols",
    "VERS-DTLS-ALL": "protocols",
    "CIPHER-ALL": "ciphers",
    "MAC-ALL": "macs",
    "KX-ALL": "kx",
    "GROUP-ALL": "groups",
    "CURVE-ALL": "groups",
    "SIGN-ALL": "signatures",
}
_PASSED_OVER = ("COMP-", "CTYPE-")
"""Words that choose nothing here: compression is gone, certificate types are another matter."""
_VERSIONS = {
    "VERS-TLS1.0": "TLSv1.0",
    "VERS-TLS1.1": "TLSv1.1",
    "VERS-TLS1.2": "TLSv1.2",
    "VERS-TLS1.3": "TLSv1.3",
}
_OPTIONS = frozenset(
    {
        "COMPAT",
        "DUMBFW",
        "NO_EXTENSIONS",
        "NO_STATUS_REQUEST",
        "SERVER_PRECEDENCE",
        "SSL3_RECORD_VERSION",
        "LATEST_RECORD_VERSION",
        "STATELESS_COMPRESSION",
        "DISABLE_SAFE_RENEGOTIATION",
        "UNSAFE_RENEGOTIATION",
        "PARTIAL_RENEGOTIATION",
        "SAFE_RENEGOTIATION",
        "NO_ETM",
        "FORCE_ETM",
        "NO_TICKETS",
        "NO_TICKETS_TLS12",
        "NO_SESSION_HASH",
        "FORCE_SESSION_HASH",
        "FALLBACK_SCSV",
        "DISABLE_WILDCARDS",
        "DISABLE_TLS13_COMPAT_MODE",
        "VERIFY_ALLOW_BROKEN",
        "VERIFY_ALLOW_SIGN_RSA_MD5",
        "VERIFY_ALLOW_SIGN_WITH_SHA1",
        "VERIFY_DISABLE_CRL_CHECKS",
        "PROFILE_LOW",
        "PROFILE_LEGACY",
        "PROFILE_MEDIUM",
        "PROFILE_HIGH",
        "PROFILE_ULTRA",
        "PROFILE_FUTURE",
        "PROFILE_SUITEB128",
        "PROFILE_SUITEB192",
    }
)


@dataclass(frozen=True, slots=True)
class GnutlsSuite:
    """One suite as GnuTLS takes it apart; `kx` is empty for TLS 1.3."""

    name: str
    iana: str
    kx: str
    cipher: str
    mac: str
    since: str


@dataclass(frozen=True, slots=True)
class PriorityString:
    """What a string comes to."""

    lists: Mapping[str, tuple[str, ...]]
    options: frozenset[str] = frozenset()
    error: str = ""

    @property
    def protocols(self) -> tuple[str, ...]:
        """The versions of TLS, weakest first."""
        return tuple(name for word, name in _VERSIONS.items() if word in self.lists.get("protocols", ()))

    @property
    def suites(self) -> tuple[GnutlsSuite, ...]:
        """Every suite whose parts are listed, as gnutls-cli prints them."""
        return product(
            self.protocols,
            self.lists.get("kx", ()),
            self.lists.get("ciphers", ()),
            self.lists.get("macs", ()),
        )

    def under(self, protocol: str) -> tuple[GnutlsSuite, ...]:
        """The suites that can be negotiated under a version."""
        return tuple(s for s in self.suites if usable(s, protocol))


@dataclass(frozen=True, slots=True)
class _Facts:
    names: Mapping[str, frozenset[str]]
    every: Mapping[str, tuple[str, ...]]
    keywords: Mapping[str, Mapping[str, tuple[str, ...]]]
    suites: tuple[GnutlsSuite, ...]
    by_parts: Mapping[tuple[str, str, str], tuple[GnutlsSuite, ...]] = field(repr=False)


@cache
def _facts() -> _Facts:
    path = resources.tls_data() / "gnutls" / f"{RELEASE}.json"
    raw = json.loads(path.read_text("utf-8"))
    suites = tuple(
        GnutlsSuite(s["name"], s["iana"], s["kx"], s["cipher"], s["mac"], s["since"]) for s in raw["suites"]
    )
    parts: dict[tuple[str, str, str], tuple[GnutlsSuite, ...]] = {}
    for one in suites:
        key = (one.kx, one.cipher, one.mac)
        parts[key] = (*parts.get(key, ()), one)
    return _Facts(
        names={kind: frozenset(raw["names"][kind]) for kind in KINDS},
        every={kind: tuple(raw["all"][kind]) for kind in KINDS},
        keywords={
            word: {kind: tuple(lists[kind]) for kind in KINDS} for word, lists in raw["keywords"].items()
        },
        suites=suites,
        by_parts=parts,
    )


def suites() -> tuple[GnutlsSuite, ...]:
    """Return every suite this GnuTLS has."""
    return _facts().suites


def usable(suite: GnutlsSuite, protocol: str) -> bool:
    """Tell whether a suite can be negotiated under a version of TLS."""
    if protocol == "TLSv1.3" or suite.since == "TLSv1.3":
        return suite.since == protocol
    return suite.since <= protocol


def product(
    protocols: Iterable[str], kx: Iterable[str], ciphers: Iterable[str], macs: Iterable[str]
) -> tuple[GnutlsSuite, ...]:
    """Return every suite made of these parts, in the order of GnuTLS: TLS 1.3, then key exchange by key exchange."""
    versions = tuple(protocols)
    found = _combined(tuple(kx), tuple(ciphers), tuple(macs))
    return tuple(s for s in found if any(usable(s, v) for v in versions))


def _combined(kx: Sequence[str], ciphers: Sequence[str], macs: Sequence[str]) -> list[GnutlsSuite]:
    parts = _facts().by_parts
    return [s for k in ("", *kx) for c in ciphers for m in macs for s in parts.get((k, c, m), ())]


def resolve(string: str) -> PriorityString:
    """Return what a priority string comes to; one that GnuTLS refuses has an error and nothing else."""
    facts = _facts()
    lists: dict[str, list[str]] = {kind: [] for kind in KINDS}
    options: set[str] = set()
    for index, word in enumerate(string.split(":")):
        sign, name = (word[0], word[1:]) if word[:1] in set("+-!%@") else ("", word)
        name = name.upper() if not sign else name
        if sign == "@":
            return PriorityString(
                {}, error="it is taken from the system's configuration (@), which is not read"
            )
        if sign == "%":
            if name.upper() not in _OPTIONS:
                return PriorityString({}, error=f"syntax error at {word}")
            options.add(name.upper())
            continue
        if not sign:
            if name not in facts.keywords and (index or name != "NONE"):
                return PriorityString({}, error=f"syntax error at {word}")
            for kind, names in facts.keywords.get(name, {}).items():
                _change(lists[kind], add=True, names=names if not index or kind != "protocols" else ())
            continue
        if not _apply(lists, sign == "+", name.upper()):
            return PriorityString({}, error=f"syntax error at {word}")
    gone = _unusable(lists)
    lists["protocols"] = [p for p in lists["protocols"] if p not in gone]
    if not lists["protocols"] or not _combined(lists["kx"], lists["ciphers"], lists["macs"]):
        return PriorityString({}, error="no or insufficient priorities were set")
    return PriorityString({kind: tuple(names) for kind, names in lists.items()}, frozenset(options))


def _unusable(lists: Mapping[str, Sequence[str]]) -> set[str]:
    """Return the versions that what else is listed leaves no way to speak."""
    gone: set[str] = set()
    keyless = {"PSK", "DHE-PSK", "ECDHE-PSK"} & set(lists["kx"])
    if "NULL" in lists["ciphers"] or "RSA-PSK" in lists["kx"] or not (lists["groups"] or keyless):
        gone.add("VERS-TLS1.3")
    if not lists["signatures"]:
        gone |= {"VERS-TLS1.2", "VERS-TLS1.3", "VERS-DTLS1.2"}
    if "VERS-TLS1.2" not in lists["protocols"] and {"VERS-TLS1.0", "VERS-TLS1.1"} & set(lists["protocols"]):
        gone.add("VERS-TLS1.3")  # no gap below it is allowed
    return gone


def _apply(lists: dict[str, list[str]], add: bool, name: str) -> bool:  # noqa: C901 - one branch per kind of word
    facts = _facts()
    if name.startswith(_PASSED_OVER):
        return True
    if name in _ALL:
        kind = _ALL[name]
        names = facts.every[kind]
        if kind == "protocols" and name != "VERS-ALL":
            names = tuple(n for n in names if n.startswith("VERS-D") is (name == "VERS-DTLS-ALL"))
        if not add and kind != "protocols":
            names = tuple(lists[kind])
        _change(lists[kind], add, names)
        return True
    if name in facts.keywords:
        if not add:
            return False
        for kind in KINDS[1:]:  # a keyword that is added brings no versions
            _change(lists[kind], add, facts.keywords[name][kind])
        return True
    name = name.replace("CURVE-", "GROUP-")
    by_upper = {n.upper(): n for kind in KINDS for n in facts.names[kind]}
    found = by_upper.get(name)
    if found is None:
        return name == "VERS-SSL3.0"  # known and without effect, for it is not compiled in
    for kind in KINDS:
        if found in facts.names[kind]:
            _change(lists[kind], add, (found,))
            break
    return True


def _change(listed: list[str], add: bool, names: Iterable[str]) -> None:
    for name in names:
        if add and name not in listed:
            listed.append(name)
        elif not add and name in listed:
            listed.remove(name)
