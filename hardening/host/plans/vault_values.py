"""Convert values of a playbook to the typed values of a plan: a word is not a list of letters, and "no" is not true."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from hardening.errors import UsageError
from hardening.host.plans.plan import Service

YES, NO = ("yes", "on", "y", "t", "1", "true"), ("no", "off", "n", "f", "0", "false")
_QUOTED = {"mode": "0644", "version": "1.20-el8", "openssl": "1.0.2k-el7"}
"""What YAML makes another number of where it is not quoted (0644 is 420, 1.20 is 1.2), with an example of each."""
_MOST = 1e9
"""Infinity and what is not a number are above it, and so is what no clock of a host waits for."""
ACTIONS = ("reload", "restart")
PROBES: Mapping[str, tuple[str, ...]] = {
    "tcp": ("port", "host"),
    "tls": ("port", "host"),
    "listen": ("port", "process"),
    "absent": ("port",),
    "command": ("argv", "timeout"),
    "path": ("path", "absent"),
}
"""The kinds of probes that the agent knows: the key that each needs, and what it may have beside `name` and `wait`."""


def typed(kind: type, raw: Any, where: str) -> Any:
    """Return one value of a plan. Errors: UsageError naming the place and the key."""
    known = {one.name: one for one in fields(kind)}
    values = {}
    for key, value in mapping(raw, where).items():
        if key not in known:
            raise UsageError(f"{where}: unknown key {key!r}", hint="known: " + ", ".join(sorted(known)))
        if value is not None:
            values[str(key)] = _value(str(known[key].type), key, value, where)
    missing = [one.name for one in known.values() if one.default is MISSING and one.name not in values]
    if missing:
        raise UsageError(f"{where}: {missing[0]!r} is missing", hint=f"it needs {', '.join(missing)}")
    return kind(**values)


def mapping(raw: Any, where: str) -> Mapping[str, Any]:
    """Return what has to have keys. Errors: UsageError."""
    if not isinstance(raw, Mapping):
        raise UsageError(f"{where}: a {type(raw).__name__} has no keys", hint="write it as key: value")
    return raw


def service(raw: Any, where: str = "services") -> Service:
    """Return a service that a host can tell. Errors: UsageError: the host would find out when the files are in place."""
    found: Service = typed(Service, raw, where)
    if not found.argv:
        check_action(found.action, where)
    return found


def check_action(action: str, where: str) -> None:
    """Refuse a word that no init system is told. Errors: UsageError."""
    if action not in ACTIONS:
        raise UsageError(f"{where}: unknown action {action!r}", hint="known: " + ", ".join(ACTIONS))


def probe(raw: Any, where: str = "probes") -> dict[str, Any]:
    """Return a probe that the host understands. Errors: UsageError: the host would find out when all is done."""
    row = {key: value for key, value in mapping(raw, where).items() if value is not None}
    kind = str(row.get("kind"))
    if kind not in PROBES:
        raise UsageError(f"{where}: unknown kind {kind}", hint="known: " + ", ".join(PROBES))
    known = ("kind", "name", "wait", *PROBES[kind])
    for key in row:
        if key not in known:
            raise UsageError(f"{where}: {kind} has no key {key!r}", hint="known: " + ", ".join(known))
    need = PROBES[kind][0]
    if need not in row:
        raise UsageError(f"{where}: {kind} needs {need!r}", hint="harden docs transaction lists every kind")
    for key in ("port", "wait", "timeout"):
        if key in row:
            row[key] = number(row[key], f"{where}: {kind}: {key}")
    if "argv" in row:
        row["argv"] = list(_value("tuple[str, ...]", "argv", row["argv"], where))
    if "absent" in row:
        row["absent"] = _flag("absent", row["absent"], where)
    return row


def number(value: Any, where: str) -> float:
    """Return a number, whole where it is. Errors: UsageError."""
    try:
        found = -1.0 if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        found = -1.0
    if not 0 <= found < _MOST:
        raise UsageError(f"{where}: {value!r} is not a number from 0 on", hint="such as 30")
    return int(found) if found.is_integer() else found


def _value(kind: str, key: str, value: Any, where: str) -> Any:
    if kind.startswith("tuple[str"):
        if not isinstance(value, (list, tuple)):
            raise UsageError(f"{where}: {key!r} is not a list", hint=f"such as {key}: [one, two]")
        return tuple(_value("str", key, one, where) for one in value)
    if kind.startswith("tuple"):
        return tuple(value)
    if kind.startswith("Mapping"):
        return {str(name): str(one) for name, one in mapping(value, f"{where}: {key!r}").items()}
    if kind == "bool":
        return _flag(key, value, where)
    if kind.startswith("str"):
        return _text(key, value, where)
    return value


def _text(key: str, value: Any, where: str) -> str:
    if isinstance(value, (Mapping, list, tuple)):
        raise UsageError(f"{where}: {key!r} is not text", hint=f"such as {key}: word")
    if key in _QUOTED and not isinstance(value, str):
        raise UsageError(
            f"{where}: {key!r} came as the number {value!r}",
            hint=f'quote it, such as {key}: "{_QUOTED[key]}"',
        )
    return str(value)


def _flag(key: str, value: Any, where: str) -> bool:
    word = str(value).lower()
    if word not in (*YES, *NO):
        raise UsageError(f"{where}: {key!r} is neither yes nor no", hint="such as true")
    return word in YES
