"""The doctor: every step from file modes to a mail, each with verdict, cause and a remedy to paste.

`STEPS` is the order. A step that cannot run because an earlier one failed says so; silence is never a pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from hardening.errors import HardeningError
from hardening.findings import Finding, InFile, Kind, Location, OnWire, Result, Severity, Subject, Verdict
from hardening.mailer.answers import filled
from hardening.mailer.doctor_rules import RULES
from hardening.mailer.guide import consent_link
from hardening.mailer.net import RefusedBy
from hardening.mailer.secret import Secret, masked
from hardening.mailer.settings import Settings
from hardening.mailer.tokens import Token

WAITS = (4, 2, 1)
"""Seconds a step waits for an answer: fewer once somebody stayed silent, so that a dead network is named within ten."""


@dataclass
class Examination:
    """What is known so far about one mailer."""

    settings: Settings
    today: date
    offline: bool = False
    send: bool = False
    tokens: dict[str, Token] = field(default_factory=dict)
    """Per scope."""
    failed: set[str] = field(default_factory=set)
    """What an earlier step found closed: endpoints, `token:SCOPE`, `role:TRANSPORT`, or a step."""
    findings: list[Finding] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)

    def secrets(self) -> tuple[Secret, ...]:
        """Return what must not be shown."""
        known = [token.value for token in self.tokens.values()]
        for credential in self.settings.credentials:
            if not credential.is_certificate:
                try:
                    known.append(credential.value())
                except HardeningError:
                    continue
        return tuple(secret for secret in known if len(secret.reveal()) > 3)  # noqa: PLR2004 - shorter would mask words

    def words(self) -> dict[str, str]:
        """Return what is filled into remedies."""
        oid = self.settings.service_principal.strip() or next(
            (str(t.claims["oid"]) for t in self.tokens.values() if t.claims.get("oid")),
            "OBJECT-ID-OF-THE-ENTERPRISE-APPLICATION",
        )
        return {
            "client_id": self.settings.client_id.strip(),
            "tenant": self.settings.tenant.strip(),
            "mailbox": self.settings.mailbox.strip(),
            "oid": oid,
            "consent": consent_link(self.settings),
        }

    def wrong(
        self, step: str, cause: str, message: str, remedy: str = "", *, where: str | Path = "", seen: str = "",
        severity: Severity | None = None,
    ) -> None:  # fmt: skip
        """Record that a step failed."""
        place: Location = (
            InFile((str(where),))
            if isinstance(where, Path)
            else OnWire(where or self.settings.mailbox.strip())
        )
        secrets = self.secrets()
        evidence = f"cause={cause}" + (f"; {masked(seen, *secrets)}" if seen else "")
        self.findings.append(
            Finding(
                rule=RULES[step], subject=self.subject, location=place, message=masked(f"{message} [{cause}]", *secrets),
                evidence=evidence, remedy=masked(filled(remedy, self.words()), *secrets), severity=severity,
            )
        )  # fmt: skip

    def refused(
        self, step: str, problem: RefusedBy, *, where: str = "", severity: Severity | None = None
    ) -> None:
        """Record an answer that was a refusal."""
        answer, diagnosis = problem.answer, problem.diagnosis
        seen = " ".join(
            str(part) for part in (answer.status or "", answer.name, answer.text, answer.trace) if part
        )
        self.wrong(
            step,
            diagnosis.cause,
            diagnosis.meaning,
            diagnosis.remedy,
            where=where,
            seen=seen,
            severity=severity,
        )

    def done(self, step: str, reason: str = "", verdict: Verdict | None = None) -> None:
        """Record a step's result; without a verdict it follows from the findings."""
        if verdict is None:
            levels = [f.level for f in self.findings if f.rule is RULES[step]]
            verdict = Verdict.FAIL if levels else Verdict.PASS
        self.results.append(
            Result(
                rule=RULES[step],
                subject=self.subject,
                verdict=verdict,
                reason=masked(reason, *self.secrets()),
            )
        )

    @property
    def subject(self) -> str:
        """The mailbox is the mailer's name."""
        return self.settings.mailbox.strip() or str(self.settings.source)


Step = Callable[[Examination], None]


def examine(
    settings: Settings, today: date, *, offline: bool = False, send: bool = False
) -> tuple[Subject, Iterable[Finding], Iterable[Result]]:
    """Run every step. Nothing is sent without `send`; nothing leaves the machine when `offline`."""
    from hardening.mailer.doctor_local import LOCAL
    from hardening.mailer.doctor_remote import REMOTE

    asked = settings.timeout
    settings = replace(settings, timeout=min(asked, WAITS[0]))
    found = Examination(settings, today, offline=offline, send=send)
    for step in LOCAL:
        step(found)
    if not offline:
        for step in REMOTE:
            silent = sum(1 for f in found.findings if f.evidence.startswith("cause=timeout"))
            wait = WAITS[min(silent, len(WAITS) - 1)]
            found.settings = replace(found.settings, timeout=min(asked, wait))
            step(found)
    subject = Subject(
        id=found.subject, kind=Kind.MAILER, reason="offline: files and values alone" if offline else ""
    )
    return subject, found.findings, found.results
