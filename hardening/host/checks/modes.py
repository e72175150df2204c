"""Modes that give root away: shells with the set-user-id bit, and what root runs that everybody may write."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator

from bundle.detect.settings import ROOT_WRITABLE, SETUID_SHELL
from bundle.detect.settings.detector import is_shell
from hardening.findings import Finding, in_file
from hardening.host.checks.people import Person, who_may_write
from hardening.host.checks.root import FileMeta, Root
from hardening.host.checks.rules import UNREAD

FOLDERS = ("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local", "/opt", "/srv", "/home", "/root", "/tmp", "/var/tmp")  # noqa: S108 - they are looked at, and nothing is written there  # fmt: skip
"""Where set-user-id files are looked for on a host at hand; of another host, what its collector listed is asked."""
MOST = 300_000
"""Files of these folders that are looked at."""
CRON = ("/etc/crontab", "/etc/cron.d/*")
"""Tables with an account in the sixth field."""
_OF_ROOT = ("/var/spool/cron/root", "/var/spool/cron/crontabs/root")
SCRIPTS = (
    "/etc/rc.local", "/etc/rc.d/rc.local", "/etc/init.d/*", "/etc/rc.d/init.d/*", "/etc/cron.hourly/*", "/etc/cron.daily/*",
    "/etc/cron.weekly/*", "/etc/cron.monthly/*",
)  # fmt: skip
UNITS = ("/etc/systemd/system/*.service", "/usr/local/lib/systemd/system/*.service")
_EVERYBODY = (Person("everybody", -1, frozenset()),)
_PARTS = re.compile(r"[;&|(){}`]+")
_SETS = re.compile(r"\w+=\S*$")
_BEFORE = frozenset(("exec", "nohup", "nice", "then", "do", "if", "time", "-n", "19"))
"""Words that may stand in front of a program."""
_USER = re.compile(r"(?m)^[ \t]*User[ \t]*=[ \t]*(?!root\b|0\b)\S")
_STARTS = re.compile(r"^[ \t]*Exec\w+[ \t]*=[ \t]*[-+!@:]*(.*)$")
_FIELDS = 6


def look(host: Root, subject: str) -> Iterator[Finding]:
    """Yield the shells with the bit, and the programs of root that everybody may write."""
    yield from _setuid(host, subject)
    seen: set[tuple[str, str]] = set()
    for path, line, command in programs(host):
        about = host.about(command)
        plain = about is not None and (stat.S_ISREG(about.mode) or not stat.S_IFMT(about.mode))
        found = who_may_write(host, command, _EVERYBODY) if plain else None
        if found is None or (path, command) in seen:
            continue
        seen.add((path, command))
        where = "it" if found[1] == host.real(command) else found[1]
        from_ = "" if path == command else f" from {path}"
        yield Finding(
            rule=ROOT_WRITABLE, subject=subject, location=in_file(path, line), evidence=command,
            message=f"root runs {command}{from_}, and everybody may write {where}",
        )  # fmt: skip


def _setuid(host: Root, subject: str) -> Iterator[Finding]:
    for count, (path, about) in enumerate(_known(host)):
        if count >= MOST:
            yield Finding(
                rule=UNREAD, subject=subject, location=in_file(path),
                message=f"the modes of more than {MOST} files were not looked at",
            )  # fmt: skip
            return
        plain = stat.S_ISREG(about.mode) or not stat.S_IFMT(about.mode)
        name = path.rpartition("/")[2]
        if plain and about.mode & 0o4000 and about.mode & 0o011 and is_shell(name):
            yield Finding(
                rule=SETUID_SHELL, subject=subject, location=in_file(path), evidence=f"mode {about.mode & 0o7777:o}",
                message=f"{name} runs as the account {about.uid} for everybody",
            )  # fmt: skip


def _known(host: Root) -> Iterator[tuple[str, FileMeta]]:
    """Yield paths with owner and mode."""
    if host.seen:
        yield from host.seen.items()
        return
    for folder in FOLDERS:
        place = host.place(folder)
        if host.real(folder) != folder or not place.is_dir():
            continue
        for above, _, names in os.walk(place):
            for name in names:
                try:
                    found = os.lstat(f"{above}/{name}")
                except OSError:
                    continue
                yield host.name(f"{above}/{name}"), FileMeta(found.st_mode, found.st_uid, found.st_gid)


def programs(host: Root) -> Iterator[tuple[str, int | None, str]]:
    """Yield the programs that root runs by itself: the file that says so, its line, and the program."""
    for path in _matching(host, SCRIPTS):
        about = host.about(path)
        if about is not None and not about.folder:
            yield path, None, path
    for path in _matching(host, ("/etc/rc.local", "/etc/rc.d/rc.local")):
        yield from _commands(host, path, str)
    for path in _matching(host, _OF_ROOT):
        yield from _commands(host, path, _of_job)
    for path in _matching(host, CRON):
        yield from _commands(host, path, _of_root)
    for path in _matching(host, UNITS):
        if not _USER.search(host.text(path) or ""):
            yield from _commands(host, path, lambda line: m[1] if (m := _STARTS.match(line)) else "")


def _matching(host: Root, patterns: tuple[str, ...]) -> Iterator[str]:
    for pattern in patterns:
        yield from host.matching(pattern)


def _of_job(line: str) -> str:
    """Return the command of a line of an account's own crontab."""
    fields = line.split(None, 1 if line.startswith("@") else _FIELDS - 1)
    return fields[-1] if len(fields) == (2 if line.startswith("@") else _FIELDS) else ""


def _of_root(line: str) -> str:
    """Return the command of a line of a system crontab that root runs."""
    account, command, *_ = (*_of_job(line).split(None, 1), "", "")
    return command if account == "root" else ""


def _commands(host: Root, path: str, command: Callable[[str], str]) -> Iterator[tuple[str, int | None, str]]:
    for number, line in enumerate((host.text(path) or "").splitlines(), 1):
        if not line.lstrip().startswith("#"):
            for program in _programs(command(line.strip())):
                yield path, number, program


def _programs(command: str) -> Iterator[str]:
    """Yield the full paths that a command runs: the first word of each part, and a shell's script."""
    for part in _PARTS.split(command):
        words = [word.strip("\"'") for word in part.split()]
        while words and (words[0] in _BEFORE or _SETS.match(words[0])):
            words.pop(0)
        if words and words[0].startswith("/"):
            yield words[0]
        if words and is_shell(words[0].rpartition("/")[2]):
            yield from [word for word in words[1:] if not word.startswith("-")][:1]
