"""The control engine's port as a plan: configuration, firewall and label at once, the restart left to a person.

The new port opens beside the old one. The old one is closed once the engine is seen on the new one: by the host itself
where the agent stays on it (the record of what is pending says how), else by the next run.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_network
from typing import Any

from hardening.engine import port as ports
from hardening.engine.product import Product, load
from hardening.errors import InputError, RefusedError, UsageError
from hardening.host.plans.engine_firewall import SAVED, Firewall
from hardening.host.plans.plan import File, Plan, Service

PENDING = "@state/pending/control-engine.json"
KNOWN = "@state/control-engine.json"
"""What the host remembers of its engine: `REMEMBERED`, for a later look that is not told."""
REMEMBERED = ("config", "key", "process")
UNPUBLISHED = "no source names the file that sets the engine's port"
MOTD = "/etc/motd"
MOTD_MARK = "[hardening] control engine: "


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredPort:
    """Requested state of the engine; None and empty mean the product's own data."""

    port: int | None = None
    """None: only look."""
    restart: str = "manual"
    """`manual` leaves it to a person and records that it is pending, and so does `ask`: whoever plans asks, and comes with `now`, which restarts and sees it listen on the host."""
    config: str | None = None
    key: str | None = None
    process: str | None = None
    service: str | None = None
    restart_argv: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()
    motd: str = MOTD
    firewall: bool = True
    sources: tuple[str, ...] = ()
    """Networks that the new port is for; empty: for whom the old one is."""
    by: str = "an operator"
    product: str = "aspect"

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> DesiredPort:
        """Read a wish as a playbook writes it. Errors: UsageError naming the key."""
        for key in raw:
            if key not in cls.__dataclass_fields__:
                known = ", ".join(sorted(cls.__dataclass_fields__))
                raise UsageError(f"control engine: unknown key {key!r}", hint=f"known: {known}")
        values: dict[str, Any] = {
            k: tuple(v) if isinstance(v, (list, tuple)) else v for k, v in raw.items() if v not in ("", None)
        }
        if values.get("restart", "manual") not in ("manual", "ask", "now"):
            raise UsageError(f"control engine: restart {values['restart']!r}", hint="manual, ask or now")
        try:
            if "port" in values:
                values["port"] = int(values["port"])
        except ValueError as problem:
            raise UsageError(
                f"control engine: port {values['port']!r} is not a number", hint="such as 7226"
            ) from problem
        return cls(**values)

    def __post_init__(self) -> None:
        """Write each source as firewalls list it. Errors: UsageError."""
        found = []
        for one in self.sources:
            try:
                found.append(str(ip_network(one)))
            except ValueError as problem:
                raise UsageError(
                    f"control engine: source {one!r}: {problem}", hint="use a network such as 192.0.2.0/24"
                ) from problem
        if found and not self.firewall:
            raise UsageError(
                "control engine: sources need the firewall",
                hint="leave out --no-firewall (control_engine_firewall: false)",
            )
        object.__setattr__(self, "sources", tuple(dict.fromkeys(found)))

    def settings(self) -> tuple[Product, str, str, str]:
        """Return product, configuration file, key, and the name of the engine's process."""
        product = load(self.product)
        config = self.config or product.place("engine-config").path
        return product, config, self.key or product.key, self.process or product.process


def wishes(wish: DesiredPort, *, filters: bool = True) -> dict[str, Any]:
    """Return what has to be asked of the host (verb `facts`) before planning; without `filters` not what filters there."""
    product, config, _, _ = wish.settings()
    clients = wish.clients or product.paths("engine-clients")
    return {
        "read": [config, wish.motd, *SAVED.values(), *clients],
        "filters": wish.firewall and filters,
        "engine": True,
    }


def described(engine: ports.EnginePort) -> dict[str, Any]:
    """Return an engine as a task's answer holds it."""
    return {
        "configured": engine.configured,
        "running": list(engine.running),
        "restart_pending": engine.restart_pending,
        "line": engine.line,
        "not_seen": engine.not_seen,
        "shut_off": engine.shut_off,
        "open_to_all": engine.open_to_all,
        "unclear": list(engine.unclear),
        "firewall": engine.firewall,
        "clients": [f"{one.path}:{one.line}" for one in engine.clients],
    }


def absent(wish: DesiredPort, facts: Mapping[str, Any]) -> str:
    """Return that the engine's configuration is not on this host; empty where it is."""
    _, config, _, _ = _settings(wish, facts)
    return "" if config in _texts(facts) else f"{config} does not exist on this host"


def seen(wish: DesiredPort, facts: Mapping[str, Any]) -> ports.EnginePort:
    """Return the engine as it is. Errors: InputError (no configuration, an account that sees no process)."""
    product, config, key, process = _settings(wish, facts)
    files = _texts(facts)
    missing = absent(wish, facts)
    if missing and _named(wish, facts, "config"):
        raise InputError(missing, hint="name the engine's configuration file (config)")
    text = "" if missing else files[config]
    port = ports.configured(text, key, product.port)
    pending = next((row for row in facts.get("pending", []) if row.get("name") == "control-engine"), None)
    watched = {port, product.port, *((pending["previous"], pending["configured"]) if pending else ())}
    listeners = facts.get("listeners", [])
    if facts.get("uid") and any(one["port"] in watched and one["pid"] is None for one in listeners):
        raise InputError(
            f"the process that listens on port {port} is unknown: only root sees it",
            hint="run it as root (sudo, ansible_become: true)",
        )
    running = ports.running(listeners, process, watched)
    wall = Firewall.of(facts, files, "") if facts.get("filters") else Firewall()
    reached = set(running) & ports.for_others(listeners, process) if facts.get("filters") else set()
    return ports.EnginePort(
        configured=port,
        running=running,
        pending=pending,
        elsewhere=() if running else ports.elsewhere(listeners, process),
        others=ports.others(listeners, process, port),
        firewall=wall.kind if facts.get("filters") else "",
        shut=tuple(one for one in sorted({port, *running}) if wall.lets_in(one) is False),
        unclear=wall.unclear,
        wide=tuple(one for one in sorted(reached) if wall.lets_in(one, everybody=True)),
        unset=f"the published port: {UNPUBLISHED}" if missing else ports.unset(text, key, config),
        clients=tuple(
            mention
            for path, text in sorted(files.items())
            if path not in (config, wish.motd, *SAVED.values())
            for mention in ports.mentions(path, text, port)
        ),
    )


def _settings(wish: DesiredPort, facts: Mapping[str, Any]) -> tuple[Product, str, str, str]:
    """Return the wish's settings with the file that holds the port: a link, or a folder that is one, leads to it.

    What the wish leaves open the host itself remembers from the last change of the port.
    """
    known = facts.get("engine") or {}
    product, *own = wish.settings()
    named = (wish.config, wish.key, wish.process)
    config, key, process = (
        word or str(known.get(name) or usual)
        for name, word, usual in zip(REMEMBERED, named, own, strict=True)
    )
    found = (row["path"] for row in facts.get("files", []) if config in row.get("asked", ()))
    return product, next(found, config), key, process


def _named(wish: DesiredPort, facts: Mapping[str, Any], what: str) -> str:
    """Return what the wish, or the host since its last change, names as `config` or `key`; empty where neither does."""
    return getattr(wish, what) or str((facts.get("engine") or {}).get(what) or "")


def _refuse_stand_ins(
    wish: DesiredPort, facts: Mapping[str, Any], product: Product, text: str, key: str
) -> None:
    """Raise RefusedError for a file, key or service that no source names and nobody named."""
    look = f"`harden engine show` lists the lines that name the port in {', '.join(product.paths('engine-clients'))}"
    wrong, hint = "", ""
    if product.place("engine-config").mark == "unknown" and not _named(wish, facts, "config"):
        wrong = UNPUBLISHED
        hint = f"{look}; then name file and key: --config FILE --key KEY (control_engine_config, control_engine_key)"
    elif product.marks["key"] == "unknown" and not _named(wish, facts, "key") and ports.unset(text, key, ""):
        wrong = "no source names the key that sets the engine's port, and the file has no line " + key
        hint = f"{look}; then name the key: --key KEY (control_engine_key)"
    elif (
        wish.restart == "now"
        and product.marks["service"] == "unknown"
        and not (wish.service or wish.restart_argv)
    ):
        wrong = "no source names the engine's service, so the command that restarts it is unknown"
        hint = (
            f"the engine starts by {product.start}: name its service (--service, control_engine_service) "
            "or a command (--restart-command, control_engine_restart_argv), or restart the engine yourself (restart: manual)"
        )
    if wrong:
        raise RefusedError(f"the port is not changed: {wrong}", hint=hint)


def _texts(facts: Mapping[str, Any]) -> dict[str, str]:
    return {
        row["path"]: base64.b64decode(row["content"]).decode("utf-8", "surrogateescape")
        for row in facts.get("files", [])
    }


def plan(wish: DesiredPort, facts: Mapping[str, Any]) -> Plan:
    """Return the plan for the wish. Errors: RefusedError for a port that must not be taken, InputError, UsageError."""
    product, config, key, process = _settings(wish, facts)
    now, files = seen(wish, facts), _texts(facts)
    port = now.configured if wish.port is None else wish.port
    if port != now.configured or port not in now.running:
        ports.refuse(port, product, facts.get("listeners", []), process, now.running)
    _refuse_stand_ins(wish, facts, product, files.get(config, ""), key)
    digests = {row["path"]: row["sha256"] for row in facts.get("files", [])}
    text = files[config]
    made = ports.with_port(text, key, port) if port != now.configured else text
    parts = [_file(config, made, digests)] if made != text else []
    wall = Firewall.of(facts, files, product.selinux_type) if wish.firewall else Firewall()
    wall = wall.narrowed(wish.sources)
    if wish.sources and (open_by := wall.wide(port)):
        raise RefusedError(
            f"port {port} cannot be kept to {', '.join(wish.sources)}: every host already reaches it (no limit by {', '.join(open_by)})",
            hint=f"remove the rule that lets every host reach port {port}, then run this again",
        )
    others = tuple(one for one in now.running if one != port)
    waits = bool(others) or (port not in now.running and port != now.configured) or _waiting(now, port)
    left = _left(now, port, others)
    like = left[0] if left else port
    shuts = _nobody_s(left, facts, process)
    if waits and wall.unclear and facts.get("uid"):
        raise InputError(
            f"only root sees what filters on this host: {wall.unclear[0]}",
            hint="run it as root (sudo, ansible_become: true)",
        )
    if waits:
        wall.refuse(port, like)
    if waits and wish.restart != "now":
        row = _record(now, port, left, process, wish, str(facts.get("time", "")))
        row["close"] = [one.to_json() for old in shuts for one in wall.closes(old, port, like)]
        row["motd"] = {"path": wish.motd, "mark": MOTD_MARK}
        row["saved"] = wall.drops(shuts, port, like)
        if "back" not in row:
            back = [one.to_json() for one in wall.leads_back(port, like)]
            row["back"] = {"configured": now.configured, "close": back, "saved": wall.gains(port, like)}
        line = f"configured={port} running={','.join(map(str, others)) or 'none'} restart pending since {row['since']}"
        return Plan(
            label=f"control engine to port {port}, restart pending",
            by=wish.by,
            files=(
                *parts,
                *_saved(files, digests, wall.kept(port, like)),
                File(path=PENDING, content=_json(row), mode="0600"),
                _remembered(wish, facts),
                *_motd(wish, files, digests, line),
            ),
            commands=tuple(wall.opens(port, like)),
        )
    # what the engine has left, or leaves by this very restart: where the proof fails, it is open again
    opens, known = (wall.opens(port, like), (_remembered(wish, facts),)) if waits else ([], ())
    plan = Plan(
        label=f"control engine on port {port}",
        by=wish.by,
        files=(
            *parts,
            *_saved(files, digests, wall.kept(port, like, shuts)),
            *_motd(wish, files, digests, ""),
            *known,
        ),
        remove=(PENDING,),
        commands=(*opens, *(one for old in shuts for one in wall.closes(old, port, like))),
    )
    if not waits:
        return plan
    return replace(
        plan,
        services=(
            Service(
                name=wish.service or product.service, action="restart", argv=wish.restart_argv, starts=True
            ),
        ),
        probes=(
            {"kind": "listen", "port": port, "process": process, "wait": 30},
            *({"kind": "absent", "port": one, "wait": 10} for one in shuts),
        ),
    )


def _left(now: ports.EnginePort, port: int, others: tuple[int, ...]) -> tuple[int, ...]:
    """Return the ports that an engine on `port` has left or will have left, the one that it had last in front."""
    known = [*others]
    if now.pending is not None:
        known += [*now.pending.get("left", ()), now.pending["previous"], now.pending["configured"]]
    return tuple(dict.fromkeys(one for one in (*known, now.configured) if one != port))


def _nobody_s(left: tuple[int, ...], facts: Mapping[str, Any], process: str) -> tuple[int, ...]:
    """Return those of the ports that no other program listens on: what it needs stays open."""
    others = {one["port"] for one in facts.get("listeners", []) if one["process"] != process}
    return tuple(one for one in left if one not in others)


def _saved(files: Mapping[str, str], digests: Mapping[str, str], made: Mapping[str, str]) -> list[File]:
    """Return the files of saved rules that become other ones."""
    return [_file(path, text, digests) for path, text in made.items() if text != files[path]]


def _remembered(wish: DesiredPort, facts: Mapping[str, Any]) -> File:
    """Return the file by which the host remembers where its engine keeps the port."""
    _, config, key, process = _settings(wish, facts)
    return File(path=KNOWN, content=_json({"config": config, "key": key, "process": process}), mode="0600")


def _waiting(now: ports.EnginePort, port: int) -> bool:
    return now.pending is not None and now.pending["configured"] == port and port not in now.running


def _file(path: str, text: str, digests: Mapping[str, str]) -> File:
    return File(path=path, content=text.encode("utf-8", "surrogateescape"), expect_sha256=digests[path])


def _json(row: Mapping[str, Any]) -> bytes:
    return json.dumps(row, sort_keys=True, indent=1).encode("ascii") + b"\n"


def _record(
    now: ports.EnginePort, port: int, left: tuple[int, ...], process: str, wish: DesiredPort, time: str
) -> dict[str, Any]:
    """Keep the record that is there where it says the same, so that a second run changes nothing."""
    if now.pending is not None and now.pending["configured"] == port:
        kept = ("name", "configured", "previous", "process", "since", "by", "left", "back")
        return {key: now.pending[key] for key in kept if key in now.pending}
    row = {"name": "control-engine", "configured": port, "previous": left[0], "process": process}
    return {**row, "since": time, "by": wish.by, "left": list(left)}


def _motd(wish: DesiredPort, files: Mapping[str, str], digests: Mapping[str, str], line: str) -> list[File]:
    """Show the pending restart where whoever logs in sees it, and take it away afterwards."""
    if wish.motd not in files:
        return []
    text = files[wish.motd]
    kept = "".join(one for one in text.splitlines(keepends=True) if not one.startswith(MOTD_MARK))
    if line:
        kept += ("" if not kept or kept.endswith("\n") else "\n") + MOTD_MARK + line + "\n"
    return [_file(wish.motd, kept, digests)] if kept != text else []
