"""An alarm as a mail: the same Message-ID over every transport, so that a duplicate is recognisable."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid

from hardening.errors import UsageError

_SEVEN_BIT = SMTP.clone(cte_type="7bit")
"""No byte above 127, so that no server has to offer 8BITMIME."""


def message(
    *,
    sender: str,
    recipients: Sequence[str],
    subject: str,
    text: str,
    priority: bool = False,
    alarm: str = "",
) -> EmailMessage:
    """Return a mail. Errors: UsageError (a subject of several lines)."""
    mail = EmailMessage(policy=_SEVEN_BIT)
    try:
        mail["Subject"] = subject
        mail["From"] = sender
        mail["To"] = ", ".join(recipients)
        if alarm:
            mail["X-Alarm-Id"] = alarm
    except ValueError as problem:
        raise UsageError(f"subject, recipient or alarm id: {problem}", hint="one line each") from problem
    mail["Date"] = format_datetime(datetime.now(UTC))
    mail["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    if priority:
        mail["Importance"] = "high"
        mail["X-Priority"] = "1"
    mail.set_content(text if text.endswith("\n") else text + "\n")
    return mail
