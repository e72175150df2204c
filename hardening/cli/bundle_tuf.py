"""`harden bundle tuf`: a repository of releases whose newest one a host finds without network."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hardening.cli.lazy import LazyGroup
from hardening.cli.passphrase import known_passphrase

if TYPE_CHECKING:
    from bundle.trust import keys as _keys
    from bundle.trust.repository import Signers

_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)


def _key_options(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--passphrase-file", type=_FILE, help="Passphrase of the keys that are encrypted."),
        click.option(
            "--online-key", "online", type=_FILE, multiple=True, help="Key of snapshot and timestamp."
        ),
        click.option(
            "--targets-key", "targets", type=_FILE, multiple=True, help="Key of the list of releases."
        ),
        click.option(
            "--root-key", "root", type=_FILE, multiple=True, help="Key of the root; may be repeated."
        ),
    ):
        function = option(function)
    return function


@click.group(name="tuf", cls=LazyGroup)
def command() -> None:
    """Publish releases in a TUF repository (a folder), and fetch the newest one from it without network."""


@command.command(name="init")
@click.argument("folder", type=_FOLDER)
@click.option("--root-threshold", type=click.IntRange(1), default=1, show_default=True, metavar="N",
              help="Keys of the root that must sign.")  # fmt: skip
@click.option("--targets-threshold", type=click.IntRange(1), default=1, show_default=True, metavar="N",
              help="Keys of the list of releases that must sign.")  # fmt: skip
@_key_options
def init(folder: Path, root_threshold: int, targets_threshold: int, **options: Any) -> None:
    """Make an empty repository FOLDER; bring its 1.root.json to the hosts over ssh."""
    from bundle.trust import repository
    from bundle.trust.digest import digest

    threshold = {"root": root_threshold, "targets": targets_threshold}
    created = repository.init(folder, _signers(**options), threshold=threshold, now=datetime.now(UTC))
    click.echo(f"root       {created}")
    click.echo(f"sha256     {digest(created)[0]}  (compare it on each host)")


@command.command(name="add")
@click.argument("folder", type=_FOLDER)
@click.argument("files", type=_FILE, nargs=-1, required=True)
@_key_options
def add(folder: Path, files: tuple[Path, ...], **options: Any) -> None:
    """Publish FILES as the newest release."""
    from bundle.trust import repository

    repository.add(folder, files, _signers(**options), now=datetime.now(UTC))
    click.echo(f"published  {', '.join(f.name for f in files)}")


@command.command(name="refresh")
@click.argument("folder", type=_FOLDER)
@_key_options
def refresh(folder: Path, **options: Any) -> None:
    """Renew the dates of what is published; hosts refuse it when they have passed."""
    from bundle.trust import repository

    repository.refresh(folder, _signers(**options), now=datetime.now(UTC))
    click.echo(f"refreshed  {folder}")


@command.command(name="rotate")
@click.argument("folder", type=_FOLDER)
@click.argument("role", type=click.Choice(["root", "targets", "snapshot", "timestamp"]))
@click.option(
    "--new-key", "new", type=_FILE, multiple=True, required=True, help="A public key; may be repeated."
)
@click.option("--threshold", type=click.IntRange(1), default=1, show_default=True, metavar="N",
              help="Keys of the role that must sign.")  # fmt: skip
@_key_options
def rotate(folder: Path, role: str, new: tuple[Path, ...], threshold: int, **options: Any) -> None:
    """Replace the keys of ROLE. What a lost key signed is no longer accepted.

    The root's keys sign this; for the role root the new private keys sign too (--root-key). If the new key of
    another role is a private key, it signs the metadata of that role again.
    """
    from bundle.trust import keys, repository

    signers, now = _signers(**options), datetime.now(UTC)
    public = [keys.load_public(path) for path in new]
    if role != "root" and signers.of(role):
        repository.fit(folder, role, public, signers, threshold=threshold)
    changed = repository.rotate(folder, role, public, signers, threshold=threshold, now=now)
    click.echo(f"root       {changed}")
    if role != "root" and signers.of(role):
        repository.resign(folder, role, signers, now=now)
        click.echo(f"signed     {role}")


@command.command(name="fetch")
@click.argument("folder", type=_FOLDER)
@click.argument("name")
@click.option("--root", type=_FILE, required=True, help="The root this host trusts (1.root.json).")
@click.option(
    "--state",
    type=_FOLDER,
    required=True,
    help="State file: the newest release that this host has seen. An older one is refused.",
)
@click.option("-o", "--output", "out", type=_FOLDER, required=True, help="Folder for the file.")
def fetch(folder: Path, name: str, root: Path, state: Path, out: Path) -> None:
    """Fetch the file NAME of the newest release; exit 11 if the signatures from the root to it do not verify."""
    from bundle.trust import repository

    click.echo(f"verified   {repository.fetch(folder, name, root=root, state=state, out=out)}")


def _signers(
    *,
    root: tuple[Path, ...],
    targets: tuple[Path, ...],
    online: tuple[Path, ...],
    passphrase_file: Path | None,
) -> Signers:
    from bundle.trust import keys
    from bundle.trust.repository import Signers

    def one(path: Path) -> _keys.PrivateKey:
        secret = known_passphrase(passphrase_file, path) if keys.is_encrypted(path) else None
        return keys.load_private(path, passphrase=secret)

    return Signers([one(p) for p in root], [one(p) for p in targets], [one(p) for p in online])
