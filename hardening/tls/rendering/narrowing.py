"""One policy narrowed to what a server's release and its build have, collecting on the way what stays undone."""

from __future__ import annotations

from collections.abc import Collection

from hardening.errors import UsageError
from hardening.findings import Severity
from hardening.records import dataclass
from hardening.tls import openssl, registry
from hardening.tls.judging import rules
from hardening.tls.libraries import builds
from hardening.tls.libraries.library import Cipher
from hardening.tls.policies.ruleset import Policy
from hardening.tls.registry import Scheme
from hardening.tls.release import Release
from hardening.tls.targets.base import Capabilities, Target
from hardening.tls.targets.reading import group_lists, security_levels, signatures
from hardening.tls.targets.reading.tree import joined

_KEYS = {"P-256": "ecdsa_secp256r1_sha256", "P-384": "ecdsa_secp384r1_sha384", "P-521": "ecdsa_secp521r1_sha512"}  # fmt: skip
"""The scheme of TLS 1.3 that a key on a curve signs by."""
_UNNAMED = ("dsa_", "ecdsa_brainpool")
"""Schemes that are left out where the policy names none itself: no suite that is written has a key of DSA, and the library of an
older update of the same distribution would refuse the whole list for the names of TLS 1.3's Brainpool curves (OpenSSL 3.2)."""
_OLD = ("SSLv2", "SSLv3", "TLSv1.0", "TLSv1.1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Something the policy asks for that stays undone, and the way out."""

    what: str
    way_out: str
    severity: Severity = Severity.MEDIUM
    covers: frozenset[str] = frozenset()
    """Evidence of the judge's findings that this explains."""
    rule: str = ""
    """The judge's rule of which this explains every finding."""
    if_broken: bool = False
    """Whether it is said only where the judge finds something that it explains; what that is, is added."""
    shown: bool = True
    """Whether the file says it too: what the server does not know has no place in its configuration."""


class Narrowing:
    """One policy being narrowed, collecting the gaps on the way."""

    def __init__(
        self, target: Target, policy: Policy, release: Release, build: str, capabilities: Capabilities
    ) -> None:
        self.target, self.policy, self.release, self.capabilities = target, policy, release, capabilities
        self.build = builds.build(build)
        self.level = self.build.security_level or 0
        self.speaks = security_levels.protocols_of(build, self.level)
        self.gaps: list[Gap] = []
        self.stuck = tuple(n for n in capabilities.stuck if n in self.speaks and n not in policy.protocols)

    def protocols(self) -> tuple[str, ...]:
        """Return the versions that are allowed and spoken. Errors: UsageError when none is."""
        allowed = self.policy.protocols
        found = tuple(
            n
            for n in allowed
            if n in self.speaks and (n in self.capabilities.protocols or n in self.capabilities.stuck)
        )
        if found:
            mute = [n for n in allowed if n in self.speaks and n not in found]
            if mute:
                self.gaps.append(
                    Gap(
                        what=f"{joined(mute)} cannot be switched on, though the library has {'them' if len(mute) > 1 else 'it'}",
                        way_out="use a newer release, or put a proxy in front that can, where that is needed",
                        severity=Severity.INFO,
                        covers=frozenset(f"no {n}" for n in mute),
                        shown=False,
                    )
                )
            return found
        spoken = {n for n in self.speaks if n in self.capabilities.protocols or n in self.capabilities.stuck}
        have = joined(builds_order(frozenset(spoken))) or "none that can be switched"
        reason = self.policy.forbids_protocol(next(iter(builds_order(self.speaks)), "TLSv1.2"))
        raise UsageError(
            f"{self.policy.id} allows {joined(allowed)}, and {self.target.name} {self.release.version} with "
            f"{builds.shown(self.build.name)} has {have}: nothing is left"
            + (f" ({reason})" if reason else ""),
            hint="name a build with --openssl that has more, update the host, or put a proxy in front that can",
        )

    def ciphers(self, protocols: tuple[str, ...]) -> tuple[Cipher, ...]:
        """Return the suites up to TLS 1.2 that the policy allows and the build has, in the policy's order."""
        by_code = {c.code: c for c in self.build.ciphers}
        older = [p for p in protocols if p != "TLSv1.3"]
        found = [c for s in self.policy.suites if (c := by_code.get(s.code)) is not None]
        found = [c for c in found if any(openssl.usable(c, p, self.level) for p in older)]
        if off := [c.iana for c in found if c.name in self.capabilities.unreachable]:
            found = [c for c in found if c.name not in self.capabilities.unreachable]
            self._gap(f"{joined(off)} cannot be switched on and stay off", "unreachable", Severity.INFO)
        small = self.capabilities.dh_bits is not None and self.capabilities.dh_bits < self.policy.dh_min_bits
        small = small or not security_levels.allows_field(
            self.build.name, self.level, self.capabilities.dh_bits
        )
        for kx, possible, key in (
            ("DHE", self.capabilities.finite_field and not small, "finite_field"),
            ("ECDHE", self.capabilities.elliptic, "elliptic"),
        ):
            if not possible and any(c.suite and c.suite.kx == kx for c in found):
                found = [c for c in found if c.suite is None or c.suite.kx != kx]
                self._gap(f"{kx} suites cannot be used and are left out", key, Severity.INFO)
        stuck = [n for n in self.stuck if n in _OLD]
        if stuck:
            found = self._around(stuck, found)
        return tuple(found)

    def _around(self, stuck: list[str], found: list[Cipher]) -> list[Cipher]:
        """A version that cannot be switched off is made unusable by a list only newer ones can use."""
        newer = [c for c in found if c.version == "TLSv1.2"]
        for name in stuck:
            if newer:
                self.gaps.append(
                    Gap(
                        what=f"{name} cannot be switched off; the list holds TLS 1.2 suites alone, so no "
                        f"{name} handshake succeeds",
                        way_out=self.capabilities.stuck[name],
                        severity=Severity.INFO,
                    )
                )
            else:
                self.gaps.append(
                    Gap(
                        what=f"{name} cannot be switched off and is offered",
                        way_out=self.capabilities.stuck[name],
                        severity=Severity.HIGH if name.startswith("SSL") else Severity.MEDIUM,
                        covers=frozenset({name}),
                    )
                )
        return newer or found

    def left_over(self, protocols: tuple[str, ...], ciphers: tuple[Cipher, ...]) -> tuple[str, ...]:
        """Return the versions for which suites are left, without a hole. Errors: UsageError when none is."""
        usable = tuple(
            p for p in protocols if p == "TLSv1.3" or any(openssl.usable(c, p, self.level) for c in ciphers)
        )
        if "TLSv1.3" in usable and self.drop13:
            usable = tuple(p for p in usable if p != "TLSv1.3")
        self._shut(usable, ciphers)
        if usable:
            least, greatest = protocols.index(usable[0]), protocols.index(usable[-1])
            return protocols[least : greatest + 1]
        ways = (
            "; ".join(dict.fromkeys(g.way_out for g in self.gaps if g.way_out))
            or "name a build with --openssl that has more"
        )
        raise UsageError(
            f"{self.target.name} {self.release.version} with {builds.shown(self.build.name)} has none of the suites "
            f"{self.policy.id} allows",
            hint=ways,
        )

    def _shut(self, usable: tuple[str, ...], ciphers: tuple[Cipher, ...]) -> None:
        """Without a list the release's own holds, for versions with no suite of the policy. Errors: UsageError."""
        older = [n for n in builds_order(self.speaks) if n in self.capabilities.stuck and n != "TLSv1.3"]
        if usable and older and not ciphers:
            raise UsageError(
                f"{self.policy.id} leaves no suite for {joined(older)}, and {self.target.name} {self.release.version} "
                f"cannot switch {'them' if len(older) > 1 else 'it'} off",
                hint="; ".join(dict.fromkeys(self.capabilities.stuck[name] for name in older)),
            )

    drop13 = False

    def ciphersuites(self, protocols: tuple[str, ...]) -> tuple[str, ...]:
        """Return the TLS 1.3 suites to write; where they cannot be chosen, none, and what that means is a gap."""
        if "TLSv1.3" not in protocols:
            if "TLSv1.3" in self.stuck:
                own = (c.iana for c in openssl.resolve("DEFAULT", self.build).tls13)
                self.gaps.append(
                    Gap(
                        what="TLSv1.3 cannot be switched off and is offered",
                        way_out=self.capabilities.stuck["TLSv1.3"],
                        covers=frozenset(("TLSv1.3", *own)),
                    )
                )
            return ()
        have = {c.code: c.name for c in self.build.tls13}
        wanted = tuple(have[s.code] for s in self.policy.suites13 if s.code in have)
        if self.capabilities.ciphersuites:
            return wanted
        default = openssl.resolve("DEFAULT", self.build).tls13
        extra = [c.iana for c in default if self._forbidden(c)]
        if extra:
            self.drop13 = len(protocols) > 1 and "TLSv1.3" not in self.capabilities.stuck
            self._gap(
                f"the TLS 1.3 suites cannot be chosen, and the library's own hold {joined(extra)}"
                + ("; TLS 1.3 is left off" if self.drop13 else ""),
                "ciphersuites",
                Severity.INFO if self.drop13 else Severity.MEDIUM,
                covers=frozenset((*extra, "no TLSv1.3") if self.drop13 else extra),
            )
        return ()

    def _forbidden(self, cipher: Cipher) -> bool:
        suite = cipher.suite
        return suite is not None and self.policy.forbids_suite(suite, "TLSv1.3") is not None

    def groups(self) -> tuple[str, ...]:
        """Return the groups to write, in the policy's order."""
        names = group_lists.known(self.build)
        if self.capabilities.groups != "list":
            self.gaps.append(
                Gap(
                    what="the groups cannot be chosen"
                    if self.capabilities.groups == "none"
                    else "no more than one curve can be chosen",
                    way_out=self.capabilities.ways_out.get("groups", ""),
                    severity=Severity.INFO,
                    rule=rules.GROUP.id,
                    if_broken=True,
                    shown=False,
                )
            )
        wanted = tuple(g.openssl for g in self.policy.groups if g.openssl and g.openssl in names)
        if self.capabilities.groups == "list":
            return wanted
        if (
            self.capabilities.groups == "one"
        ):  # one curve, and these servers know curves alone, no X25519 and no hybrids
            curves = [n for n in wanted if n.startswith(("prime", "secp"))]
            if curves:
                return ("prime256v1" if "prime256v1" in curves else curves[0],)
            if wanted:
                self._gap("none of the policy's groups can be set", "groups", Severity.MEDIUM)
        return ()

    def signatures(self, protocols: tuple[str, ...]) -> tuple[str, ...]:
        """Return the signature schemes to write: the policy's, or of the build's own those that it allows; none where all are."""
        own = [s for name in self.build.schemes or () if (s := registry.find_scheme(name)) is not None]
        own = [s for s in own if not s.name.startswith(_UNNAMED)]
        weak = [s.name for s in own if self.policy.forbids_scheme(s) is not None]
        wanted = self.policy.signature_algorithms or [s for s in own if s.name not in weak]
        if self.capabilities.signatures and (weak or self.policy.signature_algorithms):
            if "TLSv1.3" in protocols:
                self._left_out(wanted)
            return signatures.writable(wanted, self.build.name)
        if weak and "TLSv1.2" in protocols:
            self._gap(
                f"the signature algorithms cannot be chosen, and the library's own hold {joined(weak)}, "
                "which it signs with where a client asks for nothing else",
                "signatures",
                Severity.INFO,
                shown=False,
            )
        return ()

    def _left_out(self, wanted: Collection[Scheme]) -> None:
        """Note which keys cannot sign under TLS 1.3 once those schemes alone are listed."""
        names = {s.name for s in wanted}
        out = [
            key
            for key, scheme in _KEYS.items()
            if scheme not in names and scheme in (self.build.schemes or ())
        ]
        if out:
            self.gaps.append(
                Gap(
                    what=f"no signature algorithm of the policy is for a certificate with a key on {joined(out)}: with no other, TLS 1.3 is not offered",
                    way_out="have a certificate issued for a key that the policy allows",
                    severity=Severity.INFO,
                )
            )

    def absent(self, protocols: tuple[str, ...]) -> None:
        """Note what the policy would have written and the library has not: what is left out is said."""
        have = {c.code for c in self.build.tls13} | {
            c.code
            for c in self.build.ciphers
            if any(openssl.usable(c, p, self.level) for p in protocols if p != "TLSv1.3")
        }
        wanted = self.policy.suites if set(protocols) - {"TLSv1.3"} else ()
        wanted += self.policy.suites13 if "TLSv1.3" in protocols else ()
        names = group_lists.known(self.build) if self.capabilities.groups == "list" else None
        missing = (
            *(n for n in self.policy.protocols if n not in self.speaks),
            *(s.iana for s in wanted if s.code not in have),
            *(g.name for g in self.policy.groups if names is not None and g.openssl not in names),
        )
        if missing:
            required = [n for n in self.policy.required_protocols if n not in self.speaks]
            self.gaps.append(
                Gap(
                    what=f"{builds.shown(self.build.name)} has no {joined(missing)}",
                    way_out=f"use a newer library: the policy asks for {joined(required)}"
                    if required
                    else "none is needed; a newer library would have more",
                    severity=Severity.INFO,
                    covers=frozenset(f"no {n}" for n in self.policy.protocols if n not in self.speaks),
                    shown=False,
                )
            )

    def preference(self) -> bool:
        """Return whether the server's order is to decide."""
        wanted = self.policy.server_preference
        if self.capabilities.preference == "settable":
            return True if wanted is None else wanted
        fixed = self.capabilities.preference == "server"
        if wanted is not None and wanted is not fixed:
            side = "client" if wanted else "server"
            self._gap(
                f"the {side}'s order of suites decides, whatever is set",
                "preference",
                Severity.LOW,
                rule=rules.PREFERENCE.id,
            )
        return fixed

    def _gap(
        self,
        what: str,
        key: str,
        severity: Severity,
        covers: frozenset[str] = frozenset(),
        rule: str = "",
        *,
        shown: bool = True,
    ) -> None:
        way = self.capabilities.ways_out.get(key, "")
        self.gaps.append(
            Gap(what=what, way_out=way, severity=severity, covers=covers, rule=rule, shown=shown)
        )


def builds_order(names: frozenset[str]) -> tuple[str, ...]:
    """Return protocol names weakest first."""
    from hardening.tls.registry import PROTOCOLS

    return tuple(n for n in PROTOCOLS if n in names)
