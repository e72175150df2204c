"""`harden mailer seal` and `unseal`: thin layers over `hardening.mailer.rest`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from hardening.errors import UsageError

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("files", nargs=-1, required=True, type=_FILE)
@click.option(
    "--key-file",
    type=_FILE,
    required=True,
    help="The key; keep it on another disk, and out of backups of FILES.",
)
@click.option("--new-key", is_flag=True, help="Make the key first.")
def seal(files: tuple[Path, ...], key_file: Path, new_key: bool) -> None:
    """Encrypt settings, secrets and private keys in place (AES-256-GCM)."""
    from hardening.mailer import rest

    plain = {path: rest.read(path) for path in files if path.resolve() != key_file.resolve()}
    if len(plain) < len(set(files)):
        raise UsageError(f"{key_file}: the key itself must not be sealed", hint="leave it out of FILES")
    for path, data in plain.items():
        if rest.encrypted(data):
            raise UsageError(
                f"{path}: is encrypted already", hint="harden mailer unseal, or ansible-vault decrypt"
            )
    if new_key:
        rest.make_key(key_file)
        click.echo(f"{key_file}: created; without this key nobody can decrypt the sealed files")
    key = rest.load_key(key_file)
    for path, data in plain.items():
        rest.replace(path, rest.sealed(data, key))
        click.echo(f"{path}: sealed")
    if key_file.resolve().parent in {path.resolve().parent for path in files}:
        click.echo(f"{key_file} lies beside what it opens: whoever copies the folder has both", err=True)


@click.command()
@click.argument("file", type=_FILE)
@click.option("--key-file", type=_FILE, required=True, help="The key that sealed it.")
def unseal(file: Path, key_file: Path) -> None:
    """Print a sealed file's content."""
    from hardening.mailer import rest

    data = rest.read(file)
    if not rest.is_sealed(data):
        raise UsageError(f"{file}: is not sealed", hint="ansible-vault view opens a vault")
    sys.stdout.buffer.write(rest.opened(data, rest.Keys(key_file=key_file), source=str(file)))
