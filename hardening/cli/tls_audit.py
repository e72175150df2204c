"""`harden tls audit`: configuration files against policies, without network."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hardening.cli.options import ReportOptions, finish, report_options

if TYPE_CHECKING:
    from hardening.tls.audit import Asked
    from hardening.tls.ruleset import Policy


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH...")
@click.option(
    "--policy", "names", multiple=True, help="Which policy; several give one verdict each.  [default: aspect]"
)
@click.option(
    "--target", metavar="TARGET[@VERSION]", help="The server and its release; default: found from the files."
)
@click.option(
    "--openssl",
    metavar="BUILD",
    help="The OpenSSL build, or for servers in Java the JDK (jdk-8u292); default: the one that ships with the version.",
)
@click.option(
    "--fix-diff", is_flag=True, help="Print a unified diff that makes the audit clean instead of the report."
)
@report_options
def command(
    paths: tuple[Path, ...],
    names: tuple[str, ...],
    target: str | None,
    openssl: str | None,
    fix_diff: bool,
    report: ReportOptions,
) -> int:
    """Audit configuration files or whole folders such as /etc/httpd against policies."""
    from hardening.findings import Run
    from hardening.tls.audit import Asked, audit
    from hardening.tls.policy import load
    from hardening.tls.targets import find

    started = datetime.now(UTC)
    name, _, version = (target or "").partition("@")
    asked = Asked(target=find(name) if name else None, version=version or None, build=openssl)
    policies = [load(one) for one in dict.fromkeys(names or ("aspect",))]
    found = audit(paths, policies, asked)
    run = Run.of(found.subjects, found.findings, found.results, started=started)
    if fix_diff:
        return _print_fix(paths, policies[0], asked)
    return finish(run, report)


def _print_fix(paths: tuple[Path, ...], policy: Policy, asked: Asked) -> int:
    """Print the diff; 0 when it makes the audit clean (or there is nothing to do), 10 when it does not."""
    from hardening.errors import ExitCode
    from hardening.tls.fix import fix

    done = fix(paths, policy, asked)
    sys.stdout.buffer.write(done.diff.encode("utf-8", "surrogateescape"))
    sys.stdout.flush()
    for one in done.left:
        sys.stderr.write(f"{one.level.label}: stays: {one.message}\n")
    return int(ExitCode.FINDINGS if done.left else ExitCode.OK)
