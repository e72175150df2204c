"""Paths as they are given: an empty one is a variable nobody set, and never the current folder."""

from __future__ import annotations

from copy import copy
from typing import Any

import click


class InputPath(click.Path):
    """A path that has a name."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path. Errors: click.BadParameter for an empty text, of which `Path` makes the current folder."""
        if value in ("", b""):
            self.fail("the path is empty: is a variable not set?", param, ctx)
        return super().convert(value, param, ctx)


class OutputPath(InputPath):
    """A file that is written, and never standard output."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path. Errors: click.BadParameter for `-`, of which a file of that name would be made."""
        if value in ("-", b"-"):
            self.fail("this is written to a file, not to standard output; name it", param, ctx)
        return super().convert(value, param, ctx)


def refuse_empty(command: click.Command) -> None:
    """Let no argument or option of a verb take an empty text for a path."""
    for one in command.params:
        if type(one.type) is click.Path:
            one.type = copy(one.type)
            one.type.__class__ = InputPath
