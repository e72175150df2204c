"""`harden bundle verify`: is this bundle what was signed?"""

from __future__ import annotations

from pathlib import Path

import click

from hardening.cli.options import ReportOptions, finish, report_options


@click.command(name="verify")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--key", "key_files", type=click.Path(path_type=Path, dir_okay=False), multiple=True,
              help="A trusted public key; may be repeated.")  # fmt: skip
@click.option("--trust", "trust_file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Trusted keys with validity, revocation and threshold (docs/trust.md).")  # fmt: skip
@click.option("--threshold", type=click.IntRange(min=1), default=1, show_default=True,
              help="How many of the trusted keys have to have signed.")  # fmt: skip
@click.option("--signature", type=click.Path(path_type=Path, dir_okay=False), metavar="SIG",
              help="Default: PATH.dsse.json beside the bundle.")  # fmt: skip
@report_options
def command(
    path: Path,
    key_files: tuple[Path, ...],
    trust_file: Path | None,
    threshold: int,
    signature: Path | None,
    report: ReportOptions,
) -> int:
    """Verify the bundle PATH against its signature; exit 11 names the first thing that is not as signed."""
    from bundle.trust import keys, policy
    from bundle.trust.verify import verify

    if bool(key_files) == bool(trust_file):
        raise click.UsageError("give the trusted keys, either as --key KEY.pub or as --trust FILE")
    trusted = (
        policy.load(trust_file)
        if trust_file
        else policy.Policy.of([keys.load_public(file) for file in key_files], threshold)
    )
    run = verify(path, trusted, signature=signature)
    return finish(run, report)
