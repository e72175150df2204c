"""Read a passphrase from the terminal or a file, never from the command line or the environment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from hardening.errors import InputError, UsageError


def passphrase_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --passphrase-file and --no-passphrase."""
    for option in (
        click.option("--no-passphrase", is_flag=True, help="The key is not encrypted (for tests and HSM-like stores)."),
        click.option("--passphrase-file", type=click.Path(path_type=Path, dir_okay=False),
                     help="Read the passphrase from the first line of this file instead of asking."),
    ):  # fmt: skip
        function = option(function)
    return function


def new_passphrase(source: Path | None) -> bytes:
    """Return the passphrase for a new key, asked for twice when it comes from the keyboard."""
    if source is not None:
        return _from_file(source)
    return _ask("Passphrase for the new key", confirm=True)


def known_passphrase(source: Path | None, key: Path) -> bytes:
    """Return the passphrase of an existing key."""
    return _from_file(source) if source is not None else _ask(f"Passphrase of the key {key}", confirm=False)


def _ask(prompt: str, *, confirm: bool) -> bytes:
    import sys

    if not sys.stdin.isatty():
        raise UsageError(
            "the key needs a passphrase and there is no terminal to ask on",
            hint="give --passphrase-file FILE, or --no-passphrase for a key that is not encrypted",
        )
    try:
        answer: str = click.prompt(prompt, hide_input=True, confirmation_prompt=confirm, err=True)
        return answer.encode()
    except UnicodeError as problem:
        raise UsageError(
            "the passphrase is not in the encoding of the locale",
            hint="set the terminal's encoding or the locale, or give --passphrase-file FILE",
        ) from problem


def _from_file(source: Path) -> bytes:
    from hardening import inputs

    try:
        line = inputs.read(source, 1 << 16).split(b"\n", 1)[0].rstrip(b"\r")
    except OSError as problem:
        raise InputError(
            f"{source}: {problem.strerror}", hint="check the path and its permissions"
        ) from problem
    if not line:
        raise UsageError(f"{source}: its first line is empty", hint="put the passphrase on the first line")
    return line
