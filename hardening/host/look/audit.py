"""`harden host audit`: every look at one host, put together into one run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from bundle.audit import audit as audit_bundles
from bundle.detect import detectors
from hardening.engine import product as products
from hardening.errors import NothingExaminedError
from hardening.findings import Examined, Finding, InFile, Kind, Result, Run, Subject, Verdict
from hardening.host.look import certificates, engine, people, secrets, sudo, sudoers, visits
from hardening.host.look.root import Root
from hardening.host.look.rules import (
    CERTIFICATE_EXPIRED,
    CERTIFICATE_WEAK,
    SUDO_ALL,
    SUDO_WRITABLE,
    UNREAD,
    VISITED,
    WORLD_READABLE,
)
from hardening.tls.auditing.audit import audit as audit_tls
from hardening.tls.auditing.mains import Asked
from hardening.tls.auditing.named import with_files
from hardening.tls.judging.rules import CERTIFICATE_UNREAD
from hardening.tls.policies.ruleset import Policy

WEB = ("/var/www", "/srv/www", "/usr/share/phpmyadmin", "/usr/share/phpMyAdmin", "/usr/share/adminer", "/usr/share/nginx/html",
       "/usr/local/apache2/htdocs")  # fmt: skip
SERVERS = ("/etc/httpd", "/etc/apache2", "/etc/nginx", "/etc/lighttpd", "/etc/haproxy", "/etc/postfix", "/etc/dovecot", "/etc/stunnel",
           "/etc/my.cnf", "/etc/my.cnf.d", "/etc/mysql", "/etc/redis", "/etc/squid", "/etc/exim", "/etc/exim4", "/etc/vsftpd",
           "/etc/vsftpd.conf", "/etc/proftpd", "/etc/proftpd.conf", "/etc/ssh/sshd_config")  # fmt: skip
ACCOUNTS = ("/etc/shadow", "/etc/sudoers", "/etc/sudoers.d", "/etc/cron.d", "/etc/crontab", "/root/.my.cnf", "/root/.pgpass", "/root/.netrc",
            "/root/.ssh", "/etc/fstab", "/etc/rc.d/rc.local", "/etc/rc.local")  # fmt: skip
INSTALLED = (
    "/var/lib/rpm/Packages",
    "/var/lib/rpm/rpmdb.sqlite",
    "/usr/lib/sysimage/rpm/rpmdb.sqlite",
    "/var/lib/dpkg/status",
)
"""Lists of what is installed: of a host at hand, for they are too large to be brought from elsewhere."""
BASICS = ("/etc/passwd", "/etc/group", "/etc/*release", "/etc/php-fpm.d", "/etc/php.ini")
CERTIFICATES = ("/etc/pki/tls/certs", "/etc/crypto-policies")
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
) -> Run:
    """Look at a host for what must not be on it.

    Its `/` is here, mounted, or a copy; `more` are further folders of the host. Paths in the findings are the host's own.
    `required` are rules of the policies that have to be answered. `key` seals the credentials found, so that a baseline notices another one at the same place.
    Errors: NothingExaminedError when none of the places it knows is there.
    """
    started = datetime.now(UTC)
    layout = products.load(product)
    web = [layout.place("web-root").path, *WEB]
    home = web[0].rpartition("/")[0]
    places = _outermost(path for path in (home, *web, *ACCOUNTS, *more) if host.exists(path))
    servers = [path for path in SERVERS if host.exists(path)]
    odd = {path: why for path in (*places, *servers) if (why := host.objection(path))}
    places = [path for path in places if path not in odd]
    servers = [path for path in servers if path not in odd]
    if not places and not servers:
        if odd:
            every = "; ".join(f"{path} {why}" for path, why in odd.items())
            raise NothingExaminedError(f"{host.subject}: {every}", hint="run the audit as root")
        raise NothingExaminedError(
            f"{host.subject} has neither the product's folders nor a server's configuration",
            hint="name the root of the host with --root",
        )
    installed_lists = (path for path in INSTALLED if host.exists(path) and not host.objection(path))
    places = _outermost((*places, *installed_lists))
    subject = host.subject
    run = Run.of((), (), started=started)
    if places:
        installed = audit_bundles(
            [str(host.place(path)) for path in places], installed=True, detectors=detectors(key=key)
        )
        run = run.merged(_named(host, installed))
    if servers:
        asked = Asked(now=started, required=required)
        tls = audit_tls([host.place(path) for path in servers], policies, asked, top=host.top)
        run = run.merged(_named(host, Run.of(tls.subjects, tls.findings, tls.results, started=started)))
    said = list(_looks(host, subject, run, [*web, *ROOTS], layout, servers, started))
    findings = [one for one in said if isinstance(one, Finding)]
    told = {one.where for one in findings if one.rule is UNREAD}
    findings += [_unread(subject, path, why) for path, why in odd.items() if path not in told]
    results = [one for one in said if isinstance(one, Result)]
    results += _verdicts(subject, [*findings, *run.findings], results)
    reason = "; ".join(one.message for one in findings if one.rule is UNREAD)
    about = Subject(
        id=subject, kind=Kind.HOST, examined=Examined.PARTIAL if reason else Examined.FULL, reason=reason,
        stats={"places": len(places), "servers": len(servers)},
    )  # fmt: skip
    return run.merged(Run.of([about], findings, results, started=started))


def _looks(
    host: Root,
    subject: str,
    run: Run,
    web: list[str],
    layout: products.Product,
    servers: list[str],
    now: datetime,
) -> Iterator[Finding | Result]:
    accounts = people.web_users(host, _owners(host))
    yield from sudo.look(host, subject, accounts)
    yield from secrets.look(host, subject, run.findings)
    yield from visits.look(host, subject, run.findings, web)
    yield from certificates.look(host, subject, servers, now, run)
    yield from engine.look(host, subject, layout, host.listening)
    for path, why in host.left.items():
        yield _unread(subject, path, why)
    for path in ("/etc/shadow", "/etc/sudoers"):
        if host.exists(path) and host.text(path) is None:
            yield Finding(
                rule=UNREAD, subject=subject, location=InFile((path,)), message=f"{path} may not be read"
            )


def _unread(subject: str, path: str, why: str) -> Finding:
    return Finding(rule=UNREAD, subject=subject, location=InFile((path,)), message=f"{path}: {why}")


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


def wanted(product: str = "aspect", more: Iterable[str] = ()) -> tuple[str, ...]:
    """Return every path and pattern of a host that the looks read, for bringing them here."""
    web = products.load(product).place("web-root").path
    return (
        web.rpartition("/")[0], *WEB, *SERVERS, *ACCOUNTS, *visits.LOGS, *CERTIFICATES, *BASICS, *more,
    )  # fmt: skip


def named(host: Root) -> tuple[str, ...]:
    """Return the paths that a host's own files name and the looks ask about: sudo's commands and servers' certificates."""
    scripts = {word for rule in sudoers.rules(host) for word in rule.command.split() if word.startswith("/")}
    servers = [path for path in SERVERS if host.exists(path) and not host.objection(path)]
    cards = certificates.named(host, servers)
    unread = audit_tls([host.place(path) for path in servers], (), top=host.top).findings
    missing = {host.name(one.where) for one in unread if one.rule is CERTIFICATE_UNREAD}
    return tuple(sorted(scripts | cards.keys() | missing))


def _outermost(paths: Iterable[str]) -> list[str]:
    """Leave out what lies in another one of the list, so that nothing is examined twice."""
    made: list[str] = []
    for path in sorted(set(paths)):
        if not made or not path.startswith(made[-1].rstrip("/") + "/"):
            made.append(path)
    return made


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
        findings.append(replace(one, location=place, subject=_subject(host, one.subject), ordinal=0,
                                also=tuple(_subject(host, name) for name in one.also),
                                message=own(one.message), evidence=own(one.evidence), remedy=own(one.remedy),
                                fix=one.fix and replace(one.fix, action=own(one.fix.action))))  # fmt: skip
    results = [
        replace(one, subject=_subject(host, one.subject), reason=own(one.reason)) for one in run.results
    ]
    return Run.of(subjects, findings, results, started=run.started, extra_codes=run.extra_codes)


def _subject(host: Root, subject: str) -> str:
    if not subject.startswith(str(host.top)):
        return subject
    inside = subject.replace(str(host.top), "", 1) or "/"
    return f"{host.label}:{inside}" if host.label else inside


def _verdicts(subject: str, findings: list[Finding], results: list[Result]) -> Iterator[Result]:
    said = {one.rule.id for one in results}
    seen = {one.rule.id for one in findings}
    hit = {certificates.OF_THE_JUDGE.get(name, name) for name in seen}
    for rule in (SUDO_WRITABLE, SUDO_ALL, WORLD_READABLE, VISITED, CERTIFICATE_EXPIRED, CERTIFICATE_WEAK):
        if rule.id not in said:
            open_ = rule in (CERTIFICATE_EXPIRED, CERTIFICATE_WEAK) and CERTIFICATE_UNREAD.id in seen
            verdict = Verdict.FAIL if rule.id in hit else Verdict.INCONCLUSIVE if open_ else Verdict.PASS
            reason = "a certificate file was not read" if verdict is Verdict.INCONCLUSIVE else ""
            yield Result(rule=rule, subject=subject, verdict=verdict, reason=reason)
