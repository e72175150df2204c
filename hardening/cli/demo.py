"""`harden demo`: the whole story, on this machine, in a few seconds."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hardening.errors import UsageError

if TYPE_CHECKING:
    from hardening.demo.story import StoryStep
    from hardening.findings import Run


@click.command()
@click.option("--keep", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
              help="Keep the files of the demo in DIR (new or empty).")  # fmt: skip
def command(keep: Path | None) -> None:
    """Find, fix and prove on an install package as public advisories describe it, and a server on loopback.

    It needs no network, no root and no other program. What it prints is what the code did; it fails
    if any step does not do what it says.
    """
    from hardening.demo.story import bundle_story, host_story, tls_story
    from hardening.reports import render

    begun = time.perf_counter()
    with _folder(keep) as folder:
        click.echo(
            "An install package with phpMyAdmin and the password of the database's root, as CVE-2024-4007 and ZSL-2024-5830\n"
            "describe it, a host with the account file of ZSL-2024-5840, and a weak TLS server. All is made here; every secret is\n"
            "invented, but for one published default password.\n"
        )
        bundle_before, bundle_after = bundle_story(folder, _say)
        host_story(folder, _say)
        server_before, server_after = tls_story(folder, _say)
        _side_by_side(("bundle", bundle_before, bundle_after), ("TLS server", server_before, server_after))
        whole = bundle_before.merged(bundle_after).merged(server_before).merged(server_after)
        report = (folder if keep else Path("demo")) / "report.html"
        with contextlib.suppress(OSError):
            report.parent.mkdir(exist_ok=True)
        try:
            report.write_bytes(render("html", whole, fail_on=None))
            click.echo(f"\nreport to open: {report.resolve().as_uri()}")
        except OSError as problem:
            click.echo(f"\nno report: {report}: {problem.strerror}; give --keep DIR")
    click.echo(f"done in {time.perf_counter() - begun:.1f} s")


@contextlib.contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="harden-demo-") as folder:
            yield Path(folder)
        return
    try:
        keep.mkdir(parents=True, exist_ok=True)
        occupied = any(keep.iterdir())
    except OSError as problem:
        raise UsageError(
            f"cannot use {keep}: {problem.strerror}", hint="give a folder that can be created"
        ) from problem
    if occupied:
        raise UsageError(f"{keep} is not empty", hint="give a new folder")
    yield keep


def _say(step: StoryStep) -> None:
    click.echo(f"{step.title:>10}  $ {step.command}")
    click.echo(f"{'':>10}    {step.shows}")
    if step.run is not None:
        for finding in [f for f in step.run.findings if f.level >= 3][:4]:  # noqa: PLR2004 - high and above
            click.echo(f"{'':>10}    {finding.level.label:<8} {finding.rule.id}  {finding.message[:90]}")
            click.echo(f"{'':>10}             at {_place(finding.where, finding)}")
    click.echo()


def _place(where: str, finding: object) -> str:
    line = getattr(getattr(finding, "location", None), "line", None)
    return f"{where}:{line}" if line else where


def _side_by_side(*rows: tuple[str, Run, Run]) -> None:
    from hardening.findings import Severity

    levels = [s for s in reversed(Severity) if s is not Severity.INFO]
    click.echo(f"{'':<12}{'before':<44}after")
    for name, before, after in rows:
        texts = [
            ", ".join(f"{run.counts()[s.label]} {s.label}" for s in levels if run.counts()[s.label])
            or "clean"
            for run in (before, after)
        ]
        click.echo(f"{name:<12}{texts[0]:<44}{texts[1]}")
    for name, run in (("before", rows[-1][1]), ("after", rows[-1][2])):
        click.echo(f"\nTLS {name}: {_offer(run)}")
    click.echo("(a verdict tests only what the policy forbids; `harden tls scan --full` lists every suite)")


def _offer(run: Run) -> str:
    offer = run.subjects[0].offer or {}
    seen = {name: len(one["suites"]) for name, one in offer.get("protocols", {}).items()}
    texts = [f"{name} ({count} {'suite' if count == 1 else 'suites'} seen)" for name, count in seen.items()]
    return ", ".join(texts) or "nothing"
