"""`harden bundle envelope`: signatures that are made elsewhere, by openssl, a token or a second person."""

from __future__ import annotations

from pathlib import Path

import click

from hardening.cli.options import keep_apart, write_file, write_whole
from hardening.cli.path_types import OutputPath

_LONGEST = 1 << 16
"""Bytes of a signature that are read; no algorithm's has as many."""


@click.command(name="envelope")
@click.argument("envelope", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--export", "export", type=OutputPath(path_type=Path, dir_okay=False), metavar="FILE",
              help="Write the bytes to sign.")  # fmt: skip
@click.option("--add", "signature", type=click.Path(path_type=Path, dir_okay=False), metavar="SIGNATURE",
              help="Verify this signature with --key and add it (raw: 64 bytes for Ed25519, DER for ECDSA).")  # fmt: skip
@click.option("--key", type=click.Path(path_type=Path, dir_okay=False), metavar="KEY.pub",
              help="The public key of --add.")  # fmt: skip
def command(envelope: Path, export: Path | None, signature: Path | None, key: Path | None) -> None:
    """Export the bytes that an ENVELOPE (a .dsse.json) signs, or add a signature that was made elsewhere.

    An envelope may hold signatures of several keys; `verify --threshold` counts them.
    """
    from bundle.trust import dsse, keys
    from hardening import inputs
    from hardening.errors import InputError, RefusedError

    if (export is None) == (signature is None) or (signature is None) != (key is None):
        raise click.UsageError("give either --export FILE, or --add SIGNATURE with --key KEY.pub")
    keep_apart([export] if export else [], [envelope])
    try:
        opened = dsse.load(envelope)
        raw = inputs.read(signature, _LONGEST) if signature else b""
    except OSError as problem:
        raise InputError(
            f"{problem.filename or envelope}: {problem.strerror}", hint="check the path"
        ) from problem
    except RefusedError as problem:
        hint = "give a .dsse.json that `harden bundle sign` or `harden report sign` wrote"
        raise RefusedError(f"{envelope}: {problem}", hint=hint) from problem
    if export is not None:
        write_file(export, dsse.pae(opened.payload_type, opened.payload))
        click.echo(f"to sign    {export}")
        return
    if key is not None:
        public = keys.load_public(key)
        write_whole(envelope, opened.signed_by(public, raw).to_bytes())
        click.echo(f"key id     {keys.keyid(public)}")
        click.echo(f"signature  {envelope}")
