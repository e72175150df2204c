"""`harden tls builds`: the OpenSSL builds that cipher strings resolve on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from hardening.tls.openssl import Build


@click.command()
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Format of the output.",
)
def command(form: str) -> None:
    """List the OpenSSL builds, oldest first, each read out of the real library."""
    from hardening.tls.libraries import jsse
    from hardening.tls.openssl import builds

    if form == "json":
        click.echo(json.dumps([_json(one) for one in builds()], indent=2, ensure_ascii=False))
        return
    width = max(len(one.name) for one in builds())
    for one in builds():
        level = "none" if one.security_level is None else str(one.security_level)
        click.echo(f"{one.name:{width}}  {one.title}")
        click.echo(
            f"{'':{width}}  {one.protocols[0]} to {one.protocols[-1]}, {len(one.ciphers)} ciphers, "
            f"{len(one.tls13)} for TLS 1.3, security level {level}"
        )
    click.echo("For servers in Java: " + ", ".join(jsse.names()))


def _json(one: Build) -> dict[str, Any]:
    return {
        "name": one.name,
        "title": one.title,
        "library": one.library,
        "source": one.source,
        "verified": one.verified,
        "protocols": one.protocols,
        "protocols_verified": one.protocols_verified,
        "default": one.default_string,
        "security_level": one.security_level,
        "ciphers": len(one.ciphers),
        "tls13": [c.name for c in one.tls13],
        "groups": one.groups,
        "curves": one.curves,
        "signature_algorithms": one.schemes,
    }
