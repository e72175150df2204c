"""`harden mailer guide`: a thin layer over `hardening.mailer.guide`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hardening.cli.mailer_options import config_options, say, today
from hardening.cli.options import STDOUT, keep_apart, write_file
from hardening.errors import DataError, InputError

if TYPE_CHECKING:
    from hardening.mailer.rest import Keys


@click.command()
@config_options
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown", "html"]),
    default="text",
    show_default=True,
    help="Format of the output.",
)
@click.option("--script", is_flag=True, help="Write an Azure CLI / Exchange PowerShell script instead.")
@click.option(
    "--release-notes",
    is_flag=True,
    help="Print the set-up of the product's release notes (EWS, until Microsoft ends it).",
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Default: standard output."
)
def command(
    config: Path,
    keys: Keys,
    form: str,
    script: bool,
    release_notes: bool,
    output: Path | None,
) -> None:
    """Print the set-up for this configuration, step by step, least privilege first."""
    from hardening.mailer.guide import guide
    from hardening.mailer.guide_text import guide_document
    from hardening.mailer.secret import masked
    from hardening.mailer.settings import START, load, start
    from hardening.mailer.settings_lint import mistakes

    if output == STDOUT:
        output = None
    if _absent(config):
        if script:
            raise InputError(f"{config} does not exist", hint="harden mailer guide shows how to begin")
        settings = start(config)
        click.echo(
            f"{config} does not exist, so words in capitals stand for your values. Save this as {config} and fill it in:\n\n{START}",
            err=True,
        )
    else:
        settings = load(config, keys)
    keep_apart([output] if output else [], settings.files)
    for one in mistakes(settings, today()) if not _absent(config) else ():
        if one.key.partition(".")[0] in ("credential", "next_credential"):
            continue  # those come with the guide
        if script and one.grave:
            raise DataError(f"{config}: {one.key}: {one.problem}", hint=one.remedy)
        say(f"{config}: {one.key}: {one.problem}\n  next: {one.remedy}", err=True)
    steps = guide(settings, today(), release_notes=release_notes)
    text = masked(guide_document(steps, "script" if script else form))
    if output is None:
        sys.stdout.write(text)
    else:
        write_file(output, text.encode())


def _absent(config: Path) -> bool:
    """Tell whether nobody named a settings file and the usual one is not there yet."""
    source = click.get_current_context().get_parameter_source("config")
    return source is click.core.ParameterSource.DEFAULT and not config.exists()
