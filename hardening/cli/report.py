"""`harden report`: stored reports rendered, merged and compared; signed and verified with the same keys as bundles."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from hardening.cli.lazy import LazyGroup, Verb
from hardening.cli.options import ReportOptions, finish, report_options
from hardening.cli.passphrase import known_passphrase, passphrase_options


@click.command(name="sign")
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--key", type=click.Path(path_type=Path, dir_okay=False), help="The private key.")
@click.option(
    "--unsigned", is_flag=True, help="Write the envelope without a signature (harden bundle envelope)."
)
@passphrase_options
def sign(
    path: Path, key: Path | None, unsigned: bool, passphrase_file: Path | None, no_passphrase: bool
) -> None:
    """Sign the report PATH, of any format: PATH.dsse.json beside it."""
    from bundle.trust import attest, keys
    from bundle.trust.digest import digest
    from hardening.cli.bundle_sign import free_for_signature
    from hardening.cli.options import write_whole
    from hardening.reports.plain import visible

    if (key is None) is not unsigned:
        raise click.UsageError("give --key KEY, or --unsigned where the key is elsewhere")
    sha256, size = digest(path)
    target = attest.beside(path, "report")
    free_for_signature(target, unsigned=unsigned)
    private = None
    if key is not None:
        prompt = keys.is_encrypted(key) and not no_passphrase
        private = keys.load_private(
            key, passphrase=known_passphrase(passphrase_file, key) if prompt else None
        )
    stated = {"size": size, "created": datetime.now(UTC).isoformat(timespec="seconds")}
    body = attest.sealed(path.name, sha256, "report", stated, private)
    write_whole(target, attest.beside_others(body, target, private).to_bytes() if private else body)
    click.echo(f"sha256     {sha256}")
    click.echo(f"signature  {visible(str(target))}")


@click.command(name="verify")
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--key", "key_files", type=click.Path(path_type=Path, dir_okay=False), multiple=True,
              help="A trusted public key; may be repeated.")  # fmt: skip
@click.option("--trust", "trust_file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Trusted keys with validity, revocation and threshold (harden docs trust).")  # fmt: skip
@click.option("--threshold", type=click.IntRange(min=1), default=1, show_default=True, metavar="N",
              help="The number of trusted keys that must have signed; with a trust file, at least this many.")  # fmt: skip
@report_options
def verify(
    path: Path, key_files: tuple[Path, ...], trust_file: Path | None, threshold: int, report: ReportOptions
) -> int:
    """Verify the report PATH against PATH.dsse.json, or the receipt PATH of an upgrade; exit 11 says what is not as signed."""
    from bundle.trust import keys, policy
    from bundle.trust.verify import verify_report
    from hardening.upgrade import receipt

    if bool(key_files) == bool(trust_file):
        raise click.UsageError("give the trusted keys, either as --key KEY.pub or as --trust FILE")
    trusted = (
        policy.load(trust_file, at_least=threshold)
        if trust_file
        else policy.TrustPolicy.of([keys.load_public(file) for file in key_files], threshold)
    )
    run = receipt.verified(path, trusted) if receipt.is_receipt(path) else verify_report(path, trusted)
    return finish(run, report)


@click.group(
    cls=LazyGroup,
    verbs=(
        Verb("sign", "hardening.cli.report", "Sign a report or a receipt.", "sign"),
        Verb("verify", "hardening.cli.report", "Verify a report against its signature.", "verify"),
        Verb(
            "render", "hardening.cli.report_stored", "Write a stored JSON report in another format.", "render"
        ),
        Verb("merge", "hardening.cli.report_stored", "Merge stored JSON reports into one.", "merge"),
        Verb("diff", "hardening.cli.report_stored", "Compare two stored JSON reports.", "diff"),
        Verb("trend", "hardening.cli.report_stored", "Show how findings changed from day to day.", "trend"),
        Verb("site", "hardening.cli.report_stored", "Write static pages over a folder of reports.", "site"),
    ),
)
def command() -> None:
    """Render, merge and compare stored reports; sign and verify them."""
