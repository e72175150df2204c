"""Report options, the same on every verb that looks for something, and how a run becomes an exit code."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from copy import copy
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hardening.errors import InputError, UsageError
from hardening.findings import Run, Severity
from hardening.records import dataclass

if TYPE_CHECKING:
    from OpenSSL.crypto import X509Store

    from hardening.tls.targets.base import Target

FORMATS = (
    "text", "json", "sarif", "junit", "html", "markdown", "gitlab-sast", "gitlab-secrets", "codequality", "csv",
    "oscal", "xlsx", "pdf", "cbom", "github",
)  # fmt: skip
FAIL_ON = (*(s.label for s in Severity), "never")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOptions:
    """Report options of one call."""

    format: str = "text"
    output: Path | None = None
    reports: tuple[tuple[str, Path], ...] = ()
    fail_on: str = "medium"
    waivers: Path | None = None
    baseline: Path | None = None
    baseline_key: Path | None = None
    ignore_file: Path | None = None
    progress: str = "auto"
    quiet: bool = False
    verbose: int = 0
    color: str = "auto"

    @property
    def outputs(self) -> tuple[Path, ...]:
        """The files that the call names for reports."""
        return (*((self.output,) if self.output else ()), *(path for _, path in self.reports))

    @property
    def threshold(self) -> Severity | None:
        """The least severity that fails the run, or None for `never`."""
        return None if self.fail_on == "never" else Severity[self.fail_on.upper()]

    @property
    def show_progress(self) -> bool:
        """Return whether a progress bar belongs on stderr."""
        return self.progress == "always" or (
            self.progress == "auto" and sys.stderr.isatty() and not self.quiet
        )


_ENDINGS = {
    ".json": "json", ".sarif": "sarif", ".xml": "junit", ".html": "html", ".htm": "html", ".md": "markdown", ".txt": "text",
    ".csv": "csv", ".xlsx": "xlsx", ".pdf": "pdf",
}  # fmt: skip
"""The format of a report by the ending of its file, where none is named."""


def _report_pairs(
    _context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]
) -> tuple[tuple[str, Path], ...]:
    pairs = []
    for value in values:
        name, sep, path = value.partition("=")
        if not sep and (name := _ENDINGS.get(Path(value).suffix.lower(), "")):
            sep, path = "=", value
        if not sep or name not in FORMATS or not path:
            raise click.BadParameter(
                f"{value!r} is not FORMAT=FILE, nor a file whose ending tells the format; FORMAT is one of {', '.join(FORMATS)}"
            )
        pairs.append((name, Path(path)))
    return tuple(pairs)


_SERVERS = frozenset(("endpoints", "limit", "sni", "target"))
"""Parameters that name servers: a report may be called after one."""
STDOUT = Path("-")
"""As everywhere, `-o -` is standard output and no file of that name."""
_FILE = click.Path(path_type=Path, dir_okay=False)


def _show_report_options(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    """Print the options of reports that `--help` leaves out, and exit."""
    if not value or context.resilient_parsing:
        return
    rows = []
    for one in context.command.params:
        if isinstance(one, click.Option) and one.hidden:
            shown = copy(one)
            shown.hidden = False
            rows.append(shown.get_help_record(context))
    formatter = context.make_formatter()
    with formatter.section("Report options"):
        formatter.write_dl([row for row in rows if row])
    click.echo(formatter.getvalue().rstrip())
    context.exit()


_COMMON = (
    click.option("--report", "reports", multiple=True, callback=_report_pairs, metavar="[FORMAT=]FILE",
                 help="Write a further report of the same run (sarif=out.sarif, out.html); may be repeated."),
    click.option("--fail-on", type=click.Choice(FAIL_ON), default="medium", show_default=True,
                 help="Exit with code 10 if a finding has at least this severity."),
    click.option("--waivers", hidden=True, type=_FILE, help="Accepted findings: rule, place, reason, owner, expiry."),
    click.option("--ignore-file", hidden=True, type=_FILE, metavar="FILE",
                 help="File of places to ignore, with owner and last day. It must not be inside the audited input."),
    click.option("--baseline", hidden=True, type=click.Path(path_type=Path),
                 help="Ignore findings that are already in this JSON report, or in a folder of them."),
    click.option("--baseline-key", hidden=True, type=_FILE, help="Key file for the HMAC that detects a changed secret."),
    click.option("--progress", hidden=True, type=click.Choice(["auto", "always", "never"]), default="auto", show_default=True,
                 help="Show progress on stderr; auto: at a terminal."),
    click.option("-q", "--quiet", is_flag=True, help="Print nothing but the report."),
    click.option("-v", "--verbose", count=True, help="Print more details; may be repeated."),
    click.option("--color", hidden=True, type=click.Choice(["auto", "always", "never"]), default="auto", show_default=True,
                 help="Colours in the text report; auto: at a terminal, unless NO_COLOR is set."),
    click.option("--help-report", is_flag=True, is_eager=True, expose_value=False, callback=_show_report_options,
                 help="Show further report options (waivers, baseline, progress, colours) and exit."),
)  # fmt: skip
_LOOKING = (
    click.option("--format", "format", type=click.Choice(FORMATS), default="text", show_default=True, metavar="FORMAT",
                 help=f"Format of the report: {', '.join(FORMATS)}."),
    click.option("-o", "--output", type=_FILE, help="Where the report goes; default: standard output."),
)  # fmt: skip
REPORT_WORDS = (
    "format", "output", "report", "fail-on", "waivers", "ignore-file", "baseline", "baseline-key", "progress", "quiet", "verbose",
    "color",
)  # fmt: skip
"""The options above, as a settings file calls them."""


def report_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the report options to a verb that looks; it gets them as `report: ReportOptions`."""
    return _with(function, (*_LOOKING, *_COMMON))


def maker_report_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the report options to a verb that makes something and has an `-o` (and `--format`) of its own."""
    return _with(function, _COMMON)


def _with(function: Callable[..., Any], options: tuple[Callable[..., Any], ...]) -> Callable[..., Any]:
    from functools import update_wrapper

    names = set(ReportOptions.__dataclass_fields__)
    own = {"format", "output"} if len(options) == len(_COMMON) else set()

    def gathered(**kwargs: Any) -> Any:
        taken = {name: kwargs.pop(name) for name in names - own if name in kwargs}
        if taken.get("output") == STDOUT:
            taken["output"] = None
        report = ReportOptions(**taken)
        if report.quiet:
            import logging

            logging.getLogger("harden").setLevel(logging.ERROR)
        values = (value for name, value in kwargs.items() if name not in _SERVERS)
        keep_apart(
            report.outputs, paths_of((*values, report.waivers, report.baseline_key, report.ignore_file))
        )
        if report.ignore_file is not None:
            from hardening import filters

            filters.refuse_inside(report.ignore_file, _folders(kwargs.values()))
        look_ahead(report, created={Path(one) for one in kwargs.values() if isinstance(one, str | Path)})
        return function(report=report, **kwargs)

    wrapped: Callable[..., Any] = update_wrapper(gathered, function)
    for option in reversed(options):
        wrapped = option(wrapped)
    return wrapped


def look_ahead(report: ReportOptions, *, created: set[Path]) -> None:
    """Refuse now what would fail at the end, when hours of work would be lost, or hosts are changed already.

    `made` are paths of other options: a folder the verb itself makes may be absent now. Errors: UsageError,
    InputError, DataError.
    """
    for path in report.outputs:
        if created.isdisjoint(path.parents):
            expect_writable(path)
    if report.waivers is not None:
        from hardening import waivers

        waivers.load(report.waivers)
    if report.ignore_file is not None:
        from hardening import filters

        filters.load(report.ignore_file)
    if report.baseline is not None:
        from hardening import baseline

        baseline.load(report.baseline)
    sealing_key(report.baseline_key)


def expect_writable(path: Path) -> None:
    """See, without a trace, that a file can be written there. Errors: UsageError naming the path."""
    if path == STDOUT:
        return
    if os.path.isdir(path):  # noqa: PTH112 - Path's own raises where a folder above may not be entered
        wrong = errno.EISDIR
    elif os.path.exists(path):  # noqa: PTH110 - as above
        wrong = 0 if os.access(path, os.W_OK) else errno.EACCES
    elif not os.path.isdir(path.parent):  # noqa: PTH112 - as above
        wrong = errno.ENOTDIR if os.path.exists(path.parent) else errno.ENOENT  # noqa: PTH110 - as above
    else:
        wrong = 0 if os.access(path.parent, os.W_OK | os.X_OK) else errno.EACCES
        wrong = wrong or _no_name(path)
    if wrong:
        raise _unwritable(path, OSError(wrong, os.strerror(wrong)))


def _no_name(path: Path) -> int:
    """Return why no file can have this name, which is too long or not of letters that the file system has; else 0."""
    try:
        path.lstat()
    except OSError as problem:
        return 0 if problem.errno == errno.ENOENT else problem.errno or 0
    return 0


def require_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--require RULE` to a verb that judges by policies."""
    return click.option(
        "--require",
        "required",
        multiple=True,
        metavar="RULE",
        help="Require a result for this rule of the policies (certificate, or tls/aspect/certificate); may be repeated. "
        "Without a result the exit code is 4.",
    )(command)


def expiry_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--expiry-days N` to a verb that judges certificates."""
    return click.option(
        "--expiry-days",
        type=click.IntRange(0, 3650),
        default=30,
        show_default=True,
        metavar="N",
        help="Report a certificate that expires in fewer days: low, below 14 days medium, below 7 high.",
    )(command)


def trust_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--trust FILE|system` to a verb that judges certificates."""
    return click.option(
        "--trust", metavar="FILE|system", help="Check certificate chains against these authorities."
    )(command)


def authorities(trust: str | None) -> X509Store | None:
    """Return the authorities of `--trust`, or None where they are not asked for. Errors: InputError."""
    if trust is None:
        return None
    from hardening.tls.judging.trust import load_store

    return load_store(trust)


def sealing_key(path: Path | None) -> bytes:
    """Read `--baseline-key`. Errors: InputError (absent, unreadable, too short)."""
    from hardening import inputs

    if path is None:
        return b""
    try:
        key = inputs.read(path, 1 << 16).strip()
    except OSError as problem:
        hint = "make one with: head -c 32 /dev/urandom | base64 > KEY"
        raise InputError(f"{path}: {(problem.strerror or str(problem)).lower()}", hint=hint) from problem
    if len(key) < 16:  # noqa: PLR2004 - shorter keys can be tried through
        raise InputError(
            f"{path}: a key has at least 16 bytes", hint="head -c 32 /dev/urandom | base64 > KEY"
        )
    return key


LOCAL = click.option(
    "--local", is_flag=True, help="Change this machine. A change without an inventory needs it."
)
"""For verbs that change hosts: nobody means their own machine by leaving something out."""


def require_hosts(inventory: str | None, *, local: bool) -> None:
    """Refuse to change this machine where nobody asked for it. Errors: UsageError."""
    if inventory is None and not local:
        context = click.get_current_context(silent=True)
        verb = context.command_path if context else "harden"
        if context is not None and all(one.name != "inventory" for one in context.command.params):
            raise UsageError(
                f"{verb} changes this machine and needs --local",
                hint="add --local, or preview with --check; for the hosts of an inventory: harden docs engine",
            )
        raise UsageError(
            f"{verb} changes hosts, and none is named",
            hint="name them with -i INVENTORY, or use --local for this machine",
        )
    if inventory is not None and local:
        raise UsageError(
            "--local and -i exclude each other", hint="name the hosts with -i, or this machine with --local"
        )


def make_folder(path: Path, mode: int = 0o777) -> None:
    """Make a folder for what a verb keeps. Errors: UsageError naming the path."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=mode)
    except OSError as problem:
        raise _unwritable(path, problem) from problem


_READ = "hardening.read"


def also_read(*paths: Path | None) -> None:
    """Note files that the call reads and the verb is not given as such, for `keep_apart`: settings, and what they name."""
    context = click.get_current_context(silent=True)
    if context is not None:
        context.meta.setdefault(_READ, []).extend(path for path in paths if path is not None)


def keep_apart(outputs: Iterable[Path], read: Iterable[Path]) -> None:
    """Refuse to write over what is read, or one thing over another; a baseline may be written again. Errors: UsageError."""
    context = click.get_current_context(silent=True)
    noted = context.meta.get(_READ, ()) if context is not None else ()
    known = {_same(path): "is given as well" for path in (*read, *noted)}
    for path in outputs:
        if path == STDOUT or (path.exists() and not path.is_file()):
            continue  # standard output, /dev/null and its like take any number
        other = known.get(_same(path))
        if other:
            raise UsageError(f"{path} {other}, and would be written over", hint="choose another name")
        known[_same(path)] = "is written twice"


def _same(path: Path) -> object:
    """Return what two names of one file share."""
    try:
        about = path.stat()
    except OSError:
        return os.path.realpath(path)  # not there yet
    return about.st_dev, about.st_ino


def paths_of(values: Iterable[Any]) -> Iterator[Path]:
    """Yield the paths among what a verb was given: `@vars.yml` names one, too."""
    for value in values:
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, Path):
                yield one
            elif isinstance(one, str) and os.path.isfile(one.removeprefix("@")):  # noqa: PTH113 - a word of another kind may be no path
                yield Path(one.removeprefix("@"))


def _folders(values: Iterable[Any]) -> Iterator[Path]:
    """Yield the folders among what a verb was given."""
    for value in values:
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, str | Path) and os.path.isdir(one):  # noqa: PTH112 - a word of another kind may be no path
                yield Path(one)


def finish(run: Run, report: ReportOptions, *, counted: bool = False) -> int:
    """Apply waivers and baseline, write every report asked for, and return the exit code.

    `counted`: at a terminal findings are counted by rule; -v and every file tell each.
    """
    from hardening.reports import render

    run = settled(run, report)
    threshold = report.threshold
    color = _use_color(report)
    write_reports(run, report)
    counted = counted and report.output is None
    body = render(
        report.format, run, fail_on=threshold, color=color, verbose=report.verbose, counted=counted,
        summary=report.output is None, width=0 if report.output is not None else columns(),
    )  # fmt: skip
    if report.output is not None:
        write_file(report.output, body)
    else:
        _print(body)
    return int(run.exit_code(threshold))


def _print(body: bytes) -> None:
    """Write to standard output."""
    sys.stdout.buffer.write(body)
    sys.stdout.buffer.flush()


def write_reports(run: Run, report: ReportOptions) -> None:
    """Write the further reports of a run that is settled. Errors: UsageError naming the path."""
    from hardening.reports import render

    for name, path in report.reports:
        body = render(name, run, fail_on=report.threshold)
        _print(body) if path == STDOUT else write_file(path, body)


def settled(run: Run, report: ReportOptions) -> Run:
    """Return the run with waivers and baseline applied."""
    if report.waivers is not None:
        from hardening import waivers

        run = waivers.apply(run, waivers.load(report.waivers), today=datetime.now(UTC).date())
    if report.ignore_file is not None:
        from hardening import filters

        run = filters.apply(run, filters.load(report.ignore_file), today=datetime.now(UTC).date())
    if report.baseline is not None:
        from hardening import baseline

        run = baseline.apply(run, baseline.load(report.baseline))
    return run


def write_file(path: Path, data: bytes) -> None:
    """Write a report or a product of a verb; where that fails, what was there before stays. Errors: UsageError naming the path."""
    if path.is_file():
        write_whole(path, data)
        return
    try:
        path.write_bytes(data)
    except OSError as problem:
        if path.is_file():
            path.unlink()
        raise _unwritable(path, problem) from problem


def write_together(files: Mapping[Path, bytes]) -> None:
    """Write files whole, or leave all as they were: nothing takes its place before everything is on the disk. Errors: UsageError."""
    from hardening import atomic

    replaced = [path for path in files if _is_replaced(path)]
    try:
        with ExitStack() as parts:
            for path in replaced:
                parts.enter_context(atomic.part(path)).write_bytes(files[path])
    except OSError as problem:
        if problem.errno != errno.EBUSY:
            raise _unwritable(path, problem) from problem
        replaced = []  # a file that is mounted by itself
    for path in (one for one in files if one not in replaced):
        write_whole(path, files[path])


def _is_replaced(path: Path) -> bool:
    """Return whether a file is written by a new one in its place: no pipe, no device, and no folder where it alone may be written."""
    there = os.path.realpath(path)
    return (not path.exists() or path.is_file()) and os.access(Path(there).parent, os.W_OK)


def write_whole(path: Path, data: bytes) -> None:
    """Write a file whole or leave it as it was, for it may hold signatures nobody can make again. Errors: UsageError."""
    try:
        if not _is_replaced(path):
            path.write_bytes(data)
        else:
            _replace(path, data)
    except OSError as problem:
        raise _unwritable(path, problem) from problem


def _replace(path: Path, data: bytes) -> None:
    from hardening import atomic

    try:
        atomic.replace(path, data)
    except OSError as problem:
        if problem.errno != errno.EBUSY:
            raise
        # A file that is mounted by itself, as into a container, can only be written over.
        path.write_bytes(data)


def _unwritable(path: Path, problem: OSError) -> UsageError:
    full = problem.errno in (errno.ENOSPC, errno.EDQUOT)
    hint = (
        "make room there, or choose another folder" if full else "choose a folder that exists and is writable"
    )
    return UsageError(f"cannot write {path}: {problem.strerror or problem}", hint=hint)


def columns() -> int:
    """Return the columns of the terminal that standard output or a pager behind it goes to; 0 where there is none."""
    named = os.environ.get("COLUMNS", "")
    if named.isdecimal() and int(named):
        return int(named)
    for stream in (sys.stdout, sys.stderr):  # a pager takes the first alone
        try:
            return os.get_terminal_size(stream.fileno()).columns
        except (OSError, ValueError):
            continue
    return 0


def print_lines(text: str) -> None:
    """Write a text to standard error, no wider than the terminal."""
    from hardening.reports.text_width import wrapped

    sys.stderr.writelines(f"{part}\n" for part in wrapped(text, columns()))


def warn_of_release(target: Target, version: str | None, report: ReportOptions) -> None:
    """Warn of a release of which nothing is known, and say whose facts are taken. Errors: UsageError for no release."""
    why = target.facts.release(version)[1] if version is not None else ""
    if why and not report.quiet:
        print_lines(f"warning: {why}")


def _use_color(report: ReportOptions) -> bool:
    if report.color != "auto":
        return report.color == "always"
    return report.output is None and sys.stdout.isatty() and not os.environ.get("NO_COLOR")
