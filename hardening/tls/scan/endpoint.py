"""Endpoints as the operator writes them: `host`, `host:port`, `[v6]:port`, `proto://host:port`; `#NAME` behind it is the server name."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hardening import inputs
from hardening.errors import InputError, UsageError

STARTTLS_PORTS = {
    "smtp": 25, "lmtp": 24, "imap": 143, "pop3": 110, "ftp": 21, "ldap": 389, "xmpp": 5222,
    "xmpp-server": 5269, "nntp": 119, "sieve": 4190, "postgres": 5432, "mysql": 3306, "rdp": 3389,
}  # fmt: skip
DIRECT_PORTS = {
    "tls": 443, "https": 443, "smtps": 465, "lmtps": 24, "imaps": 993, "pop3s": 995, "ftps": 990,
    "ldaps": 636, "xmpps": 5223, "nntps": 563, "sieves": 4190, "postgress": 5432, "mysqls": 3306, "rdps": 3389,
}  # fmt: skip
RANGE_LIMIT = 65536
_LARGEST_LIST = 64 << 20
_NAME = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanTarget:
    """One endpoint: where it is and what is spoken before TLS."""

    text: str
    """As the operator wrote it; it names the endpoint in reports."""
    host: str
    port: int
    starttls: str | None = None
    ssh: bool = False
    https: bool = False
    """Whether the operator wrote so."""
    server_name: str | None = None
    """What the hello names; None for an address without `--sni`."""

    @property
    def is_http(self) -> bool:
        """Whether an HTTP server is to be expected."""
        return self.starttls is None and not self.ssh and (self.https or self.port in (443, 8443))


def parse(text: str, *, starttls: str | None = None, sni: str | None = None) -> ScanTarget:
    """Return the endpoint a text names. Errors: UsageError saying what is wrong with it."""
    stripped = text.strip()
    scheme, sep, rest = stripped.partition("://")
    if not sep:
        scheme, rest = "", stripped
    front, mark, name = rest.partition("#")
    if mark and not re.search(r"[/?]", front):
        check_name(name)
        sni = name
    rest, scheme = re.split(r"[/?#]", rest, maxsplit=1)[0], scheme.lower()  # a URL's path is not asked for
    if "@" in rest:
        raise UsageError(
            "an account does not belong in an endpoint", hint="write host, host:port or [v6]:port"
        )
    if scheme in ("http", "ws"):
        hint = f"{scheme} is not encrypted; write https://{rest}" if rest else "write https://HOST"
        raise UsageError(f"unknown protocol {scheme!r} in endpoint {text!r}", hint=hint)
    if scheme and scheme != "ssh" and scheme not in STARTTLS_PORTS and scheme not in DIRECT_PORTS:
        known = ", ".join(sorted({*STARTTLS_PORTS, *DIRECT_PORTS, "ssh"}))
        raise UsageError(f"unknown protocol {scheme!r} in endpoint {text!r}", hint=f"known: {known}")
    before = scheme if scheme in STARTTLS_PORTS else starttls if not scheme else None
    if before is not None and before not in STARTTLS_PORTS:
        raise UsageError(f"unknown STARTTLS protocol {before!r}", hint=f"known: {', '.join(STARTTLS_PORTS)}")
    default = 22 if scheme == "ssh" else STARTTLS_PORTS.get(before or "", DIRECT_PORTS.get(scheme, 443))
    host, port = _split(rest, text, default)
    return ScanTarget(
        text=stripped,
        host=host,
        port=port,
        starttls=before,
        ssh=scheme == "ssh",
        https=scheme == "https",
        server_name=sni or _name_of(host),
    )


def check_name(name: str) -> None:
    """Tell whether a hello can name a server so (RFC 6066 section 3). Errors: UsageError."""
    if not _NAME.match(name) or not all(0 < len(label) < 64 for label in name.rstrip(".").split(".")):
        raise UsageError(f"{name!r} is not a server name", hint="a DNS name in ASCII; xn--... for others")


def parse_proxy(text: str) -> tuple[str, int]:
    """Return where an HTTP proxy is: `host:port`, with or without `http://`. Errors: UsageError."""
    rest = text.strip().removeprefix("http://").rstrip("/")
    if "@" in rest:
        raise UsageError("a proxy's password does not belong on a command line", hint="name HOST:PORT alone")
    if "://" in rest:
        raise UsageError(f"{text!r} is not an HTTP proxy", hint="write HOST:PORT or http://HOST:PORT")
    return _split(rest, text, 3128)


def _split(rest: str, text: str, default: int) -> tuple[str, int]:
    if rest.startswith("["):
        host, bracket, tail = rest[1:].partition("]")
        if not bracket or (tail and not tail.startswith(":")) or not _is_v6(host):
            raise UsageError(
                f"{text!r} is not an endpoint", hint="an IPv6 address is written [2001:db8::1]:443"
            )
        port = tail[1:] if tail else ""
    elif rest.count(":") > 1:
        if not _is_v6(rest):
            raise UsageError(f"{text!r} is not an endpoint", hint="write host, host:port or [v6]:port")
        host, port = rest, ""
    else:
        host, _, port = rest.partition(":")
        if rest.endswith(":") or not _NAME.match(host):
            raise UsageError(f"{text!r} is not an endpoint", hint="write host, host:port or [v6]:port")
    if not port:
        return host, default
    if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise UsageError(f"{port!r} is not a port in endpoint {text!r}", hint="a port is 1 to 65535")
    return host, int(port)


def _is_v6(host: str) -> bool:
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        return False
    return True


def _name_of(host: str) -> str | None:
    """An address is no server name (RFC 6066 section 3)."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host.rstrip(".").lower()
    return None


def read_list(path: Path) -> list[str]:
    """Return the endpoints of a file, one a line; `#` starts a comment. Errors: InputError, UsageError that names the line."""
    try:
        lines = inputs.read(path, _LARGEST_LIST).decode("utf-8-sig").splitlines()
    except OSError as problem:
        raise InputError(f"{path}: {problem.strerror or problem}", hint="check the path") from problem
    except UnicodeDecodeError as problem:
        raise InputError(f"{path}: not a text file", hint="one endpoint a line, in UTF-8") from problem
    found: list[str] = []
    for number, line in enumerate(lines, 1):
        word = re.split(r"(?:^|\s)#", line, maxsplit=1)[0].strip()
        if not word:
            continue
        if "://" in word or "/" not in word:  # `expand` reads ranges
            try:
                parse(word)
            except UsageError as problem:
                raise UsageError(f"{path}: line {number}: {problem}", hint=problem.hint) from problem
        found.append(word)
    return found


def named(texts: Iterable[str], names: Iterable[str]) -> Iterator[str]:
    """Yield each endpoint once for each server name; an endpoint that has a name of its own as it is."""
    names = tuple(dict.fromkeys(names))
    for text in texts:
        yield from (text,) if "#" in text or not names else (f"{text}#{name}" for name in names)


def of_audit(report: Path) -> list[tuple[str, int]]:
    """Return server name and port of each virtual server in a JSON report of `harden tls audit`. Errors: InputError.

    A name has a dot: without one it is what a server calls itself (`ldap:636`, a frontend of HAProxy), and an address is no
    server name.
    """
    from hardening.reports import stored

    found: dict[tuple[str, int], None] = {}
    for subject in stored.load(report).run.subjects:
        name, colon, port = subject.id.rpartition("#")[2].rpartition(":")
        named = "#" in subject.id and colon and port.isdigit() and _NAME.match(name)
        if named and "." in name and _name_of(name) is not None:
            found[name, int(port)] = None
    if not found:
        raise InputError(
            f"{report}: no virtual server with a name in it",
            hint="harden tls audit /etc/nginx --report json=FILE",
        )
    return list(found)


def expand(texts: Iterable[str], *, allow_ranges: bool) -> Iterator[str]:
    """Write out address ranges such as `192.0.2.0/28` or `192.0.2.0/28:8443`.

    Errors: UsageError for a range without `--allow-ranges`, or one that is too large.
    """
    for text in texts:
        head, _, tail = text.rpartition("/")
        prefix, _, port = tail.partition(":")
        if not head or "://" in text or not prefix.isdigit():
            yield text
            continue
        try:
            network = ipaddress.ip_network(f"{head.strip('[]')}/{prefix}", strict=False)
        except ValueError:
            raise UsageError(
                f"{text!r} is not an endpoint", hint="write host, host:port or [v6]:port"
            ) from None
        if not allow_ranges:
            raise UsageError(
                f"{text} is a range of {network.num_addresses} addresses",
                hint="--allow-ranges scans ranges; make sure that you may",
            )
        if network.num_addresses > RANGE_LIMIT:
            raise UsageError(f"{text} has more than {RANGE_LIMIT} addresses", hint="split the range")
        for address in network.hosts():
            host = f"[{address}]" if address.version == 6 else str(address)
            yield f"{host}:{port}" if port else host
