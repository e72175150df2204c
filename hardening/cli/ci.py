"""`harden ci`: where the script and the templates for CI jobs are."""

from __future__ import annotations

import click


@click.command()
@click.argument("name", required=False)
def command(name: str | None) -> None:
    """List the shipped CI files, or print the path of one: sh "$(harden ci harden-ci)"."""
    from hardening import resources
    from hardening.cli.shipped import chosen, listed

    folder = resources.ci()
    known = {one.relative_to(folder).as_posix(): one for one in sorted(folder.rglob("*")) if one.is_file()}
    if name is None:
        listed(folder, known)
    else:
        click.echo(chosen(known, name, "CI file"))
