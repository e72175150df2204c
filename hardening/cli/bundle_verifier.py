"""`harden bundle verifier`: the verifier for hosts without this tool."""

from __future__ import annotations

from pathlib import Path

import click

from hardening.cli.path_types import OutputPath
from hardening.errors import UsageError

PROGRAM = "hardening.onhost.verifier.main"


@click.command(name="verifier")
@click.option("--out", type=OutputPath(path_type=Path, dir_okay=False), required=True, metavar="FILE",
              help="The program to write, for example verifier.pyz.")  # fmt: skip
def command(out: Path) -> None:
    """Write the verifier as one file that Python 2.6 or newer runs without this tool."""
    from hardening import packing

    try:
        out.write_bytes(packing.zipped(PROGRAM, docstrings=True))
    except OSError as problem:
        raise UsageError(f"cannot write {out}: {problem.strerror}", hint="choose another file") from problem
    click.echo(f"on a host: python {out.name} BUNDLE --key KEY.pub")
