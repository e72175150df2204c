"""`harden host audit`: what earlier upgrades left behind on a host, on a mounted image, or on every host of an inventory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import click

from hardening.cli import completing
from hardening.cli.host_apply import apply
from hardening.cli.lazy import LazyGroup
from hardening.cli.options import (
    ReportOptions,
    expiry_option,
    finish,
    report_options,
    require_option,
    sealing_key,
    trust_option,
)
from hardening.errors import ExitCode, InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hardening.findings import Run
    from hardening.tls.policies.ruleset import Policy


class Cards(TypedDict):
    """Settings by which certificates are judged."""

    expiry_days: int
    trust: str | None


@click.group(cls=LazyGroup)
def command() -> None:
    """Harden hosts, and audit what earlier upgrades left behind on them."""


command.add_command(apply)


@command.command("audit")
@click.option(
    "--root",
    type=click.Path(path_type=Path),
    default=Path("/"),
    show_default=True,
    help="Root of the host's file system, such as a mounted image.",
)
@click.option("-i", "--inventory", metavar="INVENTORY", help="Every host of this Ansible inventory instead.")
@click.option("--limit", metavar="PATTERN", help="Only these hosts of the inventory.")
@click.option(
    "-e",
    "--extra",
    multiple=True,
    metavar="KEY=VALUE|@FILE",
    help="Variables for the playbook; may be repeated.",
)
@click.option(
    "--path", "more", multiple=True, metavar="FOLDER", help="A further folder of the host; may be repeated."
)
@click.option(
    "--policy",
    "names",
    multiple=True,
    shell_complete=completing.policies,
    metavar="POLICY",
    help="TLS policy (names: harden tls policies); may be repeated.  [default: aspect]",
)
@trust_option
@expiry_option
@require_option
@report_options
def audit(
    root: Path,
    inventory: str | None,
    limit: str | None,
    extra: tuple[str, ...],
    more: tuple[str, ...],
    names: tuple[str, ...],
    trust: str | None,
    expiry_days: int,
    required: tuple[str, ...],
    report: ReportOptions,
) -> int:
    """Find deprecated components, credentials, secrets that every account can read, risky sudo rules, and weak TLS."""
    from datetime import UTC, datetime

    from bundle.walk.problem import unseen
    from hardening.errors import NothingExaminedError
    from hardening.findings import Examined, Run, Subject, SubjectKind
    from hardening.host import gather
    from hardening.tls import policy

    policies = [policy.load(one) for one in names or ("aspect",)]
    answers = policy.required(required, policies)
    key = sealing_key(report.baseline_key)
    cards: Cards = {"expiry_days": expiry_days, "trust": trust}
    if inventory is not None:
        if root != Path("/"):
            raise UsageError("--root and -i exclude each other", hint="with -i, use -e collect_root=DIR")
        return finish(_fleet(inventory, limit, extra, more, policies, key, answers, cards), report)
    if limit or extra:
        raise UsageError("--limit and -e need -i", hint="name an inventory with -i")
    if not root.is_dir():
        raise InputError(f"{root}: not a folder", hint="name the root of a host's file system")
    started = datetime.now(UTC)
    try:
        run = gather.audited(root.resolve(), policies, more=more, key=key, required=answers, **cards)
    except NothingExaminedError as nothing:  # a script that asked for a report gets one
        if not report.quiet:
            click.echo(f"harden: {nothing}\n  next: {nothing.hint}", err=True)
        lost = Subject(id=str(root), kind=SubjectKind.HOST, examined=Examined.NONE, reason=str(nothing))
        run = Run.of([lost], [unseen(str(root), "nothing", str(nothing), nothing.hint)], started=started)
    return finish(run, report)


def _fleet(
    inventory: str,
    limit: str | None,
    extra: Sequence[str],
    more: Sequence[str],
    policies: Sequence[Policy],
    key: bytes,
    required: frozenset[str],
    cards: Cards,
) -> Run:
    """Bring every host's files into a private folder, audit each copy, and say which hosts could not be reached."""
    from dataclasses import replace
    from datetime import UTC, datetime

    from hardening.errors import HardeningError
    from hardening.findings import Examined, Run, Subject, SubjectKind
    from hardening.host import gather, playbook, private
    from hardening.host.checks import audit as look

    started = datetime.now(UTC)
    run = Run.of((), (), started=started)
    with private.folder("harden-audit-") as folder:
        variables = {"collect_to": str(folder), "collect_paths": list(more)}
        flags = [word for one in extra for word in ("-e", one)]
        receipt = playbook.run(
            "collect.yml", inventory=inventory, limit=limit, variables=variables, flags=flags
        )
        lost: list[Subject] = []
        for one in receipt.hosts:
            place = folder / one.host.replace("/", "_")
            why = one.lost if one.unreachable else "; ".join(one.problems)
            if not (place / "about.json").exists():
                lost.append(
                    Subject(
                        id=one.host,
                        kind=SubjectKind.HOST,
                        examined=Examined.NONE,
                        reason=why or "nothing came",
                    )
                )
                continue
            try:
                copy = gather.load(place / "tree", place / "about.json")
                run = run.merged(look(copy, policies, more=more, key=key, required=required, **cards))
            except HardeningError as problem:  # of one host: the others are told all the same
                lost.append(
                    Subject(id=one.host, kind=SubjectKind.HOST, examined=Examined.NONE, reason=str(problem))
                )
    run = run.merged(Run.of(lost, (), started=started))
    if any(one.unreachable or one.problems for one in receipt.hosts):
        run = replace(run, extra_codes=run.extra_codes | {ExitCode.HOSTS_FAILED})
    return run
