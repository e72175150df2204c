"""The product's own mail settings: one JSON record in an SQLite database, read and checked, never written.

What is known of the record is in the product's pack (`mailer`): the class in front of it and its keys. The table, the
column and the bytes between class and record are not published, so every value of every table is looked at.
"""

from __future__ import annotations

import json
import re
import sqlite3
import stat
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from hardening.errors import InputError
from hardening.findings import Examined, Finding, Rule, Run, Severity, Subject, SubjectKind, in_file
from hardening.products import Pack

_CWE = "https://cwe.mitre.org/data/definitions/"
_TELLING = ("smtpLocalhost", "tlsVersions", "authMode")
"""Keys that no other record is likely to have together."""
_LARGEST = 16 * 1024 * 1024
"""Bytes of one value that are looked at."""
_OLD = re.compile(r"(?i)(?<![\w.])(SSLv2|SSLv2Hello|SSLv3|TLSv1(?:\.[01])?)(?![\w.])")
_NEW = re.compile(r"(?i)(?<![\w.])TLSv1\.[23](?![\w.])")
_PARTS = re.compile(r"[\s,;]+")

CLEARTEXT = Rule(
    id="mailer/record-cleartext",
    title="The product's mail service logs in without TLS",
    severity=Severity.HIGH,
    rationale="Without STARTTLS the name and password of the mail account cross the network in clear text.",
    remedy="Switch STARTTLS on in the product's Email Notification Service, with port 587.",
    references=(f"{_CWE}319.html", "https://www.zeroscience.mk/en/vulnerabilities/ZSL-2024-5843.php"),
)
PASSWORD = Rule(
    id="mailer/record-password",
    title="The product's database holds the mail account's password in clear text",
    severity=Severity.HIGH,
    rationale="Up to 3.08.01 a request without a login downloads this database (ZSL-2024-5843).",
    remedy="Change the password of the mail account. Use a relay that holds the secret instead: `harden mailer render relay`.",
    references=(f"{_CWE}312.html", "https://www.zeroscience.mk/en/vulnerabilities/ZSL-2024-5843.php"),
)
VERSIONS = Rule(
    id="mailer/record-tls-versions",
    title="The product's mail service offers old TLS versions",
    severity=Severity.MEDIUM,
    rationale="TLS 1.0 and 1.1 are deprecated (RFC 8996), and SSL 3.0 is broken (RFC 7568).",
    remedy="Set the TLS versions of the Email Notification Service to TLSv1.2, and TLSv1.3 where its Java knows it.",
    references=("https://www.rfc-editor.org/rfc/rfc8996",),
)
UNSET = Rule(
    id="mailer/record-tls-unset",
    title="The product's mail service does not say which TLS versions it offers",
    severity=Severity.LOW,
    rationale="The default of the host's Java decides: Java 7 begins with TLS 1.0.",
    remedy="Set the TLS versions of the Email Notification Service to TLSv1.2.",
)
READABLE = Rule(
    id="mailer/record-readable",
    title="Every account of the host can read the mail settings",
    severity=Severity.HIGH,
    rationale="The database holds a password in clear text.",
    remedy="Take the right to read from others: `chmod o-rwx FILE`. Then change the password.",
    references=(f"{_CWE}732.html",),
)
FORM = Rule(
    id="mailer/record-form",
    title="The mail settings do not have the published form",
    severity=Severity.INFO,
    rationale="A key that is missing or new may change what the others mean.",
    remedy="Look at the Email Notification Service in the product's own pages.",
)


def rules() -> tuple[Rule, ...]:
    """Return every rule of this module."""
    return (CLEARTEXT, PASSWORD, VERSIONS, UNSET, READABLE, FORM)


@dataclass(frozen=True, slots=True)
class Record:
    """One record, and where it is: table, column and row number."""

    place: str
    values: Mapping[str, Any]

    def shown(self) -> dict[str, str]:
        """Return the values for people; a key that may hold a secret is masked, as is one that nobody knows."""
        return {key: _shown(key, value) for key, value in self.values.items()}


_NUMBER = r"\d{1,5}|True|False"
_HOST = r"[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63}){1,6}"
_PLAIN = {
    **dict.fromkeys(("starttls", "port", "logDebugInfo", "authMode", "enabled", "debugLevel"), _NUMBER),
    **dict.fromkeys(("host", "smtpLocalhost"), _HOST),
    "tlsVersions": rf"({_OLD.pattern[4:]}|{_NEW.pattern[4:]}|[\s,;])*",
    "serviceName": r"[A-Za-z]{1,40}",
}
"""The form of a value that is shown, by key."""


def _shown(key: str, value: Any) -> str:
    plain = key in _PLAIN and re.fullmatch(_PLAIN[key], str(value), re.IGNORECASE)
    return str(value) if plain else "[secret]" if value else ""


def read(path: Path) -> tuple[Record, ...]:
    """Return the records of an SQLite database, which is opened read-only. Errors: InputError."""
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as problem:
        raise InputError(
            f"{path} cannot be read: {problem.strerror}", hint="name the database, or run as root"
        ) from problem
    if head != b"SQLite format 3\0":
        raise InputError(
            f"{path} is not an SQLite database", hint="name the product's MyMapData.db or a copy of it"
        )
    # Without a write-ahead log nothing but the file counts: then not even a lock is taken.
    live = any(path.with_name(path.name + end).exists() for end in ("-wal", "-journal"))
    address = f"file:{quote(str(path.absolute()))}?mode=ro{'' if live else '&immutable=1'}"
    try:
        with closing(sqlite3.connect(address, uri=True)) as base:
            base.text_factory = bytes
            return tuple(_records(base))
    except sqlite3.Error as problem:
        raise InputError(
            f"{path} cannot be read: {problem}", hint="copy it with its -wal file, and name the copy"
        ) from problem


def _records(base: sqlite3.Connection) -> Iterator[Record]:
    tables = [
        row[0].decode()
        for row in base.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    ]
    for table in tables:
        rows = base.execute(f"SELECT * FROM {_quoted(table)}")  # noqa: S608 - a name of this database, quoted
        names = [one[0] for one in rows.description]
        for number, row in enumerate(rows, 1):
            for column, value in zip(names, row, strict=True):
                if isinstance(value, bytes):
                    for found in _in_value(value[:_LARGEST]):
                        yield Record(f"{table}.{column}, row {number}", found)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _in_value(value: bytes) -> Iterator[dict[str, Any]]:
    """Yield each JSON object in a value that has the telling keys, whatever stands before and behind it."""
    text = value.decode("utf-8", "replace")
    at = 0
    while (at := text.find('{"', at)) >= 0:
        try:
            found, end = json.JSONDecoder().raw_decode(text, at)
        except (ValueError, RecursionError):
            at += 1
            continue
        if isinstance(found, dict) and all(key in found for key in _TELLING):
            yield found
            at = end
        else:
            at += 1


def examine(path: Path, pack: Pack) -> Run:
    """Check every record of a database. Errors: InputError."""
    started = datetime.now(UTC)
    records = read(path)
    subject = str(path)
    findings = [one for record in records for one in _problems(path, record, pack)]
    if any(one.values.get("password") for one in records) and path.stat().st_mode & stat.S_IROTH:
        findings.append(
            Finding(
                rule=READABLE,
                subject=subject,
                location=in_file(path),
                message=f"mode {path.stat().st_mode & 0o7777:o}",
            )
        )
    odd = sorted({one.message for one in findings if one.rule is FORM})
    none = "" if records else "no record of the mail service was found"
    about = Subject(
        id=subject,
        kind=SubjectKind.FILE,
        examined=Examined.PARTIAL if odd else Examined.FULL if records else Examined.NONE,
        reason="; ".join(odd) or none,
        stats={"records": [{"place": one.place, **one.shown()} for one in records]},
    )
    return Run.of([about], findings, [], started=started)


def _problems(path: Path, record: Record, pack: Pack) -> Iterator[Finding]:
    values, service = record.values, _shown("serviceName", record.values.get("serviceName", ""))

    def found(rule: Rule, message: str, *, severity: Severity | None = None) -> Finding:
        return Finding(
            rule=rule, subject=str(path), location=in_file(path), severity=severity,
            message=f"{service or 'mail service'} ({record.place}): {message}",
        )  # fmt: skip

    published = set(pack.fact("mailer", "fields").names())
    if missing := sorted(published - set(values)):
        yield found(FORM, f"keys are missing: {', '.join(missing)}")
    if extra := len(set(values) - published):
        yield found(FORM, f"{extra} keys are not published")
    unused = Severity.INFO if values.get("enabled") in (0, False) else None
    if values.get("password"):
        yield found(PASSWORD, "password is set, in clear text")
    if values.get("starttls") not in (1, True) and values.get("port") != 465:  # noqa: PLR2004 - SMTP with TLS at once
        login = "with a password" if values.get("password") else "without a password"
        yield found(
            CLEARTEXT, f"starttls is {_shown('starttls', values.get('starttls'))}, {login}", severity=unused
        )
    words = [one for one in _PARTS.split(str(values.get("tlsVersions") or "")) if one]
    if old := [one for one in words if _OLD.fullmatch(one)]:
        yield found(VERSIONS, f"tlsVersions names {', '.join(old)}", severity=unused)
    if not words:
        yield found(UNSET, "tlsVersions is empty", severity=unused)
    elif len(old) + sum(bool(_NEW.fullmatch(one)) for one in words) < len(words):
        yield found(
            FORM, "tlsVersions has a word that is not a TLS version of Java: no source lists its values"
        )
