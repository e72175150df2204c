"""`harden bundle diff`: what came, went and changed between two bundles."""

from __future__ import annotations

from pathlib import Path

import click

from hardening.cli.options import ReportOptions, finish, report_options


@click.command(name="diff")
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@report_options
def command(old: Path, new: Path, report: ReportOptions) -> int:
    """List what was added, removed and changed between the bundles OLD and NEW.

    Members, components, credentials, certificates and keys, set-id programs, sudoers rules and the ports
    that configurations listen on. What was removed has severity info; an added credential has severity high.
    """
    from bundle.compare.diff import diff

    return finish(diff(old, new), report)
