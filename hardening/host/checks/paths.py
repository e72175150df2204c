"""Places that the audit of a host examines, the most important first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from hardening.engine import product as products
from hardening.host.checks import access_log

WEB = ("/var/www", "/srv/www", "/usr/share/phpmyadmin", "/usr/share/phpMyAdmin", "/usr/share/adminer", "/usr/share/nginx/html",
       "/usr/local/apache2/htdocs")  # fmt: skip
SERVERS = ("/etc/httpd", "/etc/apache2", "/etc/nginx", "/etc/lighttpd", "/etc/haproxy", "/etc/postfix", "/etc/dovecot", "/etc/stunnel",
           "/etc/my.cnf", "/etc/my.cnf.d", "/etc/mysql", "/etc/redis", "/etc/squid", "/etc/exim", "/etc/exim4", "/etc/vsftpd",
           "/etc/vsftpd.conf", "/etc/proftpd", "/etc/proftpd.conf", "/etc/ssh/sshd_config")  # fmt: skip
ACCOUNTS = ("/etc/shadow", "/etc/sudoers", "/etc/sudoers.d", "/etc/cron.d", "/etc/crontab", "/root/.my.cnf", "/root/.pgpass", "/root/.netrc",
            "/root/.ssh", "/etc/fstab", "/etc/rc.d/rc.local", "/etc/rc.local")  # fmt: skip
BASICS = (
    "/etc/passwd",
    "/etc/group",
    "/etc/*release",
    "/usr/lib/os-release",
    "/etc/php-fpm.d",
    "/etc/php.ini",
)
CERTIFICATES = ("/etc/pki/tls/certs", "/etc/crypto-policies")
CONFIGURED = ("/etc", "/var/spool/cron", "/usr/local/etc", "/usr/local/lib/systemd")
"""Settings, cron and what starts at boot."""
ELSEWHERE = ("/usr/local", "/opt", "/srv", "/home", "/root")
"""Where what no package brought usually lies."""


INSTALLED = (
    "/var/lib/dpkg/status",
    "/var/lib/rpm/Packages",
    "/var/lib/rpm/rpmdb.sqlite",
    "/usr/lib/sysimage/rpm/rpmdb.sqlite",
)
"""Lists of what is installed. rpm's stay on another host: they are too large."""


@dataclass(frozen=True, slots=True)
class Paths:
    """Paths and patterns of a host, in the order of what they are worth."""

    first: tuple[str, ...] = ()
    """Here every file counts: no rule leaves any out."""
    then: tuple[str, ...] = ()
    last: tuple[str, ...] = ()
    """Logs."""
    given: tuple[str, ...] = ()
    """Those that a person named: they are looked at on another machine's file system, too."""
    follow: bool = False
    """Whether links to other folders are followed."""

    def plus(self, more: Iterable[str]) -> Paths:
        """Return these with further ones that count as much as the first."""
        return replace(self, first=(*self.first, *more))


def wanted(product: str = "aspect", more: Iterable[str] = (), *, everywhere: bool = True) -> Paths:
    """Return what an audit looks at; not `everywhere`: only what an upgrade of the product touches."""
    layout, more = products.load(product), tuple(more)
    web = layout.place("web-root").path
    homes = (web.rpartition("/")[0], *(layout.folders if everywhere else ()))
    first = (*homes, *WEB, *more, *SERVERS, *ACCOUNTS, *BASICS, *CERTIFICATES)
    then = (*CONFIGURED, *ELSEWHERE) if everywhere else ()
    return Paths(tuple(dict.fromkeys(first)), then, access_log.LOGS, more, follow=everywhere)


def below(path: str, folders: Iterable[str]) -> bool:
    """Return whether a path is one of these folders or files, or lies in one."""
    return any(
        path == folder
        or path.startswith(folder.rstrip("/") + "/")
        or ("*" in folder and fnmatchcase(path, folder))
        for folder in folders
    )


def fits(path: str, patterns: Iterable[str]) -> bool:
    """Return whether a path is one that these patterns mean."""
    return any(fnmatchcase(path, one) for one in patterns)
