"""Files that ship beside the code, shown by name."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path

import click

from hardening.errors import UsageError


def listed(folder: Path, known: Mapping[str, Path]) -> None:
    """Print the names, and the folder that they are in."""
    for name in known:
        click.echo(name)
    click.echo(f"in {folder}", err=True)


def chosen(known: Mapping[str, Path], name: str, what: str) -> Path:
    """Return the file of that name. Errors: UsageError with the nearest known name."""
    if name in known:
        return known[name]
    close = get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"
    raise UsageError(f"no {what} {name!r}", hint=hint)
