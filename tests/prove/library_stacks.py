"""Libraries that no target configures, as real servers: a scan sees exactly what each was told, or has by itself.

Go in Caddy, rustls in Granian and BoringSSL in gRPC, each with an RSA certificate. Where nothing was told, the suites
are those that the library's or the server's own documentation names.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hardening.tls.scan import run as scans
from tests.support.tls import compared
from tests.support.tls.scan.stacks import Stack, boringssl, go, running, rustls

_TLS13 = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
_128, _256 = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"
_CHACHA, _CBC = "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"


@dataclass(frozen=True)
class Told:
    """One server, what it was told, and what it has to offer then."""

    name: str
    words: str
    stack: Stack
    tls12: tuple[str, ...] = ()
    tls13: tuple[str, ...] = _TLS13

    @property
    def expected(self) -> dict[str, set[str]]:
        """The suites by version."""
        return {n: set(s) for n, s in (("TLSv1.2", self.tls12), ("TLSv1.3", self.tls13)) if s}


_TOLD = (
    Told("Go (Caddy)", "nothing", go(), (_128, _256, _CHACHA)),
    Told("Go (Caddy)", f"TLS 1.2, {_256}", go("protocols tls1.2 tls1.2", f"ciphers {_256}"), (_256,), ()),
    Told("Go (Caddy)", f"{_128}, {_CBC}", go(f"ciphers {_128} {_CBC}"), (_128, _CBC)),
    Told("Go (Caddy)", "TLS 1.3", go("protocols tls1.3 tls1.3")),
    Told("rustls (Granian)", "from TLS 1.2", rustls(), (_128, _256, _CHACHA)),
    Told("rustls (Granian)", "TLS 1.3", rustls("tls1.3")),
    Told("BoringSSL (gRPC)", "nothing", boringssl(), (_128, _256)),
    Told("BoringSSL (gRPC)", "ECDHE-RSA-AES128-GCM-SHA256", boringssl("ECDHE-RSA-AES128-GCM-SHA256"), (_128,)),
    Told("BoringSSL (gRPC)", "ECDHE-RSA-CHACHA20-POLY1305:ECDHE-RSA-AES128-SHA",
         boringssl("ECDHE-RSA-CHACHA20-POLY1305:ECDHE-RSA-AES128-SHA"), (_CHACHA, _CBC)),
)  # fmt: skip


def told() -> Iterator[Told]:
    """Yield every server that is installed here, with each of its settings."""
    return (one for one in _TOLD if one.stack.present)


def scanned(one: Told, folder: Path) -> dict[str, set[str]]:
    """Run a server with the keys in a folder; return the suites that a scan sees by version."""
    with running(one.stack, folder) as endpoint:
        (offer,) = scans.offers([endpoint], scans.ScanSettings(full=True))
    return {name: set(suites) for name, suites in compared.seen_in(offer).items() if suites}
