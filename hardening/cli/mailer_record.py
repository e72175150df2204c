"""`harden mailer record`: check the mail settings that the product itself keeps."""

from __future__ import annotations

from pathlib import Path

import click

from hardening.cli.options import ReportOptions, finish, report_options


@click.command()
@click.argument("database", required=False, type=click.Path(path_type=Path))
@report_options
def command(database: Path | None, report: ReportOptions) -> int:
    """Check the product's own mail settings in DATABASE; its usual place is the default.

    The SQLite database is opened read-only, and nothing is written. Exit 3 where no record is found, 4 where it does not have the published form.
    """
    from hardening import products
    from hardening.mailer.record import examine

    pack = products.load("aspect")
    return finish(examine(database or Path(pack.fact("mailer", "database").text("path")), pack), report)
