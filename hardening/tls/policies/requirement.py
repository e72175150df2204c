"""What a rule of a policy asks for, as data with one question each: is this thing forbidden?"""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from hardening.records import dataclass
from hardening.tls.registry import Group, Scheme, Suite


class Level(StrEnum):
    """How binding a rule is; the rule's text keeps the source's own word."""

    MUST = "must"
    SHOULD = "should"
    """Breaking it fails the policy too: a deviation needs a waiver with a reason."""
    ADVICE = "advice"
    """Breaking it is worth knowing (a finding of severity low) and never fails the policy."""


class RuleKind(StrEnum):
    """Whether a program can check a rule."""

    AUTOMATED = "automated"
    MANUAL = "manual"


def strength(suite: Suite) -> int:
    """Return the effective strength in bits: 3DES counts 112, no encryption 0 (NIST SP 800-57)."""
    return 112 if suite.enc == "3DES" else suite.bits or 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteMatch:
    """A pattern over the properties of a suite: every key given has to hold, by any of its values."""

    names: frozenset[int] = frozenset()
    flags: frozenset[str] = frozenset()
    enc: frozenset[str] = frozenset()
    kx: frozenset[str] = frozenset()
    auth: frozenset[str] = frozenset()
    mac: frozenset[str] = frozenset()
    mode: frozenset[str] = frozenset()
    recommended: frozenset[str] = frozenset()
    protocols: frozenset[str] = frozenset()
    """Only when negotiated under one of these; empty means under any."""
    unless: frozenset[int] = frozenset()
    bits_below: int | None = None
    """Compared with the effective strength, so 3DES is below 128."""
    forward_secrecy: bool | None = None
    aead: bool | None = None
    registered: bool | None = None

    def __call__(self, suite: Suite, protocol: str) -> bool:
        """Return whether the pattern describes this suite under this protocol."""
        return suite.code not in self.unless and all(
            (
                not self.protocols or protocol in self.protocols,
                not self.names or suite.code in self.names,
                not self.flags or bool(self.flags & suite.flags),
                not self.enc or suite.enc in self.enc,
                not self.kx or suite.kx in self.kx,
                not self.auth or suite.auth in self.auth,
                not self.mac or suite.mac in self.mac,
                not self.mode or suite.mode in self.mode,
                not self.recommended or suite.recommended in self.recommended,
                self.bits_below is None or strength(suite) < self.bits_below,
                self.forward_secrecy is None or suite.forward_secrecy is self.forward_secrecy,
                self.aead is None or suite.aead is self.aead,
                self.registered is None or suite.registered is self.registered,
            )
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteNeed:
    """Which suites a rule forbids: all that are not on its list, and all that match a pattern."""

    allow: frozenset[int] | None = None
    forbid: tuple[SuiteMatch, ...] = ()
    some: tuple[SuiteMatch, ...] = ()
    """At least one suite that is offered has to match one of these."""

    def forbids(self, suite: Suite, protocol: str) -> bool:
        """Return whether the rule forbids the suite under this protocol."""
        if self.allow is not None and suite.code not in self.allow:
            return True
        return any(match(suite, protocol) for match in self.forbid)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtocolNeed:
    """Which protocol versions a rule allows, forbids or requires."""

    allow: frozenset[str] | None = None
    forbid: frozenset[str] = frozenset()
    require: tuple[str, ...] = ()
    require_any: tuple[str, ...] = ()

    def forbids(self, name: str) -> bool:
        """Return whether the rule forbids this protocol version."""
        return name in self.forbid or (self.allow is not None and name not in self.allow)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupNeed:
    """Which groups a rule forbids."""

    allow: frozenset[int] | None = None
    forbid: frozenset[int] = frozenset()
    ec_bits_below: int | None = None
    ff_bits_below: int | None = None
    some: frozenset[int] = frozenset()
    """At least one group that is offered has to be among these."""
    recommended: frozenset[str] = frozenset()
    """Forbids groups with these IANA Recommended values, such as D."""

    def forbids(self, group: Group) -> bool:
        """Return whether the rule forbids this group."""
        if group.id in self.forbid or (self.allow is not None and group.id not in self.allow):
            return True
        if group.recommended in self.recommended:
            return True
        floor = {"EC": self.ec_bits_below, "FFDHE": self.ff_bits_below}.get(group.kind)
        return floor is not None and group.bits is not None and group.bits < floor


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemeNeed:
    """Which signature schemes a rule forbids."""

    allow: frozenset[int] | None = None
    forbid: frozenset[int] = frozenset()
    hashes: frozenset[str] = frozenset()
    """Forbids schemes over these hashes: `md5`, `sha1`, `sha224`."""

    def forbids(self, scheme: Scheme) -> bool:
        """Return whether the rule forbids this scheme."""
        if scheme.id in self.forbid or (self.allow is not None and scheme.id not in self.allow):
            return True
        return any(scheme.name.endswith(f"_{name}") for name in self.hashes)


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateNeed:
    """What a rule asks of the server's certificate; None and empty ask nothing."""

    types: frozenset[str] = frozenset()
    """Key types allowed: `rsa`, `ec`, `ed25519`, `ed448`, `dsa`, `ml-dsa`."""
    curves: frozenset[str] = frozenset()
    """IANA names of the curves allowed for `ec` keys."""
    rsa_min_bits: int | None = None
    ec_min_bits: int | None = None
    hashes: frozenset[str] = frozenset()
    """Hashes allowed in the signature: `sha256`, `sha384` ...; Ed25519 and Ed448 carry their own."""
    max_lifetime_days: int | None = None
    valid_now: bool = False
    hostname: bool = False
    trusted: bool = False
    """Self-signed is not trusted; whose authority is, no program can know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionNeed:
    """What a rule asks of the session itself."""

    dh_min_bits: int | None = None
    compression: bool | None = None
    """False: must be off."""
    secure_renegotiation: bool | None = None
    """True: RFC 5746 has to be there."""
    preference: str | None = None
    """`server` or `client`: whose order of suites decides."""
    client_certificate: str | None = None
    """`required` or `none`: whether clients have to present a certificate, or must not be asked for one."""
    extensions: tuple[str, ...] = ()
    """IANA names of extensions the server has to answer with before TLS 1.3."""


REMOVED = "remove"
"""The section of the rule that stands for what a user's file takes out of the policy it extends."""


_NOT_READ = {
    "via dataset": "the text of the standard; the values are those of a published dataset",
    "secondary source": "the text of the standard; the values are from articles about it",
    "memory": "any text; it is from memory",
}
"""What was not read of a rule's source, by the mark that says how far it was."""


def not_read(verified: str, unread: str = "") -> str:
    """Return what of a rule's source was not read, by its mark and its own words; empty where all of it was."""
    return "" if verified == "yes" else unread or _NOT_READ.get(verified, verified)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRule:
    """One rule of a policy in our own words, where it stands, and what of it a program checks."""

    id: str
    section: str
    text: str
    level: Level
    verified: str
    """`yes`, or how far: `memory`, `partly`, `via dataset`, `secondary source` ..."""
    kind: RuleKind
    unread: str = ""
    """What was not read, where `verified` is `partly`."""
    binding_from: date | None = None
    """The day from which a rule that is advice binds."""
    protocols: ProtocolNeed | None = None
    suites: SuiteNeed | None = None
    groups: GroupNeed | None = None
    signatures: SchemeNeed | None = None
    certificate: CertificateNeed | None = None
    session: SessionNeed | None = None

    @property
    def binding(self) -> bool:
        """Whether breaking the rule fails the policy."""
        return self.level is not Level.ADVICE

    @property
    def is_verified(self) -> bool:
        """Whether the rule's text was checked against its source."""
        return self.verified == "yes"

    @property
    def not_read(self) -> str:
        """What of the rule's source was not read; empty where all of it was."""
        return not_read(self.verified, self.unread)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something is forbidden: the rule, and the policy it stands in."""

    policy: str
    rule: PolicyRule

    @property
    def section(self) -> str:
        """Where in the source the rule stands."""
        return self.rule.section

    @property
    def level(self) -> Level:
        """How binding the rule is."""
        return self.rule.level

    def __str__(self) -> str:
        """Return such as `rfc9325 4.1 (must)`."""
        return f"{self.policy} {self.rule.section} ({self.rule.level})"
