"""The control engine's port: what the configuration says, what runs, what may be chosen, and what is pending."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hardening.engine.product import Product
from hardening.errors import RefusedError, UsageError

PRIVILEGED = 1024
LAST = 65535
PARTED = r"(?:[ \t]*[=:][ \t]*|[ \t]+)"
"""What stands between a key and its value; a blank will do, as Java reads it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortReference:
    """A line of a client's configuration that names the engine's port."""

    path: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EnginePort:
    """One engine as it is: `configured` from the file, `running` from /proc, never the one from the other."""

    configured: int
    running: tuple[int, ...]
    pending: Mapping[str, Any] | None = None
    clients: tuple[PortReference, ...] = ()
    unset: str = ""
    """Where the file does not set the port, what says so: `configured` is then the product's own."""

    elsewhere: tuple[int, ...] = ()
    """Where the engine is not seen: what its process listens on instead."""
    others: tuple[str, ...] = ()
    """Other processes that listen on the configured port."""
    firewall: str = ""
    """What filters, in a word; empty where nobody looked."""
    shut: tuple[int, ...] = ()
    """Ports, configured or listened on, that the firewall lets no other host reach."""
    unclear: tuple[str, ...] = ()
    """What of the firewall is not understood."""
    wide: tuple[int, ...] = ()
    """Ports that the engine listens on for other hosts, and that no firewall rule limits to some of them."""

    @property
    def restart_pending(self) -> bool:
        """Return whether the engine runs on another port than the configured one, or a recorded restart has not come."""
        differs = self.configured not in self.running or len(self.running) > 1
        return differs and bool(self.running or self.pending)

    @property
    def not_seen(self) -> str:
        """Return that no process of the engine's name listens on a known port, and who does; empty where it is seen."""
        if self.running:
            return ""
        reason = "the engine is not seen running"
        if self.others:
            reason += f"; port {self.configured} is listened on by {', '.join(self.others)}"
        if self.elsewhere:
            reason += f"; a process of its name listens on {', '.join(map(str, self.elsewhere))}"
        return reason

    @property
    def shut_off(self) -> str:
        """Return the ports that the firewall closes to every host."""
        ports = " and ".join(map(str, self.shut))
        return (
            f"the firewall ({self.firewall}) lets no other host reach port {ports} over IPv4" if ports else ""
        )

    @property
    def open_to_all(self) -> str:
        """Return the ports that every host can reach."""
        ports = " and ".join(map(str, self.wide))
        how = f"the firewall ({self.firewall})" if self.firewall != "none" else "no firewall"
        verb = "lets every host reach" if self.firewall != "none" else "limits who reaches"
        return f"{how} {verb} port {ports} over IPv4" if ports else ""

    @property
    def line(self) -> str:
        """The one line every report shows."""
        running = ",".join(map(str, self.running)) or "none"
        text = f"configured={self.configured} running={running}"
        if self.restart_pending:
            text += " restart pending"
            text += f" since {self.pending['since']} by {self.pending['by']}" if self.pending else ""
        note = f" ({self.unset})" if self.unset else ""
        return "; ".join(filter(None, (text + note, self.not_seen, self.shut_off, self.open_to_all)))


def configured(text: str, key: str, default: int) -> int:
    """Return the port a properties file sets; the last line counts. Errors: UsageError (no number, no text)."""
    if "\0" in text:
        raise UsageError(
            "the engine's configuration is not text", hint="name the properties file that sets the port"
        )
    found = _values(text, key)
    if not found:
        return default
    if not re.fullmatch("0*[1-9][0-9]{0,4}", found[-1]) or int(found[-1]) > LAST:
        raise UsageError(
            f"{key} is {found[-1][:40]!r}, not a port", hint="correct the engine's configuration first"
        )
    return int(found[-1])


def unset(text: str, key: str, path: str) -> str:
    """Say that a file does not set the port, or nothing where it does."""
    return "" if _values(text, key) else f"the default: {path} has no {key}"


def _values(text: str, key: str) -> list[str]:
    return re.findall(rf"^[ \t]*{re.escape(key)}{PARTED}(.*?)[ \t\r]*$", text, re.MULTILINE)


def with_port(text: str, key: str, port: int) -> str:
    """Return the properties file with the port set, everything else byte for byte."""
    pattern = re.compile(rf"^([ \t]*{re.escape(key)}{PARTED})([^\r\n]*?)([ \t]*\r?)$", re.MULTILINE)
    if pattern.search(text):
        return pattern.sub(rf"\g<1>{port}\g<3>", text)
    end = "\r\n" if "\r\n" in text else "\n"
    return text + ("" if not text or text.endswith("\n") else end) + f"{key}={port}{end}"


def running(listeners: Iterable[Mapping[str, Any]], process: str, ports: Iterable[int]) -> tuple[int, ...]:
    """Return which of `ports` a process of that name listens on."""
    watched = set(ports)
    return tuple(
        sorted({one["port"] for one in listeners if one["port"] in watched and one["process"] == process})
    )


def elsewhere(listeners: Iterable[Mapping[str, Any]], process: str) -> tuple[int, ...]:
    """Return every port that a process of that name listens on."""
    return tuple(sorted({one["port"] for one in listeners if one["process"] == process}))


def for_others(listeners: Iterable[Mapping[str, Any]], process: str) -> frozenset[int]:
    """Return every port on which a process of that name listens for other hosts: not on loopback alone."""
    return frozenset(
        one["port"]
        for one in listeners
        if one["process"] == process
        and one["address"] != "::1"
        and not one["address"].startswith(("127.", "::ffff:127."))
    )


def others(listeners: Iterable[Mapping[str, Any]], process: str, port: int) -> tuple[str, ...]:
    """Return who else listens on a port, by name and process number."""
    found = {
        (one["process"] or "an unknown process", one["pid"])
        for one in listeners
        if one["port"] == port and one["process"] != process
    }
    return tuple(f"{name} (pid {pid})" for name, pid in sorted(found, key=str))


def refuse(
    port: int, product: Product, listeners: Sequence[Mapping[str, Any]], process: str, own: Iterable[int] = ()
) -> None:
    """Raise RefusedError for a port that is privileged, out of range, reserved, or somebody else's.

    Where the engine is known by a port of its `own`, another process of its name is somebody else: there is more than one Java on a host.
    """
    if not PRIVILEGED <= port <= LAST:
        raise RefusedError(f"port {port} is refused: it has to be 1024 to 65535", hint="choose another port")
    if port in product.reserved:
        raise RefusedError(
            f"port {port} is refused: it belongs to {product.reserved[port]}", hint="choose another"
        )
    known = set(own)
    engine = {one["pid"] for one in listeners if one["process"] == process and one["port"] in known}
    for one in listeners:
        if one["port"] == port and (one["process"] != process or (engine and one["pid"] not in engine)):
            who = one["process"] or "an unknown process"
            raise RefusedError(
                f"port {port} is refused: {who} (pid {one['pid']}) listens on it", hint="choose another port"
            )


def mentions(path: str, text: str, port: int) -> tuple[PortReference, ...]:
    """Return the lines that name a port as a whole number."""
    pattern = re.compile(rf"(?<![\d.]){port}(?![\d.])")
    return tuple(
        PortReference(path=path, line=number)
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line) and not line.lstrip().startswith(("#", ";", "!"))
    )
