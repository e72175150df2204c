"""`harden bundle audit PATH...`: a thin layer over `bundle.audit`."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hardening.cli import completing
from hardening.cli.options import (
    STDOUT,
    ReportOptions,
    authorities,
    expiry_option,
    finish,
    report_options,
    require_option,
    sealing_key,
    trust_option,
)
from hardening.findings import Confidence, Role
from hardening.numerals import whole

if TYPE_CHECKING:
    from collections.abc import Callable

    from bundle.audit.events import AuditEvent
    from hardening.findings import Run

_PASSWORDS = 1 << 20
"""Bytes of a file of passwords: each is tried at each encrypted member."""
_NAMES_OF_FILES = 64 << 20
"""Bytes of a list of changed files."""
_SUFFIXES = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


class SizeType(click.ParamType[int]):
    """A number of bytes: 4096, 64M, 20G."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return bytes."""
        if isinstance(value, int):
            return value
        text = str(value).strip().lower().removesuffix("ib").removesuffix("b")
        digits = text.rstrip("kmgt")
        number = whole(digits)
        if number is None or text[len(digits) :] not in _SUFFIXES:
            self.fail(
                f"invalid size {value!r}: use a number with an optional unit, for example 4096, 64M or 20G",
                param,
                ctx,
            )
        return number * _SUFFIXES[text[len(digits) :]]


_LIMITS = (
    click.option("--max-depth", type=click.IntRange(0, 64), metavar="N", help="Levels of archives inside archives.  [default: 16]"),
    click.option("--max-total", type=SizeType(), help="Unpacked bytes, all levels together.  [default: 20G]"),
    click.option("--max-member", type=SizeType(), help="Bytes of one member.  [default: 4G]"),
    click.option("--max-members", type=click.IntRange(1), metavar="N", help="Members, all levels together.  [default: 2000000]"),
    click.option("--max-ratio", type=click.IntRange(2), metavar="N",
                 help="Ratio of unpacked to packed bytes, checked from 64 MiB on.  [default: 200]"),
    click.option("--max-seconds", type=click.FloatRange(0.1), metavar="SECONDS", help="Seconds for one archive.  [default: 600]"),
    click.option("--max-seconds-total", type=click.FloatRange(0.1), metavar="SECONDS",
                 help="Seconds for a whole folder.  [default: none]"),
    click.option("--max-spill", type=SizeType(), help="Bytes of the temporary file.  [default: 8G]"),
    click.option("--max-window", type=SizeType(), help="Bytes of memory for a decompressor.  [default: 136M]"),
)  # fmt: skip
_NAMES = {
    "max_depth": "depth", "max_total": "total", "max_member": "member", "max_members": "members",
    "max_ratio": "ratio", "max_seconds": "seconds", "max_seconds_total": "seconds_total", "max_spill": "spill", "max_window": "window",
}  # fmt: skip


def _limits(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_LIMITS):
        function = option(function)
    return function


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--jobs",
    type=click.IntRange(1, 256),
    metavar="N",
    help="Number of worker processes.  [default: one per core]",
)
@click.option(
    "--cache", type=click.Path(file_okay=False), help="Folder that keeps results by content between runs."
)
@click.option(
    "--rules",
    "rules",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    metavar="FILE",
    help="Further component rules or a deny-list; may be repeated.",
)
@click.option(
    "--osv",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="An OSV export: compare every identified component with it, without network.",
)
@click.option(
    "--password-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Passwords for encrypted archives, one per line.",
)
@click.option(
    "--dask",
    metavar="URL",
    help="Use the workers of this Dask scheduler (tcp://HOST:8786); PATHs may be addresses, s3://bucket/*.zip.",
)
@click.option(
    "--bundle-name",
    metavar="NAME",
    help="Name of the bundle in every report, instead of its file name.",
)
@click.option(
    "--files",
    is_flag=True,
    help="Each PATH is a file of a source tree, not a bundle: data of an unknown kind is accepted, as in a folder.",
)
@click.option(
    "--changed",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    metavar="LIST",
    help="Count findings in these files only: one name per line; - reads standard input (git diff --name-only).",
)
@click.option(
    "--role",
    "roles",
    type=click.Choice([role.value for role in Role]),
    multiple=True,
    metavar="ROLE",
    help=f"Count credentials and keys in files of this role only ({', '.join(Role)}); may be repeated.",
)
@click.option(
    "--min-confidence",
    type=click.Choice([one.label for one in Confidence]),
    help="Count findings of at least this confidence only.",
)
@click.option(
    "--trust-inline-ignores",
    is_flag=True,
    help="Honour `harden:ignore[RULE] reason` in lines of the input; each is listed.",
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
@_limits
@report_options
def command(
    paths: tuple[str, ...],
    jobs: int | None,
    cache: str | None,
    rules: tuple[Path, ...],
    osv: Path | None,
    password_file: Path | None,
    dask: str | None,
    bundle_name: str | None,
    changed: Path | None,
    roles: tuple[str, ...],
    min_confidence: str | None,
    names: tuple[str, ...],
    trust: str | None,
    expiry_days: int,
    required: tuple[str, ...],
    report: ReportOptions,
    *,
    files: bool,
    trust_inline_ignores: bool,
    **limits: Any,
) -> int:
    """Find deprecated components, credentials and hostile archives, at any depth of nesting.

    PATH may be - for standard input. Archive types are detected by content, not by file name. Nothing is executed, and nothing is unpacked to disk.
    TLS settings of servers are judged by the policies, for the release that the bundle names.
    """
    from bundle import audit
    from bundle.detect import detectors
    from bundle.walk import WalkLimits
    from hardening.tls import policy
    from hardening.tls.auditing.mains import AuditInput

    chosen = {_NAMES[name]: value for name, value in limits.items() if value is not None}
    paths, called = _from_stdin(paths, chosen.get("spill"), bundle_name or "standard input")
    called |= _called(paths, bundle_name)
    filtered = partial(_only, names=_changed(changed), roles=roles, least=min_confidence)
    if dask and (bundle_name or files or trust_inline_ignores or names or trust or required):
        raise click.UsageError(
            "--bundle-name, --files, --trust-inline-ignores, --policy, --trust and --require do not go with --dask"
        )
    if dask:
        from bundle.cluster.submit import audit_on

        with _shown(report) as on_event:
            run = audit_on(
                dask, paths, limits=WalkLimits(**chosen), rules=rules, osv=osv, cache=cache,
                passwords=_passwords(password_file), key=sealing_key(report.baseline_key), jobs=jobs, on_event=on_event,
            )  # fmt: skip
        return finish(filtered(run), report)
    policies = [policy.load(one) for one in names]
    if required and not policies:
        policies = [policy.load(policy.DEFAULT)]
    _say_whether_kept(cache, report)
    with _shown(report) as on_event:
        run = audit(
            paths,
            detectors=detectors(rules, osv, key=sealing_key(report.baseline_key)),
            limits=WalkLimits(**chosen),
            passwords=_passwords(password_file),
            jobs=jobs,
            cache=cache,
            on_event=on_event,
            called=called,
            installed=files,
            inline=trust_inline_ignores,
            policies=policies or None,
            request=AuditInput(
                required=policy.required(required, policies),
                expiry_days=expiry_days,
                store=authorities(trust),
            ),
        )
    return finish(filtered(run), report)


def _from_stdin(
    paths: tuple[str, ...], most: int | None, name: str
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the paths with `-` as a file without a name that holds standard input, and its name in reports. Errors: InputError."""
    if "-" not in paths or Path("-").exists():
        return paths, {}
    from bundle.walk.limits import WalkLimits
    from bundle.walk.spill import nameless
    from hardening.errors import InputError, NothingExaminedError

    limit, size, fd = most or WalkLimits().spill, 0, nameless()
    with os.fdopen(os.dup(fd), "wb") as copy:
        while block := sys.stdin.buffer.read(1 << 20):
            size += len(block)
            if size > limit:
                hint = "raise --max-spill, or store it in a file"
                raise InputError(f"standard input has more than {limit} bytes", hint=hint)
            copy.write(block)
    if not size:
        hint = "check the output of the command before the pipe"
        raise NothingExaminedError("standard input is empty: nothing was examined", hint=hint)
    path = f"/proc/{os.getpid()}/fd/{fd}"
    return tuple(dict.fromkeys(path if one == "-" else one for one in paths)), {path: name}


def _called(paths: tuple[str, ...], name: str | None) -> dict[str, str]:
    """Return the name in reports by path. Errors: UsageError."""
    if name is None:
        return {}
    if len(paths) != 1 or Path(paths[0]).is_dir():
        raise click.UsageError("--bundle-name names one file: give one PATH that is a file")
    if not name.strip() or any(not letter.isprintable() for letter in name):
        raise click.UsageError("--bundle-name is empty or has characters that cannot be printed")
    return {paths[0]: name}


def _changed(source: Path | None) -> tuple[str, ...] | None:
    """Read the names of changed files. Errors: InputError."""
    from hardening import inputs
    from hardening.errors import InputError

    if source is None:
        return None
    try:
        data = (
            sys.stdin.buffer.read(_NAMES_OF_FILES)
            if source == STDOUT
            else inputs.read(source, _NAMES_OF_FILES)
        )
    except OSError as problem:
        hint = "check the path and its permissions"
        raise InputError(f"{source}: {problem.strerror}", hint=hint) from problem
    return tuple(line for line in data.decode("utf-8", "replace").splitlines() if line.strip())


def _only(run: Run, names: tuple[str, ...] | None, roles: tuple[str, ...], least: str | None) -> Run:
    from hardening import filters

    if names is not None:
        run = filters.only_changed(run, names)
    if roles:
        run = filters.only_roles(run, map(Role, roles))
    return run if least is None else filters.only_sure(run, Confidence[least.upper()])


def _say_whether_kept(cache: str | None, report: ReportOptions) -> None:
    """Say where nothing will be kept: what is kept there already counts, and the next run takes as long as this one."""
    if cache is None or report.quiet or not os.path.isdir(cache):  # noqa: PTH112 - Path's own raises where a folder above is closed
        return
    known = [one for one in Path(cache).glob("results.sqlite*") if not os.access(one, os.W_OK)]
    if known or not os.access(cache, os.W_OK | os.X_OK):
        place = known[0] if known else cache
        click.echo(f"harden: {place} is not writable: new results are not cached", err=True)


def _passwords(path: Path | None) -> tuple[bytes, ...]:
    from hardening import inputs
    from hardening.errors import InputError

    if path is None:
        return ()
    try:
        return tuple(line for line in inputs.read(path, _PASSWORDS).splitlines() if line)
    except OSError as problem:
        raise InputError(
            f"{path}: {problem.strerror}", hint="check the path and its permissions"
        ) from problem


class _shown:  # noqa: N801 - used as `with _shown(report) as on_event`
    """One line of progress on standard error, where one is wanted: unpacked bytes, members, rate, the current file."""

    def __init__(self, report: ReportOptions) -> None:
        self._wanted = report.show_progress
        self._forced = report.progress == "always"
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Callable[[AuditEvent], None] | None:
        if not self._wanted:
            return None
        from rich.console import Console
        from rich.progress import Progress, TextColumn, TimeElapsedColumn

        self._bar = Progress(
            TextColumn("{task.fields[unpacked]:>9} unpacked"), TextColumn("{task.fields[members]:>7} members"),
            TimeElapsedColumn(), TextColumn("{task.description}", markup=False),
            console=Console(stderr=True, force_terminal=self._forced or None), transient=True, auto_refresh=False,  # no thread: the walk forks
        )  # fmt: skip
        self._bar.start()
        return self._on_event

    def _on_event(self, event: AuditEvent) -> None:
        from bundle.audit.events import Progress, Started
        from hardening.reports.verdict import size

        if isinstance(event, Started):
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._task = self._bar.add_task(_short(event.path), total=None, members=0, unpacked=size(0))
            self._bar.refresh()
        elif isinstance(event, Progress):
            self._bar.update(
                self._task, description=_short(event.current or event.path), members=event.members,
                unpacked=size(event.unpacked), refresh=True,
            )  # fmt: skip

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()


_NAMED = 24
"""Letters of a file's name that a line of 80 columns has room for beside the figures."""


def _short(path: str) -> str:
    """Return the end of a path."""
    from hardening.reports.plain import visible

    shown = visible(path)
    return shown if len(shown) <= _NAMED else f"...{shown[3 - _NAMED :]}"
