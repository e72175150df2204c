"""`harden upgrade`: the verbs that act on hosts, through the shipped playbooks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from hardening.cli.lazy import LazyGroup
from hardening.cli.options import LOCAL, ReportOptions, finish, report_options, require_hosts
from hardening.cli.upgrade_apply import verbs
from hardening.errors import ExitCode, HostsFailedError, strongest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from hardening.host.playbook import Receipt

_HOSTS = (
    click.option("-i", "--inventory", metavar="INVENTORY", help="Ansible inventory. Without it: this machine; a command that changes it needs --local."),
    click.option("--limit", metavar="PATTERN", help="Only these hosts of the inventory."),
    click.option("-e", "--extra", "extra", multiple=True, metavar="KEY=VALUE|@FILE",
                 help="Variables for the playbook, as ansible-playbook takes them; may be repeated."),
)  # fmt: skip


def _host_options(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_HOSTS):
        function = option(function)
    return function


@click.group(cls=LazyGroup)
def command() -> None:
    """Plan and apply upgrades, verify hosts, show what was done and what is pending, and roll back."""


verbs(command, _HOSTS)


@command.command("verify")
@_host_options
@click.option("--no-host-audit", is_flag=True, help="Do not audit the files of hosts that were upgraded.")
@report_options
def verify(
    inventory: str | None,
    limit: str | None,
    extra: tuple[str, ...],
    no_host_audit: bool,
    report: ReportOptions,
) -> int:
    """Compare every host with its plan, and audit its files. A pending restart is exit 5.

    Findings that were there before the upgrade do not count, except components that must not be there and secrets that
    every account can read.
    """
    from dataclasses import replace

    from hardening.cli.upgrade_apply import audit_variables
    from hardening.host import playbook, private
    from hardening.upgrade import verified

    started = datetime.now(UTC)
    with private.folder("harden-verify-") as folder:
        variables = {"upgrade_progress": f"{folder}/progress", **audit_variables(report, no_host_audit)}
        receipt = playbook.run(
            "verify.yml", inventory=inventory, limit=limit, variables=variables, flags=_extra(extra)
        )
    run = verified.judged(receipt, started)
    if any(one.unreachable for one in receipt.hosts):
        run = replace(run, extra_codes=run.extra_codes | {ExitCode.HOSTS_FAILED})
    return finish(run, report)


@command.command("status")
@_host_options
def status(inventory: str | None, limit: str | None, extra: tuple[str, ...]) -> int:
    """List the upgrades and transactions in each host's journal, and what is left to do."""
    from bundle.redact.lines import redacted
    from hardening.host import playbook, states
    from hardening.host.session import owed, unfinished, waits

    receipt = playbook.run("status.yml", inventory=inventory, limit=limit, flags=_extra(extra))
    waiting = underway = False
    codes: set[ExitCode] = set()
    lost: list[str] = []
    for one in receipt.hosts:
        click.echo(f"{one.host}: unreachable" if one.unreachable else one.host)
        for tx in one.rows("transactions"):
            why = f"  {redacted(tx['why'][0])}" if tx.get("why") else ""
            click.echo(f"  {tx['id']}  {tx['state']:<10}  {tx['label']}{why}")
            if tx["state"] in ("open", "applied"):
                click.echo(f"  UNDER WAY {unfinished(tx)}")
                underway = True
            if names := owed(tx):
                click.echo(
                    f"  PENDING {names}: not notified, or not running, since {tx['id']} was undone; it is tried again"
                )
                underway = True
        for row in one.rows("upgrades"):
            why = f"  {redacted(row['why'])}" if row.get("why") else ""
            click.echo(
                f"  {row['id']}  {row['state']:<12}  {row['product']} {row['release']} since {row['since']}{why}"
            )
            underway = underway or row["state"] not in states.FINISHED
            if row["state"] == "lost":
                lost.append(f"{one.host}: upgrade {row['id']} is lost")
        shown: list[str] = []
        for row in one.rows("pending"):
            if not row["resolved"] and waits(row) not in shown:
                shown.append(waits(row))
                waiting = True
                click.echo(f"  PENDING {waits(row)}")
        codes |= _engine(one.engines)
        reported = any(one.rows(what) for what in ("transactions", "upgrades", "pending"))
        if not (reported or one.unreachable or one.problems):
            click.echo("  no change by harden is known here")
    _raise_for(receipt, lost, changing=False)
    return int(strongest(codes | ({ExitCode.PENDING} if waiting or underway else set())))


@command.command("rollback")
@_host_options
@click.option(
    "--transaction",
    metavar="ID",
    help="Undo this one (ids: harden upgrade status). Default: the newest of each host.",
)
@click.option(
    "--force",
    is_flag=True,
    help="Roll back even if files or the database changed after the upgrade. THE NEWER DATA ARE LOST.",
)
@click.option("--check", is_flag=True, help="Show what would change; change nothing.")
@LOCAL
def rollback(
    inventory: str | None,
    limit: str | None,
    extra: tuple[str, ...],
    transaction: str | None,
    force: bool,
    check: bool,
    local: bool,
) -> int:
    """Undo the last upgrade or transaction of every host. The report names each host that could not be rolled back, and why."""
    from hardening.host import playbook

    require_hosts(inventory, local=local or (check and inventory is None))
    variables: dict[str, Any] = {"aspect_force": force}
    if transaction:
        variables["aspect_transaction"] = transaction
    flags = [*_extra(extra), *(["--check", "--diff"] if check else [])]
    receipt = playbook.run("rollback.yml", inventory=inventory, limit=limit, variables=variables, flags=flags)
    for one in receipt.hosts:
        for row in one.tasks:
            if row["outcome"] not in ("unreachable", "skipped") and not row["result"].get("upgrade", {}).get(
                "later"
            ):
                for line in _undone(row["result"], row["outcome"], check=check):
                    click.echo(f"{one.host}: {line}")
    _raise_for(receipt)
    return int(
        ExitCode.PENDING
        if any("previous" in row for one in receipt.hosts for row in one.rows("pending"))
        else ExitCode.OK
    )


def _engine(engines: Sequence[Mapping[str, Any]]) -> set[ExitCode]:
    """Show a host's control engine, and return the exit codes that its state asks for."""
    codes = set()
    for one in engines:
        unclear = f"; the firewall is not understood: {'; '.join(one['unclear'])}" if one["unclear"] else ""
        click.echo(f"  control engine: {one['line']}{unclear}")
        codes |= {ExitCode.PENDING} if one["restart_pending"] else set()
        unseen = one["not_seen"] and not one["restart_pending"]
        codes |= {ExitCode.PARTLY_EXAMINED} if unseen or unclear else set()
        codes |= {ExitCode.FINDINGS} if one["shut_off"] or one["open_to_all"] else set()
    return codes


def _undone(result: Mapping[str, Any], outcome: str, *, check: bool) -> Iterator[str]:
    """Yield what a rollback came to on a host: which transaction, and in check mode every path."""
    from bundle.redact.lines import clear

    message = clear(str(result.get("msg") or result.get("state", outcome)))
    if what := result.get("undoes"):
        message = f"{what['label'] or 'transaction'} ({what['id']}), {'to be undone' if check else 'undone'}: {message}"
    yield message
    for row in result.get("files", []) if check else []:
        yield f"  {row['op']:<6}  {row['path']}"


def _extra(extra: tuple[str, ...]) -> list[str]:
    return [part for one in extra for part in ("-e", one)]


def _raise_for(receipt: Receipt, more: Sequence[str] = (), *, changing: bool = True) -> None:
    from bundle.redact.lines import clear

    bad = [*more, *(f"{one.host}: unreachable: {one.lost}" for one in receipt.hosts if one.unreachable)]
    bad += [f"{one.host}: {clear(problem)}" for one in receipt.hosts for problem in one.problems]
    if bad:
        hint = "fix what the message names, then run the command again"
        if changing and len(receipt.hosts) > 1:
            hint += "; the hosts that are not named are done"
        raise HostsFailedError("; ".join(bad), hint=hint)
