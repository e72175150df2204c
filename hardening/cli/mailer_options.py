"""Options every mailer verb shares."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import click

_FILE = click.Path(path_type=Path, dir_okay=False)


def config_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--config` and `--vault-password-file`."""
    for option in (
        click.option("--vault-password-file", type=_FILE, help="Opens settings encrypted by ansible-vault."),
        click.option(
            "-c", "--config", type=_FILE, default="mailer.toml", show_default=True, help="The settings."
        ),
    ):
        function = option(function)
    return function


def today() -> date:
    """Return the day, as the operator's reports date it."""
    return datetime.now(UTC).date()
