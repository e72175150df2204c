"""Whose a password is, by what stands beside it: nobody can change one who does not know where it is valid.

Nothing is found or judged by this; it is asked once for each finding of which the place itself does not tell it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from bundle.detect.credentials.judging.drawn import is_drawn
from bundle.detect.credentials.rules.catch import Catch
from bundle.detect.credentials.texts import place
from bundle.detect.credentials.texts.textview import View

_COMMAND = "credential/command-line"
_CALL = "credential/login-call"
_SETTINGS = frozenset(("credential/assignment", "credential/xml", "credential/daemon-setting"))
_NEAR = 400
"""Bytes to either side in which the account's setting is."""
_FOR_ONE = (
    r"pass(?:wor[dt]|wd|phrase|code)?|pwd|pw|psw|kennwort|clave|senha|heslo|haslo|parola|wachtwoord|mdp"
)
_ACCOUNT = r"(?:user(?:[_-]?name|[_-]?id)?|login(?:[_-]?name)?|usr|uname|uid|account|principal|bind[_-]?dn|benutzer(?:name)?|utilisateur|usuario)"
_VALUE = r"[A-Za-z_][\w.@\\-]{0,63}|(?:cn|uid)=[\w.@=,-]{1,120}"
_SETTING = re.compile(
    rf"""(?i)(?P<key>[\w.$-]{{0,40}}{_ACCOUNT})(?:["'\]]{{0,3}}\s{{0,8}}(?:=>|:=|=|:|,)\s{{0,8}}(?P<q>["']?)|["']\s{{1,8}}value\s{{0,4}}=\s{{0,4}}(?P<p>["'])|>\s{{0,8}})(?P<v>{_VALUE})(?P<end>["'<\s,;}})&\]]|$)"""
)
"""A setting that names an account: in an assignment, as a name with its value, in an element."""
_WORD = re.compile(rf"(?i)(?<![a-z])(?:{_FOR_ONE}|secret)\d{{0,2}}[\"'\]]{{0,3}}\s{{0,8}}(?:=|:|,|>|value\b)")
"""Another password's setting: what stands behind one is not the account of the next."""
_IS_ONE = re.compile(rf"(?i)(?:{_FOR_ONE})\d{{0,2}}$")
_LAST = re.compile(rf"(?i)(?:{_FOR_ONE}|{_ACCOUNT})\d{{0,2}}$")
_FAR = 2
"""Lines over which a bare `user` goes with a password whose name has more to it, and the other way round."""
_NOBODY = frozenset(
    "user username name true false null none string str varchar text required type login self this".split()
)
_APART = re.compile(r"[|;&\n`]|\$\(")
"""What parts one command from another."""
_SUDO = re.compile(r"\bsudo\s{1,4}(?:-\w\s{1,4}){0,3}(?:-u\s{0,4}\S{1,40}\s)?")
_OPTION = r"(?<![\w-])"
_BY_AN_OPTION = re.compile(
    rf"""{_OPTION}(?:-u\s{{0,4}}|-U\s{{0,4}}|--user(?:name)?(?:=|\s{{1,4}})|--login(?:=|\s{{1,4}})|-l\s{{1,4}}|/user:|PGUSER=|-D\s{{0,4}}|--?binddn(?:=|\s{{1,4}})|-Username\s{{1,4}})["']?"""
    rf"""(?P<v>{_VALUE})(?=["'\s%]|$)"""
)
_BY_AN_ADDRESS = re.compile(r"(?:^|(?<=[\s\"']))(?P<v>[A-Za-z_][\w.-]{0,40})@[\w.-]")
_PROGRAMS = {
    "mysql": "MySQL", "mysqldump": "MySQL", "mysqladmin": "MySQL", "mysqlimport": "MySQL", "mariadb": "MariaDB", "mariadb-dump": "MariaDB",
    "psql": "PostgreSQL", "pg_dump": "PostgreSQL", "pg_restore": "PostgreSQL", "createdb": "PostgreSQL", "sqlplus": "Oracle", "sqlcmd": "SQL Server",
    "mongo": "MongoDB", "mongosh": "MongoDB", "mongodump": "MongoDB", "redis-cli": "Redis", "sshpass": "SSH", "plink": "SSH", "pscp": "SSH",
    "ldapsearch": "LDAP", "ldapmodify": "LDAP", "ldapadd": "LDAP", "ldapwhoami": "LDAP", "smbclient": "SMB", "net": "SMB", "curl": "HTTP", "wget": "HTTP",
    "lftp": "FTP", "ftp": "FTP", "ncftpput": "FTP", "ipmitool": "IPMI", "keytool": "key store", "zip": "archive", "unzip": "archive", "7z": "archive", "7za": "archive",
}  # fmt: skip
_PROGRAM = re.compile(rf"(?<![\w-])(?:{'|'.join(sorted(_PROGRAMS, key=len, reverse=True))})(?![\w-])")
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_SERVICES = {
    "mysql": "MySQL", "mariadb": "MariaDB", "postgres": "PostgreSQL", "postgresql": "PostgreSQL", "pgsql": "PostgreSQL", "pg": "PostgreSQL", "oracle": "Oracle",
    "mssql": "SQL Server", "sqlserver": "SQL Server", "sqlsrv": "SQL Server", "mongo": "MongoDB", "mongodb": "MongoDB", "redis": "Redis", "ldap": "LDAP", "smtp": "mail", "imap": "mail",
    "mail": "mail", "mailer": "mail", "ftp": "FTP", "sftp": "SFTP", "ssh": "SSH", "snmp": "SNMP", "keystore": "key store", "truststore": "key store", "storepass": "key store",
    "db": "database", "database": "database", "jdbc": "database", "sql": "database", "datasource": "database", "radius": "RADIUS", "vnc": "VNC", "mqtt": "MQTT", "amqp": "AMQP", "rabbitmq": "AMQP",
}  # fmt: skip
_DRIVER = re.compile(
    r"(?i)\b(?:jdbc:|driver\S{0,40}|dialect\S{0,40}|adapter\S{0,10})?(mysql|mariadb|postgres(?:ql)?|pgsql|oracle|sqlserver|sqlsrv|mongodb|redis|ldap|smtp|s?ftp|amqp|mqtt)\b[:\W]"
)
"""What an address or a driver beside a password says of the service."""
_DATABASES = frozenset(("MySQL", "MariaDB", "PostgreSQL", "Oracle", "SQL Server", "MongoDB"))


def owned(one: Catch, family: str, view: View, kind: str) -> Catch:
    """Return a catch with the account and the service that what stands beside it tells, where it tells none itself."""
    if family == _COMMAND:
        command, at = _command(view, one)
        program = _PROGRAM.search(command)
        account = one.user or _of_a_command(command, at)
        service = one.service or (_PROGRAMS[program[0]] if program else "")
    elif family in _SETTINGS and not one.user and _IS_ONE.search(one.key.rstrip("\"']")):
        first = max(0, one.start - _NEAR)
        text = view.text(first, one.end + _NEAR)
        at, past = one.start - first, one.end - first
        account = _beside(text, at, past, one.key, quoted=kind == place.CODE)
        service = one.service or _of_a_name(one.key) or (_of_a_driver(text) if account else "")
    elif family in _SETTINGS:
        account, service = one.user, one.service or _of_a_name(one.key)
    elif family == _CALL:
        account, service = one.user, one.service
    else:
        return one
    if (
        service == "database" and family != _COMMAND
    ):  # its name, or the call, tells no more: an address beside it may
        near = view.text(max(0, one.start - _NEAR), one.end + _NEAR)
        service = _of_a_driver(view.line(one.start), _DATABASES) or _of_a_driver(near, _DATABASES) or service
    return replace(one, user=account, service=service)


def _command(view: View, one: Catch) -> tuple[str, int]:
    """Return the command that a value is in, with the ends of its lines as blanks, and where the value is in it."""
    first, last = max(0, one.start - _NEAR), one.end + _NEAR
    text = view.text(first, last).replace("\\\n", "  ")
    at, past = one.start - first, one.end - first
    begin = max((m.end() for m in _APART.finditer(text, 0, at)), default=0)
    end = _APART.search(text, past)
    command = text[begin : end.start() if end else len(text)]
    command = _SUDO.sub(lambda m: " " * len(m[0]), command)
    return command, at - begin


def _of_a_command(command: str, at: int) -> str:
    """Return the account that an option of a command names, or the address of a host."""
    for pattern in (_BY_AN_OPTION, _BY_AN_ADDRESS):
        for found in pattern.finditer(command):
            if not found.start("v") <= at < found.end("v") and _is_somebody(found["v"]):
                return found["v"]
    return ""


def _beside(text: str, start: int, end: int, key: str, *, quoted: bool) -> str:
    """Return the account of the setting next to a password whose name goes with it; in a program it is a literal."""
    front = _front(key)
    named = text.rfind(key, 0, start)
    begin = named if named >= 0 else start
    found = [m for m in _SETTING.finditer(text) if _may_be(m, quoted=quoted)]
    for one in _nearest(found, begin, end):
        between = text[one.end() : begin] if one.end() <= begin else text[end : one.start()]
        own = _front(one["key"])
        goes = own == front or (not (own and front) and between.count("\n") <= _FAR)
        if goes and not _WORD.search(between) and "\n\n" not in between and "\n[" not in between:
            return one["v"].strip()
    return ""


def _nearest(found: list[re.Match[str]], start: int, end: int) -> Iterator[re.Match[str]]:
    """Yield what stands before a value, the nearest first, and then what stands behind it: accounts come first."""
    yield from sorted((m for m in found if m.end() <= start), key=lambda m: start - m.end())
    yield from sorted((m for m in found if m.start() >= end), key=lambda m: m.start() - end)


def _may_be(found: re.Match[str], *, quoted: bool) -> bool:
    marked = bool(found["q"] or found["p"]) or found["end"] == "<"
    return _is_somebody(found["v"]) and (marked or not quoted)


def _is_somebody(name: str) -> bool:
    """Whether a name may be told: a token that stands in an account's place is no name, and no report holds one."""
    return name.lower() not in _NOBODY and not is_drawn(name)


def _front(name: str) -> str:
    """Return what a name has before its word for a password or an account, without signs: `db` of `db.password`."""
    last = name.rpartition("[")[2].rpartition("->")[2]
    return re.sub(r"[\W_]", "", _LAST.sub("", last.strip("\"'$ "))).lower()


def _of_a_name(name: str) -> str:
    """Return the service that a word of a name tells, as `smtp_password` does."""
    words = [w.lower() for w in _WORDS.findall(name)]
    return next((_SERVICES[w] for w in words if w in _SERVICES), "")


def _of_a_driver(text: str, among: frozenset[str] = frozenset()) -> str:
    """Return the one service that addresses and drivers of a text tell; `among` names those that are asked for."""
    found = {_SERVICES.get(m[1].lower(), m[1].upper()) for m in _DRIVER.finditer(text)}
    found = found & among if among else found
    return found.pop() if len(found) == 1 else ""
