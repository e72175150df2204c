"""What a scan is to find out, and what it knows while it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hardening.tls import registry
from hardening.tls.scan.strategy.endpoint_state import Endpoint
from hardening.tls.scan.strategy.messages import Identity
from hardening.tls.scan.strategy.retrying import Asker
from hardening.tls.scan.wire import hello


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanScope:
    """What a scan is to find out."""

    full: bool = True
    forbidden: Mapping[str, frozenset[int]] = field(default_factory=dict)
    """Per version, the suites some policy forbids; unused in an inventory."""
    forbidden_protocols: frozenset[str] = frozenset()
    forbidden_groups: frozenset[int] = frozenset()
    deep: bool = False
    """Also ask what takes many connections or a finished handshake: every signature scheme, resumption, renegotiation."""
    http: bool = False
    """Also ask for the headers of an HTTP server."""
    web: bool = False
    """Whether an HTTP server is to be expected."""
    clients: bool = False
    """Whether to find out if a client certificate that the server asks for is required: this takes a finished handshake."""
    identity: Identity | None = None
    """The client certificate to present."""
    vulnerabilities: bool = False
    """Ask about known faults, too."""
    first: str = "TLSv1.2"
    """The version to open with."""
    _known: dict[str, tuple[tuple[int, ...], frozenset[int]]] = field(default_factory=dict, compare=False)

    def questions(self, name: str) -> tuple[tuple[int, ...], frozenset[int]]:
        """Return the suites to offer under a version, and those that are offered for their parameters.

        Finite-field suites are asked along with what is forbidden under TLS 1.2, for their group's size.
        """
        found = self._known.get(name)
        if found is None:
            everything = self.full or name in self.forbidden_protocols
            wanted = set(hello.every_suite() if everything else self.forbidden.get(name, ()))
            known = registry.suites_by_code()
            extra = frozenset(
                c
                for c in hello.every_suite()
                if name == "TLSv1.2" and known[c].kx == "DHE" and c not in wanted
            )
            suites = tuple(s for s in hello.every_suite() if s in wanted or s in extra)
            found = self._known[name] = (suites, extra)
        return found


@dataclass(frozen=True, slots=True)
class Case:
    """One endpoint under examination: what is wanted, who asks, what was found."""

    scope: ScanScope
    asker: Asker
    found: Endpoint

    @property
    def asks_tls13(self) -> bool:
        """Whether TLS 1.3 is known or announced to be there."""
        return self.found.tls13_hinted or self.found.protocols["TLSv1.3"].offered
