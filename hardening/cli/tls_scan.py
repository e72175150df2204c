"""`harden tls scan`: endpoints against policies, on the wire."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hardening.cli import completing
from hardening.cli.options import (
    ReportOptions,
    expiry_option,
    finish,
    report_options,
    require_option,
    trust_option,
)

if TYPE_CHECKING:
    from hardening.findings import Run
    from hardening.tls.scan.run import ScanSettings
    from hardening.tls.scan.strategy.messages import Identity

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("scan")
@click.argument("endpoints", nargs=-1, metavar="ENDPOINT...")
@click.option(
    "--policy",
    "policies",
    multiple=True,
    metavar="POLICY",
    shell_complete=completing.policies,
    help="TLS policy (names: harden tls policies); may be repeated.  [default: aspect]",
)
@click.option(
    "--endpoints", "lists", multiple=True, type=_FILE, metavar="FILE", help="File of endpoints, one per line."
)
@click.option("--full", is_flag=True, help="Test everything, not only what the policies forbid.")
@click.option(
    "--starttls", metavar="PROTO", help="Use STARTTLS of this protocol for endpoints that name none."
)
@click.option("--sni", metavar="NAME", multiple=True, help="The server name to ask for. May be repeated.")
@click.option("--sni-file", type=_FILE, metavar="FILE", help="File of server names, one per line.")
@click.option(
    "--from-audit",
    type=_FILE,
    metavar="REPORT",
    help="Scan every server name in this JSON report of `harden tls audit`, at the given endpoint or by its name.",
)
@click.option(
    "--concurrency",
    type=click.IntRange(1, 4096),
    metavar="N",
    default=256,
    show_default=True,
    help="Connections open at once, over all endpoints.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(0.1, 120),
    metavar="SECONDS",
    default=5.0,
    show_default=True,
    help="Seconds of silence after which a server counts as silent.",
)
@click.option(
    "--max-time",
    type=click.FloatRange(1, 86400),
    default=600.0,
    show_default=True,
    metavar="SECONDS",
    help="Seconds for one endpoint. What has no answer by then is inconclusive.",
)
@click.option(
    "--deep",
    is_flag=True,
    help="Also complete handshakes: resumption, renegotiation, HSTS, every signature scheme.",
)
@click.option(
    "--vulnerabilities",
    is_flag=True,
    help="Test for Heartbleed, CCS injection, ROBOT and Ticketbleed, harmlessly.",
)
@click.option(
    "--client-cert",
    type=_FILE,
    metavar="FILE",
    help="Present this client certificate (PEM, with its chain) where the server asks for one.",
)
@click.option("--client-key", type=_FILE, metavar="FILE", help="Its private key; default: in the same file.")
@click.option("--proxy", metavar="HOST:PORT", help="Reach every endpoint through this HTTP proxy (CONNECT).")
@trust_option
@expiry_option
@click.option("--stream", is_flag=True, help="Print one JSON line per endpoint as it is done.")
@click.option("--state", "state_file", type=_FILE, help="Record progress in FILE, and resume from it.")
@click.option(
    "--merge",
    "merged",
    multiple=True,
    type=_FILE,
    help="Add the endpoints that another scan wrote with --stream.",
)
@click.option("--allow-ranges", is_flag=True, help="Accept address ranges such as 192.0.2.0/28.")
@require_option
@report_options
def command(
    report: ReportOptions,
    endpoints: tuple[str, ...],
    policies: tuple[str, ...],
    lists: tuple[Path, ...],
    starttls: str | None,
    sni: tuple[str, ...],
    sni_file: Path | None,
    from_audit: Path | None,
    concurrency: int,
    timeout: float,
    max_time: float,
    full: bool,
    allow_ranges: bool,
    deep: bool,
    vulnerabilities: bool,
    client_cert: Path | None,
    client_key: Path | None,
    proxy: str | None,
    trust: str | None,
    expiry_days: int,
    stream: bool,
    state_file: Path | None,
    merged: tuple[Path, ...],
    required: tuple[str, ...],
) -> int:  # fmt: skip
    """Scan endpoints: host, host:port, [v6]:port or proto://host:port.

    By default only what the policies forbid is tested; --full lists everything that is offered. You need the permission
    of the operator of each endpoint.
    """
    from hardening.cli.tls_scan_progress import ScanProgress
    from hardening.errors import UsageError
    from hardening.tls import policy
    from hardening.tls.scan.endpoint import expand, named, parse_proxy, read_list
    from hardening.tls.scan.fleet import Outcome, ResumeFile, joined, line, question, read_stream
    from hardening.tls.scan.run import scan

    chosen = [policy.load(name) for name in policies or (policy.DEFAULT,)]
    texts = [*endpoints, *(line for path in lists for line in read_list(path))]
    texts = list(expand(texts, allow_ranges=allow_ranges))
    names = (*sni, *(read_list(sni_file) if sni_file else ()))
    texts = _of_audit(texts, from_audit) if from_audit else texts
    only = names[0] if len(names) == 1 else None
    if len(names) > 1:
        texts = list(named(texts, names))
    others = joined(read_stream(path) for path in merged)
    if not texts and not others:
        raise UsageError("no endpoint given", hint="harden tls scan HOST[:PORT]..., or --endpoints FILE")
    key = {
        "policies": question(chosen) if state_file is not None else [], "full": full, "starttls": starttls, "sni": only, "deep": deep,
        "vulnerabilities": vulnerabilities, "trust": trust, "expiry_days": expiry_days,
        "client_cert": str(client_cert) if client_cert else None,
    }  # fmt: skip
    _check(report, seconds={"--timeout": timeout, "--max-time": max_time}, stream=stream, names=names)
    texts = list(dict.fromkeys(texts))
    state = ResumeFile(state_file, key) if state_file is not None else None
    before = {text: state.done[text] for text in texts if text in state.done} if state else {}
    settings = replace(
        _settings(concurrency, timeout, max_time, starttls=starttls, sni=only, full=full),
        trust=trust,
        expiry_days=expiry_days,
        deep=deep,
        vulnerabilities=vulnerabilities,
        identity=_identity(client_cert, client_key),
        required=policy.required(required, chosen),
    )
    if proxy is not None:
        if ssh := next((text for text in texts if text.lower().startswith("ssh://")), None):
            raise UsageError(f"{ssh} cannot be reached through a proxy", hint="leave --proxy out for SSH")
        settings = replace(settings, wire=replace(settings.wire, proxy=parse_proxy(proxy)))
    show = ScanProgress(len(texts) - len(before), wanted=report.show_progress)

    def each(outcome: Outcome) -> None:
        if state is not None:
            state.add(outcome)
        if stream:
            click.echo(line(outcome))
        show.step()

    try:
        run = scan(texts, chosen, settings, each=each, done=before, beside=others)
    finally:
        show.end()
    if stream and report.format == "text" and report.output is None:
        report = replace(report, quiet=True)
        return _exit_code(run, report)
    return finish(run, report)


def _of_audit(texts: Sequence[str], report: Path) -> list[str]:
    """Return each name of a report at each endpoint, by its port; without endpoints, each name itself."""
    from hardening.tls.scan.endpoint import of_audit

    found = of_audit(report)
    if not texts:
        return [f"{name}:{port}" for name, port in found]
    bare = {text for text in texts if ":" not in re.sub(r"\[[^\]]*\]", "", text)}
    return [
        f"{text}:{port}#{name}" if text in bare else f"{text}#{name}"
        for text in texts
        for name, port in found
    ]


def _identity(certificate: Path | None, key: Path | None) -> Identity | None:
    """Return the client certificate, once it is known to fit its key. Errors: UsageError, InputError."""
    from hardening.errors import InputError, UsageError

    if certificate is None:
        if key is not None:
            raise UsageError(
                "--client-key without --client-cert", hint="--client-cert FILE names the certificate"
            )
        return None
    from ssl import SSLError

    from hardening.tls.scan.strategy.client_authentication import context_of
    from hardening.tls.scan.strategy.messages import Identity

    found = Identity(str(certificate), str(key or certificate))
    try:
        context_of(found)
    except SSLError as problem:
        raise InputError(
            f"{found.certificate} with the key {found.key} cannot be used: {problem.reason or 'no certificate or no key in it'}",
            hint="give a PEM certificate and its own private key, not encrypted: --client-cert FILE --client-key FILE",
        ) from problem
    except OSError as problem:
        raise InputError(
            f"the client certificate or its key cannot be read: {problem.strerror}",
            hint=f"check that {found.certificate} and {found.key} exist and are readable",
        ) from problem
    return found


def _check(
    report: ReportOptions, *, seconds: Mapping[str, float], stream: bool, names: Sequence[str]
) -> None:
    """Refuse options that make no sense. Errors: UsageError."""
    from hardening.errors import UsageError
    from hardening.tls.scan.endpoint import check_name

    for option, value in seconds.items():
        if isnan(value):  # in no range, and click lets it pass
            raise UsageError(f"{option} is not a number of seconds", hint=f"for example {option} 5")
    if stream and report.format != "text" and report.output is None:
        raise UsageError(
            f"--stream and a report in {report.format} cannot share standard output",
            hint=f"--report {report.format}=FILE, or -o FILE",
        )
    for name in names:
        check_name(name)


def _exit_code(run: Run, report: ReportOptions) -> int:
    """Standard output holds the stream, so a text report would spoil it; further reports are written."""
    from hardening.cli.options import settled, write_reports

    run = settled(run, report)
    write_reports(run, report)
    return int(run.exit_code(report.threshold))


def _settings(
    concurrency: int, timeout: float, max_time: float, *, starttls: str | None, sni: str | None, full: bool
) -> ScanSettings:
    from hardening.tls.scan.engine.connecting import Wire
    from hardening.tls.scan.engine.rate_limit import RateLimits
    from hardening.tls.scan.run import ScanSettings

    return ScanSettings(
        full=full,
        starttls=starttls,
        sni=sni,
        wire=Wire(concurrency=concurrency, connect_timeout=timeout, idle_timeout=timeout),
        limits=RateLimits(
            parallel=min(RateLimits().parallel, concurrency),
            widest=min(RateLimits().widest, concurrency),
            budget=max_time,
        ),
    )
