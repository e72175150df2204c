"""What an SSH server offers, read from the KEXINIT it sends in clear (RFC 4253 sections 4.2 and 7.1).

One connection, one identification line sent, no login attempted.
"""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass, field

from hardening.findings import Finding, OnWire, Rule, Severity
from hardening.tls.scan.answer import Cursor, MalformedError

OURS = b"SSH-2.0-hardening_scan\r\n"
LIMIT = 256 * 1024
_KEXINIT = 20
_LISTS = (
    "kex", "host_keys", "ciphers_to_server", "ciphers_to_client", "macs_to_server", "macs_to_client",
    "compression_to_server", "compression_to_client", "languages_to_server", "languages_to_client",
)  # fmt: skip
_RFC = "https://www.rfc-editor.org/rfc/"
ALGORITHM = Rule(
    id="tls/ssh-algorithm",
    title="SSH offers a weak algorithm",
    severity=Severity.MEDIUM,
    rationale="Client and server settle on what both have; a weak one that is offered is one downgrade away.",
    remedy="List only current algorithms in sshd_config: KexAlgorithms, HostKeyAlgorithms, Ciphers, MACs.",
    references=(_RFC + "rfc9142", _RFC + "rfc8758", _RFC + "rfc8332"),
)
PROTOCOL_1 = Rule(
    id="tls/ssh-protocol",
    title="SSH protocol 1 is offered",
    severity=Severity.CRITICAL,
    rationale="Protocol 1 protects integrity with a CRC; sessions can be altered and taken over.",
    remedy="Set `Protocol 2`, or update the server.",
    references=(_RFC + "rfc4253",),
)
_WEAK: tuple[tuple[str, tuple[str, ...], Severity, str], ...] = (
    ("kex", ("diffie-hellman-group1-sha1", "rsa1024-sha1"), Severity.HIGH, "a 1024-bit group (Logjam)"),
    ("kex", ("diffie-hellman-group14-sha1", "diffie-hellman-group-exchange-sha1", "gss-group1-sha1-",
             "gss-gex-sha1-", "gss-group14-sha1-"), Severity.MEDIUM, "SHA-1 (RFC 9142)"),
    ("host_keys", ("ssh-dss",), Severity.HIGH, "DSA of 1024 bits"),
    ("host_keys", ("ssh-rsa",), Severity.MEDIUM, "signatures over SHA-1 (RFC 8332)"),
    ("ciphers", ("arcfour", "arcfour128", "arcfour256"), Severity.HIGH, "RC4 (RFC 8758)"),
    ("ciphers", ("none", "des-cbc"), Severity.CRITICAL, "no encryption worth the name"),
    ("ciphers", ("3des-cbc", "blowfish-cbc", "cast128-cbc", "idea-cbc"), Severity.MEDIUM, "64-bit blocks"),
    ("ciphers", ("aes128-cbc", "aes192-cbc", "aes256-cbc", "rijndael-cbc@lysator.liu.se"), Severity.LOW,
     "CBC mode, open to plaintext recovery"),
    ("macs", ("hmac-md5", "hmac-md5-96", "hmac-md5-etm@openssh.com", "hmac-md5-96-etm@openssh.com", "none"),
     Severity.HIGH, "MD5"),
    ("macs", ("hmac-sha1-96", "hmac-sha1-96-etm@openssh.com", "umac-64@openssh.com", "umac-64-etm@openssh.com"),
     Severity.LOW, "a tag of 96 bits or less"),
    ("macs", ("hmac-sha1", "hmac-sha1-etm@openssh.com"), Severity.LOW, "SHA-1"),
)  # fmt: skip
"""Which list, which names (a name ending in `-` stands for all that start so), how bad, why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SshOffer:
    """What one SSH server says it can do."""

    banner: str
    lists: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def of(self, kind: str) -> tuple[str, ...]:
        """Return the names of a list; for ciphers and MACs those of both directions."""
        found = [name for key in self.lists if key.startswith(kind) for name in self.lists[key]]
        return tuple(dict.fromkeys(found))


def rules() -> tuple[Rule, ...]:
    """Return every rule of this module."""
    return (ALGORITHM, PROTOCOL_1)


def parse_banner(data: bytes) -> tuple[str, bytes] | None:
    """Return the identification line and what follows it, or None while it is not complete."""
    while True:
        line, end, rest = data.partition(b"\n")
        if not end:
            return None
        if line.startswith(b"SSH-"):
            return line.rstrip(b"\r").decode("ascii", "backslashreplace")[:255], rest
        data = rest


def parse_kexinit(data: bytes) -> dict[str, tuple[str, ...]] | None:
    """Read the first binary packet; None while it is not complete. Errors: MalformedError."""
    if len(data) < 5:
        return None
    size = int.from_bytes(data[:4], "big")
    if not 2 <= size <= LIMIT:
        raise MalformedError("a packet of impossible size")
    if len(data) < 4 + size:
        return None
    padding = data[4]
    if padding + 1 > size:
        raise MalformedError("more padding than packet")
    cursor = Cursor(data[5 : 4 + size - padding])
    if cursor.number(1) != _KEXINIT:
        raise MalformedError("not a KEXINIT")
    cursor.take(16)
    found = {}
    for name in _LISTS:
        words = cursor.vector(4).decode("ascii", "backslashreplace").split(",")
        found[name] = tuple(w[:128] for w in words if w)
    return found


def read(host: str, port: int, timeout: float = 5.0) -> SshOffer:
    """Connect once and read what is offered. Errors: OSError, MalformedError."""
    until = time.monotonic() + 4 * timeout
    with socket.create_connection((host, port), timeout) as sock:
        sock.sendall(OURS)
        data, banner = b"", ""
        while time.monotonic() < until and len(data) < LIMIT:
            piece = sock.recv(65536)
            if not piece:
                break
            data += piece
            if not banner:
                parsed = parse_banner(data)
                if parsed is None:
                    continue
                banner, data = parsed
                if banner.startswith("SSH-1.") and not banner.startswith("SSH-1.99"):
                    return SshOffer(banner=banner)
            lists = parse_kexinit(data)
            if lists is not None:
                return SshOffer(banner=banner, lists=lists)
    raise MalformedError("it does not speak SSH" if not banner else "no key exchange lists came")


def judge(offer: SshOffer, subject: str, policies: tuple[str, ...]) -> list[Finding]:
    """Return a finding for every weak algorithm that is offered."""
    at = OnWire(subject)
    found = []
    if offer.banner.startswith("SSH-1."):
        found.append(
            Finding(rule=PROTOCOL_1, subject=subject, location=at, message="protocol 1 is offered",
                    evidence=offer.banner[:8], policies=policies)
        )  # fmt: skip
    for kind, names, severity, why in _WEAK:
        for offered in offer.of(kind):
            if any(offered == n or (n.endswith("-") and offered.startswith(n)) for n in names):
                label = kind.replace("_", " ").rstrip("s")
                found.append(
                    Finding(rule=ALGORITHM, subject=subject, location=at, severity=severity,
                            message=f"{label} {offered}: {why}", evidence=f"{kind} {offered}", policies=policies)
                )  # fmt: skip
    return found
