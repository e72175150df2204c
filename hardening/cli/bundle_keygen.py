"""`harden bundle keygen`: a signing key, encrypted at rest."""

from __future__ import annotations

from pathlib import Path

import click

from hardening.cli.passphrase import new_passphrase, passphrase_options
from hardening.cli.path_types import OutputPath


@click.command(name="keygen")
@click.option("--out", type=OutputPath(path_type=Path, dir_okay=False), required=True, metavar="KEY",
              help="The private key; KEY.pub is written beside it.")  # fmt: skip
@click.option(
    "--algorithm",
    type=click.Choice(["ed25519", "ecdsa-p256"]),
    default="ed25519",
    show_default=True,
    help="Kind of the key.",
)
@passphrase_options
def command(out: Path, algorithm: str, passphrase_file: Path | None, no_passphrase: bool) -> None:
    """Write the private key KEY (mode 0600) and the public key KEY.pub. Give hosts KEY.pub only."""
    from bundle.trust import keys

    if no_passphrase and passphrase_file is not None:
        raise click.UsageError("give either --passphrase-file FILE or --no-passphrase")
    passphrase = None if no_passphrase else new_passphrase(passphrase_file)
    key = keys.generate(algorithm)
    public = keys.write(key, out, passphrase=passphrase)
    click.echo(f"private key  {out}{'' if passphrase else '  (not encrypted)'}")
    click.echo(f"public key   {public}")
    click.echo(f"key id       {keys.keyid(key.public_key())}")
