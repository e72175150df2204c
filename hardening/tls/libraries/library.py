"""A TLS library as it was built: its ciphers, its keywords and its limits; `hardening.tls.libraries.builds` has those we know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from hardening.records import dataclass
from hardening.tls import registry

GENERATIONS = ("0.9.8", "1.0.1", "1.0.2", "1.1.0", "1.1.1", "3.0", "3.2", "3.4", "3.5")
"""Releases between which the cipher-list language or its keywords changed."""


@dataclass(frozen=True, slots=True, eq=False)
class Cipher:
    """One cipher as a build's list holds it."""

    name: str
    """OpenSSL's name in that build."""
    code: int
    """TLS code point, or the three-byte kind of SSL 2.0."""
    iana: str
    """IANA name; SSL 2.0 kinds are `SSL_CK_...`."""
    version: str
    """The first protocol that can negotiate it (`registry.PROTOCOLS`)."""
    strength_bits: int
    masks: tuple[int, ...]
    """The library's own: 0.9.8 algorithms, strength; later kx, auth, enc, mac, version, strength."""
    last: str = "TLSv1.3"
    """The last protocol that can; TLS 1.3 has suites of its own anyway."""

    @property
    def hex(self) -> str:
        """The code point such as `0xC02F`, or `0x010080` for SSL 2.0."""
        return f"0x{self.code:06X}" if self.sslv2 else f"0x{self.code:04X}"

    @property
    def sslv2(self) -> bool:
        """Whether this is an SSL 2.0 cipher kind."""
        return self.version == "SSLv2"

    @property
    def suite(self) -> registry.Suite | None:
        """The registry's record, or None for an SSL 2.0 kind."""
        return None if self.sslv2 else registry.suites_by_code().get(self.code)

    @property
    def tls13(self) -> bool:
        """Whether this is a TLS 1.3 suite, which no cipher list selects."""
        return self.version == "TLSv1.3"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Build:
    """One OpenSSL library as some distribution or vendor really shipped it."""

    name: str
    title: str
    library: str
    """What the library says of itself."""
    source: str
    verified: bool | str
    generation: str
    """One of `GENERATIONS`."""
    protocols: tuple[str, ...]
    """What the library can speak when the application asks for it."""
    protocols_verified: str
    """`measured`, or `memory` where the library could not be asked."""
    curves: tuple[str, ...] | None
    """Elliptic curves compiled in, by OpenSSL's names; None where not measured."""
    groups: tuple[str, ...] | None
    """IANA names of the groups it offers by itself as a client, in order; None where not measured."""
    server_groups: tuple[str, ...]
    """The same of a server that is told none."""
    server_groups_verified: str
    """`measured` where they are the client's; else what says so."""
    schemes: tuple[str, ...] | None
    """Names of the signature schemes it offers by itself, in order; None where not measured."""
    security_level: int | None
    """The default level; None before 1.1.0, which has none."""
    conf: Mapping[str, int] | None
    """Answers of SSL_CONF_cmd: 2 accepted, 0 value refused, -2 unknown; None where not measured."""
    default_string: str
    """What the keyword DEFAULT stands for."""
    system_policy: str | None
    """What a leading PROFILE=SYSTEM stands for: Red Hat's policy DEFAULT; None where it means nothing."""
    ciphers: tuple[Cipher, ...]
    """Every cipher a list can select, in the order of the library's table."""
    tls13: tuple[Cipher, ...]
    """Every TLS 1.3 suite compiled in."""
    keywords: Mapping[str, tuple[int, ...]]
    """The keyword table as masks, without those this build dropped for want of any such algorithm."""
    memory: dict[Any, Any] = field(default_factory=dict, repr=False)
    """What has been resolved before; filled by `hardening.tls.openssl`."""
    default_suites13: str | None = None
    """The TLS 1.3 suites of a program that sets none, where the host's openssl.cnf names them."""
    default_list: str | None = None
    """The cipher list of a program that sets none, where the host's openssl.cnf has one."""

    @property
    def release(self) -> tuple[int, int, int]:
        """The version as numbers: (1, 0, 2) for 1.0.2k."""
        text = self.name.split("-", maxsplit=1)[0].rstrip("abcdefghijklmnopqrstuvwxyz")
        major, minor, patch = (int(part) for part in text.split("."))
        return (major, minor, patch)
