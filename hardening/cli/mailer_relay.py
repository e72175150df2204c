"""`harden mailer render` and `relay`: thin layers over `hardening.mailer.install` and the relay's one file."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from hardening.cli.mailer_options import config_options, today
from hardening.cli.options import write_file
from hardening.errors import InputError, UsageError


@click.command()
@click.argument("what", type=click.Choice(["relay", "native"]))
@config_options
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path, file_okay=False), help="The folder."
)
@click.option("--secret-path", default="", help="relay: where the host keeps the secret in use.")
def render(what: str, config: Path, vault_password_file: Path | None, output: Path, secret_path: str) -> None:
    """Write what a host needs: the relay with its settings, or the product's own mail settings."""
    from hardening.mailer.install import native_files, relay_files
    from hardening.mailer.mistakes import mistakes
    from hardening.mailer.settings import load

    settings = load(config, vault_password=vault_password_file)
    for one in mistakes(settings, today()):
        if one.grave and not one.key.startswith(("credential", "next_credential")):
            raise InputError(f"{config}: {one.key}: {one.problem}", hint=one.remedy)
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise UsageError(
            f"cannot make {output}: {problem.strerror}", hint="choose another folder"
        ) from problem
    for name, data, mode in relay_files(settings, secret_path) if what == "relay" else native_files(settings):
        write_file(output / name, data)
        (output / name).chmod(mode)
        click.echo(output / name)


@click.command()
@config_options
@click.option(
    "--status", is_flag=True, help="Say how the queue is: 0 delivering, 1 something waits, 2 broken."
)
@click.option(
    "--python",
    default=sys.executable,
    show_default=False,
    help="The Python that runs it.  [default: this one]",
)
def relay(config: Path, vault_password_file: Path | None, status: bool, python: str) -> None:
    """Run the relay here, in the foreground, from the same settings a host gets."""
    import json

    from hardening.mailer.install import relay_config
    from hardening.mailer.settings import load

    made = relay_config(load(config, vault_password=vault_password_file))
    spool = Path(str(made.setdefault("spool", "relay-spool"))).resolve()
    made["spool"] = str(spool)
    try:
        spool.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as problem:
        raise UsageError(
            f"cannot make {spool}: {problem.strerror}", hint="spool = 'FOLDER' under [relay]"
        ) from problem
    place = spool / "relay.json"
    place.touch(mode=0o600)
    write_file(place, json.dumps(made).encode())
    script = Path(__file__).parent.parent / "mailer" / "relay.py"
    sys.stdout.flush()
    os.execvp(python, [python, str(script), "status" if status else "serve", str(place)])  # noqa: S606 - no shell
