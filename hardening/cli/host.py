"""`harden host audit`: what earlier upgrades left behind on a host, or on a mounted image of one."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from hardening.cli.options import ReportOptions, finish, report_options
from hardening.errors import InputError, NothingExaminedError

_WEB = ("var/www", "srv/www", "usr/share/phpmyadmin", "usr/share/adminer")
_SERVERS = ("etc/httpd", "etc/apache2", "etc/nginx", "etc/lighttpd")


@click.group()
def command() -> None:
    """Audit what earlier upgrades left behind on a host."""


@command.command("audit")
@click.option(
    "--root",
    type=click.Path(path_type=Path),
    default=Path("/"),
    show_default=True,
    help="Root of the host's file system, such as a mounted image.",
)
@click.option("--policy", "names", multiple=True, help="TLS policy; may be repeated.  [default: aspect]")
@report_options
def audit(root: Path, names: tuple[str, ...], report: ReportOptions) -> int:
    """Look for deprecated components, credentials and weak TLS settings in the product's and servers' folders."""
    from bundle.audit import audit as audit_bundles
    from hardening.engine import product
    from hardening.findings import Run
    from hardening.tls.audit import audit as audit_tls
    from hardening.tls.policy import load

    if not root.is_dir():
        raise InputError(f"{root}: not a folder", hint="name the root of a host's file system")
    started = datetime.now(UTC)
    web = [root / product.load().place("web-root").path.lstrip("/"), *(root / one for one in _WEB)]
    found = [path for path in web if path.is_dir()]
    servers = [path for one in _SERVERS if (path := root / one).is_dir()]
    if not found and not servers:
        raise NothingExaminedError(
            f"{root} has neither the product's folders nor a web server's configuration",
            hint="name the root of the host with --root",
        )
    run = Run.of((), (), started=started)
    if found:
        run = run.merged(audit_bundles([str(path) for path in found]))
    if servers:
        tls = audit_tls(servers, [load(one) for one in names or ("aspect",)])
        run = run.merged(Run.of(tls.subjects, tls.findings, tls.results, started=started))
    return finish(run, report)
