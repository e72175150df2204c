"""Lists of key-exchange groups: which a build has, what a list that is set means, and what is left under a version."""

from __future__ import annotations

from functools import cache, lru_cache

from hardening.tls import registry
from hardening.tls.libraries import builds
from hardening.tls.libraries.library import Build
from hardening.tls.offer import Located
from hardening.tls.registry import Group
from hardening.tls.targets.reading import security_levels

_MLKEM = (3, 5, 0)
_X25519 = (1, 1, 0)
_FIELDS = (3, 0, 0)
"""From this OpenSSL on, finite fields are groups as well."""


def own(build: Build) -> tuple[str, ...]:
    """Return the groups a server offers when it is told none, by OpenSSL's names."""
    found = (registry.find_group(name) for name in build.server_groups)
    return tuple(group.openssl for group in found if group is not None and group.openssl)


def hybrid(build_name: str) -> bool:
    """Return whether a build has a group with ML-KEM."""
    return any("MLKEM" in name.upper() for name in known(builds.build(build_name)))


@cache
def known(build: Build) -> frozenset[str]:
    """Return every group a server linked with a build can be told, by OpenSSL's names."""
    if build.name.startswith(builds.JDK):
        return frozenset(build.curves or ())
    found = set(build.curves or ()) | set(own(build))
    if build.curves is None:
        found |= {"prime256v1", "secp384r1", "secp521r1"}
    if build.release >= _X25519:
        found |= {"X25519"} | ({"X448"} if build.release > _X25519 else set())
    if build.release >= _FIELDS:
        found |= {f"ffdhe{bits}" for bits in (2048, 3072, 4096, 6144, 8192)}
    if build.release >= _MLKEM:
        found |= {"X25519MLKEM768", "SecP256r1MLKEM768", "SecP384r1MLKEM1024"}
        found |= {"MLKEM512", "MLKEM768", "MLKEM1024"}
    return frozenset(found)


@lru_cache(maxsize=4096)
def meant(text: str | None, build_name: str, level: int) -> tuple[tuple[str, ...], tuple[str, ...], bool]:
    """Return the groups a list means at a security level, for TLS 1.3 and for older versions (IANA names), and whether each word of it is known."""
    build = builds.build(build_name)
    words = own(build) if text is None else tuple(text.replace("/", ":").split(":"))
    found: dict[Group, None] = {}
    every = True
    for word in words:
        name = word.strip().lstrip("?*-")
        newest = build.release >= _MLKEM
        names = own(build) if newest and name.upper() == "DEFAULT" else (name,)
        groups = [g for n in names if (g := registry.find_group(n)) is not None]
        every = every and bool(groups)
        if newest and "-" in word[: len(word) - len(name)]:
            found = {g: None for g in found if g not in groups}
        else:
            found |= dict.fromkeys(g for g in groups if g.kind in {"EC", "FFDHE"} or newest)
    if not found and not every and text is not None:  # `automatic` and the like: the library's own
        return (*meant(None, build_name, level)[:2], False)
    usable = [g for g in found if security_levels.allows_group(build_name, level, g)]
    newer = tuple(g.name for g in usable if g.tls13)
    return newer, tuple(g.name for g in usable if g.tls12 and g.kind == "EC"), every


def names(text: str, build_name: str) -> tuple[str, ...]:
    """Return what a list of groups means on a build, by IANA names; nothing where none of it is known."""
    newer, older, every = meant(text, build_name, 0)
    return tuple(dict.fromkeys((*newer, *older))) if every or newer or older else ()


def under(
    protocol: str, newer: tuple[Located, ...], older: tuple[Located, ...], *, elliptic: bool
) -> tuple[Located, ...]:
    """Return the groups that a version negotiates, of those for TLS 1.3 and those for older ones."""
    if protocol in {"SSLv2", "SSLv3"}:
        return ()
    if protocol == "TLSv1.3":
        return newer
    return older if elliptic else ()
