"""`harden bundle prove`: is NEW the bundle OLD minus some members and literals, and nothing else?"""

from __future__ import annotations

from pathlib import Path

import click

from hardening.cli.options import ReportOptions, finish, report_options


@click.command(name="prove")
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@report_options
def command(old: Path, new: Path, report: ReportOptions) -> int:
    """Prove that NEW is OLD minus the members and literals that are listed, and minus nothing else.

    The check shares no code with `clean`. Exit 0 means proved; exit 11 names every other difference.
    """
    from bundle.prove import prove

    return finish(prove(old, new), report)
