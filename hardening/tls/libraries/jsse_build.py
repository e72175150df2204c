"""A JDK in the form the rest of this package knows libraries in: a `Build` whose cipher lists are lists of names."""

from __future__ import annotations

from functools import cache

from hardening.records import dataclass
from hardening.tls import registry
from hardening.tls.libraries import jsse
from hardening.tls.libraries.jsse import Jdk
from hardening.tls.libraries.library import Build, Cipher
from hardening.tls.registry import PROTOCOLS


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class JsseBuild(Build):
    """Java's own TLS of one JDK."""

    jdk: Jdk

    @property
    def release(self) -> tuple[int, int, int]:
        """The JDK's version as numbers: (8, 0, 292) for 8u292."""
        major, minor, patch = (*self.jdk.numbers, 0, 0)[:3]
        return (major, minor, patch)


@cache
def build(name: str) -> JsseBuild:
    """Return the build of a JDK. Errors: UsageError with the nearest known name."""
    one = jsse.jdk(name)
    ciphers = [_cipher(suite) for suite in one.suites]
    return JsseBuild(
        name=name,
        title=one.title,
        library=f"SunJSSE of {one.title}",
        source=one.source,
        verified=one.verified,
        generation="jsse",
        protocols=one.protocols,
        protocols_verified="measured" if one.verified.startswith("yes") else "memory",
        curves=tuple(g.openssl for n in one.groups if (g := registry.find_group(n)) and g.openssl),
        groups=one.groups,
        server_groups=one.groups,
        server_groups_verified=one.verified,
        schemes=None,
        security_level=None,
        conf=None,
        default_string="",
        system_policy=None,
        ciphers=tuple(c for c in ciphers if not c.tls13),
        tls13=tuple(c for c in ciphers if c.tls13),
        keywords={},
        jdk=one,
    )


def _cipher(name: str) -> Cipher:
    suite = registry.suite(name)
    least = "SSLv3" if suite.min == "TLSv1.0" else suite.min  # SunJSSE keeps no suite from SSL 3.0
    last = suite.max if suite.max in PROTOCOLS else "TLSv1.2"
    return Cipher(name, suite.code, suite.iana, least, suite.bits, (0,) * 6, last)
