"""The control engine's port as a plan: configuration, firewall and label at once, the restart left to a person.

The new port opens beside the old one. The old one is closed once the engine is seen on the new one: by the host itself
where the agent stays on it (the record of what is pending says how), else by the next run.
"""

from __future__ import annotations

import base64
import json
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from hardening.engine import port as ports
from hardening.engine.product import Product, load
from hardening.errors import InputError, UsageError
from hardening.host.plan import Command, File, Plan, Service

PENDING = "@state/pending/control-engine.json"
MOTD = "/etc/motd"
MOTD_MARK = "[hardening] control engine: "


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is wished for the engine; None and empty mean: as the product's data says."""

    port: int | None = None
    """None: only look."""
    restart: str = "manual"
    """`manual` leaves it to a person and records that it is pending; `now` restarts and proves it."""
    config: str | None = None
    key: str | None = None
    process: str | None = None
    service: str | None = None
    restart_argv: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()
    motd: str = MOTD
    firewall: bool = True
    by: str = "an operator"
    product: str = "aspect"

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Wish:
        """Read a wish as a playbook writes it. Errors: UsageError naming the key."""
        for key in raw:
            if key not in cls.__dataclass_fields__:
                known = ", ".join(sorted(cls.__dataclass_fields__))
                raise UsageError(f"control engine: unknown key {key!r}", hint=f"known: {known}")
        values: dict[str, Any] = {
            k: tuple(v) if isinstance(v, (list, tuple)) else v for k, v in raw.items() if v not in ("", None)
        }
        if values.get("restart", "manual") not in ("manual", "now"):
            raise UsageError(f"control engine: restart {values['restart']!r}", hint="manual or now")
        try:
            if "port" in values:
                values["port"] = int(values["port"])
        except ValueError as problem:
            raise UsageError(
                f"control engine: port {values['port']!r} is no number", hint="such as 7226"
            ) from problem
        return cls(**values)

    def settings(self) -> tuple[Product, str, str, str]:
        """Return product, configuration file, key, and the name of the engine's process."""
        product = load(self.product)
        config = self.config or product.place("engine-config").path
        return product, config, self.key or product.key, self.process or product.process


def wishes(wish: Wish) -> dict[str, Any]:
    """Return what has to be asked of the host (verb `facts`) before planning."""
    product, config, _, _ = wish.settings()
    clients = wish.clients or product.paths("engine-clients")
    return {"read": [config, wish.motd, "/etc/sysconfig/iptables", *clients]}


def seen(wish: Wish, facts: Mapping[str, Any]) -> ports.EnginePort:
    """Return the engine as it is. Errors: InputError when its configuration is not there."""
    product, config, key, process = wish.settings()
    files = _texts(facts)
    if config not in files:
        raise InputError(
            f"{config} is not on this host", hint="name the engine's configuration file (config)"
        )
    port = ports.configured(files[config], key, product.port)
    pending = next((row for row in facts.get("pending", []) if row.get("name") == "control-engine"), None)
    watched = {port, product.port, *((pending["previous"], pending["configured"]) if pending else ())}
    return ports.EnginePort(
        configured=port,
        running=ports.running(facts.get("listeners", []), process, watched),
        pending=pending,
        clients=tuple(
            mention
            for path, text in sorted(files.items())
            if path not in (config, wish.motd, "/etc/sysconfig/iptables")
            for mention in ports.mentions(path, text, port)
        ),
    )


def _texts(facts: Mapping[str, Any]) -> dict[str, str]:
    return {
        row["path"]: base64.b64decode(row["content"]).decode("utf-8", "surrogateescape")
        for row in facts.get("files", [])
    }


def plan(wish: Wish, facts: Mapping[str, Any]) -> Plan:
    """Return the plan for the wish. Errors: RefusedError for a port that must not be taken, InputError, UsageError."""
    product, config, key, process = wish.settings()
    now, files = seen(wish, facts), _texts(facts)
    port = now.configured if wish.port is None else wish.port
    if port != now.configured or port not in now.running:
        ports.refuse(port, product, facts.get("listeners", []), process)
    digests = {row["path"]: row["sha256"] for row in facts.get("files", [])}
    text = files[config]
    made = ports.with_port(text, key, port) if port != now.configured else text
    parts = [_file(config, made, digests)] if made != text else []
    others = tuple(one for one in now.running if one != port)
    waits = bool(others) or (port not in now.running and port != now.configured) or _waiting(now, port)
    if wish.restart == "now" and waits:
        old = others or (now.configured,)
        argv = wish.restart_argv
        return Plan(
            label=f"control engine on port {port}",
            by=wish.by,
            files=tuple(parts + _motd(wish, files, digests, "")),
            remove=(PENDING,),
            commands=tuple(_open(wish, facts, port, product)),
            services=(Service(name=wish.service or product.service, action="restart", argv=argv),),
            probes=(
                {"kind": "listen", "port": port, "process": process, "wait": 30},
                *({"kind": "absent", "port": one, "wait": 10} for one in old if one != port),
            ),
        )
    if waits:
        row = _record(now, port, others, process, wish, str(facts.get("time", "")))
        row["close"] = [one.to_json() for one in _close(wish, facts, row, port, product)]
        row["motd"] = {"path": wish.motd, "mark": MOTD_MARK}
        line = f"configured={port} running={','.join(map(str, others)) or 'none'} restart pending since {row['since']}"
        return Plan(
            label=f"control engine to port {port}, restart pending",
            by=wish.by,
            files=(
                *parts,
                File(path=PENDING, content=_json(row), mode="0600"),
                *_motd(wish, files, digests, line),
            ),
            commands=tuple(_open(wish, facts, port, product)),
        )
    return Plan(
        label=f"control engine on port {port}",
        by=wish.by,
        files=tuple(parts + _motd(wish, files, digests, "")),
        remove=(PENDING,),
        commands=(*_open(wish, facts, port, product), *_close(wish, facts, now.pending, port, product)),
    )


def _waiting(now: ports.EnginePort, port: int) -> bool:
    return now.pending is not None and now.pending["configured"] == port and port not in now.running


def _file(path: str, text: str, digests: Mapping[str, str]) -> File:
    return File(path=path, content=text.encode("utf-8", "surrogateescape"), expect_sha256=digests[path])


def _json(row: Mapping[str, Any]) -> bytes:
    return json.dumps(row, sort_keys=True).encode("ascii") + b"\n"


def _record(
    now: ports.EnginePort, port: int, others: tuple[int, ...], process: str, wish: Wish, time: str
) -> dict[str, Any]:
    """Keep the record that is there where it says the same, so that a second run changes nothing."""
    if now.pending is not None and now.pending["configured"] == port:
        kept = ("name", "configured", "previous", "process", "since", "by")
        return {key: now.pending[key] for key in kept}
    previous = others[0] if others else now.configured
    row = {"name": "control-engine", "configured": port, "previous": previous, "process": process}
    return {**row, "since": time, "by": wish.by}


def _motd(wish: Wish, files: Mapping[str, str], digests: Mapping[str, str], line: str) -> list[File]:
    """Show the pending restart where whoever logs in sees it, and take it away afterwards."""
    if wish.motd not in files:
        return []
    text = files[wish.motd]
    kept = "".join(one for one in text.splitlines(keepends=True) if not one.startswith(MOTD_MARK))
    if line:
        kept += ("" if not kept or kept.endswith("\n") else "\n") + MOTD_MARK + line + "\n"
    return [_file(wish.motd, kept, digests)] if kept != text else []


def _open(wish: Wish, facts: Mapping[str, Any], port: int, product: Product) -> Iterable[Command]:
    """Yield what opens a port in this host's firewall and gives it its label; each says itself when it is so."""
    if not wish.firewall:
        return
    if facts.get("firewall") == "firewalld":
        for scope in ("--permanent", ""):
            base = ("firewall-cmd", *((scope,) if scope else ()))
            yield Command(
                name=f"firewalld opens {port}{' for good' if scope else ''}",
                do=(*base, f"--add-port={port}/tcp"),
                undo=(*base, f"--remove-port={port}/tcp"),
                check=(*base, f"--query-port={port}/tcp"),
            )
    elif facts.get("firewall") == "iptables":
        rule = ("INPUT", "-p", "tcp", "-m", "tcp", "--dport", str(port), "-j", "ACCEPT")
        yield Command(
            name=f"iptables opens {port}",
            do=("iptables", "-I", *rule),
            undo=("iptables", "-D", *rule),
            check=_shell(f"iptables -S INPUT | grep -q -e '--dport {port} -j ACCEPT'"),
        )
        yield Command(
            name=f"iptables keeps {port}",
            do=_shell("service iptables save"),
            # not saved again: this is undone before the rule is, which would be saved with the rest
            undo=_shell(f"sed -i -e '/--dport {port} -j ACCEPT/d' /etc/sysconfig/iptables"),
            check=_shell(f"grep -q -e '--dport {port} -j ACCEPT' /etc/sysconfig/iptables"),
        )
    if facts.get("selinux", "disabled") != "disabled":
        label = product.selinux_type
        listed = rf"^{re.escape(label)} +tcp .*\b{port}\b"
        yield Command(
            name=f"SELinux lets {label} have {port}",
            do=("semanage", "port", "-a", "-t", label, "-p", "tcp", str(port)),
            undo=("semanage", "port", "-d", "-t", label, "-p", "tcp", str(port)),
            check=_shell(f"semanage port -l | grep -Eq {shlex.quote(listed)}"),
        )


def _close(
    wish: Wish, facts: Mapping[str, Any], pending: Mapping[str, Any] | None, port: int, product: Product
) -> Iterable[Command]:
    """Yield what closes the port the engine has left, once it is seen on the new one."""
    if pending is None or pending["configured"] != port or pending["previous"] == port:
        return
    for one in reversed(
        list(_open(wish, facts, pending["previous"], product))
    ):  # so that an undo ends with saving
        inverse = _shell(f"! {{ {shlex.join(one.check)}; }}")
        name = (
            one.name.replace("opens", "closes").replace("lets", "no longer lets").replace("keeps", "forgets")
        )
        yield Command(name=name, do=one.undo, undo=one.do, check=inverse)


def _shell(line: str) -> tuple[str, ...]:
    return ("/bin/sh", "-c", line)
