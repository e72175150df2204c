"""`harden mailer send`: a thin layer over `hardening.mailer.send`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hardening.cli.mailer_options import config_options, say, today
from hardening.errors import ExitCode, HardeningError, InputError, PendingError, RolledBackError, UsageError

if TYPE_CHECKING:
    from hardening.mailer.rest import Keys
    from hardening.mailer.settings import MailerSettings


@click.command()
@config_options
@click.option(
    "--to",
    "recipients",
    multiple=True,
    metavar="ADDRESS",
    help="Recipient, instead of those of the settings.",
)
@click.option("--subject", required=True, help="The subject line.")
@click.option("--text", help="The body; default: standard input.")
@click.option("--alarm-id", default="", help="Value of the header X-Alarm-Id.")
@click.option("--priority", is_flag=True, help="Mark it as urgent.")
@click.option(
    "--transport",
    type=click.Choice(["graph", "smtp", "ews"]),
    multiple=True,
    help="Use only these transports, in this order.",
)
@click.option("--json", "as_json", is_flag=True, help="graph: send JSON instead of MIME.")
@click.option("-q", "--quiet", is_flag=True, help="Print only what was not sent, and why.")
@click.option("-v", "--verbose", count=True, help="Print what each transport answered.")
def command(
    config: Path, keys: Keys, recipients: tuple[str, ...], subject: str, text: str | None,
    alarm_id: str, priority: bool, transport: tuple[str, ...], as_json: bool, quiet: bool, verbose: int,
) -> int:  # fmt: skip
    """Send a mail now; the next transport steps in where one fails."""
    from hardening.mailer import send as sending
    from hardening.mailer.message import message
    from hardening.mailer.settings import load

    settings = _chosen(load(config, keys), recipients, transport)
    body: str | bytes = text if text is not None else sys.stdin.buffer.read() if sys.stdin else b""
    mail = message(
        sender=settings.sender.strip(), recipients=settings.recipients, subject=_readable(subject),
        text=_readable(body), priority=priority, alarm=_readable(alarm_id),
    )  # fmt: skip
    attempts = sending.send(settings, mail, as_json=as_json)
    for attempt in attempts:
        if attempt.problem is not None and not quiet:
            say(f"{attempt.transport}: {_problem_text(settings, attempt.problem, verbose)}", err=True)
    last, left = attempts[-1], sending.unsent(attempts)
    if last.problem is not None and len(left) == len(attempts[0].asked):
        doubtful = next((one for one in attempts if one.uncertain and one.problem is not None), None)
        if doubtful is not None and doubtful.problem is not None:
            raise PendingError(
                f"{doubtful.transport}: {doubtful.problem}: it may have arrived",
                hint=_hint(settings, doubtful.problem),
            )
        raise RolledBackError(
            f"not sent; {last.transport}: {last.problem}", hint=_hint(settings, last.problem)
        )
    for address, (by, refusal) in left.items():
        doubt = ", and may have arrived all the same" if getattr(refusal, "uncertain", False) else ""
        say(f"{by}: {address} was refused{doubt}: {refusal}\n  next: {_hint(settings, refusal)}", err=True)
    for attempt in attempts:
        if attempt.accepted_by and not quiet:
            note = f" ({attempt.accepted})" if verbose and attempt.accepted else ""
            some = (
                f" for {', '.join(attempt.accepted_by)}" if attempt.accepted_by != attempts[0].asked else ""
            )
            say(f"accepted by {attempt.transport}{some}: {mail['Message-ID']}{note}")
    return int(ExitCode.PARTLY_EXAMINED if left else ExitCode.OK)


def _readable(text: str | bytes) -> str:
    """Return a text as UTF-8, else as Latin-1: no alarm is lost for the encoding of the program that raises it."""
    data = text if isinstance(text, bytes) else os.fsencode(text)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _chosen(
    settings: MailerSettings, recipients: tuple[str, ...], transport: tuple[str, ...]
) -> MailerSettings:
    """Apply the options, and refuse settings that cannot send."""
    from dataclasses import replace

    from hardening.mailer.settings import Transport
    from hardening.mailer.settings_lint import mistakes
    from hardening.mailer.showing import ADDRESS

    if transport:
        settings = replace(settings, transports=tuple(Transport(one) for one in dict.fromkeys(transport)))
    if recipients:
        if bad := [one for one in recipients if not ADDRESS.match(one)]:
            raise UsageError(
                f"--to: {bad[0]!r} is not a mail address", hint="one plain address in ASCII each"
            )
        settings = replace(settings, recipients=recipients)
    for mistake in mistakes(settings, today()):
        if mistake.grave:
            raise InputError(f"{settings.source}: {mistake.key}: {mistake.problem}", hint=mistake.remedy)
    if not settings.recipients:
        raise UsageError("no recipient", hint="--to ADDRESS, or recipients in the settings")
    return settings


def _problem_text(settings: MailerSettings, problem: HardeningError, verbose: int) -> str:
    from hardening.mailer.net import RefusedBy

    text = f"{problem}\n  next: {_hint(settings, problem)}"
    if verbose and isinstance(problem, RefusedBy):
        answer = problem.answer
        text += f"\n  seen: {answer.status or ''} {answer.name} {answer.text} {answer.trace}".rstrip()
    return text


def _hint(settings: MailerSettings, problem: HardeningError) -> str:
    """Return the remedy with what the settings know filled in."""
    from hardening.mailer.error_catalogue import filled
    from hardening.mailer.examination import Examination

    return filled(problem.hint, Examination(settings, today()).words())
