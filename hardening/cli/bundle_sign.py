"""`harden bundle sign`: a signed statement of what a bundle is and holds."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from hardening.cli.passphrase import known_passphrase, passphrase_options


@click.command(name="sign")
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--key", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The private key."
)
@click.option("-o", "--output", "out", type=click.Path(path_type=Path, dir_okay=False), metavar="SIG",
              help="Default: PATH.dsse.json beside the bundle.")  # fmt: skip
@click.option(
    "--expires", type=click.DateTime(["%Y-%m-%d"]), help="Last day on which it may be installed (UTC)."
)
@click.option("--product", default="", help="What the bundle upgrades; part of what is signed.")
@click.option("--release", default="", help="The version it brings; part of what is signed.")
@passphrase_options
def command(  # the options of the contract in docs/cli.md
    path: Path,
    key: Path,
    out: Path | None,
    expires: datetime | None,
    product: str,
    release: str,
    passphrase_file: Path | None,
    no_passphrase: bool,
) -> None:
    """Sign the bundle PATH and the list of every member in it, at every nesting."""
    from bundle.trust import dsse, keys, statement
    from bundle.trust.inventory import inventory
    from bundle.trust.verify import signature_of
    from hardening.cli.options import write_file

    statement.digest(path)  # an absent bundle is said before a passphrase is asked for
    passphrase = known_passphrase(passphrase_file) if keys.is_encrypted(key) and not no_passphrase else None
    private = keys.load_private(key, passphrase=passphrase)
    end_of_day = expires.replace(hour=23, minute=59, second=59, tzinfo=UTC) if expires else None
    said = statement.state(
        path,
        inventory(path),
        created=datetime.now(UTC),
        expires=end_of_day,
        product=product,
        release=release,
    )
    target = out or signature_of(path)
    write_file(target, dsse.seal(said.to_bytes(), private).to_bytes())
    click.echo(f"signed     {path}: {len(said.members)} members, {said.size} bytes")
    click.echo(f"sha256     {said.sha256}")
    click.echo(f"key id     {keys.keyid(private.public_key())}")
    click.echo(f"signature  {target}")
