"""`harden baseline OLD NEW`: what is new, known and gone between stored reports."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from hardening.cli.options import FAIL_ON
from hardening.errors import ExitCode
from hardening.findings import Severity

_REPORT = click.Path(path_type=Path)
_WIDE = 10


@click.command()
@click.argument("old", type=_REPORT)
@click.argument("new", type=_REPORT)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Format of the output.",
)
@click.option("--fail-on", type=click.Choice(FAIL_ON), default="medium", show_default=True,
              help="Exit with code 10 if a new finding has at least this severity.")  # fmt: skip
@click.option("-v", "--verbose", is_flag=True, help="List the known findings, too.")
def command(old: Path, new: Path, form: str, fail_on: str, *, verbose: bool) -> int:
    """Compare OLD and NEW, each a JSON report or a folder of them, and list what is new and what is gone.

    A finding is known by its fingerprint, which does not contain the bundle's name: the next release of a bundle
    can be compared with the one before.
    """
    from hardening import baseline

    found = baseline.difference(old, new)
    failing = [
        row
        for row in found.new
        if fail_on != "never"
        and not row.get("waived")
        and not row.get("left_out")
        and _severity(row) >= Severity[fail_on.upper()]
    ]
    if form == "json":
        click.echo(json.dumps({"new": found.new, "known": found.known, "gone": found.gone}, indent=2))
    else:
        click.echo("\n".join(_text(found, verbose=verbose)))
        exit_code = int(ExitCode.FINDINGS if failing else ExitCode.OK)
        click.echo(
            f"{'FAIL' if failing else 'OK'}: {len(failing)} new at or above {fail_on}; exit {exit_code}"
        )
    return int(ExitCode.FINDINGS if failing else ExitCode.OK)


def _severity(row: dict[str, Any]) -> Severity:
    return Severity.__members__.get(str(row.get("severity", "")).upper(), Severity.CRITICAL)


def _text(found: Any, *, verbose: bool) -> Iterator[str]:
    from hardening.reports.plain import visible

    yield f"{'':<6}{'findings':>{_WIDE}}"
    for word in ("new", "known", "gone"):
        yield f"{word:<6}{len(getattr(found, word)):>{_WIDE}}"
    for word in ("new", *["known"] * verbose, "gone"):
        for row in sorted(getattr(found, word), key=lambda one: -_severity(one)):
            place = row.get("location") or {}
            where = str(place.get("path") or place.get("endpoint") or "")
            line = f":{place['line']}" if place.get("line") else ""
            yield ""
            yield f"{word:<6}{row.get('severity', '')}  {visible(str(row.get('rule', '')))}  {row['fingerprint']}"
            yield f"      {visible(str(row.get('message', '')))}"
            yield f"      at {visible(where)}{line}"
    yield ""
