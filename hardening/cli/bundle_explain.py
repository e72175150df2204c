"""`harden bundle explain`: why a credential is reported at a place, or is not."""

from __future__ import annotations

import click


@click.command()
@click.argument("places", nargs=-1, required=True, metavar="FILE:LINE...")
def command(places: tuple[str, ...]) -> None:
    """Explain why a credential is reported at FILE:LINE or ARCHIVE!/MEMBER:LINE, or why it is not.

    Prints each candidate there (never its value), its features, the rows that found it and that decided it, and the row to
    change where the decision is wrong. Without :LINE all candidates of the file are explained.
    """
    from bundle import explain
    from hardening.cli.options import columns
    from hardening.reports.plain import visible
    from hardening.reports.text_width import wrapped

    for place in places:
        for line in explain.lines(explain.explain(place)):
            click.echo("\n".join(wrapped(visible(line), columns())))
