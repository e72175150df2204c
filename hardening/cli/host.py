"""`harden host audit`: what earlier upgrades left behind on a host, or on a mounted image of one."""

from __future__ import annotations

from pathlib import Path

import click

from hardening.cli.options import ReportOptions, finish, report_options
from hardening.errors import InputError


@click.group()
def command() -> None:
    """Audit what earlier upgrades left behind on a host."""


@command.command("audit")
@click.option(
    "--root",
    type=click.Path(path_type=Path),
    default=Path("/"),
    show_default=True,
    help="Root of the host's file system, such as a mounted image.",
)
@click.option(
    "--path", "more", multiple=True, metavar="FOLDER", help="A further folder of the host; may be repeated."
)
@click.option("--policy", "names", multiple=True, help="TLS policy; may be repeated.  [default: aspect]")
@report_options
def audit(root: Path, more: tuple[str, ...], names: tuple[str, ...], report: ReportOptions) -> int:
    """Look for deprecated components, credentials, secrets open to all, sudo rules, weak TLS and certificates."""
    from hardening.host.look import audit as look
    from hardening.tls.policy import load

    if not root.is_dir():
        raise InputError(f"{root}: not a folder", hint="name the root of a host's file system")
    return finish(look(root.resolve(), [load(one) for one in names or ("aspect",)], more=more), report)
