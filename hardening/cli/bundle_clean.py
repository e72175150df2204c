"""`harden bundle clean`: a new bundle without what is safe to remove."""

from __future__ import annotations

from pathlib import Path

import click

from hardening.cli.options import ReportOptions, finish, maker_report_options


@click.command(name="clean")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("-o", "--output", "out", type=click.Path(path_type=Path, dir_okay=False), required=True,
              help="The new bundle; must not exist.")  # fmt: skip
@maker_report_options
def command(path: Path, out: Path, report: ReportOptions) -> int:
    """Write OUT, the bundle PATH with everything fixed that is safe to fix; never in place.

    What stays is byte for byte the same, with owner, mode, time and order. The report is the audit of
    OUT; it exits 10 when a finding at or above --fail-on is left.
    """
    from bundle.audit import audit
    from bundle.clean import clean

    run = clean(path, out, lambda bundle: audit([bundle]))
    if not report.quiet:
        for result in run.results:
            if result.reason.startswith(("removed ", "not removed: ")):
                click.echo(f"{result.reason}  ({result.rule.id})")
    return finish(run, report)
