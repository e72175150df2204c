"""The command line: one verb per module, loaded when it is called for."""

from __future__ import annotations

import errno
import gc
import os
import sys
from contextlib import suppress
from pathlib import Path

gc.set_threshold(
    100_000, 20, 20
)  # imports make no garbage, and findings hold no cycles: looking for them took a twentieth of a fleet's time

import click  # noqa: E402 - as all below: after the line that makes them quicker

from hardening import __version__  # noqa: E402 - as above
from hardening.cli import streams  # noqa: E402 - as above
from hardening.cli.lazy import LazyGroup, OwnPipeError, Verb  # noqa: E402 - as above
from hardening.errors import ExitCode, HardeningError  # noqa: E402 - as above

VERBS = (
    Verb(
        "advisories", "hardening.cli.advisories", "Answer public advisories for hosts and bundles, with VEX."
    ),
    Verb("baseline", "hardening.cli.baseline", "Compare stored reports: new, known, gone."),
    Verb("bundle", "hardening.cli.bundle", "Audit, clean, inventory, sign and verify upgrade bundles."),
    Verb("ci", "hardening.cli.ci", "Show where the script and the templates for CI jobs are."),
    Verb("claims", "hardening.cli.claims", "Check what release notes claim, on bundles and hosts."),
    Verb("completion", "hardening.cli.about", "Print the completion script for a shell.", "completion"),
    Verb("demo", "hardening.cli.demo", "Show the whole story on this machine in a few seconds."),
    Verb("doctor", "hardening.cli.about", "Check what this installation can do here.", "doctor"),
    Verb("docs", "hardening.cli.docs", "Read the documentation, without network."),
    Verb("engine", "hardening.cli.engine", "Show or change the control engine's port."),
    Verb("help", "hardening.cli.about", "Show the help of a command.", "help_of"),
    Verb("host", "hardening.cli.host", "Harden hosts, and audit what earlier upgrades left behind."),
    Verb("init", "hardening.cli.init", "Write a settings file, an inventory or a recipe to begin with."),
    Verb("logs", "hardening.cli.logs", "Triage upgrade logs."),
    Verb("mailer", "hardening.cli.mailer", "Set up, prove and run OAuth2 mail for Exchange / Microsoft 365."),
    Verb("playbooks", "hardening.cli.playbooks", "Show where the shipped Ansible playbooks are."),
    Verb("products", "hardening.cli.products", "Show what is known of a product, with sources."),
    Verb("recipe", "hardening.cli.init", "Print the recipe of a product, to copy and change.", "recipe"),
    Verb("report", "hardening.cli.report", "Render, merge and compare stored reports; sign and verify them."),
    Verb("rules", "hardening.cli.rules", "List every rule with its reason and remedy."),
    Verb("tls", "hardening.cli.tls", "Render, audit and scan TLS policies."),
    Verb("upgrade", "hardening.cli.upgrade", "Plan, apply, verify and roll back on hosts with Ansible."),
    Verb("version", "hardening.cli.about", "Print the version; with --verbose, of everything.", "version"),
    Verb("waive", "hardening.cli.waive", "Accept one finding, with reason, owner and last day."),
    Verb("warm", "hardening.cli.warm", "Compile patterns ahead of the first audit."),
)
_EXIT_CODES = """\b
Exit codes:
  0   done, and no finding at or above --fail-on
  4   INCOMPLETE: a part was not examined      harden docs incomplete
  5   a restart or a mail is pending           harden upgrade status
  6   failed, and everything is as before      harden docs upgrade
  7   failed: look at the hosts in the report  harden docs upgrade
  10  findings; what they mean: harden rules RULE
  11  refused; the message names the reason
All codes: harden docs cli"""
_FULL = (errno.ENOSPC, errno.EDQUOT)
"""A full disk, or a full share of it: no bug of ours, wherever it is met."""
_OF_A_PATH = (errno.EACCES, errno.ENAMETOOLONG, errno.ELOOP)
"""What a path may be that was given: Path's own questions raise where a folder above may not be entered, or a name is too long."""


@click.group(
    cls=LazyGroup,
    verbs=VERBS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=_EXIT_CODES,
)
@click.version_option(__version__, prog_name="harden")
def harden() -> None:
    """Server hardening and upgrade bundles: find, fix, prove."""


def _say(text: str) -> None:
    if not (text.isascii() and text.isprintable()):  # a host's or a bundle's own words may be quoted in it
        from hardening.reports.plain import visible

        text = visible(text, keep="\n\t")
    with suppress(OSError):  # nobody can be told; the exit code stays what it is
        sys.stderr.write(text + "\n")


def main(arguments: list[str] | None = None) -> None:
    """Run the command and exit with a code of the table in docs/cli.md; never a traceback."""
    streams.prepare()
    code = run(arguments)
    for stream in (sys.stdout, sys.stderr):
        try:
            if not stream.closed:
                stream.flush()
        except OSError:  # said already; Python would say it once more at exit, and end with a code of its own
            with suppress(OSError):
                stream.close()
    gc.freeze()  # nor is what it still holds worth looking through at exit, which takes a tenth of its time
    sys.exit(code)


def run(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code; every failure becomes one clear line."""
    try:
        code = harden.main(args=arguments, prog_name="harden", standalone_mode=False)
        sys.stdout.flush()
    except OwnPipeError as problem:
        return _explain(problem.__cause__ or problem, arguments)
    except (Exception, KeyboardInterrupt) as problem:  # noqa: BLE001 - the promise is one line, whatever happens
        return _explain(problem, arguments)
    return int(code) if isinstance(code, int) else int(ExitCode.OK)


def _explain(problem: BaseException, arguments: list[str] | None) -> int:
    """Say what went wrong and what to do next, and return the exit code."""
    from hardening.cli import next_step

    words = sys.argv[1:] if arguments is None else arguments
    message, hint, code = str(problem), "", ExitCode.USAGE
    if isinstance(problem, HardeningError):
        hint, code = problem.hint, problem.exit_code
        if code is ExitCode.USAGE:
            hint = next_step.of_input(message, hint, words, harden)
    elif isinstance(problem, click.exceptions.Exit):
        return int(problem.exit_code)
    elif isinstance(problem, click.exceptions.NoArgsIsHelpError):
        _say(problem.format_message())  # a group's own help says what to do next
        return int(code)
    elif isinstance(problem, click.UsageError):
        message, hint = next_step.of_usage(problem, words, harden)
    elif isinstance(problem, click.ClickException):
        message = problem.format_message()
    elif isinstance(problem, click.Abort | KeyboardInterrupt):
        message, code = "interrupted", ExitCode.INTERRUPTED
    elif isinstance(problem, OSError) and (reason := _of_machine(problem)):
        message, hint = reason
    else:
        return _report_bug(problem)
    _say(f"harden: {message}")
    if hint:
        _say(f"  next: {hint}")
    return int(code)


def _of_machine(problem: OSError) -> tuple[str, str] | None:
    """Return what to say of an error that no verb foresaw and that is no bug, and what to do next."""
    if problem.errno in _FULL:
        return (
            f"cannot write: {problem.strerror}",
            "free disk space where standard output or the files are written",
        )
    if problem.errno in _OF_A_PATH and problem.filename is not None:
        return f"{os.fsdecode(problem.filename)}: {problem.strerror}", "check the path and its permissions"
    try:
        Path.cwd()  # paths are named from it
    except FileNotFoundError:
        return (
            "the current folder no longer exists",
            "change to an existing folder, then run the command again",
        )
    return None


def _report_bug(bug: BaseException) -> int:
    """Say where the bug is in one line; the traceback is printed for whoever asks for it."""
    import traceback

    frame = traceback.extract_tb(bug.__traceback__)[-1]
    _say(
        f"harden: internal error: {type(bug).__name__} at {frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}"
    )
    _say("  next: run again with HARDEN_TRACEBACK=1 and report what it prints")
    if os.environ.get("HARDEN_TRACEBACK"):
        traceback.print_exception(bug)
    return int(ExitCode.BUG)
