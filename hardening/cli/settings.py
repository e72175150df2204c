"""`--config FILE` on every verb: options that are always the same, written down once (default: hardening.toml).

fail-on = "high"                       # any report option: every verb that has it
waivers = "accepted.toml"

[tls.scan]                             # any option of one verb, which goes before those above
policy = ["aspect", "mozilla-intermediate"]
timeout = 10

A word on the command line goes before the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from hardening.toml_rows import Table

DEFAULT = "hardening.toml"
_WARNED = frozenset(
    ("check-command", "restart-command", "force", "force-older", "local", "trust-inline-ignores")
)
"""Only on the command line: what runs a program or overrides a refusal is nothing a file decides."""
_NAMED = frozenset(("dask", "extra"))
"""Only there or in a file that was named: a folder's own would choose who runs what (workers, variables of playbooks)."""
_WHOM = frozenset(("key_files", "trust_file"))
"""The same of whom to trust, by the names of the parameters: a folder's own file may have come with what is verified."""
_OWN = "config"
"""The mailer's and the engine's `--config` names their own settings; theirs stays theirs."""


def add(command: click.Command) -> None:
    """Give a verb, or every verb a group has loaded, the option; once, and not where it has one of its own."""
    from hardening.cli.path_types import refuse_empty

    if isinstance(command, click.Group):
        for one in command.commands.values():
            add(one)
        return
    if not any(f"--{_OWN}" in one.opts for one in command.params):
        option = click.Option(
            [f"--{_OWN}"],
            metavar="FILE",
            type=click.Path(path_type=Path, dir_okay=False),
            is_eager=True,
            expose_value=False,
            callback=_read,
            help=f"Defaults of these options (TOML).  [default: {DEFAULT} where it exists]",
        )
        command.params.append(option)
    refuse_empty(command)


def _read(context: click.Context, _parameter: click.Parameter, path: Path | None) -> None:
    """Take the verb's defaults from the file. Errors: InputError, DataError (naming file and key)."""
    import os

    if path is None and not os.path.exists(DEFAULT):  # noqa: PTH110 - quicker, and every command asks
        return
    from hardening.cli.options import also_read
    from hardening.toml_rows import Table

    table = Table.load(path or Path(DEFAULT), named=path is not None)
    also_read(path or Path(DEFAULT))
    named = path is not None
    context.default_map = _defaults(context, table, named=named)
    warnings = [
        f"warning: {one}" for one in _elsewhere(context, context.find_root(), table, table, named=named)
    ]
    if not named and context.default_map:
        warnings.append(f"with the defaults of {DEFAULT} in this folder")
    if warnings:
        context.call_on_close(lambda: _tell(context, warnings))


def _tell(context: click.Context, warnings: Iterable[str]) -> None:
    source = context.get_parameter_source("quiet")
    if not (
        context.params.get("quiet") and source is click.core.ParameterSource.COMMANDLINE
    ):  # a file hides not itself
        for line in warnings:
            click.echo(f"harden: {line}", err=True)


def _elsewhere(
    context: click.Context, group: click.Context, whole: Table, table: Table, *, named: bool
) -> Iterator[str]:
    """Say what is wrong in the tables of other verbs than this call's, which they would refuse."""
    from hardening.errors import DataError

    for key in table.keys():  # noqa: SIM118 - a Table is no mapping
        of_verb = isinstance(table.value(key, object), Mapping)
        if table is whole and not of_verb:
            continue
        found = group.command.get_command(group, key) if isinstance(group.command, click.Group) else None
        if found is None or not of_verb:
            yield str(table.wrong(key, f"is not a verb of {group.command_path}"))
            continue
        here = click.Context(found, info_name=key, parent=group)
        if isinstance(found, click.Group):
            yield from _elsewhere(context, here, whole, table.table(key), named=named)
        elif not any(one.callback is _read for one in found.params):
            yield str(table.wrong(key, f"is ignored: {here.command_path} has settings of its own"))
        elif here.command_path != context.command_path:
            try:
                _defaults(here, whole, named=named)
            except DataError as problem:
                yield str(problem)


def _defaults(context: click.Context, whole: Table, *, named: bool) -> dict[str, Any]:
    """Return the values of this verb's parameters: report options of the whole file, then those of its own table."""
    from hardening.cli.options import REPORT_WORDS

    options = {
        word.removeprefix("--"): one
        for one in context.command.params
        if isinstance(one, click.Option)
        for word in one.opts
        if word.startswith("--") and word not in ("--help", f"--{_OWN}")
    }
    found: dict[str, Any] = {}
    own = _own(context, whole)
    for table in (whole, own) if own else (whole,):
        for key in table.keys():  # noqa: SIM118 - a Table is no mapping
            value = table.value(key, object)
            if table is whole and isinstance(value, Mapping):
                continue
            if table is whole and key not in REPORT_WORDS:
                raise table.wrong(key, "is not a report option", f"known: {', '.join(REPORT_WORDS)}")
            if table is not whole and key in _WARNED:
                raise table.wrong(key, "is allowed on the command line only", "remove it from the file")
            if (
                table is not whole
                and not named
                and (key in _NAMED or (key in options and options[key].name in _WHOM))
            ):
                raise table.wrong(
                    key,
                    "is allowed only in a file that --config names",
                    f"--config {DEFAULT}, or take it out",
                )
            if table is not whole and key not in options:
                verb = context.command_path
                raise table.wrong(key, f"is not an option of {verb}", f"{verb} --help lists them")
            if key in options and (table is not whole or _reports(options, key)):
                found[options[key].name or key] = _value(context, table, key, value, options[key])
    return found


def _reports(options: Mapping[str, click.Option], key: str) -> bool:
    """Return whether the verb's option of that name is the report's: what a verb makes has an `-o` and a `--format` of its own."""
    from hardening.cli.options import FORMATS

    kinds = getattr(options["format"].type, "choices", ()) if "format" in options else ()
    return "fail-on" in options and (tuple(kinds) == FORMATS or key not in ("format", "output"))


def _own(context: click.Context, whole: Table) -> Table | None:
    """Return the table of this verb, having seen that what stands beside its words are verbs, too."""
    table = whole
    chain = [context]
    while chain[0].parent is not None:
        chain.insert(0, chain[0].parent)
    for group, verb in pairwise(chain):
        known = group.command.list_commands(group) if isinstance(group.command, click.Group) else []
        for key in table.keys():  # noqa: SIM118 - as above
            of_verb = isinstance(table.value(key, object), Mapping)
            if key not in known and (of_verb or table is not whole):
                raise table.wrong(key, f"is not a verb of {group.command_path}", f"known: {', '.join(known)}")
            if table is not whole and not of_verb:
                words = f"{group.command_path} {key}".partition(" ")[2].replace(" ", ".")
                raise table.wrong(key, "has to be a table", f"write [{words}], and below it its options")
        word = verb.info_name or ""
        if word not in table or not isinstance(table.value(word, object), Mapping):
            return None
        table = table.table(word)
    return table


def _value(context: click.Context, table: Table, key: str, value: Any, option: click.Option) -> Any:
    """Return what click takes for the option. Errors: DataError."""
    fits = (
        isinstance(value, bool) if option.is_flag
        else isinstance(value, list) and all(isinstance(one, str) for one in value) if option.multiple
        else isinstance(value, str | int | float) and not isinstance(value, bool)
    )  # fmt: skip
    if not fits:
        wanted = (
            "true or false"
            if option.is_flag
            else "a list of texts"
            if option.multiple
            else "a text or number"
        )
        raise table.wrong(key, f"has to be {wanted}")
    if option.multiple or option.is_flag or option.count:
        return value
    value = str(value)  # as on the command line, where 2.5 is no whole number
    try:
        option.type_cast_value(context, value)
    except click.BadParameter as problem:
        raise table.wrong(key, problem.message) from problem
    return value
