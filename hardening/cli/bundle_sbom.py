"""`harden bundle sbom`: what a bundle contains, for machines."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from hardening.errors import ExitCode


@click.command(name="sbom")
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--format", "form", type=click.Choice(["cyclonedx", "spdx"]), default="cyclonedx", show_default=True
)
@click.option(
    "-o", "--output", "out", type=click.Path(path_type=Path, dir_okay=False), help="Default: standard output."
)
@click.option(
    "--files", is_flag=True, help="List every file with its SHA-256, not archives alone (CycloneDX)."
)
def command(path: Path, form: str, out: Path | None, files: bool) -> int:
    """Write a CycloneDX 1.6 or SPDX 2.3 bill of materials of the bundle PATH.

    It names components and packages with every place they lie at, archives, certificates and private
    keys, and the vulnerabilities the rules know. Exit 4 when part of the bundle could not be read.
    """
    from bundle.sbom.contents import contents
    from hardening.cli.options import STDOUT, keep_apart, write_file

    keep_apart([out] if out else [], [path])
    if form == "cyclonedx":
        from bundle.sbom.cyclonedx import document
    else:
        from bundle.sbom.spdx import document
    found = contents(path, files=files)
    body = document(found, now=datetime.now(UTC))
    if out is None or out == STDOUT:
        sys.stdout.buffer.write(body)
        sys.stdout.buffer.flush()
    else:
        write_file(out, body)
    for problem in found.problems[:5]:
        click.echo(f"not read: {problem}", err=True)
    if not found.members:
        return int(ExitCode.NOTHING_EXAMINED)
    return int(ExitCode.PARTLY_EXAMINED if found.problems else ExitCode.OK)
