"""`harden engine`: the control engine's port on this machine; the restart is left to a person."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hardening.cli.lazy import LazyGroup
from hardening.cli.options import LOCAL, require_hosts
from hardening.errors import ExitCode, HostsFailedError, RolledBackError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hardening.engine.port import EnginePort
    from hardening.host.plans.engine import DesiredPort
    from hardening.host.session import Session

_OPTIONS = (
    click.option(
        "--config",
        metavar="FILE",
        help="The file that sets the engine's port. A change needs this and --key: neither is published.",
    ),
    click.option("--key", help="The key in that file that holds the port."),
    click.option("--process", help="Name of the engine's process."),
    click.option("--state-dir", metavar="DIR", help="The agent's directory."),
    click.option(
        "--firewall/--no-firewall",
        default=True,
        show_default=True,
        help="Examine the firewall; set-port opens it for the new port as it is open for the old one.",
    ),
    click.option(
        "--format",
        "form",
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help="Format of the output.",
    ),
)


def _engine_options(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


@click.group(cls=LazyGroup)
def command() -> None:
    """Show or change the control engine's port."""


@command.command("show")
@_engine_options
def show(
    config: str | None,
    key: str | None,
    process: str | None,
    state_dir: str | None,
    form: str,
    *,
    firewall: bool,
) -> int:
    """Show the port that is configured, the one that is listened on, and what the firewall lets in.

    Exit codes: 10 if the firewall blocks the port for all clients, or opens it to any client; 5 if a restart is pending;
    4 if no running engine is found, or the firewall cannot be parsed.
    """
    from hardening.host.plans import engine as engine_plan

    wish = engine_plan.DesiredPort(config=_absolute(config), key=key, process=process, firewall=firewall)
    engine = _look(_session(state_dir), wish)
    _print(engine, form)
    if engine.restart_pending:
        return int(ExitCode.PENDING)
    if engine.shut_off or engine.open_to_all:
        return int(ExitCode.FINDINGS)
    return int(ExitCode.PARTLY_EXAMINED if engine.not_seen or engine.unclear else ExitCode.OK)


@command.command("set-port")
@click.argument("port", type=int)
@_engine_options
@click.option(
    "--restart",
    type=click.Choice(["manual", "ask", "now"]),
    default="manual",
    show_default=True,
    help="manual: you restart the engine later. ask: ask at the terminal; without a terminal like manual. now: restart it, and check that it listens on the new port.",
)
@click.option(
    "--source",
    "sources",
    multiple=True,
    metavar="NETWORK",
    help="Open the firewall for this network only, such as 192.0.2.0/24; may be repeated. Default: the clients that reach the old port.",
)
@click.option("--service", help="Name of the engine's service.")
@click.option(
    "--restart-command",
    "restart_command",
    metavar="COMMAND",
    help="The command that restarts the engine, instead of --service.",
)
@click.option("--check", is_flag=True, help="Show what would change; change nothing.")
@LOCAL
def set_port(  # click hands over one argument per option
    port: int,
    config: str | None,
    key: str | None,
    process: str | None,
    state_dir: str | None,
    form: str,
    restart: str,
    service: str | None,
    restart_command: str | None,
    sources: tuple[str, ...],
    check: bool,
    local: bool,
    firewall: bool,
) -> int:
    """Set the port of the control engine, with firewall and SELinux label, as one transaction. A pending restart is exit 5."""
    from dataclasses import replace

    from hardening.cli.caller import user
    from hardening.host.plans import engine as engine_plan

    require_hosts(None, local=local or check)
    wish = engine_plan.DesiredPort(
        port=port,
        config=_absolute(config),
        key=key,
        process=process,
        restart=restart,
        service=service,
        restart_argv=_words(restart_command or ""),
        by=user(),
        firewall=firewall,
        sources=sources,
    )
    host = _session(state_dir)
    done = _carry_out(host, wish, check=check)
    for row in done.get("diff", []) if check else []:
        click.echo(f"{row['path']}\n{row['text']}", nl=False)
    engine = _look(host, wish)
    if restart == "ask" and engine.restart_pending and not check and _agreed(engine):
        _carry_out(host, replace(wish, restart="now"))
        engine = _look(host, wish)
    _print(engine, form)
    return int(ExitCode.PENDING if engine.restart_pending and not check else ExitCode.OK)


def _words(command: str) -> tuple[str, ...]:
    import shlex

    try:
        return tuple(shlex.split(command))
    except ValueError as problem:
        hint = "quote it as for a shell"
        raise UsageError(f"--restart-command: {problem}", hint=hint) from problem


def _carry_out(host: Session, wish: DesiredPort, *, check: bool = False) -> dict[str, Any]:
    from hardening.host import session
    from hardening.host.plans import engine as engine_plan

    plan = engine_plan.plan(wish, host.ask("facts", **engine_plan.wishes(wish)))
    done = host.carry_out(plan, check=check)
    if done.get("failed"):
        if done.get("state") not in ("refused", "rolled-back") or session.owed(done):
            raise HostsFailedError(
                session.summary(done),
                hint="check that the engine runs; `harden upgrade status` lists what is tried again",
            )
        raise RolledBackError(
            session.summary(done),
            hint="the port is unchanged; correct what the message names, then run the command again",
        )
    return done


def _agreed(engine: EnginePort) -> bool:
    """Ask the person at the terminal; without one nobody is waited for."""
    if not sys.stdin.isatty():
        click.echo("not asked: standard input is not a terminal", err=True)
        return False
    return click.confirm(f"{engine.line}. Restart the control engine now?", err=True)


def _absolute(config: str | None) -> str | None:
    return str(Path(config).absolute()) if config else None


def _session(state_dir: str | None) -> Session:
    from hardening.host import session

    return session.here(state=_absolute(state_dir))


def _look(host: Session, wish: DesiredPort) -> EnginePort:
    from hardening.host.plans import engine as engine_plan

    return engine_plan.seen(wish, host.ask("facts", **engine_plan.wishes(wish)))


def _print(engine: EnginePort, form: str) -> None:
    from hardening.engine.product import load

    if form == "json":
        row = {
            "configured": engine.configured,
            "running": list(engine.running),
            "restart_pending": engine.restart_pending,
            "not_seen": engine.not_seen,
            "firewall": engine.firewall,
            "shut_off": engine.shut_off,
            "open_to_all": engine.open_to_all,
            "published": list(load().exposure),
            "unclear": list(engine.unclear),
            "pending": dict(engine.pending) if engine.pending else None,
            "clients": [{"path": one.path, "line": one.line} for one in engine.clients],
        }
        sys.stdout.write(json.dumps(row, indent=2) + "\n")
        return
    click.echo(engine.line)
    if engine.restart_pending:
        click.echo(
            f"  restart it by hand: the engine starts by {load().start}; the name of its service is not published"
        )
    for text in load().exposure:
        click.echo(f"  published: {text}")
    for text in engine.unclear:
        click.echo(f"  the firewall is not understood: {text}")
    for one in engine.clients:
        click.echo(f"  names the port: {one.path}:{one.line}")
