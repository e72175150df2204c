"""`harden advisories`: which public advisories affect a host, a bundle or every host of an inventory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hardening.cli import completing
from hardening.cli.options import (
    ReportOptions,
    expect_writable,
    finish,
    keep_apart,
    report_options,
    settled,
    write_file,
    write_reports,
)
from hardening.errors import ExitCode, HardeningError, InputError, UsageError

if TYPE_CHECKING:
    from datetime import datetime

    from hardening.advisories.judge import AdvisoryAnswer
    from hardening.advisories.seen import Seen
    from hardening.advisories.table import AdvisoryTable
    from hardening.findings import Run, Subject
    from hardening.products import Pack

VEX = ("cyclonedx", "openvex")


def _vex_pairs(
    _context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]
) -> tuple[tuple[str, Path], ...]:
    pairs = []
    for value in values:
        name, sep, path = value.partition("=")
        if not sep or name not in VEX or not path:
            raise click.BadParameter(f"{value!r} is not FORMAT=FILE with FORMAT one of {', '.join(VEX)}")
        pairs.append((name, Path(path)))
    return tuple(pairs)


@click.command()
@click.argument("bundle", required=False, type=click.Path(path_type=Path))
@click.option(
    "--root", type=click.Path(path_type=Path), help="Root of a host's file system, such as a mounted image."
)
@click.option("-i", "--inventory", metavar="INVENTORY", help="Every host of this Ansible inventory.")
@click.option("--limit", metavar="PATTERN", help="Only these hosts of the inventory.")
@click.option(
    "-e",
    "--extra",
    multiple=True,
    metavar="KEY=VALUE|@FILE",
    help="Variables for the playbook; may be repeated.",
)
@click.option(
    "--product",
    default="aspect",
    show_default=True,
    shell_complete=completing.products,
    help="The product pack.",
)
@click.option("--release", help="The product's release, if the files do not state it.")
@click.option(
    "--csaf",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Also use the CSAF files in DIR (read only).",
)
@click.option(
    "--vex",
    multiple=True,
    callback=_vex_pairs,
    metavar="FORMAT=FILE",
    help="Write a VEX document (cyclonedx=FILE or openvex=FILE); may be repeated.",
)
@report_options
def command(
    bundle: Path | None,
    root: Path | None,
    inventory: str | None,
    limit: str | None,
    extra: tuple[str, ...],
    product: str,
    release: str | None,
    csaf: Path | None,
    vex: tuple[tuple[str, Path], ...],
    report: ReportOptions,
) -> int:
    """Answer each public advisory about a product: affected, fixed, not affected or under investigation.

    Looks at BUNDLE, at the host below --root, at every host of -i, or at this host. The release and the evidence on disk decide.
    Exit 3 where nothing of the product is found, 4 where an advisory stays under investigation.
    """
    from datetime import UTC, datetime

    from hardening.advisories import table as tables
    from hardening.advisories import text
    from hardening.advisories.judge import answers
    from hardening.advisories.report import report as reported
    from hardening.findings import Run
    from hardening.products import load

    _consistent(bundle, root, inventory, release, [*filter(None, (limit,)), *extra])
    paths = [path for _, path in vex]
    files = [one for one in (bundle, report.waivers, report.baseline_key) if one]
    keep_apart([*report.outputs, *paths], files)
    for path in paths:
        expect_writable(path)
    pack = load(product)
    table = tables.of_pack(pack)
    if csaf is not None:
        table = tables.with_csaf(table, pack, csaf)
        pack = replace(pack, advisories=table.advisories)
    started = datetime.now(UTC)
    lost: list[Subject] = []
    seen = list(_seen(pack, bundle, root, inventory, (limit, extra), lost))
    if release is not None:
        seen = [one.with_release(release) for one in seen]
    subjects = [(one, answers(table.advisories, one)) for one in seen]
    run = Run.of(lost, (), started=started)
    for one, answered in subjects:
        run = run.merged(reported(one, answered, table, started=started, today=started.date()))
    if lost:
        run = replace(run, extra_codes=run.extra_codes | {ExitCode.HOSTS_FAILED})
    run = settled(run, report)
    if vex:
        _write_vex(vex, subjects, run, (pack, table, started))
    report = replace(report, waivers=None, baseline=None)
    if report.format != "text":
        return finish(run, report)
    write_reports(run, report)
    body = text.write(subjects, run, fail_on=report.threshold, verbose=report.verbose)
    write_file(report.output, body) if report.output else click.echo(body, nl=False)
    return int(run.exit_code(report.threshold))


def _write_vex(
    vex: Sequence[tuple[str, Path]],
    subjects: Sequence[tuple[Seen, Sequence[AdvisoryAnswer]]],
    run: Run,
    of: tuple[Pack, AdvisoryTable, datetime],
) -> None:
    from hardening.advisories import vex as documents

    pack, table, now = of
    rows = documents.statements(subjects, run)
    write = {"cyclonedx": documents.cyclonedx, "openvex": documents.openvex}
    for name, path in vex:
        write_file(path, write[name](rows, pack, table, now=now))


def _consistent(
    bundle: Path | None, root: Path | None, inventory: str | None, release: str | None, of_fleet: list[str]
) -> None:
    """Refuse what cannot be meant. Errors: UsageError."""
    from hardening.products.releases import ordered

    if sum(one is not None for one in (bundle, root, inventory)) > 1:
        raise UsageError("BUNDLE, --root and -i exclude each other", hint="name one of them")
    if of_fleet and inventory is None:
        raise UsageError("--limit and -e need -i", hint="name an inventory with -i")
    if release is not None and ordered(release) is None:
        raise UsageError(f"{release!r} is not a release", hint="write it as 3.08.02 or 3.08.04-s01")


def _seen(
    pack: Pack,
    bundle: Path | None,
    root: Path | None,
    inventory: str | None,
    wanted: tuple[str | None, Sequence[str]],
    lost: list[Subject],
) -> Iterator[Seen]:
    """Yield what each subject shows; hosts that could not be examined go to `lost`."""
    from hardening.advisories.seen import of_bundle, of_host
    from hardening.host.checks.root import Root

    if bundle is not None:
        yield of_bundle(pack, str(bundle))
    elif inventory is not None:
        yield from _fleet(lambda host: of_host(pack, host), inventory, *wanted, lost)
    else:
        top = root or Path("/")
        if not top.is_dir():
            raise InputError(f"{top}: not a folder", hint="name the root of a host's file system")
        yield of_host(pack, Root(top.resolve(), label=str(top), listening=_listening(top)))


def _listening(top: Path) -> tuple[dict[str, object], ...] | None:
    """Return who listens on this machine; None for an image."""
    if top.resolve() != Path("/"):
        return None
    from hardening.onhost.shared.listeners import listeners

    return tuple(listeners())


def _fleet(
    look: Callable[..., Seen], inventory: str, limit: str | None, extra: Sequence[str], lost: list[Subject]
) -> Iterator[Seen]:
    """Bring the files of every host into a private folder and look at each copy."""
    from hardening.advisories.report import unreached
    from hardening.host import gather, playbook, private

    with private.folder("harden-advisories-") as folder:
        flags = [word for one in extra for word in ("-e", one)]
        receipt = playbook.run(
            "collect.yml",
            inventory=inventory,
            limit=limit,
            variables={"collect_to": str(folder)},
            flags=flags,
        )
        for one in receipt.hosts:
            place = folder / one.host.replace("/", "_")
            why = one.lost if one.unreachable else "; ".join(one.problems)
            if not (place / "about.json").exists():
                lost.append(unreached(one.host, why or "nothing was collected"))
                continue
            try:
                seen = look(gather.load(place / "tree", place / "about.json"))
            except HardeningError as problem:  # of one host: the others are answered all the same
                lost.append(unreached(one.host, str(problem)))
                continue
            yield replace(seen, gaps=(*seen.gaps, (one.host, why))) if why else seen
