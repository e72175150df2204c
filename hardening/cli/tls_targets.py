"""`harden tls targets`: the servers that can be rendered and audited, and their known releases."""

from __future__ import annotations

import sys

import click


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
    """List the servers that can be rendered and audited, with the releases whose facts are known."""
    from hardening.tls.libraries import builds
    from hardening.tls.targets import targets

    if form == "json":
        import json

        rows = [
            {
                "name": t.name,
                "title": t.title,
                "place": t.place,
                "params": dict(t.params),
                "assumed": t.facts.default,
                "source": t.facts.source,
                "releases": [
                    {
                        "version": r.version,
                        "distribution": r.distribution,
                        "openssl": r.openssl,
                        "verified": r.verified,
                        "note": r.note,
                    }
                    for r in t.facts.releases
                ],
            }
            for t in targets()
        ]
        sys.stdout.write(json.dumps({"schema": "harden-targets/1", "targets": rows}, indent=2) + "\n")
        return
    for t in targets():
        sys.stdout.write(f"{t.name}: {t.title}\n")
        for r in t.facts.releases:
            mark = "" if r.verified == "yes" else f"  [{r.verified}]"
            library = "GnuTLS" if r.gnutls else builds.shown(r.openssl)
            default = "  (assumed without a version)" if r.version == t.facts.default else ""
            sys.stdout.write(f"  {r.version:<20} {library:<28} {r.distribution}{mark}{default}\n")
