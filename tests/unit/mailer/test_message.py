"""A mail as it leaves: plain ASCII, one line each, urgent where it is, and recognisable when it comes twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from hardening.errors import UsageError
from hardening.mailer.message import message

SENDER = "alarms@site.example"
WORD = "L\N{LATIN SMALL LETTER U WITH DIAERESIS}fter"


def made(**more: Any) -> EmailMessage:
    said: dict[str, Any] = {"sender": SENDER, "recipients": ["a@b.example"], "subject": "s", "text": "t"}
    return message(**(said | more))


def test_a_mail_says_from_whom_to_whom_and_when() -> None:
    mail = made(recipients=["a@b.example", "c@d.example"], alarm="4711")
    assert (mail["From"], mail["To"], mail["X-Alarm-Id"]) == (SENDER, "a@b.example, c@d.example", "4711")
    assert abs(parsedate_to_datetime(mail["Date"]) - datetime.now(UTC)) < timedelta(minutes=1)
    assert "X-Alarm-Id" not in made()


def test_no_two_mails_have_one_id_and_each_is_of_the_senders_domain() -> None:
    first, second = made()["Message-ID"], made()["Message-ID"]
    assert first != second
    assert first.endswith("@site.example>")


@pytest.mark.parametrize(("priority", "said"), [(True, ("high", "1")), (False, (None, None))])
def test_only_what_is_urgent_says_so(*, priority: bool, said: tuple[str | None, str | None]) -> None:
    mail = made(priority=priority)
    assert (mail["Importance"], mail["X-Priority"]) == said


@pytest.mark.parametrize("text", [WORD, f"{WORD}\n", "in ascii"])
def test_a_text_ends_with_one_line_end_and_no_byte_is_above_127(text: str) -> None:
    mail = made(subject=WORD, text=text)
    assert mail.as_bytes().isascii()
    assert mail.get_content() == text.rstrip("\n") + "\n"
    assert mail["Subject"] == WORD


@pytest.mark.parametrize("key", ["subject", "alarm", "sender", "recipients"])
def test_a_second_line_in_a_header_is_refused(key: str) -> None:
    second = "a@b.example\r\nBcc: x@y.example"
    with pytest.raises(UsageError) as caught:
        made(**{key: [second] if key == "recipients" else second})
    assert caught.value.hint == "one line each"
