"""How bad a suite, a protocol or a group is in itself, whichever policy forbids it, and in which words."""

from __future__ import annotations

from hardening.findings import Severity
from hardening.tls.policies.requirement import strength
from hardening.tls.registry import CipherKind, Group, Suite

_BITS_BROKEN = 112  # below this, brute force is a matter of money (NIST SP 800-57)
_WORDS = (
    ("NULL", "no encryption"),
    ("ANON", "no authentication"),
    ("EXPORT", "export strength"),
    ("RC4", "RC4"),
    ("DES", "DES"),
    ("RC2", "RC2"),
    ("3DES", "3DES"),
    ("IDEA", "IDEA"),
    ("MD5-MAC", "MD5"),
    ("SHA1-MAC", "SHA-1 MAC"),
    ("CBC", "CBC mode"),
    ("TAG64", "a short authentication tag"),
    ("DSS", "DSA"),
)
_PROTOCOLS = {"SSLv2": Severity.HIGH, "SSLv3": Severity.HIGH}


def of_suite(suite: Suite) -> Severity:
    """Return how bad it is to offer the suite: the weakest of its parts decides."""
    flags = suite.flags
    if flags & {"NULL", "ANON", "EXPORT"}:
        return Severity.CRITICAL
    if flags & {"RC4", "DES", "RC2", "MD5-MAC"} or strength(suite) < _BITS_BROKEN:
        return Severity.HIGH
    return Severity.MEDIUM


def words(suite: Suite) -> tuple[str, ...]:
    """Return what is weak about the suite, such as `RC4`, `SHA-1 MAC`, `no forward secrecy`; empty where nothing is."""
    found = [word for flag, word in _WORDS if flag in suite.flags]
    if not suite.forward_secrecy and not suite.tls13:
        found.append("no forward secrecy")
    return tuple(found)


def of_kind(kind: CipherKind) -> Severity:
    """Return how bad it is to offer an SSL 2.0 cipher kind."""
    return Severity.CRITICAL if kind.export else Severity.HIGH


def of_protocol(name: str) -> Severity:
    """Return how bad it is to offer the protocol version."""
    return _PROTOCOLS.get(name, Severity.MEDIUM)


def of_group(group: Group) -> Severity:
    """Return how bad it is to offer the group: below 80 bits of strength is within reach."""
    if group.bits is None:
        return Severity.MEDIUM
    floor = {"EC": 160, "FFDHE": 1024}.get(group.kind, 0)
    return Severity.HIGH if group.bits <= floor else Severity.MEDIUM
