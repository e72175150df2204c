"""`harden mailer rotate`: the staged credential is proved, then it becomes the one in use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hardening.cli.mailer_options import config_options, say
from hardening.errors import UsageError

if TYPE_CHECKING:
    from hardening.mailer.rest import Keys


@click.command()
@config_options
@click.option("--dry-run", is_flag=True, help="Test the staged credential and change nothing.")
@click.option(
    "--certificate",
    is_flag=True,
    help="Make a new certificate, register it by the old one's signature, and use it.",
)
@click.option(
    "--make-certificate",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.crt",
    help="Make a first certificate and its key (FILE.key), which you upload, and stop.",
)
@click.option(
    "--days",
    type=click.IntRange(1, 730),
    metavar="N",
    default=365,
    show_default=True,
    help="Days that a new certificate is valid.",
)
@click.option(
    "--wait",
    type=click.IntRange(0, 3600),
    default=600,
    show_default=True,
    metavar="SECONDS",
    help="Seconds to wait until Microsoft accepts a new certificate.",
)
@click.option(
    "--retire", is_flag=True, help="Unregister the old credential, and take it out of the settings."
)
def command(
    config: Path, keys: Keys, dry_run: bool, certificate: bool, make_certificate: Path | None, days: int, wait: int,
    retire: bool,
) -> None:  # fmt: skip
    """Test the credential of [next_credential], then swap it with [credential]; the old one stays as the fall-back."""
    from hardening.mailer import certificates, rotate

    if dry_run + certificate + retire + (make_certificate is not None) > 1:
        raise UsageError("--dry-run, --certificate, --make-certificate and --retire exclude each other")
    if make_certificate is not None:
        certificates.make(make_certificate, make_certificate.with_suffix(".key"), days=days)
        click.echo(
            f"{make_certificate}: upload it (harden mailer guide); name it and its key under [credential]"
        )
        return
    if certificate:
        for line in certificates.stage(config, keys, days=days):
            say(line)
    steps = rotate.retire(config, keys) if retire else rotate.promote(
        config, keys, dry_run=dry_run, wait=wait if certificate else 0
    )  # fmt: skip
    for line in steps:
        say(line)
