"""Known attacks that an offer makes possible: what the suites and versions seen imply, by name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hardening.findings import Finding, Rule, Severity
from hardening.tls import registry
from hardening.tls.offer import Offer
from hardening.tls.registry import Suite

_CVE = "https://nvd.nist.gov/vuln/detail/"
_OFF = "Switch off what the finding names; `harden tls render` writes the settings that do it."
_SHOWN = 4


def _rule(name: str, title: str, severity: Severity, why: str, *references: str, remedy: str = _OFF) -> Rule:
    return Rule(
        id=f"tls/attack-{name}",
        title=title,
        severity=severity,
        rationale=why,
        remedy=remedy,
        references=references,
    )


DROWN = _rule(
    "drown",
    "DROWN: SSL 2.0 is offered",
    Severity.CRITICAL,
    "SSL 2.0 lets an attacker decrypt recorded sessions of every newer version that uses the same RSA key.",
    _CVE + "CVE-2016-0800",
    "https://drownattack.com/",
)
POODLE = _rule(
    "poodle",
    "POODLE: SSL 3.0 with CBC suites is offered",
    Severity.HIGH,
    "SSL 3.0 does not check its padding, so an attacker who can repeat requests reads a cookie byte by byte.",
    _CVE + "CVE-2014-3566",
)
FREAK = _rule(
    "freak",
    "FREAK: export RSA suites are offered",
    Severity.CRITICAL,
    "A 512-bit RSA key is factored in hours; clients with the bug can be talked down to it.",
    _CVE + "CVE-2015-0204",
)
LOGJAM = _rule(
    "logjam",
    "Logjam: weak Diffie-Hellman",
    Severity.HIGH,
    "Groups of 512 bits are broken in minutes after one precomputation; 1024 bits are within a state's reach.",
    _CVE + "CVE-2015-4000",
    "https://weakdh.org/",
)
SWEET32 = _rule(
    "sweet32",
    "SWEET32: ciphers with 64-bit blocks are offered",
    Severity.MEDIUM,
    "Blocks of 64 bits repeat after some dozens of gigabytes of one session, and repetitions betray cookies.",
    _CVE + "CVE-2016-2183",
    "https://sweet32.info/",
)
BEAST = _rule(
    "beast",
    "BEAST: CBC suites under TLS 1.0 or SSL 3.0",
    Severity.LOW,
    "The initialisation vector is known beforehand, which lets a script guess a cookie; current browsers avoid it.",
    _CVE + "CVE-2011-3389",
)
CRIME = _rule(
    "crime",
    "CRIME: TLS compression is on",
    Severity.HIGH,
    "The length of what is sent betrays its content, session cookies first.",
    _CVE + "CVE-2012-4929",
)
RC4 = _rule(
    "rc4",
    "RC4 suites are offered",
    Severity.HIGH,
    "RC4's output is biased; enough repetitions of a cookie give it away. RFC 7465 forbids it.",
    _CVE + "CVE-2015-2808",
    "https://www.rfc-editor.org/rfc/rfc7465",
)
ANONYMOUS = _rule(
    "anonymous",
    "Suites without authentication are offered",
    Severity.CRITICAL,
    "Nobody proves who the server is: whoever sits in between is the server.",
    "https://www.rfc-editor.org/rfc/rfc5246",
)
CLEAR = _rule(
    "null",
    "Suites without encryption are offered",
    Severity.CRITICAL,
    "Everything is sent in clear text.",
    "https://www.rfc-editor.org/rfc/rfc9325",
)


def rules() -> tuple[Rule, ...]:
    """Return every rule of this module."""
    return (DROWN, POODLE, FREAK, LOGJAM, SWEET32, BEAST, CRIME, RC4, ANONYMOUS, CLEAR)


def implied(offer: Offer, policies: Sequence[str], *, failed: bool) -> Iterator[Finding]:
    """Yield one finding per attack; informative where every policy accepts what makes it possible."""
    for rule, evidence in _seen(offer):
        yield Finding(
            rule=rule,
            subject=offer.subject,
            location=offer.at,
            message=f"{rule.title}: {evidence}",
            evidence=evidence,
            severity=None if failed else Severity.INFO,
            policies=tuple(sorted(policies)),
        )


def _seen(offer: Offer) -> Iterator[tuple[Rule, str]]:
    offered = [
        (p.name, suite) for p in offer.protocols for s in p.suites if (suite := registry.find_suite(s.value))
    ]

    def with_flag(*flags: str, under: tuple[str, ...] = registry.PROTOCOLS) -> str:
        names = dict.fromkeys(s.iana for n, s in offered if n in under and s.flags & set(flags))
        return _listed(tuple(names))

    if offer.protocol("SSLv2"):
        yield DROWN, "SSLv2"
    if cbc := with_flag("CBC", under=("SSLv3",)):
        yield POODLE, f"SSLv3 with {cbc}"
    export = _listed(tuple(dict.fromkeys(s.iana for _, s in offered if _export_rsa(s))))
    if export:
        yield FREAK, export
    weak_dh = _listed(
        tuple(dict.fromkeys(s.iana for _, s in offered if "EXPORT" in s.flags and s.kx in ("DH", "DHE")))
    )
    if weak_dh or (offer.dh_bits is not None and offer.dh_bits <= 1024):
        yield LOGJAM, weak_dh or f"{offer.dh_bits}-bit group"
    for rule, names in (
        (SWEET32, with_flag("3DES", "BLOCK64", "DES", "IDEA", "RC2")),
        (BEAST, with_flag("CBC", under=("SSLv3", "TLSv1.0"))),
        (RC4, with_flag("RC4")),
        (ANONYMOUS, with_flag("ANON")),
        (CLEAR, with_flag("NULL")),
    ):
        if names:
            yield rule, names
    if offer.compression:
        yield CRIME, "DEFLATE"


def _export_rsa(suite: Suite) -> bool:
    return "EXPORT" in suite.flags and suite.kx == "RSA"


def _listed(names: tuple[str, ...]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
