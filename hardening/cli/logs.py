"""`harden logs`: what upgrade logs say, and whether it matters."""

from __future__ import annotations

import sys
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
@click.option(
    "--show-lines",
    is_flag=True,
    help="Also print the lines unmasked, at a terminal only. They may contain secrets.",
)
@report_options
def triage(files: tuple[Path, ...], rules: Path | None, show_lines: bool, report: ReportOptions) -> int:
    """Classify each error in upgrade logs as benign or not, and say how to fix it.

    The result depends on the neighbouring lines: `You can't use locks with log tables` is benign where mysql_upgrade
    checked a log table, and fatal where a dump or a restore stopped at it. Unknown errors are shown.
    Every report masks what may be a secret: unusual words, and what follows a word such as password.
    """
    from hardening.errors import UsageError
    from hardening.reports.plain import visible
    from hardening.upgrade.logs.patterns import load
    from hardening.upgrade.logs.triage import Triage

    if show_lines and (not sys.stdout.isatty() or report.output is not None or report.format != "text"):
        raise UsageError(
            "--show-lines prints lines that may hold secrets, so it needs a terminal and the text format",
            hint="run it at a terminal without -o and --format; files from --report stay masked",
        )
    looked = Triage(load(rules) if rules else ())
    code = finish(looked.logs(files), report)
    if show_lines:
        click.echo("\nLines of the logs, unmasked; they may contain secrets:")
        for path, number, line in looked.shown:
            click.echo(visible(f"{path}:{number}: {line}"))
    return code
