"""Find sudo rules that make the web server's account root."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from hardening.findings import Finding, in_file
from hardening.host.checks import people, sudoers
from hardening.host.checks.root import Root
from hardening.host.checks.rules import SUDO_ALL, SUDO_WRITABLE

FREE = frozenset(
    "sh bash dash zsh ksh csh tcsh env perl python python2 python3 ruby php lua node awk gawk sed find xargs vi vim nano less more "
    "man tar zip rsync scp ssh cp mv tee dd chmod chown install ln mount su sudo nmap tcpdump gdb strace docker rpm yum dnf "
    "crontab systemctl make git wget curl".split()
)
"""Programs that run, read or write what their caller likes, when their arguments are free."""


def look(root: Root, subject: str, web: tuple[people.Person, ...]) -> Iterator[Finding]:
    """Say every rule that lets a web account become root."""
    for one in sudoers.rules(root):
        concerned = [person for person in web if _means(one.who, person)]
        if not concerned or one.runas not in ("root", "ALL", "#0"):
            continue
        account = ", ".join(person.name for person in concerned)
        how = "without a password" if not one.password else "with its password"
        place = in_file(one.path, one.line)
        words = _words(one.command)
        program = words[0].rpartition("/")[2] if words else ""
        if one.command == "ALL" or (program in FREE and len(words) <= 1) or one.command.endswith("/"):
            what = "any program" if one.command == "ALL" else f"{one.command} with any arguments"
            yield Finding(
                rule=SUDO_ALL, subject=subject, location=place, evidence=f"{one.who} {one.command}",
                message=f"{account} may run {what} as root, {how}",
            )  # fmt: skip
            continue
        for path in (word for word in words if word.startswith("/")):
            found = _changeable(root, path, concerned)
            if found is None:
                continue
            who, where = found
            what = "it" if where == root.real(path) else where
            yield Finding(
                rule=SUDO_WRITABLE, subject=subject, location=place, evidence=f"{one.who} {path}",
                message=f"{account} may run {path} as root, {how}, and {who} may write {what}",
            )  # fmt: skip


def _changeable(root: Root, path: str, concerned: list[people.Person]) -> tuple[str, str] | None:
    for match in root.matching(path) if "*" in path or "?" in path else [path]:
        if root.exists(match) and (found := people.who_may_write(root, match, concerned)):
            return found
    return None


def _means(who: str, person: people.Person) -> bool:
    if who == "ALL":
        return True
    if who.startswith("%#"):
        return who[2:] in map(str, person.groups)
    if who.startswith("%"):
        return who[1:] in person.group_names
    return who in (person.name, f"#{person.uid}")


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        return command.split()
