"""Manual pages of every command, made from its help when a wheel is built."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from hardening import __version__
from hardening.cli.examples import EXAMPLES


def write(folder: Path) -> list[Path]:
    """Write `harden.1`, `harden-bundle-audit.1` and so on into a folder, and return them."""
    from hardening.cli import harden

    folder.mkdir(parents=True, exist_ok=True)
    pages = []
    for path, command, context in _commands(("harden",), harden, click.Context(harden, info_name="harden")):
        page = folder / f"{'-'.join(path)}.1"
        page.write_text("\n".join(_page(path, command, context)) + "\n", encoding="utf-8")
        pages.append(page)
    return sorted(pages)


def _commands(
    path: tuple[str, ...], command: click.Command, context: click.Context
) -> Iterator[tuple[tuple[str, ...], click.Command, click.Context]]:
    yield path, command, context
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None and not below.hidden:
                yield from _commands(
                    (*path, name), below, click.Context(below, info_name=name, parent=context)
                )


def _page(path: tuple[str, ...], command: click.Command, context: click.Context) -> Iterator[str]:
    name = "-".join(path)
    yield f'.TH "{name.upper()}" "1" "" "harden {__version__}" "harden"'
    yield ".SH NAME"
    yield f"{_text(name)} \\- {_text(command.get_short_help_str(200))}"
    yield ".SH SYNOPSIS"
    yield f".B {_text(' '.join(path))}"
    yield _text(" ".join(command.collect_usage_pieces(context)))
    yield ".SH DESCRIPTION"
    for paragraph in (command.help or "").replace("\b\n", "").split("\n\n"):
        yield ".PP"
        yield _text(" ".join(paragraph.split()))
    options = [one for one in command.get_params(context) if isinstance(one, click.Option)]
    if options:
        yield ".SH OPTIONS"
    for option in options:
        option.hidden = False
        record = option.get_help_record(context)
        if record is not None:
            yield from (".TP", f".B {_text(record[0])}", _text(record[1]))
    if isinstance(command, click.Group):
        yield ".SH COMMANDS"
        for word in command.list_commands(context):
            below = command.get_command(context, word)
            if below is not None and not below.hidden:
                yield from (".TP", f".BR {_text(f'{name}-{word}')} (1)", _text(below.get_short_help_str(200)))
    rows = EXAMPLES.get(" ".join(path[1:]), ())
    if rows:
        yield ".SH EXAMPLES"
    for text, does in rows:
        yield from (".TP", f".B {_text(text)}", _text(does))


def _text(text: str) -> str:
    """Return text in which troff finds no command of its own."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped
