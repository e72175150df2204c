"""`harden report render`, `merge`, `diff`, `trend`, `site`: what can be done with stored JSON reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from hardening.cli.options import ReportOptions, finish, report_options
from hardening.findings import Severity

if TYPE_CHECKING:
    from hardening.reports.site import PageTable

_PATH = click.Path(path_type=Path)
_HEAD = 400
"""Bytes in which an envelope names its payload."""
_KEYS = click.option(
    "--key", "key_files", type=click.Path(path_type=Path, dir_okay=False), multiple=True,
    help="A trusted public key: refuse a report that none of these keys has signed. May be repeated.",
)  # fmt: skip


def _expect_signed(paths: Sequence[Path], key_files: Sequence[Path]) -> None:
    """Refuse a report whose signature beside it is not of a trusted key. Errors: RefusedError, InputError."""
    from bundle.trust import keys, policy
    from bundle.trust.verify import verify_report
    from hardening.errors import ExitCode, RefusedError

    trusted = policy.TrustPolicy.of([keys.load_public(file) for file in key_files], 1)
    for path in paths:
        run = verify_report(path, trusted)
        if run.exit_code() is not ExitCode.OK:
            hint = run.findings[0].remedy or run.findings[0].rule.remedy
            raise RefusedError(f"{path}: {run.findings[0].message}", hint=hint)


def files(paths: Sequence[Path]) -> list[Path]:
    """Return the reports that are meant: a file itself, of a folder every `*.json` in it that is no signature."""
    from hardening.errors import InputError

    found: list[Path] = []
    for path in paths:
        own = sorted(path.rglob("*.json")) if path.is_dir() else [path]
        own = [one for one in own if not one.name.endswith(".dsse.json")]
        if not own:
            raise InputError(f"{path}: no *.json in it", hint="write reports with --report json=FILE")
        found += own
    return found


def _as_stored(report: ReportOptions, limit: Severity | None) -> ReportOptions:
    """Return the options with the threshold of the stored report, unless the call names one."""
    source = click.get_current_context().get_parameter_source("fail_on")
    if source is not ParameterSource.DEFAULT:
        return report
    return replace(report, fail_on="never" if limit is None else limit.label)


@click.command()
@click.argument("path", type=_PATH)
@_KEYS
@report_options
def render(path: Path, key_files: tuple[Path, ...], report: ReportOptions) -> int:
    """Write the stored JSON report PATH in another format.

    The result is what the command itself would have written in that format.
    """
    from hardening.reports import stored

    if key_files:
        _expect_signed([path], key_files)
    found = stored.load(path)
    return finish(found.run, _as_stored(report, found.fail_on))


@click.command()
@click.argument("paths", type=_PATH, nargs=-1, required=True)
@_KEYS
@report_options
def merge(paths: tuple[Path, ...], key_files: tuple[Path, ...], report: ReportOptions) -> int:
    """Merge stored JSON reports, or folders of them, into one.

    A subject that is in several reports is taken from the latest one.
    """
    from hardening.reports import stored

    every = files(paths)
    if key_files:
        _expect_signed(every, key_files)
    found = [stored.load(path) for path in every]
    limits = [one.fail_on for one in found if one.fail_on is not None]
    run = stored.merged([one.run for one in found])
    return finish(run, _as_stored(report, min(limits) if limits else None))


@click.command()
@click.argument("old", type=_PATH)
@click.argument("new", type=_PATH)
@report_options
def diff(old: Path, new: Path, report: ReportOptions) -> int:
    """Compare the stored reports OLD and NEW, files or folders.

    Findings of both are known, findings of OLD alone are listed as gone. Exit 10: a new finding reaches the threshold.
    """
    from hardening import baseline
    from hardening.reports import stored

    before = [stored.load(path) for path in files([old])]
    after = [stored.load(path) for path in files([new])]
    limits = [one.fail_on for one in after if one.fail_on is not None]
    earlier = baseline.load(old)
    run = stored.compared(
        stored.merged([one.run for one in before]), stored.merged([one.run for one in after]), earlier
    )
    return finish(run, _as_stored(report, min(limits) if limits else None))


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--format", "format_", type=click.Choice(["text", "csv", "json"]), default="text", show_default=True,
              help="Format of the table.")  # fmt: skip
def trend(folder: Path, format_: str) -> None:
    """Show how findings changed from day to day in FOLDER, a history of stored JSON reports.

    A subject without a report on a day counts as on the day before.
    """
    from hardening.reports import history

    rows = history.days(files([folder]))
    click.echo(history.table(rows, format_), nl=False)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("-o", "--output", "out", type=click.Path(path_type=Path, file_okay=False), required=True,
              help="Folder of the pages.")  # fmt: skip
@click.option("--index", "index_file", type=click.Path(path_type=Path, dir_okay=False),
              help="Where the index is kept between calls; default: index.sqlite in the folder of the pages.")  # fmt: skip
@click.option("--key", "key_files", type=click.Path(path_type=Path, dir_okay=False), multiple=True,
              help="A public key that signs the receipts of upgrades; may be repeated. Exit 11: one is not signed by it.")  # fmt: skip
def site(folder: Path, out: Path, index_file: Path | None, key_files: tuple[Path, ...]) -> None:
    """Write static pages over FOLDER, a history of stored JSON reports and of signed receipts of upgrades.

    The pages are: fleet, drift, what ends next, secrets, advisories, upgrades.

    Any web server shows them. `harden.prom` is for Prometheus' textfile collector, `grafana.json` a dashboard for it.
    """
    from datetime import UTC, datetime

    from hardening.cli.options import make_folder, write_file
    from hardening.reports import site as pages
    from hardening.reports.verdict import many

    receipts = [path for path in sorted(folder.rglob("*.json")) if _is_receipt(path)]
    every = [path for path in files([folder]) if path not in set(receipts)]
    upgrades = _upgrades(receipts, key_files)
    make_folder(out)
    with pages.ReportFolder(index_file or out / "index.sqlite") as index:
        added = index.add(every)
        for name, body in pages.pages(index, datetime.now(UTC).date(), upgrades).items():
            write_file(out / name, body)
    signed = f", {many(len(receipts), 'receipt')}" if receipts else ""
    click.echo(f"{added} new of {len(every)} reports{signed}; open {out / 'index.html'}")


def _is_receipt(path: Path) -> bool:
    """Return whether a file is a receipt: envelopes name their payload at the begin, so that reports are not read twice."""
    from hardening.upgrade import receipt

    with path.open("rb") as file:
        head = file.read(_HEAD)
    return b'"payload' in head and receipt.is_receipt(path)


def _upgrades(receipts: Sequence[Path], key_files: Sequence[Path]) -> PageTable:
    """Return the hosts of all receipts, the latest first. Errors: RefusedError naming the receipt."""
    from bundle.trust import keys
    from hardening.errors import RefusedError
    from hardening.reports import site as pages
    from hardening.upgrade import receipt

    trusted = [keys.load_public(file) for file in key_files]
    rows: list[tuple[str, ...]] = []
    for path in receipts:
        try:
            rows += receipt.rows(path, trusted)
        except RefusedError as problem:
            raise RefusedError(f"{path}: {problem}", hint=problem.hint) from problem
    rows.sort(key=lambda row: row[1:])
    rows.sort(key=lambda row: row[0], reverse=True)
    return pages.table("Hosts of signed receipts, the latest first", receipt.COLUMNS, rows)
