"""`harden bundle clean`: a new bundle in which what is safe to fix is fixed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from hardening.cli.given import Written
from hardening.cli.options import (
    ReportOptions,
    expect_writable,
    finish,
    keep_apart,
    maker_report_options,
    sealing_key,
    write_file,
)
from hardening.ended import like_interrupted


@click.command(name="clean")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("-o", "--output", "out", type=Written(path_type=Path, dir_okay=False), required=True,
              help="The new bundle; must not exist.")  # fmt: skip
@click.option("--remove", multiple=True, metavar="COMPONENT",
              help="Remove the files that hold this component (tinymce) even where others may need them; may be repeated.")  # fmt: skip
@click.option("--rules", multiple=True, type=click.Path(exists=True, path_type=Path), metavar="FILE",
              help="Further component rules or a deny-list; may be repeated.")  # fmt: skip
@click.option("--secrets", type=Written(path_type=Path, dir_okay=False), metavar="FILE",
              help="Write which secrets the host has to have, and where they are filled in (JSON, no secret in it).")  # fmt: skip
@click.option("--check-command", metavar="COMMAND",
              help="Run this on the result ({} in it is the file's path, else the last argument). The command is EXECUTED, "
              "and what it starts. When it fails, OUT is not written and the exit code is 6.")  # fmt: skip
@click.option("--check-seconds", type=click.FloatRange(0.1), default=300.0, show_default=True,
              help="How long the command may take.")  # fmt: skip
@maker_report_options
def command(
    path: Path,
    out: Path,
    remove: tuple[str, ...],
    rules: tuple[Path, ...],
    secrets: Path | None,
    check_command: str | None,
    check_seconds: float,
    report: ReportOptions,
) -> int:
    """Write OUT, the bundle PATH with everything fixed that is safe to fix; never in place.

    Components are removed where nothing else is in their file or folder, and where --remove names them; a credential gives way to @secret:name@, which the installer fills in on the host. What
    stays is byte for byte the same, with owner, mode, time and order. The report is the audit of OUT; it exits 10
    when a finding at or above --fail-on is left. Of a PATH of which nothing can be examined there is no OUT (3).
    """
    from bundle import references
    from bundle.audit import audit
    from bundle.clean import cleaned
    from bundle.detect import detectors
    from bundle.detect.credentials import Credentials
    from bundle.smoke import Smoke

    keep_apart([secrets] if secrets else [], [path, out, *rules, *(name for _, name in report.reports)])
    for made_at in (out, *([secrets] if secrets else [])):
        if not os.path.lexists(made_at):  # Path's own raise where a name is too long
            expect_writable(made_at)
    using = detectors(rules, key=sealing_key(report.baseline_key))
    wanted = _components(remove, {rule.id for one in using for rule in one.rules()})
    smoke = Smoke(check_command, check_seconds, out) if check_command else None
    if smoke and not report.quiet:
        click.echo(f"runs on the result: {check_command}", err=True)
    with like_interrupted():  # no result that nobody has audited
        made = cleaned(
            path, out, lambda bundle: audit([bundle], detectors=using), check=smoke, remove=wanted,
            detector=next((one for one in using if isinstance(one, Credentials)), None),
        )  # fmt: skip
    if secrets is not None and made.written:
        body = {
            "schema": references.SCHEMA,
            "bundle": out.name,
            "secrets": references.to_json(made.references),
        }
        try:
            write_file(secrets, json.dumps(body, indent=2).encode() + b"\n")
        except BaseException:
            out.unlink(missing_ok=True)  # nobody would know what to fill in; the next run would be refused
            raise
    for rule in made.absent:
        click.echo(f"nothing to remove: {rule} is not in {path}", err=True)
    if not report.quiet:
        for result in made.run.results:
            if result.reason.startswith(("removed ", "replaced by ", "not removed: ", "not replaced: ")):
                click.echo(f"{result.reason}  ({result.rule.id})")
    return finish(made.run, report)


def _components(words: tuple[str, ...], known: set[str]) -> frozenset[str]:
    """Return rule ids for `tinymce` or `component/tinymce`. Errors: UsageError."""
    from hardening.errors import UsageError

    wanted = frozenset(word if word.startswith("component/") else f"component/{word}" for word in words)
    for rule in sorted(wanted - known):
        from difflib import get_close_matches

        close = get_close_matches(rule, known, n=1)
        hint = f"did you mean {close[0]}?" if close else "harden rules component lists them all"
        raise UsageError(f"--remove {rule.removeprefix('component/')}: no such component", hint=hint)
    return wanted
