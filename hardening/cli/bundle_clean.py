"""`harden bundle clean`: a new bundle in which what is safe to fix is fixed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hardening.cli.options import (
    ReportOptions,
    expect_writable,
    finish,
    keep_apart,
    maker_report_options,
    sealing_key,
    write_file,
)
from hardening.cli.path_types import OutputPath
from hardening.errors import UsageError
from hardening.signals import like_interrupted

if TYPE_CHECKING:
    from bundle.clean.run import Cleaned


@click.command(name="clean")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("-o", "--output", "out", type=OutputPath(path_type=Path, dir_okay=False),
              help="The new bundle; must not exist. Required without --dry-run.")  # fmt: skip
@click.option(
    "--dry-run", "dry", is_flag=True, help="List the changes that would be made, and write nothing."
)
@click.option("--remove", multiple=True, metavar="COMPONENT",
              help="Remove the files that hold this component (tinymce) even where others may need them; may be repeated.")  # fmt: skip
@click.option("--rules", multiple=True, type=click.Path(exists=True, path_type=Path), metavar="FILE",
              help="Further component rules or a deny-list; may be repeated.")  # fmt: skip
@click.option("--secrets", type=OutputPath(path_type=Path, dir_okay=False), metavar="FILE",
              help="Write the list of placeholders: names and places that each host fills in (JSON, without the secrets).")  # fmt: skip
@click.option("--check-command", metavar="COMMAND",
              help="EXECUTE this command on the result ({} in it is the file's path; without {} it is the last argument). "
              "When it fails, OUT is not written and the exit code is 6.")  # fmt: skip
@click.option("--check-seconds", type=click.FloatRange(0.1), metavar="SECONDS", default=300.0, show_default=True,
              help="Seconds that the command may take.")  # fmt: skip
@maker_report_options
def command(
    path: Path,
    out: Path | None,
    dry: bool,
    remove: tuple[str, ...],
    rules: tuple[Path, ...],
    secrets: Path | None,
    check_command: str | None,
    check_seconds: float,
    report: ReportOptions,
) -> int:
    """Copy the bundle PATH to OUT, without what is safe to remove. PATH is not changed.

    Removed: components that must not ship, and those that --remove names. Replaced: credentials that are certain, by a
    placeholder @secret:name@ that the installer fills in on the host. Everything else keeps its bytes, owner, mode, time
    and order. The report lists each change and audits OUT.

    Exit codes: 10 if a finding at or above --fail-on is left; 3 if nothing in PATH can be examined, 11 if its format
    cannot be written (7z, ISO). After 3 and 11 there is no OUT.
    """
    from bundle.audit import audit
    from bundle.clean import references
    from bundle.clean.run import cleaned
    from bundle.clean.smoke import Smoke
    from bundle.detect import detectors
    from bundle.detect.credentials import Credentials

    out = _output(path, out, dry=dry, unwanted=bool(secrets or check_command))
    outputs = [] if dry else [out]
    keep_apart([secrets] if secrets else [], [path, *outputs, *rules, *(name for _, name in report.reports)])
    for one in (*outputs, *([secrets] if secrets else [])):
        if not os.path.lexists(one):  # Path's own raise where a name is too long
            expect_writable(one)
    using = detectors(rules, key=sealing_key(report.baseline_key))
    wanted = _components(remove, {rule.id for one in using for rule in one.rules()})
    smoke = Smoke(check_command, check_seconds, out) if check_command else None
    if smoke and not report.quiet:
        click.echo(f"runs on the result: {check_command}", err=True)
    with like_interrupted():  # no result that nobody has audited
        result = cleaned(
            path, out, lambda bundle: audit([bundle], detectors=using), check=smoke, remove=wanted,
            detector=next((one for one in using if isinstance(one, Credentials)), None), dry=dry,
        )  # fmt: skip
    if secrets is not None and result.written:
        body = {
            "schema": references.SCHEMA,
            "bundle": out.name,
            "secrets": references.to_json(result.references),
        }
        try:
            write_file(secrets, json.dumps(body, indent=2).encode() + b"\n")
        except BaseException:
            out.unlink(missing_ok=True)  # nobody would know what to fill in; the next run would be refused
            raise
    for rule in result.absent:
        click.echo(f"nothing to remove: {rule} is not in {path}", err=True)
    for line in _stays(path, result):
        click.echo(line, err=True)
    return finish(result.run, report)


def _output(path: Path, out: Path | None, *, dry: bool, unwanted: bool) -> Path:
    """Return the output file; with `dry` none is made. Errors: UsageError."""
    if dry and unwanted:
        raise UsageError("--dry-run writes nothing", hint="leave out --secrets and --check-command")
    if out is None and not dry:
        raise UsageError("no output file", hint="name it with -o OUT, or list the changes with --dry-run")
    return out or path


def _stays(path: Path, result: Cleaned) -> list[str]:
    """Return each fix that could not be carried out, and why there is no output file where there is none."""
    reasons = [
        r.reason for r in result.run.results if r.reason.startswith(("not removed: ", "not replaced: "))
    ]
    if result.refused:
        reasons.append(f"not cleaned: {path}: {result.refused}; no output file was written")
        reasons.append("  unpack it, clean the members, and pack it again with the format's own tool")
    return list(dict.fromkeys(reasons))


def _components(words: tuple[str, ...], known: set[str]) -> frozenset[str]:
    """Return rule ids for `tinymce` or `component/tinymce`. Errors: UsageError."""
    wanted = frozenset(word if word.startswith("component/") else f"component/{word}" for word in words)
    for rule in sorted(wanted - known):
        from difflib import get_close_matches

        close = get_close_matches(
            rule.removeprefix("component/"), [one.removeprefix("component/") for one in known], n=1
        )
        hint = f"did you mean {close[0]}?" if close else "harden rules component lists them all"
        raise UsageError(f"--remove {rule.removeprefix('component/')}: no such component", hint=hint)
    return wanted
