"""The OpenSSL builds we know: the cipher table, keywords and limits of each, read out of the real library.

The numbers under data/openssl are the library's own masks, so the algorithm in
`hardening.tls.openssl` works on what that build works on. One file per build; `keywords.json`
holds the keyword table of each generation.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, urlencode

from hardening import resources
from hardening.errors import UsageError
from hardening.tls import registry
from hardening.tls.libraries.library import Build, Cipher

NAMES = (
    "0.9.8e-rhel5",
    "1.0.1e-el6",
    "1.0.2e-nassl-legacy",
    "1.0.2k-el7",
    "1.0.2k-upstream",
    "1.0.2l-upstream",
    "1.1.0f",
    "1.1.1g-upstream",
    "1.1.1k-rh",
    "1.1.1k-el8",
    "1.1.1w-upstream",
    "3.0.8-upstream",
    "3.2.2-upstream",
    "3.4.0-upstream",
    "3.5.9-debian13",
)
"""Every build, oldest first."""


JDK = "jdk-"
"""What the names of builds begin with that are Java's own TLS (data/jsse), not an OpenSSL."""


_OPTIONS = "&"
"""What stands between a build's name and what the host's openssl.cnf makes of it (`configured`)."""


def configured(name: str, options: Mapping[str, str]) -> str:
    """Return the name of a build as a host's openssl.cnf sets it up.

    `told` may have `level`, `groups` (IANA names), `suites13`, `list`, and `protocols` that are left; lists are parted by colons.
    """
    return f"{plain(name)}{_OPTIONS}{urlencode(sorted(options.items()))}" if options else name


def plain(name: str) -> str:
    """Return a build's name without what the host's openssl.cnf makes of it."""
    return name.partition(_OPTIONS)[0]


def _configured(name: str) -> Build:
    base, _, words = name.partition(_OPTIONS)
    options, found = dict(parse_qsl(words)), build(base)
    groups, protocols = options.get("groups"), options.get("protocols")
    return replace(
        found,
        security_level=int(options["level"]) if "level" in options else found.security_level,
        server_groups=tuple(groups.split(":")) if groups else found.server_groups,
        protocols=tuple(p for p in found.protocols if p in protocols.split(":"))
        if protocols
        else found.protocols,
        default_suites13=options.get("suites13"),
        default_list=options.get("list"),
        memory={},
    )


def shown(name: str) -> str:
    """Return a build as people call it: `OpenSSL 1.0.2k-el7`, `JDK 17.0.18`."""
    if _OPTIONS in name:
        return f"{shown(plain(name))} as the host's openssl.cnf sets it"
    return f"JDK {name.removeprefix(JDK)}" if name.startswith(JDK) else f"OpenSSL {name}"


def chosen(name: str | None, shipped: str) -> str:
    """Return the name of the build to take: the one asked for, or the one that ships. Errors: UsageError."""
    if name is not None and name.startswith(JDK) and not shipped.startswith(JDK):
        raise UsageError(
            f"{shown(name)} is Java's own TLS, and the server uses OpenSSL",
            hint=f"name an OpenSSL build, such as {shipped}; JDKs are for java_security, tomcat and jetty",
        )
    return build(name or shipped).name


def if_known(name: str, shipped: str) -> str | None:
    """Return a build that a file's header names, where there is one of that name: anybody may have edited it."""
    if name.startswith(JDK) is not shipped.startswith(JDK):
        return None
    try:
        return build(name).name
    except UsageError:
        return None


@cache
def build(name: str) -> Build:
    """Return the build with this name. Errors: UsageError with the nearest known name."""
    if _OPTIONS in name:
        return _configured(name)
    if name.startswith(JDK):
        from hardening.tls.libraries import jsse_build

        return jsse_build.build(name)
    if name not in NAMES:
        close = get_close_matches(name, NAMES, n=1, cutoff=0.4)
        hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(NAMES)}"
        raise UsageError(f"unknown OpenSSL build {name!r}", hint=hint)
    raw = json.loads((_folder() / "builds" / f"{name}.json").read_text("utf-8"))
    generation = raw["generation"]
    absent = frozenset(raw["absent"])
    read = _cipher_098 if generation == "0.9.8" else _cipher
    return Build(
        name=name,
        title=raw["title"],
        library=raw["library"],
        source=raw["source"],
        verified=raw["verified"],
        generation=generation,
        protocols=tuple(raw["protocols"]),
        protocols_verified=raw["protocols_verified"],
        curves=_optional(raw["curves"]),
        groups=_optional(raw["groups"]),
        server_groups=tuple(raw["server_groups"] if "server_groups" in raw else raw["groups"]),
        server_groups_verified=raw.get("server_groups_verified", "measured"),
        schemes=_optional(raw["schemes"]),
        security_level=raw["security_level"],
        conf=raw["conf"],
        default_string=raw["default"],
        system_policy=raw.get("system_policy"),
        ciphers=tuple(read(row) for row in raw["ciphers"]),
        tls13=tuple(_tls13(row) for row in raw["tls13"]),
        keywords={w: m for w, m in _keywords()[raw["keywords"]].items() if w not in absent},
    )


@cache
def builds() -> tuple[Build, ...]:
    """Return every build, oldest first."""
    return tuple(build(name) for name in NAMES)


def _optional(values: list[str] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(values)


def _folder() -> Any:
    return resources.tls_data() / "openssl"


@cache
def _keywords() -> dict[str, dict[str, tuple[int, ...]]]:
    raw = json.loads((_folder() / "keywords.json").read_text("utf-8"))
    return {g: {word: tuple(masks) for word, masks in words.items()} for g, words in raw.items()}


@cache
def _iana() -> dict[int, str]:
    """Return IANA names by code without building every registry record."""
    raw = json.loads((resources.tls_data() / "registry" / "suites.json").read_text("utf-8"))
    code, name = raw["columns"].index("code"), raw["columns"].index("iana")
    return {row[code]: row[name] for row in raw["rows"]}


def _name_of(code: int, sslv2: bool) -> str:
    if sslv2:
        return next((k.name for k in registry.cipher_kinds() if k.code == code), f"SSL_CK_0x{code:06X}")
    return _iana().get(code, f"0x{code:04X}")


_VERSION = {0x300: "SSLv3", 0x301: "TLSv1.0", 0x302: "TLSv1.1", 0x303: "TLSv1.2", 0x304: "TLSv1.3"}
_OLD_VERSION = {1: "SSLv2", 2: "SSLv3", 4: "TLSv1.2"}

_IDEA = 7
"""The one cipher that 1.1.0 and later take out of TLS 1.2."""


def _cipher(row: list[Any]) -> Cipher:
    name, hexadecimal, *masks, bits = row
    version = _OLD_VERSION.get(masks[4]) or _VERSION[masks[4]]
    code = int(hexadecimal, 16)
    last = "TLSv1.1" if code == _IDEA and masks[4] in _VERSION else "TLSv1.3"
    return Cipher(name, code, _name_of(code, version == "SSLv2"), version, bits, tuple(masks), last)


def _cipher_098(row: list[Any]) -> Cipher:
    name, hexadecimal, algorithms, strength, bits = row
    code = int(hexadecimal, 16)
    version = "SSLv2" if algorithms & 0x01000000 else "SSLv3"
    return Cipher(name, code, _name_of(code, version == "SSLv2"), version, bits, (algorithms, strength))


def _tls13(row: list[Any]) -> Cipher:
    name, hexadecimal, enc, bits = row
    return Cipher(name, int(hexadecimal, 16), name, "TLSv1.3", bits, (0, 0, enc, 0x40, 0x304, 0))
