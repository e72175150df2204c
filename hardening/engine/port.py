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
class Mention:
    """A line of a client's configuration that names the engine's port."""

    path: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EnginePort:
    """One engine as it is: `configured` from the file, `running` from /proc, never the one from the other."""

    configured: int
    running: tuple[int, ...]
    pending: Mapping[str, Any] | None = None
    clients: tuple[Mention, ...] = ()
    unset: str = ""
    """Where the file does not set the port, what says so: `configured` is then the product's own."""

    @property
    def restart_pending(self) -> bool:
        """Whether what runs is not what is configured."""
        return self.configured not in self.running or len(self.running) > 1

    @property
    def line(self) -> str:
        """The one line every report shows."""
        running = ",".join(map(str, self.running)) or "none"
        said = f"configured={self.configured} running={running}"
        note = f" ({self.unset})" if self.unset else ""
        if not self.restart_pending:
            return said + note
        since = f" since {self.pending['since']} by {self.pending['by']}" if self.pending else ""
        return f"{said} restart pending{since}{note}"


def configured(text: str, key: str, default: int) -> int:
    """Return the port a properties file sets; the last line counts. Errors: UsageError (no number, no text)."""
    if "\0" in text:
        raise UsageError(
            "the engine's configuration is no text", hint="name the properties file that sets the port"
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


def mentions(path: str, text: str, port: int) -> tuple[Mention, ...]:
    """Return the lines that name a port as a whole number."""
    pattern = re.compile(rf"(?<![\d.]){port}(?![\d.])")
    return tuple(
        Mention(path=path, line=number)
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line) and not line.lstrip().startswith(("#", ";", "!"))
    )
