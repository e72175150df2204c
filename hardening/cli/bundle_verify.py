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
              help="Trusted keys with validity, revocation and threshold (harden docs trust).")  # fmt: skip
@click.option("--threshold", type=click.IntRange(min=1), default=1, show_default=True, metavar="N",
              help="The number of trusted keys that must have signed; with a trust file, at least this many.")  # fmt: skip
@click.option("--signature", type=click.Path(path_type=Path, dir_okay=False), metavar="SIG",
              help="Default: PATH.dsse.json beside the bundle.")  # fmt: skip
@click.option("--product", metavar="NAME", help="The product that the signature must name, exactly.")
@click.option("--installed-state", "state_file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="State file of this machine. An older release or another product is refused.")  # fmt: skip
@click.option("--record", is_flag=True, help="Record the verified release in --installed-state.")
@click.option("--force-older", metavar="REASON", default="",
              help="Accept an older release; the reason is recorded with --record.")  # fmt: skip
@click.option("--require", type=click.Choice(["inventory", "audit", "provenance", "cleaning"]), multiple=True,
              help="Also require this statement beside the bundle, signed and true; may be repeated.")  # fmt: skip
@report_options
def command(
    path: Path,
    key_files: tuple[Path, ...],
    trust_file: Path | None,
    threshold: int,
    signature: Path | None,
    product: str | None,
    state_file: Path | None,
    record: bool,
    force_older: str,
    require: tuple[str, ...],
    report: ReportOptions,
) -> int:
    """Verify the bundle PATH against its signature; exit 11 names the first thing that is not as signed."""
    from bundle.trust.digest import Early

    if bool(key_files) == bool(trust_file):
        raise click.UsageError("give the trusted keys, either as --key KEY.pub or as --trust FILE")
    if product is not None and not product.strip():
        raise click.UsageError("--product needs a name, for example --product aspect")
    if (record or force_older) and state_file is None:
        raise click.UsageError("--record and --force-older need --installed-state FILE")
    with Early(
        path
    ) as early:  # the file is read while the rest is loaded: half of the time for a small bundle
        from bundle.trust import keys, policy
        from bundle.trust.verify import verify

        trusted = (
            policy.load(trust_file, at_least=threshold)
            if trust_file
            else policy.TrustPolicy.of([keys.load_public(file) for file in key_files], threshold)
        )
        run = verify(
            path,
            trusted,
            signature=signature,
            product=product or "",
            state_file=state_file,
            force_reason=force_older.strip(),
            record=record,
            require=require,
            whole=early.result,
        )
    return finish(run, report)
