"""What a server offers, however we learned it: from its configuration files or on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from hardening.findings import InFile, Location
from hardening.records import dataclass


@dataclass(frozen=True, slots=True)
class Located:
    """One value (an IANA name) and where the server said it."""

    value: str
    at: Location


@dataclass(frozen=True, slots=True)
class Inert:
    """A protocol version that a file switches on and that nobody can use, with the reason."""

    located: Located
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtocolOffer:
    """One protocol version that is offered, with what is offered under it."""

    name: str
    """One of `registry.PROTOCOLS`."""
    at: Location
    suites: tuple[Located, ...] = ()
    """In the server's order of preference where it has one. SSL 2.0 kinds are `SSL_CK_...`."""
    preference: str = "unknown"
    """`server`, `client` or `unknown`."""
    groups: tuple[Located, ...] = ()
    signature_algorithms: tuple[Located, ...] = ()
    signatures_complete: bool = False
    """Whether these are all, not only those that were seen; a scan asks for all of them with `--deep`."""
    possible: tuple[Located, ...] = ()
    """Suites that some requests alone meet, by a condition or a renegotiation; judged as if offered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SshOffer:
    """What one SSH server or client offers: names per kind (`kex`, `host_keys`, `ciphers`, `macs`, `user_keys`)."""

    lists: tuple[tuple[str, tuple[Located, ...]], ...]
    """A kind that is not there is not known; in the server's order."""
    protocol1: Located | None = None
    """Where protocol 1 is offered."""

    def of(self, kind: str) -> tuple[Located, ...] | None:
        """Return the names of a kind, or None where they are not known."""
        return next((listed for name, listed in self.lists if name == kind), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """One certificate a server presents, or a configuration file names; leaf first in a chain."""

    subject: str
    issuer: str
    not_before: datetime
    not_after: datetime
    key: str
    """Such as `rsa:2048`, `ec:secp256r1`, `ed25519`."""
    signature: str
    """Such as `sha256WithRSAEncryption`."""
    sha256: str
    """Fingerprint of the DER form, lower-case hex."""
    names: tuple[str, ...] = ()
    """DNS names and IP addresses of subjectAltName."""
    self_signed: bool = False
    ca: bool = False
    at: InFile | None = None
    """The file it was read from; None on the wire."""
    own: bool = False
    """Whether it is a server's own, the first of its chain, where it was read from a file."""
    unlinked: bool = False
    """Whether it does not certify the one before it in its file."""
    must_staple: bool = False
    """Whether it has to come with an OCSP answer (RFC 7633)."""
    public: bool = False
    """Whether it says that a publicly trusted authority issued it."""
    other_key: str = ""
    """The file of the private key that the server has for it and that does not belong to it."""
    der: bytes = b""

    def to_json(self) -> dict[str, Any]:
        """Return the certificate as an `offer` of the harden-report/1 schema has it."""
        return {
            "subject": self.subject,
            "issuer": self.issuer,
            "not_before": self.not_before.isoformat(),
            "not_after": self.not_after.isoformat(),
            "key": self.key,
            "signature": self.signature,
            "sha256": self.sha256,
        } | ({"file": self.at.path} if self.at else {})

    def __repr__(self) -> str:
        """Return subject and fingerprint: what a failed test shows."""
        return f"Certificate({self.subject}, {self.sha256[:16]})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """A file that a configuration names and that could not be read."""

    at: InFile
    path: str
    """As the host names it."""
    why: str
    way: str
    """What to do so that it can be read; begins with a verb."""
    what: str = "certificate"
    """`certificate` or `DH parameters`."""

    @property
    def reason(self) -> str:
        """Which file was not read, and why."""
        return f"{self.what} {self.path} was not read: {self.why}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """Diffie-Hellman parameters of one file."""

    at: InFile
    bits: int
    problem: str = ""
    """Why the prime must not be used."""
    shared: str = ""
    """The name of a small prime that many servers share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCertificate:
    """What a server asks of its clients: mutual TLS, or not."""

    wants: str
    """`none`; `optional`: asked for, and clients without one are accepted; `required`; `requested`: asked for, and not known whether
    it is required."""
    at: Location
    checked: bool = True
    """Whether one that a client sends has to be of a known authority."""
    authorities: tuple[str, ...] = ()
    """The authorities that the server names, or the file of them."""
    outcome: str = ""
    """What the server made of the certificate that the scan presented: `accepted`, or `refused` and how; empty: none, or not known."""
    how: str = ""
    """How it refuses clients without one, where that was seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What one endpoint, or one virtual server of a configuration, offers. None means not known."""

    subject: str
    at: Location
    """Where the offer as a whole was said: the endpoint, or the server block's first line."""
    protocols: tuple[ProtocolOffer, ...] = ()
    coverage: str = "full"
    """`full`, or `forbidden-only` when only what a policy forbids was asked for."""
    inconclusive: tuple[str, ...] = ()
    """What could not be settled, such as `TLSv1.0 TLS_RSA_WITH_RC4_128_SHA` or `SSLv2`."""
    assumptions: tuple[str, ...] = ()
    """What was assumed to get here, such as the OpenSSL build; shown to the reader."""
    certificates: tuple[Certificate, ...] = ()
    unread: int = 0
    """How many certificates were sent that cannot be read."""
    unread_files: tuple[Unread, ...] = ()
    """Files that the configuration names and that could not be read."""
    dh_bits: int | None = None
    parameters: tuple[Parameters, ...] = ()
    """Files of Diffie-Hellman parameters that the server uses."""
    client: ClientCertificate | None = None
    """What it asks of clients; None: not known."""
    hybrid: bool | None = None
    """Whether the library has a group with ML-KEM; None: not known."""
    compression: bool | None = None
    secure_renegotiation: bool | None = None
    extensions: tuple[str, ...] = ()
    connections: int = 0
    also: tuple[str, ...] = ()
    """Further subjects of the very same offer: other names of the server, other ports."""
    inert: tuple[Inert, ...] = ()
    """What a file switches on and the library does not do; a default, or a word such as `all`, may say it too."""
    refused: bool = False
    """Whether the library refuses the list of a file, so that the server that was asked about does not start or speaks no TLS."""
    ssh: SshOffer | None = None
    """Set for SSH alone; everything TLS is then empty."""

    def protocol(self, name: str) -> ProtocolOffer | None:
        """Return what is offered under one protocol version, or None if it is not offered."""
        return next((p for p in self.protocols if p.name == name), None)

    def to_json(self) -> dict[str, Any]:
        """Return the `offer` object of the harden-report/1 schema."""
        return {
            "coverage": self.coverage,
            "inconclusive": list(self.inconclusive),
            "assumptions": list(self.assumptions),
            "protocols": {
                p.name: {
                    "suites": [s.value for s in p.suites],
                    "preference": p.preference,
                    "groups": [s.value for s in p.groups],
                    "signature_algorithms": [s.value for s in p.signature_algorithms],
                }
                | ({"possible": [s.value for s in p.possible]} if p.possible else {})
                for p in self.protocols
            },
            "certificates": [
                c.to_json() | ({"authority": _authority(c)} if index == 0 or c.own or not c.ca else {})
                for index, c in enumerate(self.certificates)
            ],
            **({"dh_parameters": [_parameters(one) for one in self.parameters]} if self.parameters else {}),
            "dh_bits": self.dh_bits,
            "compression": self.compression,
            "secure_renegotiation": self.secure_renegotiation,
            "extensions": list(self.extensions),
            "connections": self.connections,
            **({} if self.hybrid is None else {"hybrid": self.hybrid}),
            **({} if self.client is None else {"client_certificate": _client(self.client)}),
        } | ({"ssh": {k: [s.value for s in listed] for k, listed in self.ssh.lists}} if self.ssh else {})


def _parameters(one: Parameters) -> dict[str, Any]:
    """Return a file of Diffie-Hellman parameters; what is empty is left out."""
    row = {"problem": one.problem, "known_prime": one.shared}
    return {"file": one.at.path, "bits": one.bits, **{name: value for name, value in row.items() if value}}


def _client(one: ClientCertificate) -> dict[str, Any]:
    """Return what is asked of clients; what is empty is left out."""
    row = {"authorities": list(one.authorities), "given": one.outcome, "how": one.how}
    return {
        "wants": one.wants,
        "checked": one.checked,
        **{name: value for name, value in row.items() if value},
    }


def _authority(one: Certificate) -> str:
    """Return who issued a server's own certificate: `public`, `private` or `self-signed`."""
    return "self-signed" if one.self_signed else "public" if one.public else "private"
