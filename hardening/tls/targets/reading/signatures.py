"""Signature schemes: OpenSSL's words for a list of them, and which of them a server signs its handshakes with."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from hardening.tls import registry
from hardening.tls.libraries import builds
from hardening.tls.offer import Located
from hardening.tls.registry import Scheme, Suite
from hardening.tls.targets.reading import security_levels

_NAMED = (1, 1, 1)
"""From this OpenSSL on a list takes the names of TLS 1.3 too (measured: 1.1.0 refuses them)."""
_CURVES = {"sha256": "ecdsa_secp256r1_sha256", "sha384": "ecdsa_secp384r1_sha384", "sha512": "ecdsa_secp521r1_sha512"}  # fmt: skip
_FAMILIES = {"rsa": "RSA", "ecdsa": "ECDSA", "dsa": "DSA"}
_PSS = frozenset({"rsa-pss", "pss"})
_TLS12_KEYS = {"RSA": frozenset({"rsa", "rsa-pss"}), "ECDSA": frozenset({"ec", "ed25519", "ed448"}), "DSS": frozenset({"dsa"})}  # fmt: skip
"""The kinds of key that sign for a suite's authentication before TLS 1.3."""
_ANY = frozenset({"rsa", "ec"})
"""What a server is taken to have where its certificates could not be read."""


def word(scheme: Scheme) -> str:
    """Return OpenSSL's word for a scheme: a pair such as RSA+SHA256, which every release takes, or its name."""
    family, digest = _parts(scheme)
    return f"{family}+{digest.upper()}" if family else scheme.name


def writable(schemes: Iterable[Scheme], build_name: str) -> tuple[str, ...]:
    """Return the words for those schemes that a build has by itself."""
    own = frozenset(builds.build(build_name).schemes or ())
    return tuple(word(s) for s in schemes if s.name in own)


def meant(text: str, build_name: str) -> tuple[str, ...] | None:
    """Return the names of the schemes that a list sets on a build, or None where it holds a word that nobody knows here."""
    found: dict[str, None] = {}
    for part in text.split(":"):
        one = _scheme(part.strip().lstrip("?"), named=builds.build(build_name).release >= _NAMED)
        if one is None:
            return None
        found[one.name] = None
    return tuple(found)


def signers(suites: Iterable[Suite]) -> frozenset[str]:
    """Return the authentications of suites whose key exchange carries a signature before TLS 1.3: RSA, ECDSA, DSS."""
    return frozenset(s.auth for s in suites if s.kx in {"DHE", "ECDHE"} and s.auth in _TLS12_KEYS)


def _scheme(word: str, *, named: bool) -> Scheme | None:
    family, plus, digest = word.lower().partition("+")
    if not plus:
        return registry.find_scheme(word) if named else None
    if family in _PSS:
        return registry.find_scheme(f"rsa_pss_rsae_{digest}") if named else None
    names = (
        _CURVES.get(digest, "") if family == "ecdsa" else f"{family}_pkcs1_{digest}",
        f"{family}_{digest}",
    )
    return next((s for name in names if name and (s := registry.find_scheme(name))), None)


def _parts(scheme: Scheme) -> tuple[str, str]:
    """Return family and hash of a scheme that is a pair before TLS 1.3, else two empty texts."""
    family, _, rest = scheme.name.partition("_")
    digest = rest.rpartition("_")[2]
    paired = rest in {digest, f"pkcs1_{digest}"} or scheme.name == _CURVES.get(digest)
    return (_FAMILIES[family], digest) if family in _FAMILIES and paired else ("", "")


def _signs(name: str, key: str) -> bool:
    """Tell whether a kind of key makes a scheme's signatures; the curve matters to TLS 1.3 alone."""
    if key == "rsa":
        return name.startswith("rsa_") and not name.startswith("rsa_pss_pss_")
    if key == "rsa-pss":
        return name.startswith("rsa_pss_pss_")
    if key == "ec":
        return name.startswith("ecdsa_") and "brainpool" not in name  # whose schemes are TLS 1.3's
    if key.startswith("ec:"):
        return name.startswith((f"ecdsa_{key[3:]}_", f"ecdsa_{key[3:]}tls13_"))
    return name == key or (key == "dsa" and name.startswith("dsa_"))


def left(
    setting: Located | None, build_name: str, level: int, keys: frozenset[str] | None, protocol: str, signers: frozenset[str]
) -> tuple[Located, ...] | None:  # fmt: skip
    """Return the schemes of a list that a server can sign with under a version, in order; None where none is set or a word of it is not known.

    `signers` are the authentications (RSA, ECDSA, DSS) of its suites up to TLS 1.2 that carry a signature.
    """
    names = _left(setting.value, build_name, level, keys, protocol, signers) if setting else None
    return None if setting is None or names is None else tuple([Located(name, setting.at) for name in names])


@lru_cache(maxsize=1024)
def _left(
    text: str, build_name: str, level: int, keys: frozenset[str] | None, protocol: str, signers: frozenset[str]
) -> tuple[str, ...] | None:  # fmt: skip
    listed = meant(text, build_name)
    if listed is None:
        return None
    have, newest = keys or _ANY, protocol == "TLSv1.3"
    if newest and any(k.startswith("ec:") for k in have):  # a scheme of TLS 1.3 names the curve of the key
        have -= {"ec"}
    able = have if newest else have & frozenset(k for s in signers for k in _TLS12_KEYS[s])
    return tuple(
        s.name
        for name in listed
        if (s := registry.find_scheme(name)) is not None
        and (s.tls13 if newest else protocol == "TLSv1.2")
        and any(_signs(s.name, key) for key in able)
        and security_levels.allows_scheme(build_name, level, s)
    )
