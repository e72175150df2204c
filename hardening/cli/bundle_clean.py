"""`harden bundle clean`: a new bundle in which what is safe to fix is fixed."""

from __future__ import annotations

import json
from pathlib import Path

import click

from hardening.cli.options import ReportOptions, finish, maker_report_options, write_file


@click.command(name="clean")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("-o", "--output", "out", type=click.Path(path_type=Path, dir_okay=False), required=True,
              help="The new bundle; must not exist.")  # fmt: skip
@click.option("--secrets", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Write which secrets the host has to have, and where they are filled in (JSON, no secret in it).")  # fmt: skip
@click.option("--check-command", metavar="COMMAND",
              help="Run this on the result ({} in it is the file's path, else the last argument). The command is EXECUTED, "
              "and what it starts. When it fails, OUT is not written and the exit code is 6.")  # fmt: skip
@click.option("--check-seconds", type=click.FloatRange(0.1), default=300.0, show_default=True,
              help="How long the command may take.")  # fmt: skip
@maker_report_options
def command(
    path: Path,
    out: Path,
    secrets: Path | None,
    check_command: str | None,
    check_seconds: float,
    report: ReportOptions,
) -> int:
    """Write OUT, the bundle PATH with everything fixed that is safe to fix; never in place.

    Components are removed; a credential gives way to @secret:name@, which the installer fills in on the host. What
    stays is byte for byte the same, with owner, mode, time and order. The report is the audit of OUT; it exits 10
    when a finding at or above --fail-on is left.
    """
    from bundle import references
    from bundle.audit import audit
    from bundle.clean import cleaned
    from bundle.smoke import Smoke

    smoke = Smoke(check_command, check_seconds, out) if check_command else None
    if smoke and not report.quiet:
        click.echo(f"runs on the result: {check_command}", err=True)
    made = cleaned(path, out, lambda bundle: audit([bundle]), check=smoke)
    if secrets is not None:
        body = {
            "schema": references.SCHEMA,
            "bundle": out.name,
            "secrets": references.to_json(made.references),
        }
        write_file(secrets, json.dumps(body, indent=2).encode() + b"\n")
    if not report.quiet:
        for result in made.run.results:
            if result.reason.startswith(("removed ", "replaced by ", "not removed: ", "not replaced: ")):
                click.echo(f"{result.reason}  ({result.rule.id})")
    return finish(made.run, report)
