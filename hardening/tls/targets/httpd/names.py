"""Under which ports and names httpd serves a virtual host."""

from __future__ import annotations

import re

from hardening.tls.targets.httpd.syntax import Directive, VirtualHost


def ports(host: VirtualHost, listens: list[Directive]) -> tuple[str, ...]:
    """Return the ports of a virtual host: its own, those of every `Listen`, or 443."""
    heard = list(dict.fromkeys(_port(d.words[0]) for d in listens if d.words))
    if not host.addresses:
        return tuple(heard) or ("443",)
    found: list[str] = []
    for address in host.addresses:
        port = _port(address)  # an address alone, or with `:*`, means every port that is listened on
        found += [port] if port else heard or ["443"]
    return tuple(dict.fromkeys(found)) or ("443",)


def sockets(host: VirtualHost, port: str) -> list[str]:
    """Return the addresses of a virtual host at one port, as they are written: those that write one alike share it."""
    found = [a.replace("_default_", "*").lower() for a in host.addresses if _port(a) in {port, ""}]
    return found or [port]


def _port(address: str) -> str:
    """Return the port of an address, or nothing where it says none."""
    if address.isdigit():
        return address
    _, colon, port = address.rpartition(":")
    return port if colon and port.isdigit() else ""


def names(host: VirtualHost, main: VirtualHost) -> tuple[str, ...]:
    """Return ServerName and every ServerAlias, as they are written."""
    one = host.last("servername") or main.last("servername")
    name = one.words[0] if one and one.words else "_default_"
    first = re.sub(r"^\w+://", "", name).rsplit(":", 1)[0]
    aliases = (word for d in host.directives if d.name == "serveralias" for word in d.words)
    return tuple(dict.fromkeys((first, *aliases)))
