"""`harden mailer render` and `relay`: thin layers over `hardening.mailer.install` and the relay's archive."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hardening.cli.mailer_options import config_options, today
from hardening.errors import InputError, UsageError

if TYPE_CHECKING:
    from hardening.mailer.rest import Keys


@click.command()
@click.argument("what", type=click.Choice(["relay", "native"]))
@config_options
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path, file_okay=False), help="The folder."
)
@click.option(
    "--credentials",
    is_flag=True,
    help="relay: also write the decrypted secrets and keys, for this host only.",
)
@click.option(
    "--host-certificate", is_flag=True, help="relay: the host makes a certificate of its own and prefers it."
)
@click.option(
    "--folder",
    default="/etc/aspect-mail-relay",
    show_default=True,
    help="relay: its folder on the host.",
)
@click.option(
    "--user", default="aspect-mail", show_default=True, help="relay: the account that it will run as."
)
@click.option(
    "--template",
    type=click.Path(path_type=Path, dir_okay=False),
    help="native: the template to fill in, instead of the shipped one.",
)
def render(
    what: str, config: Path, keys: Keys, output: Path, credentials: bool, host_certificate: bool, folder: str, user: str,
    template: Path | None,
) -> None:  # fmt: skip
    """Write what a host needs: the relay with its settings, or the product's own mail settings."""
    from hardening.mailer.install import RelayHost, native_files, relay_files
    from hardening.mailer.settings import load
    from hardening.mailer.settings_lint import mistakes

    if what == "relay":
        _plain_words(folder, user)
    settings = load(config, keys)
    for one in mistakes(settings, today()):
        if one.grave and (
            credentials or one.exposed or not one.key.startswith(("credential", "next_credential"))
        ):
            raise InputError(f"{config}: {one.key}: {one.problem}", hint=one.remedy)
    host = RelayHost(folder, user, credentials=credentials, certificate=host_certificate)
    files = relay_files(settings, host) if what == "relay" else native_files(settings, template)
    try:
        output.mkdir(parents=True, exist_ok=True)
        for name, data, mode in files:
            _write(output / name, data, mode)
            click.echo(output / name)
    except OSError as problem:
        raise UsageError(
            f"cannot write {output}: {problem.strerror}", hint="choose another folder"
        ) from problem


def _plain_words(folder: str, user: str) -> None:
    """Refuse what a unit and a shell would read as something else. Errors: UsageError."""
    import re

    if not re.fullmatch(r"(/[\w.+@-]+)+/?", folder, re.ASCII):
        raise UsageError(
            f"--folder: {folder!r} cannot be the relay's folder", hint="give an absolute path without blanks"
        )
    if not re.fullmatch(r"[A-Za-z_][\w.-]*\$?", user, re.ASCII):
        raise UsageError(f"--user: {user!r} is not a user name", hint="as in /etc/passwd: aspect-mail")


def _write(path: Path, data: bytes, mode: int) -> None:
    """Write a file that has its mode before its content."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)
        file.write(data)


@click.command()
@config_options
@click.option("--status", is_flag=True, help="Show the queue and exit: 0 delivering, 1 mails wait, 2 broken.")
@click.option(
    "--python",
    default=sys.executable,
    show_default=False,
    help="The Python that runs it.  [default: this one]",
)
@click.option(
    "--transport-tls",
    type=click.Choice(["auto", "python", "openssl", "curl"]),
    default="auto",
    help="The program that does TLS. Python 2.6 needs openssl or curl.",
)
def relay(config: Path, keys: Keys, status: bool, python: str, transport_tls: str) -> None:
    """Run the relay on this machine, in the foreground, with the settings that a host gets.

    Mails wait in `spool` of [relay], or in relay-spool below the current folder.
    """
    import json

    from hardening.mailer.install import relay_archive, relay_config
    from hardening.mailer.settings import load

    rendered = relay_config(load(config, keys))
    spool = Path(str(rendered.setdefault("spool", "relay-spool"))).resolve()
    rendered["spool"] = str(spool)
    if transport_tls != "auto":
        rendered["transport_tls"] = transport_tls
    place, archive = spool / "relay.json", spool / "relay.pyz"
    try:
        spool.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(place, json.dumps(rendered).encode(), 0o600)
        _write(archive, relay_archive(), 0o600)
    except OSError as problem:
        raise UsageError(
            f"cannot make {spool}: {problem.strerror}", hint="spool = 'FOLDER' under [relay]"
        ) from problem
    sys.stdout.flush()
    os.execvp(python, [python, str(archive), "status" if status else "serve", str(place)])  # noqa: S606 - no shell
