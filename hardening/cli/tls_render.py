"""`harden tls render`: write a server's TLS configuration for a policy, proved by reading it back."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hardening.cli import completing
from hardening.cli.options import (
    STDOUT,
    ReportOptions,
    finish,
    keep_apart,
    maker_report_options,
    print_lines,
    settled,
    warn_of_release,
    write_file,
    write_reports,
)
from hardening.errors import UsageError

if TYPE_CHECKING:
    from hardening.findings import Run
    from hardening.tls.rendering.rendered import Rendered


@click.command()
@click.argument("target", metavar="TARGET[@VERSION]", shell_complete=completing.targets)
@click.option(
    "--policy",
    "names",
    multiple=True,
    shell_complete=completing.policies,
    metavar="POLICY",
    help="TLS policy (names: harden tls policies).  [default: aspect]",
)
@click.option(
    "--openssl",
    metavar="BUILD",
    shell_complete=completing.builds,
    help="The OpenSSL build, or for servers in Java the JDK (jdk-8u292); default: the one that ships with the version.",
)
@click.option(
    "--param",
    "params",
    multiple=True,
    metavar="KEY=VALUE",
    help="A setting of the template; may be repeated.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where it goes; default: standard output.",
)
@maker_report_options
def command(
    target: str,
    names: tuple[str, ...],
    openssl: str | None,
    params: tuple[str, ...],
    output: Path | None,
    report: ReportOptions,
) -> int:
    """Write the TLS settings of TARGET (such as httpd@2.4.6-el7) for a policy.

    What the release or its OpenSSL cannot express is a finding with the way out; with -o the report
    goes to standard output, without it the findings go to standard error.
    """
    from hardening.tls.policy import load, own_file
    from hardening.tls.rendering.render import render
    from hardening.tls.targets import find, parted

    if output == STDOUT:
        output = None
    policy = names[0] if names else "aspect"
    if len(names) > 1 or ("," in policy and not own_file(policy)):
        raise UsageError(
            f"settings are written for one policy, not for {', '.join(names)}",
            hint="render once for each; `tls audit` takes several",
        )
    own = own_file(policy)
    keep_apart([output] if output else [], [own] if own else [])
    started = datetime.now(UTC)
    name, version = parted(target)
    server = find(name)
    name = server.name
    warn_of_release(server, version, report)
    rendered = render(server, load(policy), version=version, build=openssl, params=_pairs(params))
    if output is not None:
        write_file(output, rendered.text.encode("utf-8"))
    if output is None and not report.reports:
        sys.stdout.write(rendered.text)
        sys.stdout.flush()
        if not report.quiet:
            _to_stderr(rendered, verbose=bool(report.verbose))
    run = _run(name, rendered, started)
    if output is None and not report.reports:
        return int(settled(run, report).exit_code(report.threshold))
    if output is None:
        sys.stdout.write(rendered.text)
        sys.stdout.flush()
        return _finish_quietly(run, report)
    return finish(run, report)


def _to_stderr(rendered: Rendered, *, verbose: bool) -> None:
    """Write what a person has to know about what was rendered, no wider than the terminal."""
    from hardening.reports.text_findings import brief

    for one in rendered.findings:
        short = "" if verbose else brief(one)
        print_lines(f"{one.level.label}: {short or one.message}")
        if one.remedy and not short:
            print_lines(f"  next: {one.remedy}")


def _finish_quietly(run: Run, report: ReportOptions) -> int:
    done = settled(run, report)
    write_reports(done, report)
    return int(done.exit_code(report.threshold))


def _run(name: str, rendered: Rendered, started: datetime) -> Run:
    from hardening.findings import Run, Subject, SubjectKind

    subject = Subject(
        id=f"{name}@{rendered.job.release.version}",
        kind=SubjectKind.FILE,
        policies=rendered.verdicts,
        offer=rendered.offer.to_json(),
    )
    return Run.of([subject], rendered.findings, started=started)


def _pairs(params: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in params:
        key, sep, value = one.partition("=")
        if not sep or not key:
            raise UsageError(
                f"--param {one!r} is not KEY=VALUE", hint="write KEY=VALUE, for example --param listen=443"
            )
        found[key] = value
    return found
