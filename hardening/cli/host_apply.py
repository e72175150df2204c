"""`harden host apply`: the playbook harden.yml over a fleet, with a way back for all of it."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from hardening.cli.options import LOCAL, ReportOptions, finish, report_options, require_hosts


@click.command("apply")
@click.option("-i", "--inventory", metavar="INVENTORY", help="Ansible inventory: the hosts to harden.")
@LOCAL
@click.option("--limit", metavar="PATTERN", help="Only these hosts of the inventory.")
@click.option(
    "-e",
    "--extra",
    multiple=True,
    metavar="KEY=VALUE|@FILE",
    help="Variables for the playbook; may be repeated.",
)
@click.option(
    "--keep-done",
    is_flag=True,
    help="Leave hosts that are done as they are when a later one fails; otherwise they are rolled back.",
)
@report_options
def apply(
    inventory: str | None,
    limit: str | None,
    extra: tuple[str, ...],
    report: ReportOptions,
    *,
    local: bool,
    keep_done: bool,
) -> int:
    """Apply the settings of the inventory: to one host, then to a tenth, then to the rest.

    When a host fails, those that this run changed are rolled back: exit 6 when all are as
    before, 7 when not; the report names each host's state.
    """
    from dataclasses import replace

    from hardening.host import fleet, playbook

    require_hosts(inventory, local=local)
    started = datetime.now(UTC)
    flags = [part for one in extra for part in ("-e", one)]
    receipt = playbook.run("harden.yml", inventory=inventory, limit=limit, flags=flags)
    hosts = fleet.outcomes_of(receipt)
    if not keep_done:
        hosts = fleet.undone(hosts, inventory=inventory, limit=limit, flags=flags)
    if report.format == "text" and report.output is None and not report.quiet:
        for one in hosts:
            click.echo(
                f"{one.host:<24}  {one.state:<11}  {'; '.join((*one.why, *one.stopped))[:160]}".rstrip()
            )
    return finish(fleet.judged(hosts, started), replace(report, fail_on="never"))
