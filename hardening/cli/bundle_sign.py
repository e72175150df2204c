"""`harden bundle sign`: signed statements of what a bundle is, what it holds, and how it came about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hardening.cli.options import ReportOptions, maker_report_options
from hardening.cli.passphrase import known_passphrase, passphrase_options
from hardening.cli.path_types import OutputPath

if TYPE_CHECKING:
    from bundle.trust import keys as _keys
    from bundle.trust import statement
    from hardening.findings import Run


@click.command(name="sign")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--key", type=click.Path(path_type=Path, dir_okay=False), help="The private key.")
@click.option("--unsigned", is_flag=True,
              help="Write the envelopes without a signature; harden bundle envelope adds one made elsewhere.")  # fmt: skip
@click.option("-o", "--output", "out", type=OutputPath(path_type=Path, dir_okay=False), metavar="SIG",
              help="Default: PATH.dsse.json beside the bundle.")  # fmt: skip
@click.option(
    "--expires",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="YYYY-MM-DD",
    help="Last day on which it may be installed (UTC).",
)
@click.option("--product", default="", help="What the bundle upgrades; part of what is signed.")
@click.option("--release", default="", help="The version it brings; part of what is signed.")
@click.option("--inventory/--no-inventory", default=True, show_default=True,
              help="Also sign the list of members at every nesting: PATH.inventory.dsse.json.")  # fmt: skip
@click.option("--audit", is_flag=True, help="Audit the bundle and sign the summary: PATH.audit.dsse.json.")
@click.option("--cleaned-from", type=click.Path(path_type=Path, dir_okay=False), metavar="OLD",
              help="Verify that PATH was cleaned from OLD, and sign the list of changes and the provenance.")  # fmt: skip
@click.option("--salt", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Salt for digests of members that held credentials. Created with mode 0600 if missing. Keep it private.")  # fmt: skip
@passphrase_options
@maker_report_options
def command(  # the options of the contract in docs/cli.md
    path: Path,
    key: Path | None,
    unsigned: bool,
    out: Path | None,
    expires: datetime | None,
    product: str,
    release: str,
    inventory: bool,
    audit: bool,
    cleaned_from: Path | None,
    salt: Path | None,
    passphrase_file: Path | None,
    no_passphrase: bool,
    report: ReportOptions,
) -> int:
    """Sign the bundle PATH and the list of its members; each further statement is a file of its own."""
    from bundle import onefile
    from bundle.trust import attest, keys
    from bundle.trust.statement import state
    from bundle.trust.toplevel import members
    from bundle.trust.verify import signature_of
    from hardening.cli.options import expect_writable, keep_apart, settled, write_reports
    from hardening.errors import RefusedError
    from hardening.reports.plain import visible

    if (key is None) is not unsigned:
        raise click.UsageError("give --key KEY, or --unsigned where the key is elsewhere")
    if (cleaned_from is None) != (salt is None):
        raise click.UsageError("--cleaned-from and --salt are given together")
    onefile.required(path)  # said before a passphrase is asked for
    target = out or signature_of(path)
    documents = [attest.beside(path, kind) for kind in attest.KINDS]
    inputs = [path, *(one for one in (key, cleaned_from, salt) if one)]
    keep_apart([target, *(name for _, name in report.reports)], inputs)
    keep_apart((name for _, name in report.reports), documents)
    chosen = {"inventory": inventory, "audit": audit, "cleaning": cleaned_from, "provenance": cleaned_from}
    for one in (target, *(attest.beside(path, kind) for kind, wanted in chosen.items() if wanted)):
        expect_writable(one)  # an audit takes its time
        free_for_signature(one, unsigned=unsigned, named=one == out)
    if salt and not salt.exists():
        expect_writable(salt)
    private = None if key is None else _private(key, passphrase_file, no_passphrase=no_passphrase)
    end_of_day = expires.replace(hour=23, minute=59, second=59, tzinfo=UTC) if expires else None
    if end_of_day and end_of_day < datetime.now(UTC):
        click.echo(f"harden: {end_of_day:%Y-%m-%d} is past: no host will accept this signature", err=True)
    as_it_was = _stamp(path)
    stated = state(
        path,
        members,
        created=datetime.now(UTC),
        expires=end_of_day,
        product=product,
        release=release,
        nested=False,
    )
    predicates = {
        **(_inventory(path) if inventory else {}),
        **(_audited(path) if audit else {}),
        **(_cleaned(path, cleaned_from, salt) if cleaned_from and salt else {}),
    }
    if _stamp(path) != as_it_was:  # the statements would be about different bytes
        raise RefusedError(
            f"{path} was changed while it was examined", hint="sign it when nothing writes to it"
        )
    _write(path, stated, target, predicates, private)
    lines = [
        f"{'signed' if private else 'to sign':<10} {visible(str(path))}: {len(stated.members)} member{'s' if len(stated.members) != 1 else ''}, {stated.size} bytes",
        f"sha256     {stated.sha256}",
        *([f"key id     {keys.keyid(private.public_key())}"] if private else []),
        f"signature  {visible(str(target))}",
        *(f"{kind:<10} {visible(str(attest.beside(path, kind)))}" for kind in predicates),
    ]
    if not report.quiet:
        click.echo("\n".join(lines))
    if predicates.get("audit", {}).get("verificationResult") == "FAILED":
        click.echo(
            f"harden: the audit of {path} says FAILED: no host that asks for it (verify --require audit) will accept it\n"
            f"  next: harden bundle audit {path} says what is left",
            err=True,
        )
    signers = [keys.keyid(private.public_key())] if private else []
    run = settled(_report(path, stated, target, signers, list(predicates)), report)
    write_reports(run, report)
    return int(run.exit_code(report.threshold))


def free_for_signature(target: Path, *, unsigned: bool, named: bool = False) -> None:
    """See that a signature may go there. Errors: UsageError.

    None is lost to an `unsigned` envelope, for somebody else would have to make it again. And in a folder of somebody
    else's, a link that nobody `named` would be written through, and a pipe waited for.
    """
    from bundle.trust import dsse
    from hardening.errors import RefusedError, UsageError

    try:
        signed = dsse.load(target, named=False).signatures
    except (OSError, RefusedError) as problem:
        if not named and (target.is_symlink() or (target.exists() and not target.is_file())):
            raise UsageError(
                f"{target} is neither a file nor a link to a signature",
                hint="see who put it there, and remove it",
            ) from problem
        return
    if signed and unsigned:
        raise UsageError(
            f"{target} has signatures, and this would overwrite them",
            hint="move it and the other envelopes beside it to another folder",
        )


def _stamp(path: Path) -> tuple[int, ...]:
    """Return what tells whether a file was written or replaced; its change time nobody can set."""
    about = path.stat()
    return about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns


def _report(
    path: Path, stated: statement.Statement, target: Path, signers: Sequence[str], further: Sequence[str]
) -> Run:
    from hardening.findings import Run, Subject, SubjectKind

    stats = {
        "members": len(stated.members), "bytes": stated.size, "sha256": stated.sha256, "product": stated.product,
        "release": stated.release, "signature": str(target), "signers": signers, "further": ", ".join(further),
    }  # fmt: skip
    done = "signed" if signers else "written, not signed"
    reason = done if "audit" in further else f"{done}, not audited"
    seen = Subject(id=str(path), kind=SubjectKind.BUNDLE, reason=reason, stats=stats)
    return Run.of([seen], (), started=stated.created)


def _private(key: Path, passphrase_file: Path | None, *, no_passphrase: bool) -> _keys.PrivateKey:
    from bundle.trust import keys

    prompt = keys.is_encrypted(key) and not no_passphrase
    return keys.load_private(key, passphrase=known_passphrase(passphrase_file, key) if prompt else None)


def _write(
    path: Path,
    stated: statement.Statement,
    target: Path,
    predicates: Mapping[str, Any],
    key: _keys.PrivateKey | None,
) -> None:
    """Write every envelope, once it is seen that each can be written. Errors: UsageError."""
    from bundle.trust import attest
    from hardening.cli.options import write_together

    envelopes = {target: attest.envelope(stated.to_bytes(), key)}
    for kind, predicate in predicates.items():
        envelopes[attest.beside(path, kind)] = attest.sealed(path.name, stated.sha256, kind, predicate, key)
    if key:
        envelopes = {one: attest.beside_others(new, one, key).to_bytes() for one, new in envelopes.items()}
    write_together(envelopes)


def _inventory(path: Path) -> dict[str, Any]:
    from bundle.trust.inventory import inventory

    return {"inventory": {"members": [item.to_json() for item in inventory(path)]}}


def _audited(path: Path) -> dict[str, Any]:
    from bundle.audit import audit
    from bundle.trust.summary import audit_summary

    return {"audit": audit_summary(path, audit([path]))}


def _cleaned(path: Path, original: Path, salt_file: Path) -> dict[str, Any]:
    from bundle.audit import audit
    from bundle.trust import cleaning, summary

    before = audit([original])
    account = cleaning.account(original, path, before, cleaning.salt(salt_file))
    identity = account["input"]
    described: dict[str, Any] = {"name": identity["name"]}
    if "sha256" in identity:
        described["digest"] = {"sha256": identity["sha256"]}
    else:
        described["annotations"] = {"hmac": identity["hmac"]}
    done = {name: len(account[name]) for name in ("removed", "replaced")}
    return {
        "cleaning": account,
        "provenance": summary.provenance(
            started=before.started, finished=datetime.now(UTC), original=described, parameters=done
        ),
    }
