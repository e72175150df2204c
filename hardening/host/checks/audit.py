"""`harden host audit`: every look at one host, put together into one run."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bundle import sources
from bundle.audit import audit as audit_bundles
from bundle.detect import detectors
from bundle.redact.configured import masked
from hardening.engine import product as products
from hardening.errors import NothingExaminedError
from hardening.findings import Examined, Finding, InFile, Result, Run, Subject, SubjectKind, Verdict
from hardening.host.checks import (
    access_log,
    certificates,
    engine,
    judged,
    modes,
    people,
    secrets,
    sudo,
    sudoers,
    unread,
)
from hardening.host.checks.paths import (
    ACCOUNTS,
    CONFIGURED,
    ELSEWHERE,
    INSTALLED,
    SERVERS,
    WEB,
    below,
    fits,
)
from hardening.host.checks.root import Root
from hardening.host.checks.rules import (
    SUDO_ALL,
    SUDO_WRITABLE,
    UNREAD,
    VISITED,
    WORLD_READABLE,
)
from hardening.tls.auditing.audit import audit as audit_tls
from hardening.tls.auditing.mains import AuditInput
from hardening.tls.auditing.named import with_files
from hardening.tls.judging.rules import (
    CERTIFICATE_EXPIRED,
    CERTIFICATE_KEY,
    CERTIFICATE_SIGNATURE,
    CERTIFICATE_UNREAD,
)
from hardening.tls.judging.trust import load_store
from hardening.tls.policies.ruleset import Policy

if TYPE_CHECKING:
    from OpenSSL.crypto import X509Store

ROOTS = ("/", "/var/www/html", "/var/www", "/srv/www/htdocs", "/srv/www", "/usr/share/nginx/html")
"""Folders that a web server usually serves as `/`."""


def audit(
    host: Root,
    policies: Sequence[Policy],
    *,
    more: Iterable[str] = (),
    product: str = "aspect",
    key: bytes = b"",
    required: frozenset[str] = frozenset(),
    everywhere: bool = True,
    expiry_days: int = 30,
    trust: str | None = None,
) -> Run:
    """Look at a host for what must not be on it.

    Its `/` is here, mounted, or a copy; `more` are further folders of the host. Paths in the findings are the host's own.
    `required` are rules of the policies that have to be answered. `key` seals the credentials found, so that a baseline notices
    another one at the same place. Not `everywhere`: only what an upgrade of the product touches.
    Errors: NothingExaminedError when none of the places it knows is there.
    """
    started = datetime.now(UTC)
    layout = products.load(product)
    web = [layout.place("web-root").path, *WEB]
    files = Root(host.copy, host.seen, host.label) if host.copy else host
    home = web[0].rpartition("/")[0]
    known = (home, *web, *ACCOUNTS, *more)
    if everywhere:
        known = (*known, *layout.folders, *CONFIGURED, *ELSEWHERE)
    places = _outermost(path for path in known if files.exists(path) and not files.objection(path))
    if everywhere:
        places = [*places, *_elsewhere(files, places)]
    servers = [path for path in SERVERS if host.exists(path)]
    odd = {path: why for path in servers if (why := host.objection(path))}
    servers = [path for path in servers if path not in odd]
    left = {**odd, **host.left, **odd}  # in the words of this machine where both say it
    if not host.files and not servers:
        if left:
            every = unread.summary([f"{path} {why}" for path, why in left.items()])
            raise NothingExaminedError(f"{host.subject}: {every}", hint="run the audit as root")
        raise NothingExaminedError(
            f"{host.subject} has neither the product's folders nor a server's configuration",
            hint="name the root of the host with --root",
        )
    subject = host.subject
    run = Run.of((), (), started=started)
    for root, paths in ((files, places), (host, _installed_lists(host))):
        if paths:
            found = audit_bundles(
                [str(root.place(path)) for path in paths],
                installed=True,
                detectors=detectors(key=key),
                policies=(),
            )
            run = run.merged(_named(root, found))
    store = load_store(trust) if trust else None
    if servers:
        asked = AuditInput(
            now=started,
            required=required,
            expiry_days=expiry_days,
            store=store,
        )
        there = [host.place(path) for path in servers]
        tls = audit_tls(there, policies, asked, top=host.top)
        found = Run.of(tls.subjects, tls.findings, tls.results, started=started)
        run = run.merged(_named(host, sources.added(found, there, policies, asked, host.top)))
    reported = list(
        _looks(host, subject, run, [*web, *ROOTS], layout, servers, left, started, expiry_days, store)
    )
    findings = [_with_line(one, host) for one in reported if isinstance(one, Finding)]
    results = [one for one in reported if isinstance(one, Result)]
    results += _verdicts(subject, [*findings, *run.findings], results)
    reason = unread.summary([one.message for one in findings if one.rule is UNREAD])
    about = Subject(
        id=subject, kind=SubjectKind.HOST, examined=Examined.PARTIAL if reason else Examined.FULL, reason=reason,
        stats={
            "places": len(places), "servers": len(servers), "files": host.files,
            "left_by_rule": sum(one[0] for one in host.ruled.values()), "judged_on_the_host": len(host.judged),
        },
    )  # fmt: skip
    return run.merged(Run.of([about], findings, results, started=started))


def _installed_lists(host: Root) -> list[str]:
    """Return the lists of packages of a host at hand; another host's are too large to be brought."""
    if host.seen:
        return []
    return [path for path in INSTALLED if host.exists(path) and not host.objection(path)]


def _elsewhere(files: Root, places: Sequence[str]) -> list[str]:
    """Return the folders and files that were brought beside the known places, such as those that links lead to."""
    found: set[str] = set()
    for folder, _, names in os.walk(files.top):
        for name in names:
            path = files.name(f"{folder}/{name}")
            if (
                (files.top / path.lstrip("/")).is_symlink()
                or below(path, (*places, *found, "/var/log"))
                or fits(path, access_log.LOGS)
            ):
                continue
            parts = path.split("/")
            found.add(
                next(
                    one
                    for one in ("/".join(parts[:count]) for count in range(2, len(parts) + 1))
                    if not any(known.startswith(f"{one}/") for known in (*places, "/var/log/"))
                )
            )
    return _outermost(found)


def _looks(
    host: Root,
    subject: str,
    run: Run,
    web: list[str],
    layout: products.Product,
    servers: list[str],
    left: Mapping[str, str],
    now: datetime,
    expiry_days: int,
    store: X509Store | None,
) -> Iterator[Finding | Result]:
    accounts = people.web_users(host, _owners(host))
    stayed = list(judged.look(host, subject))
    visited = list(access_log.look(host, subject, run.findings, web))
    yield from stayed
    yield from sudo.look(host, subject, accounts)
    yield from modes.look(host, subject)
    yield from secrets.look(host, subject, (*run.findings, *stayed))
    yield from visited
    yield from certificates.look(host, subject, servers, now, run, expiry_days, store)
    yield from engine.look(host, subject, layout, host.listening)
    asked = access_log.asked(run.findings, web)  # a log counts where it is asked about a component
    named = {one.where for one in visited if one.rule is UNREAD}
    counts = {
        path: why
        for path, why in left.items()
        if path not in named and (asked or not fits(path, access_log.LOGS))
    }
    if host.copy is not None:  # the logs of a host at hand are read where they lie
        counts = {path: why for path, why in counts.items() if not fits(path, access_log.LOGS)}
    yield from unread.look(counts, subject)
    yield from unread.by_rule(host.ruled, host.reasons, subject)


def _owners(host: Root) -> Iterator[str]:
    """Say the accounts that servers' own configurations name."""
    for path, word in (
        ("/etc/httpd/conf/httpd.conf", "User"), ("/etc/apache2/envvars", "export APACHE_RUN_USER="), ("/etc/nginx/nginx.conf", "user"),
        ("/etc/lighttpd/lighttpd.conf", "server.username"), ("/etc/php-fpm.d/www.conf", "user ="),
    ):  # fmt: skip
        for line in (host.text(path) or "").splitlines():
            if line.strip().startswith(word):
                rest = line.strip()[len(word) :].strip(" \t=\"';").split()
                yield from rest[:1]


def named(host: Root) -> tuple[str, ...]:
    """Return the paths that a host's own files name and the looks ask about: sudo's commands and servers' certificates."""
    scripts = {word for rule in sudoers.rules(host) for word in rule.command.split() if word.startswith("/")}
    servers = [path for path in SERVERS if host.exists(path) and not host.objection(path)]
    cards = certificates.named(host, servers)
    unread = audit_tls([host.place(path) for path in servers], (), top=host.top).findings
    missing = {host.name(one.where) for one in unread if one.rule is CERTIFICATE_UNREAD}
    programs = {command for _, _, command in modes.programs(host)}
    return tuple(sorted(scripts | programs | cards.keys() | missing))


def _outermost(paths: Iterable[str]) -> list[str]:
    """Leave out what lies in another one of the list, so that nothing is examined twice."""
    made: list[str] = []
    for path in sorted(set(paths)):
        if not made or not path.startswith(made[-1].rstrip("/") + "/"):
            made.append(path)
    return made


def _with_line(one: Finding, host: Root) -> Finding:
    """Return a finding with the masked line of the host's file that it names."""
    at = one.location
    if not isinstance(at, InFile) or not at.line or len(at.parts) > 1 or one.rule.id.startswith("key/"):
        return one
    lines = (host.text(at.path) or "").split("\n")
    return replace(one, snippet=masked(lines[at.line - 1])) if at.line <= len(lines) else one


def _named(host: Root, run: Run) -> Run:
    """Give findings and subjects the host's own paths."""
    if host.live:
        return run

    def name(path: str) -> str:
        return host.name(path) if path.startswith(str(host.top)) else path

    def own(text: str) -> str:
        return text.replace(f"{host.top}/", "/")

    subjects = [
        replace(
            one,
            id=_subject(host, one.id),
            same_as=_subject(host, one.same_as),
            reason=own(one.reason),
            offer=with_files(one.offer, name),
        )
        for one in run.subjects
    ]
    findings = []
    for one in run.findings:
        place = one.location
        if isinstance(place, InFile):
            place = replace(place, parts=(name(place.parts[0]), *place.parts[1:]))
        findings.append(replace(one, rule=judged.worded(one.rule), location=place, subject=_subject(host, one.subject), ordinal=0,
                                also=tuple(_subject(host, name) for name in one.also),
                                message=own(one.message).replace(one.rule.title, judged.worded(one.rule).title), evidence=own(one.evidence), remedy=own(one.remedy),
                                fix=one.fix and replace(one.fix, action=own(one.fix.action))))  # fmt: skip
    results = [
        replace(
            one, rule=judged.worded(one.rule), subject=_subject(host, one.subject), reason=own(one.reason)
        )
        for one in run.results
    ]
    lines = [replace(one, path=name(one.path), diff=own(one.diff), mends=()) for one in run.sources]
    return Run.of(
        subjects, findings, results, started=run.started, extra_codes=run.extra_codes, sources=lines
    )


def _subject(host: Root, subject: str) -> str:
    if not subject.startswith(str(host.top)):
        return subject
    inside = subject.replace(str(host.top), "", 1) or "/"
    return f"{host.label}:{inside}" if host.label else inside


def _verdicts(subject: str, findings: list[Finding], results: list[Result]) -> Iterator[Result]:
    answered = {one.rule.id for one in results}
    seen = {one.rule.id for one in findings}
    cards = (CERTIFICATE_EXPIRED, CERTIFICATE_KEY, CERTIFICATE_SIGNATURE)
    for rule in (SUDO_WRITABLE, SUDO_ALL, WORLD_READABLE, VISITED, *cards):
        if rule.id not in answered:
            open_ = rule in cards and CERTIFICATE_UNREAD.id in seen
            verdict = Verdict.FAIL if rule.id in seen else Verdict.INCONCLUSIVE if open_ else Verdict.PASS
            reason = "a certificate file was not read" if verdict is Verdict.INCONCLUSIVE else ""
            yield Result(rule=rule, subject=subject, verdict=verdict, reason=reason)
