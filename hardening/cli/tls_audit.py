"""`harden tls audit`: configuration files against policies, without network."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hardening.cli import completing
from hardening.cli.options import (
    ReportOptions,
    authorities,
    expiry_option,
    finish,
    report_options,
    require_option,
    settled,
    trust_option,
    warn_of_release,
    write_file,
    write_reports,
)

if TYPE_CHECKING:
    from hardening.errors import ExitCode
    from hardening.findings import Run
    from hardening.tls.auditing.mains import AuditInput
    from hardening.tls.policies.ruleset import Policy


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH...")
@click.option(
    "--policy",
    "names",
    multiple=True,
    shell_complete=completing.policies,
    metavar="POLICY",
    help="TLS policy (names: harden tls policies); may be repeated. Each gives its own verdict.  [default: aspect]",
)
@click.option(
    "--target",
    shell_complete=completing.targets,
    metavar="TARGET[@VERSION]",
    help="The server and its release; default: detected from the files.",
)
@click.option(
    "--openssl",
    metavar="BUILD",
    shell_complete=completing.builds,
    help="The OpenSSL build, or for servers in Java the JDK (jdk-8u292); default: the one that ships with the version.",
)
@click.option(
    "--fix-diff",
    is_flag=True,
    help="Instead of the report, print a unified diff that makes the audit clean. With several policies the diff "
    "is for the first one, and the rest is listed.",
)
@click.option(
    "--fix-place",
    metavar="FILE",
    help="With --fix-diff: put the settings into this file, as the playbook does, and comment out what they replace.",
)
@trust_option
@expiry_option
@require_option
@report_options
def command(
    paths: tuple[Path, ...],
    names: tuple[str, ...],
    target: str | None,
    openssl: str | None,
    fix_diff: bool,
    fix_place: str | None,
    trust: str | None,
    expiry_days: int,
    required: tuple[str, ...],
    report: ReportOptions,
) -> int:
    """Audit configuration files, whole folders such as /etc/httpd, or archives of them against policies."""
    from hardening.errors import UsageError, strongest
    from hardening.findings import Run
    from hardening.tls import policy
    from hardening.tls.auditing.audit import audit
    from hardening.tls.auditing.mains import AuditInput
    from hardening.tls.auditing.named import from_here
    from hardening.tls.targets import find, parted

    if fix_place is not None and not (fix_diff and fix_place.startswith("/")):
        raise UsageError(
            "--fix-place goes with --fix-diff and an absolute path",
            hint="name the file as the server calls it, such as /etc/nginx/conf.d/harden-tls.conf",
        )
    started = datetime.now(UTC)
    name, version = parted(target or "")
    policies = [policy.load(one) for one in dict.fromkeys(names or ("aspect",))]
    request = AuditInput(
        target=find(name) if name else None,
        version=version,
        build=openssl,
        now=started,
        required=policy.required(required, policies),
        expiry_days=expiry_days,
        store=authorities(trust),
    )
    if request.target is not None:
        warn_of_release(request.target, version, report)
    archives = [] if fix_diff else [path for path in dict.fromkeys(paths) if _is_archive(path)]
    rest = [path for path in paths if path not in archives]
    found = audit(rest, policies, request)
    for path in archives:
        from bundle.configurations import (
            of_archive,
        )  # every reader of every format, where there is an archive

        found.add(of_archive(path, policies, request))
    found = from_here(found, paths)
    run = Run.of(found.subjects, found.findings, found.results, started=started, sources=found.sources)
    if fix_diff:
        run = settled(run, report)
        write_reports(run, report)
        return int(strongest({_unseen(run), _print_fix(paths, policies, request, fix_place, report.output)}))
    if report.verbose or report.reports or report.format != "text":
        from bundle import sources

        run = sources.added(run, rest, policies, request)
    return finish(run, report)


def _is_archive(path: Path) -> bool:
    from hardening.tls.targets.reading.chroot import opened
    from hardening.tls.targets.reading.tree import is_archive

    try:
        with opened(str(path)) as file:
            return path.suffix in _SELF_EXTRACTING or is_archive(file.read(512))
    except OSError:
        return False


_SELF_EXTRACTING = (".run", ".bsx", ".aam")


def _unseen(run: Run) -> ExitCode:
    """Say on standard error what no diff can be written for, since it was not examined."""
    from hardening.errors import ExitCode
    from hardening.findings import Examined
    from hardening.reports.plain import visible
    from hardening.tls.auditing.problems import PROBLEMS

    unseen = [one for one in run.subjects if one.examined is Examined.NONE]
    for one in unseen:
        sys.stderr.write(f"not examined: {visible(f'{one.id}: {one.reason}')}\n")
    if len(unseen) == len(run.subjects):
        return ExitCode.NOTHING_EXAMINED
    of_none = {one.id for one in unseen}
    closed = [
        one for one in run.findings if one.rule is PROBLEMS["unreadable"] and one.subject not in of_none
    ]
    for line in dict.fromkeys(one.message for one in closed):
        sys.stderr.write(f"not examined: {visible(line)}\n")
    return ExitCode.PARTLY_EXAMINED if unseen or closed else ExitCode.OK


def _print_fix(
    paths: tuple[Path, ...],
    policies: Sequence[Policy],
    request: AuditInput,
    place: str | None,
    output: Path | None,
) -> ExitCode:
    """Write the diff; OK when it makes the audit clean (or there is nothing to do), FINDINGS when it does not."""
    from hardening.errors import ExitCode
    from hardening.reports.plain import visible
    from hardening.tls.auditing.fix import fix

    done = fix(paths, policies, request, place)
    diff = done.diff.encode("utf-8", "surrogateescape")
    if output is not None:
        mask = os.umask(0o077) if done.secrets else None
        try:
            write_file(output, diff)
        finally:
            if mask is not None:
                os.umask(mask)
    else:
        sys.stdout.buffer.write(diff)
        sys.stdout.flush()
    for one in done.left:
        way = one.remedy or one.rule.remedy
        sys.stderr.write(f"{visible(f'{one.level.label}: not fixed: {one.message}; remedy: {way}')}\n")
    if done.secrets:
        sys.stderr.write(f"warning: the diff shows a secret: {visible(', '.join(done.secrets))}\n")
    for line in done.shut:
        sys.stderr.write(f"warning: {line}\n")
    return ExitCode.FINDINGS if done.left else ExitCode.OK
