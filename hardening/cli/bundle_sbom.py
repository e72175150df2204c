"""`harden bundle sbom`: what a bundle contains, for machines."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from hardening.cli.options import ReportOptions, maker_report_options


@click.command(name="sbom")
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(["cyclonedx", "spdx"]),
    default="cyclonedx",
    show_default=True,
    help="Format of the output.",
)
@click.option(
    "-o", "--output", "out", type=click.Path(path_type=Path, dir_okay=False), help="Default: standard output."
)
@click.option(
    "--files", is_flag=True, help="List every file with its SHA-256, not archives alone (CycloneDX)."
)
@maker_report_options
def command(path: Path, form: str, out: Path | None, files: bool, report: ReportOptions) -> int:
    """Write a CycloneDX 1.6 or SPDX 2.3 bill of materials of the bundle PATH.

    It names components and packages with every place they lie at, archives, certificates and private
    keys, and the vulnerabilities the rules know. Exit 4 when part of the bundle could not be read.
    """
    from bundle.sbom import contents as read
    from hardening.cli.options import STDOUT, keep_apart, settled, write_file, write_reports

    keep_apart([out] if out else [], [path])
    if form == "cyclonedx":
        from bundle.sbom.cyclonedx import document
    else:
        from bundle.sbom.spdx import document
    started = datetime.now(UTC)
    found = read.contents(path, files=files)
    body = document(found, now=datetime.now(UTC))
    if out is None or out == STDOUT:
        sys.stdout.buffer.write(body)
        sys.stdout.buffer.flush()
    else:
        write_file(out, body)
    for problem in found.first_problems(5):
        click.echo(f"not read: {problem}", err=True)
    for place in found.first_unasked(5) if form == "cyclonedx" else ():
        click.echo(
            f"TLS configuration left out of the inventory, too large or one of too many: {place}", err=True
        )
    run = settled(read.report(found, started), report)
    write_reports(run, report)
    return int(run.exit_code(report.threshold))
