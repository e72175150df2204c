"""`harden bundle verify-clean`: is NEW the bundle OLD minus some members and literals, and nothing else?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hardening.cli.options import ReportOptions, finish, report_options

if TYPE_CHECKING:
    from hardening.findings import Run


@click.command(name="verify-clean")
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@click.option("--key", "key_files", type=click.Path(path_type=Path, dir_okay=False), multiple=True,
              help="Also verify the signed list of changes, NEW.cleaning.dsse.json, with this public key.")  # fmt: skip
@click.option("--trust", "trust_file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Also verify it with the keys of a trust file (harden docs trust).")  # fmt: skip
@click.option("--salt", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="The salt of `bundle sign --salt`; also checks members that held credentials.")  # fmt: skip
@report_options
def command(
    old: Path,
    new: Path,
    key_files: tuple[Path, ...],
    trust_file: Path | None,
    salt: Path | None,
    report: ReportOptions,
) -> int:
    """Check that NEW equals OLD, except for removed files and replaced credentials. The report lists all of them.

    The check shares no code with `clean`. With a key it is also shown to be what was signed. Exit 0 means proved;
    exit 11 names every other difference.
    """
    from bundle.verify_clean.verify import prove

    proof = prove(old, new)
    if key_files or trust_file:
        proof = _with_account(proof, old, new, key_files, trust_file, salt)
    elif salt is not None:
        raise click.UsageError("--salt needs --key or --trust")
    return finish(proof, report)


def _with_account(
    proof: Run, old: Path, new: Path, key_files: tuple[Path, ...], trust_file: Path | None, salt: Path | None
) -> Run:
    from bundle.trust import cleaning, keys, policy
    from hardening.errors import InputError

    trusted = (
        policy.load(trust_file)
        if trust_file
        else policy.TrustPolicy.of([keys.load_public(file) for file in key_files])
    )
    if salt is not None and not salt.is_file():
        raise InputError(f"{salt}: no such file", hint="give the file that `harden bundle sign --salt` used")
    return cleaning.judged(proof, old, new, trusted, None if salt is None else cleaning.salt(salt))
