"""The doctor: every step from file modes to a mail, each with verdict, cause and a remedy to paste.

A step that cannot run because an earlier one failed says so; silence is never a pass.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date

from hardening.findings import Finding, Result, Subject, SubjectKind
from hardening.mailer.doctor_local import LOCAL
from hardening.mailer.doctor_network import NETWORK
from hardening.mailer.doctor_remote import REMOTE
from hardening.mailer.examination import Examination
from hardening.mailer.settings import MailerSettings

WAITS = (4, 2, 1)
"""Seconds a step waits for an answer: fewer once somebody stayed silent, so that a dead network is named within ten."""


def examine(
    settings: MailerSettings, today: date, *, offline: bool = False, send: bool = False
) -> tuple[Subject, Iterable[Finding], Iterable[Result]]:
    """Run every step. Nothing is sent without `send`; nothing leaves the machine when `offline`."""
    timeout = settings.timeout
    settings = replace(settings, timeout=min(timeout, WAITS[0]))
    found = Examination(settings, today, offline=offline, send=send)
    for step in LOCAL:
        step(found)
    if not offline:
        for step in (*NETWORK, *REMOTE):
            silent = sum(1 for f in found.findings if f.evidence.startswith("cause=timeout"))
            wait = WAITS[min(silent, len(WAITS) - 1)]
            found.settings = replace(found.settings, timeout=min(timeout, wait))
            step(found)
    subject = Subject(
        id=found.subject,
        kind=SubjectKind.MAILER,
        reason="offline: only files and values are checked" if offline else "",
        stats={"ends": found.ends} if found.ends else {},
    )
    return subject, found.findings, found.results
