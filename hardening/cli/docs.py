"""`harden docs`: the documentation, without network."""

from __future__ import annotations

import click


@click.command()
@click.argument("page", required=False)
@click.option("--path", "only_path", is_flag=True, help="Print the path of the page instead.")
def command(page: str | None, *, only_path: bool) -> None:
    """List the pages of the documentation, or print one: harden docs trust.

    A word that is not the name of a page lists the pages that contain it.
    """
    from hardening import resources
    from hardening.cli.shipped import chosen, listed

    folder = resources.docs()
    known = {
        path.relative_to(folder).with_suffix("").as_posix(): path for path in sorted(folder.rglob("*.md"))
    }
    if page is None:
        listed(folder, known)
        return
    name = page.removesuffix(".md")
    if name not in known and (
        having := {key: one for key, one in known.items() if page.lower() in one.read_text("utf-8").lower()}
    ):
        listed(folder, having)
        return
    path = chosen(known, name, "page")
    click.echo(path if only_path else path.read_text("utf-8"), nl=only_path)
