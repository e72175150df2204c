"""`harden upgrade plan` and `apply`: a verified bundle to a fleet, or back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hardening.cli.options import (
    LOCAL,
    ReportOptions,
    expect_writable,
    finish,
    keep_apart,
    make_folder,
    paths_of,
    report_options,
    require_hosts,
    write_file,
)

if TYPE_CHECKING:
    from bundle.trust.policy import TrustPolicy
    from hardening.findings import Run
    from hardening.upgrade.admission import AdmittedUpgrade
    from hardening.upgrade.recipe import Recipe

_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)
_BUNDLE = (
    click.argument("bundle", type=click.Path(path_type=Path)),
    click.option("--key", "key_files", type=_FILE, multiple=True, help="A trusted public key; may be repeated."),
    click.option("--trust", "trust_file", type=_FILE, metavar="FILE",
                 help="Trusted keys with validity, revocation and threshold (harden docs trust)."),
    click.option("--signature", type=_FILE, metavar="SIG", help="Default: BUNDLE.dsse.json beside the bundle."),
    click.option("--recipe", "recipe_file", type=_FILE, metavar="FILE",
                 help="How the product is upgraded (harden docs upgrade-recipe). Required: there is no default."),
    click.option("--secrets", "secrets_file", type=_FILE, metavar="FILE",
                 help="The list of placeholders that the hosts fill in (role credentials), as `bundle clean --secrets` wrote "
                 "it. A bundle with another placeholder is refused (exit 11)."),
    click.option("--log-rules", type=_FILE, help="Further log messages of your own (TOML)."),
    click.option("--force-older", metavar="REASON", default="",
                 help="Accept an older release; the reason is kept on every host."),
    click.option("--skip-failed-preflight", is_flag=True,
                 help="Skip hosts that fail the preflight check (exit 7 names them)."),
    click.option("--no-host-audit", is_flag=True,
                 help="Do not audit each host's files before and after the upgrade. The audit rolls a host back if it finds, at or above "
                 "--fail-on, a forbidden component, a secret that every account can read, or anything new."),
    click.option("--host-reports", type=_FOLDER, metavar="DIR", help="Also one report per host, in every format."),
)  # fmt: skip
_APPLY = (
    click.option("--deadman", type=click.FloatRange(30), default=900, show_default=True, metavar="SECONDS",
                 help="If a host hears nothing from this machine for so many seconds, it rolls back by itself."),
    click.option("--keep-done", is_flag=True,
                 help="Leave hosts that are done as they are when a later one fails; otherwise they are rolled back."),
    click.option("--logs", type=_FOLDER, metavar="DIR", help="Keep the installer's log of each host here."),
    click.option("--sign-key", type=_FILE, help="Private key; signs the receipt."),
    click.option("--receipt", type=_FILE, metavar="FILE", help="Where the signed receipt goes.  [default: "
                 "BUNDLE.receipt.dsse.json in this folder]"),
)  # fmt: skip


def options(*groups: tuple[Callable[..., Any], ...]) -> Callable[..., Any]:
    """Add groups of options to a verb."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        for group in reversed(groups):
            for option in reversed(group):
                function = option(function)
        return function

    return add


def verbs(group: click.Group, hosts: tuple[Callable[..., Any], ...]) -> None:
    """Add plan, apply and receipt to the group; `hosts` are the options that choose hosts."""
    from hardening.cli.passphrase import passphrase_options

    group.command("plan")(options(hosts, _BUNDLE)(report_options(plan)))
    group.command("apply")(
        options(hosts, (LOCAL,), _BUNDLE, _APPLY)(passphrase_options(report_options(apply)))
    )
    group.add_command(receipt_verb)


def plan(
    bundle: Path,
    inventory: str | None,
    limit: str | None,
    extra: tuple[str, ...],
    report: ReportOptions,
    host_reports: Path | None,
    skip_failed_preflight: bool,
    force_older: str,
    no_host_audit: bool,
    recipe_file: Path | None,
    **admission: Any,
) -> int:
    """Show what an upgrade with BUNDLE would do to each host. Nothing is changed."""
    recipe = _ready(inventory, extra, recipe_file)
    run, job = _admitted(bundle, report, recipe, **admission)
    if job is None:
        return finish(run, report)
    variables = {
        "upgrade_skip_failed_preflight": skip_failed_preflight,
        "upgrade_force_older": force_older,
        **audit_variables(report, no_host_audit),
    }
    done = _play(job, inventory, limit, ["--check", *_extra(extra)], report, variables, planned=True)
    return _report(run, done, report, host_reports, counted=True)


def apply(
    bundle: Path,
    inventory: str | None,
    limit: str | None,
    extra: tuple[str, ...],
    report: ReportOptions,
    host_reports: Path | None,
    skip_failed_preflight: bool,
    force_older: str,
    deadman: float,
    keep_done: bool,
    logs: Path | None,
    sign_key: Path | None,
    receipt: Path | None,
    passphrase_file: Path | None,
    no_passphrase: bool,
    no_host_audit: bool,
    recipe_file: Path | None,
    local: bool,
    **admission: Any,
) -> int:
    """Upgrade hosts with BUNDLE. Each host is either upgraded and verified, or rolled back.

    The bundle is verified and audited first; a bundle that is refused touches no host (exit 11 or 10). One host
    goes first, then a tenth, then the rest. When one fails, those that this run finished are rolled back: exit 6 when
    all are as before, 7 when not. Run it again after an interruption: it resumes.
    """
    from bundle.trust import keys
    from hardening.cli.caller import user
    from hardening.cli.passphrase import known_passphrase
    from hardening.upgrade import receipt as receipts

    require_hosts(inventory, local=local)
    recipe = _ready(inventory, extra, recipe_file)
    private = None
    if sign_key is not None:  # before the first change: a receipt that cannot be signed is noticed now
        prompt = keys.is_encrypted(sign_key) and not no_passphrase
        private = keys.load_private(
            sign_key, passphrase=known_passphrase(passphrase_file, sign_key) if prompt else None
        )
    target = receipt or Path(bundle.name + ".receipt.dsse.json")
    if private is not None:  # and so is one that cannot be written, as the folders below
        expect_writable(target)
        read = (bundle, sign_key, passphrase_file, inventory, extra, recipe_file, *admission.values())
        keep_apart([target], [*paths_of(read), *report.outputs])
    run, job = _admitted(bundle, report, recipe, **admission)
    if job is None:
        return finish(run, report)
    if logs is not None:
        make_folder(logs, 0o700)
    if host_reports is not None:
        make_folder(host_reports)
    by = user()
    variables = {
        "upgrade_skip_failed_preflight": skip_failed_preflight,
        "upgrade_force_older": force_older,
        "upgrade_deadman": deadman,
        "upgrade_by": by,
        "upgrade_logs": str(logs.resolve()) if logs else "",
        **audit_variables(report, no_host_audit),
    }
    try:
        done = _play(
            job, inventory, limit, _extra(extra), report, variables, planned=False, undo=not keep_done
        )
    except KeyboardInterrupt:
        click.echo(
            "harden: the hosts finish what they began. To resume, run the same apply again; "
            "`harden upgrade status` shows their state, `harden upgrade rollback` rolls back",
            err=True,
        )
        raise
    try:
        return _report(run, done, report, host_reports)
    finally:  # also where a report cannot be written: the hosts are as they are now
        if private is not None:
            write_file(target, receipts.sealed(done, job, private, by=by))


@click.command("receipt")
@click.argument("path", type=_FILE)
@click.option(
    "--key", "key_files", type=_FILE, multiple=True, required=True, help="The public key of the signer."
)
def receipt_verb(path: Path, key_files: tuple[Path, ...]) -> None:
    """Verify a signed receipt and print the result of each host. Exit 11: the receipt was changed."""
    from bundle.trust import dsse, keys
    from hardening import inputs
    from hardening.errors import InputError, RefusedError
    from hardening.reports.plain import visible
    from hardening.upgrade import receipt as receipts

    try:
        data = inputs.read(path, dsse.LARGEST)
    except OSError as problem:
        raise InputError(
            f"{path}: {problem.strerror}", hint="give the file that --receipt wrote"
        ) from problem
    receipt = receipts.opened(data, [keys.load_public(file) for file in key_files])
    try:
        lines = list(_of_receipt(receipt))
    except (KeyError, TypeError) as problem:
        raise RefusedError(
            "the signed receipt is malformed", hint="give the file that --receipt wrote"
        ) from problem
    for line in lines:
        click.echo(visible(line))


def _of_receipt(receipt: dict[str, Any]) -> Iterator[str]:
    """Yield what a receipt says, a line for each host. Errors: KeyError, TypeError (it does not say it)."""
    yield f"{receipt['product']} {receipt['release']}  sha256 {receipt['sha256']}"
    yield f"{receipt['started']} to {receipt['finished']} by {receipt['by']}"
    for row in receipt["hosts"]:
        way = f"{row.get('from', '?')} -> {row.get('to', '?')}"
        yield f"  {row['host']:<24}  {row['state']:<11}  {way}  {'; '.join(row['reasons'])}".rstrip()


def _ready(inventory: str | None, extra: tuple[str, ...], recipe_file: Path | None) -> Recipe:
    """Return the recipe, once the hosts can be asked at all: both before a bundle is audited. Errors: UsageError, DataError."""
    from hardening.errors import UsageError
    from hardening.host import playbook
    from hardening.upgrade import recipe

    if recipe_file is None:
        raise UsageError(
            "no recipe: an upgrade needs one, because it lists what to keep, to stop and to check",
            hint=f"copy {recipe.example()}, check each line on a host, and pass the copy with --recipe FILE",
        )
    loaded = recipe.load(recipe_file)
    playbook.ready(inventory, _extra(extra))
    return loaded


def _admitted(
    bundle: Path,
    report: ReportOptions,
    recipe: Recipe,
    key_files: tuple[Path, ...],
    trust_file: Path | None,
    signature: Path | None,
    log_rules: Path | None,
    secrets_file: Path | None,
) -> tuple[Run, AdmittedUpgrade | None]:
    """Verify and audit the bundle, with waivers counted, before any host is asked."""
    from hardening.cli.options import sealing_key, settled
    from hardening.errors import ExitCode
    from hardening.upgrade import admission

    run, job = admission.admit(
        bundle,
        _trusted(key_files, trust_file),
        recipe,
        signature=signature,
        fail_on=None,
        log_rules=log_rules,
        key=sealing_key(report.baseline_key),
        secrets=secrets_file,
    )
    run = settled(run, report)
    return run, job if run.exit_code(report.threshold) is ExitCode.OK else None


def audit_variables(report: ReportOptions, off: bool) -> dict[str, Any]:
    """Return the playbook's variables for the audit of the hosts; without the option, off or on is the inventory's."""
    waivers = str(report.waivers.resolve()) if report.waivers is not None else ""
    return {
        "upgrade_audit_fail_on": report.fail_on,
        "upgrade_audit_waivers": waivers,
        **({"upgrade_audit": False} if off else {}),
    }


def _trusted(key_files: tuple[Path, ...], trust_file: Path | None) -> TrustPolicy:
    from bundle.trust import keys, policy

    if bool(key_files) == bool(trust_file):
        raise click.UsageError("give the trusted keys, either as --key KEY.pub or as --trust FILE")
    if trust_file:
        return policy.load(trust_file)
    return policy.TrustPolicy.of([keys.load_public(file) for file in key_files])


def _play(
    job: AdmittedUpgrade,
    inventory: str | None,
    limit: str | None,
    flags: list[str],
    report: ReportOptions,
    variables: dict[str, Any],
    *,
    planned: bool,
    undo: bool = False,
) -> Run:
    from hardening.host import fleet, playbook, private
    from hardening.upgrade import upgrade_report

    started = datetime.now(UTC)
    with private.folder("harden-upgrade-") as folder:
        path = folder / "job.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(job.to_json()), encoding="utf-8")
        values = {**variables, "upgrade_job": str(path), "upgrade_progress": str(folder / "progress")}
        if not values.get("upgrade_logs"):
            values["upgrade_logs"] = str(folder)
        with _view(folder / "progress", report):
            receipt = playbook.run(
                "upgrade.yml", inventory=inventory, limit=limit, variables=values, flags=flags
            )
            back = None
            if undo and (wanted := upgrade_report.to_undo(map(upgrade_report.host_report, receipt.hosts))):
                back = fleet.lead_back(
                    wanted, inventory=inventory, limit=limit, variables=values, flags=flags
                )
    return upgrade_report.judged(receipt, started, planned=planned, undo=back)


@contextmanager
def _view(progress: Path, report: ReportOptions) -> Iterator[None]:
    if not report.show_progress:
        yield
        return
    import sys

    from hardening.cli.upgrade_view import View

    with View(progress, live=sys.stderr.isatty(), wanted=True):
        yield


def _report(
    admitted: Run, done: Run, report: ReportOptions, host_reports: Path | None, *, counted: bool = False
) -> int:
    """Write fleet and host reports; the exit code is about the hosts, the bundle has passed already."""
    from hardening.reports import render
    from hardening.upgrade import upgrade_report

    if report.format == "text" and report.output is None and not report.quiet:
        for line in upgrade_report.lines(done):
            click.echo(line)
    if host_reports is not None:
        make_folder(host_reports)
        for one in done.subjects:
            for name, suffix in _SUFFIX.items():
                body = render(name, upgrade_report.of_host(done, one.id), fail_on=None)
                write_file(host_reports / f"{one.id.replace('/', '_')}.{suffix}", body)
    fleet = replace(admitted, extra_codes=frozenset()).merged(done)
    report = replace(report, fail_on="never", waivers=None, baseline=None)
    return finish(fleet, report, counted=counted)


_SUFFIX = {"text": "txt", "json": "json", "sarif": "sarif", "junit": "xml", "html": "html", "markdown": "md",
           "github": "github.txt"}  # fmt: skip


def _extra(extra: tuple[str, ...]) -> list[str]:
    return [part for one in extra for part in ("-e", one)]
