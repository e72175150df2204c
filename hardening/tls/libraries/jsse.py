"""Java's own TLS (SunJSSE) per JDK: what it supports, what it enables, and what java.security takes away again.

A suite is offered when it is enabled (by the server, or by itself) and `jdk.tls.disabledAlgorithms` names neither
it nor a part of it. How the names come apart is that of SSLAlgorithmDecomposer, compared with real JVMs by the tests.
The order of `jdk.tls.legacyAlgorithms`, which moves suites to the end, is not modelled: it changes no set.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import field
from difflib import get_close_matches
from fnmatch import translate
from functools import cache, lru_cache

from hardening import resources
from hardening.errors import UsageError
from hardening.records import dataclass
from hardening.tls import registry
from hardening.tls.registry import Suite
from hardening.toml_rows import Table

PREFIX = "jdk-"
PROPERTY = "jdk.tls.disabledAlgorithms"
CURVES = "jdk.disabled.namedCurves"


@dataclass(frozen=True, slots=True, kw_only=True)
class Jdk:
    """One release of a JDK, and everything until the next one in data/jsse/builds.toml."""

    name: str
    title: str
    family: str
    protocols: tuple[str, ...]
    """What it supports, weakest first."""
    server_protocols: tuple[str, ...]
    """What a server enables by itself where java.security disables nothing."""
    suites: tuple[str, ...]
    """Every supported suite by this JDK's name, in its order of preference."""
    enabled: frozenset[str]
    """Those a server enables by itself where java.security disables nothing."""
    groups: tuple[str, ...]
    """IANA names, in its order."""
    dh_bits: int
    """The size of its own Diffie-Hellman parameters where the client names no finite-field group."""
    server_order: bool
    """Whose order decides where the server says nothing."""
    has_property: bool
    """Whether it knows `jdk.tls.disabledAlgorithms`."""
    named_groups: bool
    """Whether that property can name a group."""
    patterns: bool
    """Whether it understands `TLS_RSA_*`."""
    aliases: bool
    """Whether `TLS_` and `SSL_` name the same suite."""
    disabled: str
    """What its own java.security says."""
    source: str
    verified: str
    _find: dict[str, str] = field(default_factory=dict, repr=False, compare=False)

    @property
    def numbers(self) -> tuple[int, ...]:
        """The version as numbers: (8, 0, 292) for 8u292."""
        return numbers(self.name.removeprefix(PREFIX))

    def find(self, name: str) -> str | None:
        """Return this JDK's name of a suite it supports, or None; names are as strict as it is."""
        if not self._find:
            for one in self.suites:
                self._find[one] = one
                if self.aliases:
                    self._find[f"TLS_{one[4:]}"] = self._find[f"SSL_{one[4:]}"] = one
        return self._find.get(name)


def numbers(version: str) -> tuple[int, ...]:
    """Return a JDK's version as numbers: 8u292, 1.8.0_292 and 8.0.292 are the same."""
    if old := re.fullmatch(r"(?:1\.)?(\d+)(?:u|\.0[._u])(\d+)\S*", version):
        return (int(old[1]), 0, int(old[2]))
    found = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(int(part) for part in found[0].split(".")) if found else ()


@cache
def _tables() -> tuple[tuple[str, ...], Mapping[str, Jdk]]:
    folder = resources.tls_data() / "jsse"
    families = json.loads((folder / "suites.json").read_text("utf-8"))["families"]
    table = Table.load(folder / "builds.toml")
    table.text("source")
    curves = table.texts("disabled_curves")
    found: dict[str, Jdk] = {}
    for row in table.rows("build"):
        one = _jdk(row, families, found)
        found[one.name] = one
    table.done()
    return curves, found


def _jdk(row: Table, families: Mapping[str, list[tuple[str, bool]]], before: Mapping[str, Jdk]) -> Jdk:
    like = before.get(row.text("like", ""))
    family = row.text("family", like.family if like else "")
    protocols = row.texts("protocols", like.protocols if like else ())
    alike = like.server_protocols if like and "protocols" not in row else protocols
    one = Jdk(
        name=row.text("name"),
        title=row.text("title"),
        family=family,
        protocols=protocols,
        server_protocols=row.texts("server_protocols", alike),
        suites=tuple(name for name, _ in families[family]),
        enabled=frozenset(name for name, on in families[family] if on),
        groups=row.texts("groups", like.groups if like else ()),
        dh_bits=row.number("dh_bits", like.dh_bits if like else 0),
        server_order=row.flag("server_order", like.server_order if like else False),
        has_property=row.flag("property", like.has_property if like else False),
        named_groups=row.flag("named_groups", like.named_groups if like else False),
        patterns=row.flag("patterns", like.patterns if like else False),
        aliases=row.flag("aliases", like.aliases if like else False),
        disabled=row.text("disabled", like.disabled if like else ""),
        source=row.text("source"),
        verified=row.text("verified"),
    )
    row.done()
    return one


def names() -> tuple[str, ...]:
    """Return the names of every JDK we know, oldest first."""
    return tuple(_tables()[1])


def jdk(name: str) -> Jdk:
    """Return the JDK with this name. Errors: UsageError with the nearest known one."""
    known = _tables()[1]
    if name not in known:
        close = get_close_matches(name, known, n=1, cutoff=0.4)
        raise UsageError(
            f"unknown JDK {name!r}",
            hint=f"did you mean {close[0]!r}?" if close else "known: " + ", ".join(known),
        )
    return known[name]


def like(version: str) -> Jdk | None:
    """Return what is known of a JDK of this version: the newest one of its line that is not newer."""
    wanted = numbers(version)
    line = [one for one in _tables()[1].values() if one.numbers[:1] == wanted[:1]]
    below = [one for one in line if one.numbers <= wanted]
    return below[-1] if below else line[0] if line else None


@dataclass(frozen=True, slots=True)
class Constraints:
    """What `jdk.tls.disabledAlgorithms` forbids."""

    words: frozenset[str]
    """Whole algorithms, lower case: protocols, suites, parts of suites, groups."""
    patterns: tuple[str, ...]
    smallest: Mapping[str, int]
    """For `ec`, `dh`, `rsa`: keys below so many bits are refused."""
    modern: bool
    """Whether the JDK's names come apart as since TLS 1.3."""

    def permits_suite(self, name: str) -> bool:
        """Tell whether a suite (by the JDK's name) may be negotiated."""
        if name.lower() in self.words or parts(name, modern=self.modern) & self.words:
            return False
        return not any(re.match(pattern, name) for pattern in self.patterns)

    def permits_protocol(self, name: str) -> bool:
        """Tell whether a protocol version may be negotiated."""
        return java_protocol(name).lower() not in self.words

    def permits_group(self, name: str) -> bool:
        """Tell whether a group (IANA name) may be negotiated."""
        group = registry.find_group(name)
        bits = (group.bits if group else None) or 1 << 16
        kind = group.kind if group is not None and name.lower() not in _MONTGOMERY else ""
        if kind == "EC" and bits < self.smallest.get("ec", 0):
            return False
        if kind == "FFDHE" and bits < max(self.smallest.get(word, 0) for word in ("dh", "diffiehellman")):
            return False
        return name.lower() not in self.words


_MONTGOMERY = frozenset({"x25519", "x448"})
"""Curves that `EC keySize` does not mean (measured on JDK 17)."""
_KEY_SIZE = re.compile(r"(?P<word>[\w-]+)\s+keySize\s*(?P<sign><=?)\s*(?P<bits>\d+)\s*$", re.IGNORECASE)


@lru_cache(maxsize=4096)
def constraints(value: str, name: str, curves: str | None = None) -> Constraints:
    """Return what a value of the property forbids in one JDK; `curves`: jdk.disabled.namedCurves, if it is set."""
    one = jdk(name)
    words, patterns = set(), []
    smallest: dict[str, int] = {}
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = value[1:-1]
    for entry in filter(None, (e.strip() for e in value.split(","))) if one.has_property else ():
        if size := _KEY_SIZE.match(entry):
            word, bits = size["word"].lower(), int(size["bits"]) + (size["sign"] == "<=")
            smallest[word] = max(bits, smallest.get(word, 0))
        elif entry.lower() == f"include {CURVES.lower()}":
            words |= {w.lower() for w in (_tables()[0] if curves is None else re.split(r"\s*,\s*", curves))}
        elif entry.startswith("TLS_") and "*" in entry:
            patterns += [translate(entry)] if one.patterns else []
        else:
            words.add(entry.lower())
    return Constraints(frozenset(words), tuple(patterns), smallest, one.aliases)


def java_protocol(name: str) -> str:
    """Return how Java writes a protocol version."""
    return "TLSv1" if name == "TLSv1.0" else name


_BULK = {
    ("AES", "CBC"): ("aes", "cbc", "nopadding"),
    ("AES", "GCM"): ("aes", "gcm", "nopadding"),
    ("DES", "CBC"): ("des", "cbc", "nopadding"),
    ("3DES", "CBC"): ("desede", "cbc", "nopadding", "3des_ede_cbc"),
    ("RC4", "stream"): ("rc4",),
    ("CHACHA20", "POLY1305"): ("chacha20-poly1305",),
    ("NULL", None): ("null", "c_null"),
}
_KEY = {
    "RSA": (), "DHE": ("dh", "dhe", "diffiehellman"), "ECDHE": ("ecdhe",), "ECDH": ("ecdh",),
}  # fmt: skip
_DIGEST = {"MD5": "md5", "SHA1": "sha1", "SHA256": "sha256", "SHA384": "sha384"}
_DASHED = {"md5": "md5", "sha1": "sha-1", "sha256": "sha-256", "sha384": "sha-384"}


@lru_cache(maxsize=1024)
def parts(name: str, *, modern: bool = True) -> frozenset[str]:
    """Return the words that disable a suite beside its name, lower case."""
    suite = registry.suite(name)
    export = modern and suite.kx == "DHE" and suite.enc == "DES" and "EXPORT" in suite.flags
    key = () if export else _key_words(suite)  # its key exchange has no case of its own in the newer code
    return frozenset({*key, *_bulk_words(suite), *_digest_words(suite, modern=modern)})


def _key_words(suite: Suite) -> Iterable[str]:
    if suite.tls13:
        return
    export = "_export" if "EXPORT" in suite.flags and suite.kx == "RSA" else ""
    if suite.auth == "anon":
        curve = suite.kx == "ECDHE"
        yield from ("anon", "ecdh", "ecdh_anon") if curve else ("anon", "dh", "diffiehellman", "dh_anon")
        return
    yield from _KEY.get(suite.kx, ())
    yield from ("dsa", "dss") if suite.auth == "DSS" else (suite.auth.lower(),)
    if suite.kx != "RSA":
        yield f"{suite.kx}_{suite.auth}".lower()
    if export:
        yield "rsa_export"


def _bulk_words(suite: Suite) -> Iterable[str]:
    yield from _BULK.get((suite.enc, suite.mode), ())
    if suite.enc == "AES" and not suite.tls13:
        yield f"aes_{suite.bits}_{suite.mode}".lower()
    elif suite.enc == "RC4":
        yield f"rc4_{suite.bits}"
    elif suite.enc == "DES":
        yield from ("des40_cbc", "des_cbc_40") if suite.bits < 56 else ("des_cbc",)  # noqa: PLR2004 - DES has 56 bits


def _digest_words(suite: Suite, *, modern: bool) -> Iterable[str]:
    hashes = {_DIGEST[suite.mac]} if suite.mac in _DIGEST else set()
    if modern and suite.max in {"TLSv1.2", "TLSv1.3"}:  # the hash of the key derivation too
        hashes.add("sha384" if suite.iana.endswith("SHA384") else "sha256")
    for one in hashes:
        yield from (one, _DASHED[one], f"hmac{one}")
