"""`harden help`, `version`, `doctor`, `completion`: about the program itself."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click

from hardening import __version__
from hardening.errors import ExitCode, UsageError


@click.command("help")
@click.argument("words", nargs=-1, metavar="[COMMAND]...")
@click.pass_context
def help_of(context: click.Context, words: tuple[str, ...]) -> None:
    """Show the help of COMMAND: `harden help bundle audit` is `harden bundle audit --help`."""
    found, above = context.find_root().command, context.find_root()
    for word in words:
        if not isinstance(found, click.Group):
            hint = f"{above.command_path} --help"
            raise UsageError(
                f"{above.command_path} has no commands of its own, and none called {word!r}", hint=hint
            )
        name, below, _ = found.resolve_command(above, [word])
        if below is None:
            raise UsageError(f"no such command {word!r}", hint="harden --help")
        found, above = below, below.context_class(below, info_name=name, parent=above)
    click.echo(found.get_help(above))


@click.command("version")
@click.option(
    "-v", "--verbose", is_flag=True, help="Also print the versions of Python, libraries and programs."
)
def version(*, verbose: bool) -> None:
    """Print the version."""
    click.echo(f"harden {__version__}")
    if verbose:
        for name, found, _ in _parts():
            click.echo(f"  {name:<14} {found or 'not there'}")


@click.command("doctor")
def doctor() -> int:
    """Check what this installation can do here: Python, libraries, programs, folders.

    Exit 0 when everything is there, 4 when something is missing. What only an extra needs is optional and does not count.
    """
    lost = 0
    for name, found, need in _parts():
        lost += not found and name not in _OPTIONAL
        absent = "optional" if name in _OPTIONAL else "missing"
        click.echo(f"{'ok' if found else absent:<8} {name:<14} {found or need}")
    for name, place, problem in _folders():
        lost += bool(problem)
        click.echo(
            f"{'missing' if problem else 'ok':<8} {name:<14} {place}{f': {problem}' if problem else ''}"
        )
    click.echo(
        f"{'INCOMPLETE' if lost else 'OK'}: {lost} missing; exit {int(ExitCode.PARTLY_EXAMINED if lost else ExitCode.OK)}"
    )
    return int(ExitCode.PARTLY_EXAMINED if lost else ExitCode.OK)


_LIBRARIES = (
    ("cryptography", "certificates and signatures"),
    ("hyperscan", "quick search for credentials; slower without it"),
    ("libarchive-c", "7z, RAR, ISO and similar formats"),
    ("zstandard", "zstd archives"),
    ("msal", "mail by OAuth2"),
    ("tuf", "bundle tuf: pip install tuf"),
    ("weasyprint", "reports as PDF: pip install weasyprint; and Pango"),
    ("xlsxwriter", "reports as XLSX: pip install xlsxwriter"),
    ("ansible-core", "host apply, upgrade: pip install ansible-core"),
)
_OPTIONAL = frozenset({"tuf", "weasyprint", "xlsxwriter"})
"""Libraries that one format or one command needs; `pip install` brings them as extras."""
_PROGRAMS = (
    ("ansible-playbook", "host apply, upgrade: pip install ansible-core"),
    ("ssh", "hosts of an inventory: install the OpenSSH client"),
)


def _parts() -> Iterator[tuple[str, str, str]]:
    """Yield name, version or place (empty where it is not there), and what it is for."""
    import platform
    import shutil
    from importlib import metadata
    from pathlib import Path

    yield "python", f"{platform.python_version()} ({sys.executable})", ""
    for name, need in _LIBRARIES:
        try:
            yield name, metadata.version(name), need
        except metadata.PackageNotFoundError:
            yield name, "", need
    for name, need in _PROGRAMS:
        beside = Path(sys.executable).with_name(name)
        yield name, str(beside) if beside.is_file() else shutil.which(name) or "", need


def _folders() -> Iterator[tuple[str, str, str]]:
    """Yield name, place and what is wrong with it."""
    import os
    import tempfile

    from hardening import resources

    yield "playbooks", str(resources.playbooks()), "" if resources.playbooks().is_dir() else "not there"
    yield "templates", str(resources.templates()), "" if resources.templates().is_dir() else "not there"
    there = tempfile.gettempdir()
    yield (
        "temporary",
        there,
        "" if os.access(there, os.W_OK) else "not writable: set TMPDIR to a writable folder",
    )


_SHELLS = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script of SHELL: eval "$(harden completion bash)"."""
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    if found is None:
        raise UsageError(f"no completion for {shell}", hint=f"known: {', '.join(_SHELLS)}")
    click.echo(found(context.find_root().command, {}, "harden", "_HARDEN_COMPLETE").source().rstrip())
