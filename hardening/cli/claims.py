"""`harden claims`: what release notes say, checked on bundles, hosts, endpoints and logs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hardening.cli.lazy import LazyGroup
from hardening.cli.options import (
    STDOUT,
    ReportOptions,
    expect_writable,
    finish,
    keep_apart,
    report_options,
    settled,
    write_file,
    write_reports,
)
from hardening.errors import HardeningError, UsageError

if TYPE_CHECKING:
    from hardening.claims.look import Looker, Shown

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group(cls=LazyGroup)
def command() -> None:
    """Check what release notes claim, on two bundles and on hosts."""


@command.command()
@click.option("-o", "--output", type=_FILE, help="Where it goes; default: standard output.")
def example(output: Path | None) -> None:
    """Write a file of claims to start from: those of ASPECT 3.07.02, in our own words."""
    from hardening.claims.claims import EXAMPLE

    body = EXAMPLE.read_bytes()
    if output is None or output == STDOUT:
        click.echo(body, nl=False)
    else:
        write_file(output, body)


@command.command()
@click.argument("file", type=_FILE)
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@click.option(
    "-i", "--inventory", metavar="INVENTORY", help="Also check every host of this Ansible inventory."
)
@click.option("--limit", metavar="PATTERN", help="Only these hosts of the inventory.")
@click.option(
    "-e",
    "--extra",
    multiple=True,
    metavar="KEY=VALUE|@FILE",
    help="Variables for the playbook; may be repeated.",
)
@click.option(
    "--endpoint",
    "endpoints",
    multiple=True,
    metavar="ENDPOINT",
    help="An endpoint to scan for claims about TLS; may be repeated.",
)
@click.option(
    "--log",
    "logs",
    multiple=True,
    type=_FILE,
    help="An upgrade log for claims about log messages; may be repeated.",
)
@click.option("--annex", type=_FILE, help="Write an annex for technical documentation (Markdown).")
@report_options
def check(
    file: Path,
    old: Path,
    new: Path,
    inventory: str | None,
    limit: str | None,
    extra: tuple[str, ...],
    endpoints: tuple[str, ...],
    logs: tuple[Path, ...],
    annex: Path | None,
    report: ReportOptions,
) -> int:
    """Check each claim of FILE: OLD is the bundle of the last release, NEW the one that the claims are about.

    A claim is true, false (where and why), or not checkable (why). Exit codes: 10 if one is false,
    7 if a host could not be examined, 4 if one is not checkable. `harden report sign` signs the report and the annex.
    """
    from datetime import UTC, datetime

    from hardening.claims import annex as annexes
    from hardening.claims import report as reports
    from hardening.claims.claims import load
    from hardening.claims.judge import judge
    from hardening.claims.look import Looker

    if (limit or extra) and inventory is None:
        raise UsageError("--limit and -e need -i", hint="name an inventory with -i")
    if annex is not None:
        keep_apart([*report.outputs, annex], [file, old, new, *logs])
        expect_writable(annex)
    started = datetime.now(UTC)
    claims = load(file)
    looker = Looker(claims)
    before = looker.old(old)
    shown = [looker.new(new), *looker.endpoints(endpoints), *looker.logs(logs)]
    if inventory is not None:
        shown += _hosts(looker, inventory, limit, extra)
    answers = [judge(one, before, shown) for one in claims.rows]
    run = settled(reports.report(claims, shown, answers, started=started), report)
    if annex is not None:
        write_file(annex, annexes.annex(claims, answers, shown, run, (old, new)))
    if report.format != "text":
        return finish(run, report)
    write_reports(run, report)
    body = reports.text(claims, answers, run, fail_on=report.threshold)
    write_file(report.output, body) if report.output else click.echo(body, nl=False)
    return int(run.exit_code(report.threshold))


def _hosts(looker: Looker, inventory: str, limit: str | None, extra: Sequence[str]) -> Iterator[Shown]:
    """Yield what each host of an inventory shows; one that cannot be examined is there with the reason."""
    from hardening.claims.look import Shown
    from hardening.findings import SubjectKind
    from hardening.host import gather, playbook, private

    with private.folder("harden-claims-") as folder:
        flags = [word for one in extra for word in ("-e", one)]
        variables = {"collect_to": str(folder)}
        receipt = playbook.run(
            "collect.yml", inventory=inventory, limit=limit, variables=variables, flags=flags
        )
        for one in receipt.hosts:
            place = folder / one.host.replace("/", "_")
            why = one.lost if one.unreachable else "; ".join(one.problems)
            try:
                if (place / "about.json").exists():
                    yield looker.host(one.host, gather.load(place / "tree", place / "about.json"), why)
                    continue
            except HardeningError as problem:  # of one host: the others are answered all the same
                why = str(problem)
            yield Shown(
                subject=one.host, kind=SubjectKind.HOST, gap=why or "nothing was collected", lost=True
            )
