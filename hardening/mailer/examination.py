"""State of the examination of one mailer, and the texts in which a step of the doctor reports its result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from hardening.errors import HardeningError
from hardening.findings import Finding, InFile, Location, OnWire, Result, Severity, Verdict
from hardening.mailer.doctor_rules import RULES
from hardening.mailer.error_catalogue import filled
from hardening.mailer.guide import consent_link
from hardening.mailer.net import RefusedBy
from hardening.mailer.secret import Secret, masked
from hardening.mailer.service_facts import ground
from hardening.mailer.settings import MailerSettings
from hardening.mailer.showing import ADDRESS
from hardening.mailer.tokens import Token

WARNS_BELOW = Severity.MEDIUM
"""A step whose findings are all milder than this works: it passes, and the report says `warn`."""
_EWS_LEADS = ((0, Severity.CRITICAL), (30, Severity.HIGH), (90, Severity.MEDIUM))
"""Days before EWS ends, and how loud: a way out takes longer to leave than a credential takes to renew."""


@dataclass
class Examination:
    """State of the examination of one mailer."""

    settings: MailerSettings
    today: date
    offline: bool = False
    send: bool = False
    tokens: dict[str, Token] = field(default_factory=dict)
    """Per scope."""
    directory: str = ""
    """The tenant's id, where the settings or the discovery document say it."""
    failed: set[str] = field(default_factory=set)
    """What an earlier step found closed: endpoints, `token:SCOPE`, `role:TRANSPORT`, or a step."""
    ends: dict[str, str] = field(default_factory=dict)
    """The last day of each credential, by its kind and place."""
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
        secrets = self.secrets()
        text = masked(str(where), *secrets)
        place: Location = InFile((text,)) if isinstance(where, Path) else OnWire(text or self.subject)
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

    def ends_with_ews(self, step: str, what: str, remedy: str, *, where: str | Path = "") -> str:
        """Record the days that EWS has left, louder as they grow few; return the sentence."""
        end, left = ground().ews_ends, ground().ews_days(self.today)
        level = next((level for days, level in _EWS_LEADS if left <= days), Severity.LOW)
        text = f"{what} on {end}" + (f", in {left} days" if left > 0 else ": it is over")
        self.wrong(step, "ews-ends", text, remedy, where=where, severity=level)
        return text

    def done(self, step: str, reason: str = "", verdict: Verdict | None = None) -> None:
        """Record a step's result; without a verdict it follows from the findings.

        A step that works and has something to say passes with a finding below `WARNS_BELOW`: a warning.
        """
        if verdict is None:
            reported = [f for f in self.findings if f.rule is RULES[step]]
            verdict = Verdict.FAIL if any(f.level >= WARNS_BELOW for f in reported) else Verdict.PASS
            reason = "; ".join(f.message for f in reported) or reason
        self.results.append(
            Result(
                rule=RULES[step],
                subject=self.subject,
                verdict=verdict,
                reason=masked(reason, *self.secrets()),
            )
        )

    def skipped(self, step: str, why: str) -> None:
        """Record that a step could not run."""
        self.done(step, why, Verdict.SKIPPED)

    @property
    def subject(self) -> str:
        """The mailbox is the mailer's name."""
        mailbox = self.settings.mailbox.strip()
        return mailbox if ADDRESS.match(mailbox) and masked(mailbox) == mailbox else str(self.settings.source)


def ews_way_out(settings: MailerSettings) -> str:
    """Return what to do before EWS ends. What works today stays until the other way works."""
    return (
        f"leave the settings as they are until another way works: copy {settings.source}, write transports = ['graph', 'smtp'] in the copy, "
        "and follow harden mailer guide --config COPY; then the relay takes the product's mail (harden mailer render relay)"
    )


Step = Callable[[Examination], None]
"""One thing the doctor looks at; it says what it found to the examination."""
