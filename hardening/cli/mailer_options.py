"""Options every mailer verb shares; what opens encrypted settings arrives as one `keys`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import wraps
from pathlib import Path
from typing import Any

import click

from hardening.cli.options import also_read
from hardening.errors import HardeningError

_FILE = click.Path(path_type=Path, dir_okay=False)


def config_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--config`, and `--vault-password-file` and `--key-file` as `keys`."""

    @wraps(function)
    def with_keys(*args: Any, **kwargs: Any) -> Any:
        keys = keys_of(kwargs)
        also_read(kwargs["config"], keys.key_file, keys.vault_password)
        try:
            return function(*args, keys=keys, **kwargs)
        except HardeningError as problem:
            _mask(problem)
            raise problem from None  # what caused it may hold the value as it is

    for option in (
        click.option("--vault-password-file", type=_FILE, help="Opens settings encrypted by ansible-vault."),
        click.option("--key-file", type=_FILE, help="Opens settings sealed by harden mailer seal."),
        click.option(
            "-c", "--config", type=_FILE, default="mailer.toml", show_default=True, help="The settings."
        ),
    ):
        with_keys = option(with_keys)
    return with_keys


def _mask(problem: HardeningError) -> None:
    """Take out of an error what the settings hold and must not be printed."""
    from hardening.mailer.secret import masked

    problem.args = (masked(str(problem)),)
    problem.hint = masked(problem.hint)


def say(text: str, *, err: bool = False) -> None:
    """Print a line without what the settings hold and must not be printed."""
    from hardening.mailer.secret import masked

    click.echo(masked(text), err=err)


def keys_of(options: dict[str, Any]) -> Any:
    """Take the options that open settings out of a command's, and return them as one value."""
    from hardening.mailer.rest import Keys

    return Keys(options.pop("vault_password_file"), options.pop("key_file"))


def today() -> date:
    """Return the day, as the operator's reports date it."""
    return datetime.now(UTC).date()
