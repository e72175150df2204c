"""`harden logs`: what upgrade logs say, and whether it matters."""

from __future__ import annotations

from pathlib import Path

import click

from hardening.cli.lazy import LazyGroup
from hardening.cli.options import ReportOptions, finish, report_options


@click.group(cls=LazyGroup)
def command() -> None:
    """Triage upgrade logs."""


@command.command()
@click.argument("files", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--rules", type=click.Path(path_type=Path, dir_okay=False), help="Further messages of your own (TOML)."
)
@report_options
def triage(files: tuple[Path, ...], rules: Path | None, report: ReportOptions) -> int:
    """Say of each error in upgrade logs whether it is benign, and what to do where it is not.

    The neighbouring lines count: `You can't use locks with log tables` is benign where mysql_upgrade
    checked a log table, and fatal where a dump or a restore stopped at it. Unknown errors are shown.
    """
    from hardening.upgrade.logs.patterns import load
    from hardening.upgrade.logs.triage import Triage

    extra = load(rules) if rules else ()
    return finish(Triage(extra).logs(files), report)
