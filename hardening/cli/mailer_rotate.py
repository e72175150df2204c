"""`harden mailer rotate`: the staged credential is proved, then it becomes the one in use."""

from __future__ import annotations

from pathlib import Path

import click

from hardening.cli.mailer_options import config_options


@click.command()
@config_options
@click.option("--dry-run", is_flag=True, help="Prove the staged credential and change nothing.")
def command(config: Path, vault_password_file: Path | None, dry_run: bool) -> None:
    """Prove the credential of [next_credential], then swap it with [credential]; the old one stays as the fall-back."""
    from hardening.mailer.rotate import promote

    for line in promote(config, vault_password=vault_password_file, dry_run=dry_run):
        click.echo(line)
