"""Groups whose commands are imported when they are called for, so that `harden --help` stays quick."""

from __future__ import annotations

import os
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import Any

import click

from hardening.cli.examples import epilog
from hardening.cli.help_groups import GroupedContext
from hardening.cli.settings import add
from hardening.records import dataclass

_MEANT = {
    "analyse": ("audit",), "analyze": ("audit",), "check": ("audit", "triage"), "inspect": ("audit", "show"),
    "lint": ("audit",), "scan": ("audit",), "test": ("audit", "verify"), "fix": ("clean",), "remove": ("clean",),
    "repair": ("clean",), "sanitize": ("clean",), "inventory": ("sbom",), "genkey": ("keygen",), "undo": ("rollback",),
    "revert": ("rollback",), "install": ("apply",), "run": ("apply",), "harden": ("apply",), "generate": ("render",),
    "setport": ("set-port",), "port": ("set-port",), "ignore": ("waive",), "accept": ("waive",), "compare": ("diff", "baseline"),
    "status": ("show",), "list": ("policies", "example"), "convert": ("render",), "export": ("render",), "html": ("render",),
    "show": ("render",), "compare-clean": ("verify-clean",), "validate": ("verify", "check"), "verify": ("check",), "push": ("add",),
    "publish": ("add",), "join": ("merge",), "history": ("trend",), "dashboard": ("site",),
}  # fmt: skip
"""Verbs that other programs have for what is called otherwise here."""
_CLOSE = 0.7
"""How like a known verb a word has to be: `scan` is not `clean`."""
_WHOLE = 200
"""Letters of a command's first sentence in the help of its group: all of it."""


@dataclass(frozen=True, slots=True)
class Verb:
    """A command by name: the module that holds it (as `command`) and its line in the help."""

    name: str
    module: str
    summary: str
    attribute: str = "command"


class OwnPipeError(Exception):
    """A pipe or a connection of a command's own broke; its cause says where."""


class LazyGroup(click.Group):
    """A click group over a tuple of `Verb`."""

    def __init__(self, *args: Any, verbs: Sequence[Verb] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._verbs = {verb.name: verb for verb in verbs}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs in the registry's order."""
        return [*self._verbs, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command."""
        verb = self._verbs.get(cmd_name)
        if verb is None:
            found = super().get_command(ctx, cmd_name)
        else:
            found = getattr(import_module(verb.module), verb.attribute)
            if not isinstance(found, click.Command):
                raise TypeError(f"{verb.module}.{verb.attribute} is not a click command")
            add(found)
        if found is not None:
            found.context_class = GroupedContext
        if isinstance(found, click.Command) and not found.epilog:
            found.epilog = epilog(f"{ctx.command_path} {cmd_name}".partition(" ")[2]) or None
        return found

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. Errors: OwnPipeError, for click would take it for a reader of our output that left, and exit."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as problem:
            raise OwnPipeError from problem

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; an unknown one gets the nearest known name as a hint."""
        if args and not args[0].startswith("-") and args[0] not in self.list_commands(ctx):
            known = self.list_commands(ctx)
            meant = [one for one in _MEANT.get(args[0].lower(), ()) if one in known]
            close = (
                meant
                or self._below(ctx, args[0])
                or get_close_matches(args[0].lower(), known, n=1, cutoff=_CLOSE)
            )
            hint = f"did you mean {' or '.join(map(repr, close))}?" if close else f"known: {', '.join(known)}"
            if not close and os.path.exists(args[0]):  # noqa: PTH110 - Path's raises where a folder may not be entered
                hint = f"it is a file, and the command stands before it; {hint}"
            raise click.UsageError(f"no such command {args[0]!r}; {hint}", ctx)
        return super().resolve_command(ctx, args)

    def _below(self, ctx: click.Context, word: str) -> list[str]:
        """Return where a verb is that was given without its group: `tls scan` for `scan`."""
        groups = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        return [
            f"{name} {word}"
            for name, one in groups.items()
            if isinstance(one, click.Group) and word in one.list_commands(ctx)
        ]

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's interface
        formatter: click.HelpFormatter,
    ) -> None:
        """Write the help's list of commands from the registry, without importing any."""
        rows = [(verb.name, verb.summary) for verb in self._verbs.values()]
        rows += [
            (name, command.get_short_help_str(_WHOLE))
            for name, command in sorted(self.commands.items())
            if not command.hidden
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)
