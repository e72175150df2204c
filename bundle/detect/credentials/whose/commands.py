"""The account and the service of a password in a command: its options, the address of a host, its program."""

from __future__ import annotations

import re

from bundle.detect.credentials.rules.catch import Catch
from bundle.detect.credentials.texts.textview import View
from bundle.detect.credentials.whose.accounts import VALUE, is_somebody
from bundle.detect.credentials.whose.beside import NEAR

_APART = re.compile(r"[|;&\n`]|\$\(")
"""What parts one command from another."""
_SUDO = re.compile(r"\bsudo\s{1,4}(?:-\w\s{1,4}){0,3}(?:-u\s{0,4}\S{1,40}\s)?")
_OPTION = r"(?<![\w-])"
_BY_AN_OPTION = re.compile(
    rf"""{_OPTION}(?:-u\s{{0,4}}|-U\s{{0,4}}|--user(?:name)?(?:=|\s{{1,4}})|--login(?:=|\s{{1,4}})|-l\s{{1,4}}"""
    rf"""|/user:|/ru\s{{1,4}}|PGUSER=|-D\s{{0,4}}|--?binddn(?:=|\s{{1,4}})|-Username\s{{1,4}})["']?"""
    rf"""(?P<v>{VALUE})(?=["'\s%]|$)"""
)
_BY_AN_ADDRESS = re.compile(r"(?:^|(?<=[\s\"']))(?P<v>[A-Za-z_][\w.-]{0,40})@[\w.-]")
_PROGRAMS = {
    "mysql": "MySQL", "mysqldump": "MySQL", "mysqladmin": "MySQL", "mysqlimport": "MySQL", "mariadb": "MariaDB", "mariadb-dump": "MariaDB",
    "psql": "PostgreSQL", "pg_dump": "PostgreSQL", "pg_restore": "PostgreSQL", "createdb": "PostgreSQL", "dropdb": "PostgreSQL", "pg_dumpall": "PostgreSQL",
    "pg_basebackup": "PostgreSQL", "sqlplus": "Oracle", "sqlcmd": "SQL Server", "osql": "SQL Server", "isql": "SQL Server", "bcp": "SQL Server",
    "mongo": "MongoDB", "mongosh": "MongoDB", "mongodump": "MongoDB", "redis-cli": "Redis", "sshpass": "SSH", "plink": "SSH", "pscp": "SSH",
    "ldapsearch": "LDAP", "ldapmodify": "LDAP", "ldapadd": "LDAP", "ldapwhoami": "LDAP", "smbclient": "SMB", "net": "SMB", "net user": "Windows", "curl": "HTTP", "wget": "HTTP",
    "lftp": "FTP", "ftp": "FTP", "ncftpput": "FTP", "ipmitool": "IPMI", "keytool": "key store", "zip": "archive", "unzip": "archive", "7z": "archive", "7za": "archive",
}  # fmt: skip
_PROGRAM = re.compile(
    rf"(?<![\w.-])(?:{'|'.join(sorted(_PROGRAMS, key=len, reverse=True))})(?:\.exe)?(?![\w.-])"
)


def command(view: View, one: Catch) -> tuple[str, int]:
    """Return the command that a value is in, with the ends of its lines as blanks, and where the value is in it."""
    first, last = max(0, one.start - NEAR), one.end + NEAR
    text = view.text(first, last).replace("\\\n", "  ")
    at, past = one.start - first, one.end - first
    begin = max((m.end() for m in _APART.finditer(text, 0, at)), default=0)
    end = _APART.search(text, past)
    command = text[begin : end.start() if end else len(text)]
    command = _SUDO.sub(lambda m: " " * len(m[0]), command)
    return command, at - begin


def of_its_options(command: str, at: int) -> str:
    """Return the account that an option of a command names, or the address of a host."""
    for pattern in (_BY_AN_OPTION, _BY_AN_ADDRESS):
        for found in pattern.finditer(command):
            if not found.start("v") <= at < found.end("v") and is_somebody(found["v"]):
                return found["v"]
    return ""


def of_its_program(text: str) -> str:
    """Return the service that the program of a command talks to."""
    program = _PROGRAM.search(text)
    return _PROGRAMS[program[0].removesuffix(".exe")] if program else ""
