"""`harden mailer doctor` and `check`: a thin layer over `hardening.mailer.doctor`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hardening.cli.mailer_options import config_options, today
from hardening.cli.options import ReportOptions, finish, keep_apart, report_options
from hardening.errors import UsageError

if TYPE_CHECKING:
    from hardening.mailer.rest import Keys


@click.command()
@config_options
@click.option("--offline", is_flag=True, help="Check files, values and expiry only, without network.")
@click.option("--dry-run", is_flag=True, help="Stop before the mail is sent (the default).")
@click.option("--send", is_flag=True, help="Send a test mail by each transport at the end.")
@report_options
def command(
    config: Path,
    keys: Keys,
    offline: bool,
    dry_run: bool,
    send: bool,
    report: ReportOptions,
) -> int:
    """Examine every step from file modes to a mail: verdict, cause, and a remedy to paste."""
    if offline + dry_run + send > 1:
        raise UsageError("--offline, --dry-run and --send exclude each other")
    return _run(config, keys, report, offline=offline, send=send)


@click.command()
@config_options
@report_options
def check(config: Path, keys: Keys, report: ReportOptions) -> int:
    """Check files, values and expiry, without network."""
    return _run(config, keys, report, offline=True, send=False)


def _run(config: Path, keys: Keys, report: ReportOptions, *, offline: bool, send: bool) -> int:
    from hardening.findings import Run
    from hardening.mailer.doctor import examine
    from hardening.mailer.settings import load

    started = datetime.now(UTC)
    settings = load(config, keys)
    keep_apart(report.outputs, settings.files)
    subject, findings, results = examine(settings, today(), offline=offline, send=send)
    return finish(Run.of([subject], findings, results, started=started), report)
