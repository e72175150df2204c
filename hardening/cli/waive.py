"""`harden waive FINGERPRINT`: add one row to a waiver file."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import click

from hardening.errors import InputError, UsageError

_FILE = click.Path(path_type=Path, dir_okay=False)
_WHOLE, _LEAST = 32, 8
"""Digits of a fingerprint, and how many of them are enough beside a report."""


@click.command()
@click.argument("fingerprint")
@click.option("--reason", required=True, help="Why the finding is accepted.")
@click.option("--owner", required=True, help="The person who answers for it.")
@click.option(
    "--expires", required=True, metavar="DATE", help="The last day on which it is accepted: 2027-01-31."
)
@click.option("--from", "report", type=_FILE, metavar="REPORT",
              help="The JSON report that has the finding: 8 digits of FINGERPRINT are then enough, and the waiver names the finding.")  # fmt: skip
@click.option(
    "--waivers", type=_FILE, default=Path("waivers.toml"), show_default=True, help="The file to add it to."
)
def command(
    fingerprint: str, reason: str, owner: str, expires: str, report: Path | None, waivers: Path
) -> None:
    """Accept the finding FINGERPRINT: add it to a waiver file, with reason, owner and last day.

    Reports show fingerprints: text with -v, JSON, SARIF. With --waivers FILE the next run does not count it.
    """
    from hardening import waivers as known
    from hardening.cli.options import write_whole

    until, name = _day(expires), fingerprint.strip().lower()
    for word, text in (("--reason", reason), ("--owner", owner)):
        if not text.strip():
            raise UsageError(f"{word} is empty", hint="an auditor asks who accepted it, and why")
    about = ""
    if report is not None:
        name, about = _found(report, name)
    elif len(name) != _WHOLE or not _is_hex(name):
        hint = "give all 32 digits, or 8 of them and --from REPORT.json"
        raise UsageError(f"{fingerprint!r} is not a fingerprint", hint=hint)
    before = ""
    if waivers.exists():
        if any(one.fingerprint == name for one in known.load(waivers)):
            raise UsageError(f"{waivers} has a waiver of {name} already", hint="edit that row")
        before = waivers.read_text("utf-8").rstrip("\n") + "\n\n"
    row = [f"# {about}"] if about else []
    row += [
        "[[waiver]]",
        f"fingerprint = {_text(name)}",
        f"reason = {_text(reason)}",
        f"owner = {_text(owner)}",
    ]
    row += [f"expires = {until.isoformat()}"]
    write_whole(waivers, (before + "\n".join(row) + "\n").encode())
    click.echo(f"added to {waivers}: {name}, until {until.isoformat()}; use it with --waivers {waivers}")


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError as problem:
        raise UsageError(f"--expires {text!r} is not a date", hint="write it as 2027-01-31") from problem
    if day < datetime.now(UTC).date():
        raise UsageError(
            f"--expires {text} is in the past", hint="choose the last day on which the waiver holds"
        )
    return day


def _is_hex(text: str) -> bool:
    return bool(text) and set(text) <= set("0123456789abcdef")


def _text(value: str) -> str:
    """Return a TOML string: JSON's escapes are TOML's, and a TOML string holds no DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _found(report: Path, name: str) -> tuple[str, str]:
    """Return the whole fingerprint, and in one line what it is. Errors: UsageError, InputError, DataError."""
    from hardening import baseline
    from hardening.reports.plain import visible

    if len(name) < _LEAST or not _is_hex(name):
        raise UsageError(f"{name!r} is not a fingerprint", hint="give at least 8 of its 32 digits")
    found: dict[str, dict[str, Any]] = {}
    for _, _, row in baseline.rows(report):
        for one in {str(row.get("fingerprint", "")), *map(str, dict(row.get("fingerprints") or {}).values())}:
            if one.startswith(name):
                found.setdefault(str(row["fingerprint"]), row)
    if not found:
        raise InputError(
            f"{report} has no finding {name}",
            hint=f"take one of those that it shows: harden report render {report} -v",
        )
    if len(found) > 1:
        raise UsageError(f"{len(found)} findings of {report} begin with {name}", hint="give more digits")
    ((whole, row),) = found.items()
    place = row.get("location") or {}
    where = place.get("path") or place.get("endpoint") or ""
    return whole, visible(f"{row.get('rule', '')} at {where}: {row.get('message', '')}").replace("\n", " ")
