"""Diagnose an answer of the service: meaning, action of the sender, remedy (data/answers.toml)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from functools import cache
from importlib.resources import files

from hardening.toml_rows import Table


class Class(StrEnum):
    """Action of a sender: try again, wait for a change of the settings, or give this message up."""

    TEMPORARY = "temporary"
    CONFIG = "config"
    MESSAGE = "message"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAnswer:
    """One refusal as it came, without any secret in it."""

    where: str
    """`token`, `smtp`, `graph`, `ews` or `network`."""
    stage: str = ""
    """smtp: `banner`, `ehlo`, `starttls`, `auth`, `mail`, `rcpt`, `data`."""
    status: int = 0
    """HTTP status or SMTP reply."""
    name: str = ""
    """OAuth `error`, Graph `code`, EWS `ResponseCode`, SMTP enhanced status."""
    codes: tuple[int, ...] = ()
    """AADSTS numbers: for the remedy alone."""
    text: str = ""
    trace: str = ""
    """Ids that support asks for."""
    retry_after: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """Meaning of an answer."""

    cause: str
    kind: Class
    meaning: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    diagnosis: Diagnosis
    numbers: frozenset[int]
    names: frozenset[str]
    stage: str
    pattern: re.Pattern[str] | None
    aadsts: frozenset[int]

    def matches(self, answer: ServiceAnswer) -> bool:
        """Every condition the row has must hold."""
        return (
            (not self.aadsts or bool(self.aadsts & set(answer.codes)))
            and (not self.numbers or answer.status in self.numbers)
            and (not self.names or answer.name in self.names)
            and (not self.stage or self.stage == answer.stage)
            and (self.pattern is None or self.pattern.search(answer.text) is not None)
        )


@cache
def _rows() -> dict[str, tuple[_Row, ...]]:
    table = Table.load(files("hardening.mailer") / "data" / "answers.toml")
    found = {}
    for where in ("token", "smtp", "graph", "ews"):
        found[where] = tuple(_row(row) for row in table.rows(where))
    table.done()
    return found


def _numbers(row: Table, *keys: str) -> frozenset[int]:
    return frozenset(int(n) for key in keys for n in row.value(key, list, []))


def _row(row: Table) -> _Row:
    pattern = row.text("pattern", "")
    found = _Row(
        diagnosis=Diagnosis(
            cause=row.text("cause"),
            kind=row.choice("class", Class, Class.CONFIG),
            meaning=row.text("meaning"),
            remedy=row.text("remedy"),
        ),
        numbers=_numbers(row, "replies", "statuses"),
        names=frozenset((*row.texts("names", []), *row.texts("errors", []), *row.texts("enhanced", []))),
        stage=row.text("stage", ""),
        pattern=re.compile(pattern) if pattern else None,
        aadsts=_numbers(row, "codes"),
    )
    row.text("verified")
    row.done()
    return found


_BUSY = (408, 425, 429)
_FULL = 507
"""Insufficient Storage: a full mailbox, which somebody has to empty."""
PORTAL = 511
"""Network Authentication Required: a captive portal says so itself (RFC 6585)."""


def seconds(retry_after: str) -> float | None:
    """Return what a Retry-After header asks for, written as seconds or as a date; None where it says nothing."""
    if re.fullmatch("[0-9]+", retry_after.strip()):
        return float(retry_after)
    try:
        until = parsedate_to_datetime(retry_after)
        return max(0.0, (until - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):  # none, or without a zone
        return None


def numbers(listed: object) -> tuple[int, ...]:
    """Return the AADSTS numbers an answer lists; whatever else stands there is none."""
    found = listed if isinstance(listed, list) else []
    return tuple(int(n) for n in found if re.fullmatch("[0-9]{1,9}", str(n)))


def _http_kind(answer: ServiceAnswer) -> Class | None:
    if answer.status in (PORTAL, _FULL):
        return None
    if answer.status in _BUSY or answer.status >= 500:  # noqa: PLR2004 - HTTP's own border
        return Class.TEMPORARY
    return None


def diagnose(answer: ServiceAnswer) -> Diagnosis:
    """Return what the answer means; unknown ones are judged by their status."""
    if answer.where == "network":
        return Diagnosis(
            cause=answer.name,
            kind=Class.CONFIG
            if answer.name.startswith(("tls-", "proxy-")) and answer.name != "proxy-failed"
            else Class.TEMPORARY,
            meaning=answer.text,
            remedy=_NETWORK.get(answer.name, "check the way to the host"),
        )
    row = next((row for row in _rows()[answer.where] if row.matches(answer)), None)
    if answer.where == "smtp":
        return row.diagnosis if row else _unknown_reply(answer)
    busy = _http_kind(answer)
    if row is None or (busy and answer.where != "ews" and row.diagnosis.kind is not Class.TEMPORARY):
        return Diagnosis(
            cause="busy" if busy else f"{answer.where}-refused",
            kind=busy or Class.CONFIG,
            meaning=f"{answer.where} answered {answer.status} {answer.name}".strip(),
            remedy="try again later"
            if busy
            else "read the answer of the service; harden mailer guide shows what is required",
        )
    return row.diagnosis


def _unknown_reply(answer: ServiceAnswer) -> Diagnosis:
    temporary = answer.status < 500  # noqa: PLR2004 - SMTP's own border
    of_the_mail = answer.stage in ("rcpt", "data")
    return Diagnosis(
        cause="smtp-busy" if temporary else "smtp-refused",
        kind=Class.TEMPORARY if temporary else Class.MESSAGE if of_the_mail else Class.CONFIG,
        meaning=f"the server answered {answer.status} {answer.name} to {answer.stage}",
        remedy="try again later" if temporary else "read the answer of the server",
    )


_NETWORK = {
    "dns": "check /etc/resolv.conf: getent hosts HOST; behind a proxy set [proxy] url",
    "refused": "a firewall answers, or nothing listens there: check [endpoints] and the firewall's rules for 443 and 587",
    "timeout": "a firewall drops it: open 443 and 587 to the cloud's hosts, or set [proxy] url",
    "proxy-unreachable": "check [proxy] url: the proxy does not answer",
    "proxy-auth": "the proxy requires a name and a password: [proxy] url = 'http://NAME:PASSWORD@host:port' in an encrypted document",
    "proxy-failed": "the proxy cannot reach the host: ask its administrator to check its DNS, its firewall and its parent proxy",
    "proxy-refused": "ask for CONNECT to these hosts on 443 and 587; or [proxy] smtp = false where SMTP goes direct",
    "tls-untrusted": "a device on the way decrypts TLS, or [endpoints] is wrong: exempt these hosts from inspection, or ca_file = 'its-ca.pem'",
    "tls-name": "the certificate is for another name: check [endpoints] and what answers there",
    "tls-expired": "the certificate has expired, or this clock is wrong: timedatectl set-ntp true",
    "tls-version": "the other side does not support TLS 1.2: look for an old proxy or firewall on the way",
    "tls-failed": "what answers does not speak TLS: check [endpoints] and port",
    "closed": "the other side closed the connection without an answer: a firewall, or a busy server",
}


def filled(text: str, words: dict[str, str]) -> str:
    """Return a remedy with what is known filled in."""
    for key, value in words.items():
        text = text.replace("{" + key + "}", value)
    return text
