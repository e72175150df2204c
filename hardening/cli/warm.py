"""`harden warm`: compile what the first audit would compile."""

from __future__ import annotations

import os
from pathlib import Path

import click


@click.command()
@click.option("--to", "to", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
              help="Keep the compiled patterns in DIR; runs with HARDEN_CACHE_DIR=DIR read them.  [default: the user's cache folder]")  # fmt: skip
def command(to: Path | None) -> None:
    """Compile the credential patterns now, so that no later run spends some 15 seconds on it.

    Compiled patterns are valid for one release of this tool, one release of Vectorscan and one kind of processor;
    elsewhere they are ignored and compiled again. Nothing is downloaded.
    """
    from bundle.detect.credentials import detector
    from bundle.walk import pattern_cache
    from hardening import user_cache
    from hardening.errors import InputError

    if to is not None:
        user_cache.keep_in(to)
    folder = next(user_cache.folders(pattern_cache.KIND, make=True), None)
    if folder is None or not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(
            f"{to or folder or 'the cache folder'}: cannot keep compiled patterns here",
            hint="name a folder that you own, that you can write, and that other accounts cannot: harden warm --to DIR",
        )
    detector().warm()
    kept = [one.stat().st_size for one in folder.iterdir()]
    if not kept:
        click.echo("Vectorscan is not installed: there is nothing to compile")
        return
    click.echo(f"{folder}: {len(kept)} compiled pattern sets, {sum(kept) / (1 << 20):.1f} MiB")
    if to is not None:
        click.echo(f"next: set {user_cache.NAMED}={to.absolute()} where harden runs")
