"""The next step after a mistake on the command line, where the code that met it knows too little to name one."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher

import click

_LIKE = 0.75
"""How like an option a word has to be to be meant: `--check` is not `--help`."""
_WORDS = (
    (r"is not a valid integer(?: range)?\.", "is not a whole number."),
    (r"is not a valid float(?: range)?\.", "is not a number."),
    (r"does not match the formats? '%Y-%m-%d'\.", "is not a date: write it as 2027-01-31."),
)
"""What the library says, in words of a user."""
_DRY = 'look first: ansible-playbook "$(harden playbooks harden)" -i INVENTORY --check --diff'
_WISHES = {("host apply", one): _DRY for one in ("--check", "--dry-run", "--diff")}
"""Options that a command does not have, and what does the work."""
_ADDRESS = re.compile(
    r"(?:(?P<scheme>\w[\w+.-]*):/{1,2})?(?P<host>[\w.-]+(?(scheme)(?::\d+)?|:\d{1,5}))(?(scheme)(?:/\S*)?): no such file",
    re.IGNORECASE,
)
_PATTERN = re.compile(r"\S*[*?]\S*: no such file", re.IGNORECASE)


def of_usage(problem: click.UsageError, arguments: Sequence[str], root: click.Command) -> tuple[str, str]:
    """Return what to say of a wrong call of the root command, and the next step."""
    verb, command = _called(arguments, root)
    if problem.ctx is not None:
        verb, command = problem.ctx.command_path.partition(" ")[2], problem.ctx.command
    path = f"harden {verb}".strip()
    if isinstance(problem, click.NoSuchOption):
        close = [one for one in problem.possibilities or () if _like(one, problem.option_name)]
        problem = click.NoSuchOption(problem.option_name, possibilities=close, ctx=problem.ctx)
        if wish := _WISHES.get((verb, problem.option_name)):
            return problem.format_message(), wish
    message = problem.format_message()
    for wrong, word in _WORDS:
        message = re.sub(wrong, word, message)
    extra = re.search(r"unexpected extra arguments? \((\S+)", message)
    if extra and any("--inventory" in one.opts for one in command.params):
        word = extra[1].rstrip(")")
        return message, f"hosts are named with -i: {path} -i {word if os.path.exists(word) else f'{word},'}"  # noqa: PTH110 - as in lazy
    return message, f"{path} --help"


def of_input(message: str, hint: str, arguments: Sequence[str], root: click.Command) -> str:
    """Return the next step of a refused input: its own, unless the input shows a better one."""
    if address := _ADDRESS.match(message):
        if address["scheme"] not in (None, "http", "https"):
            return "an address is not a file: download it first"
        return f"an address is not a file: download it first, or scan the server: harden tls scan {address['host']}"
    if _PATTERN.match(message):
        return "the shell found no file that matches: check the folder and the pattern"
    return hint or f"harden {_called(arguments, root)[0]}".rstrip() + " --help"


def _like(one: str, other: str) -> bool:
    return SequenceMatcher(None, one.strip("-"), other.strip("-")).ratio() >= _LIKE


def _called(arguments: Iterable[str], root: click.Command) -> tuple[str, click.Command]:
    """Return the command that words call, and its name without that of the root."""
    command, context = root, click.Context(root, info_name="harden")
    names: list[str] = []
    for word in arguments:
        found = command.get_command(context, word) if isinstance(command, click.Group) else None
        if found is None:
            break
        names.append(word)
        command, context = found, click.Context(found, info_name=word, parent=context)
    return " ".join(names), command
