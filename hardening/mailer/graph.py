"""Microsoft Graph: sendMail as MIME or JSON, and the calendar view the product needs."""

from __future__ import annotations

import base64
from email.message import EmailMessage
from typing import Any
from urllib.parse import quote

import requests

from hardening.mailer.error_catalogue import ServiceAnswer, seconds
from hardening.mailer.net import RefusedBy
from hardening.mailer.secret import Secret, redacted
from hardening.mailer.settings import MailerSettings
from hardening.mailer.web import WebClient, foreign

_GATEWAY = (502, 504)
"""A gateway that gave up waiting: what stands behind it may have taken the mail."""


def send(settings: MailerSettings, token: Secret, mail: EmailMessage, *, as_json: bool = False) -> str:
    """Send a mail; return the request's id. Errors: RefusedBy."""
    url = _url(settings, settings.mailbox.strip(), "sendMail")
    with WebClient(settings) as client:
        if as_json:
            answer = client.post(url, json=_json(settings, mail), headers=_headers(token))
        else:
            body = base64.b64encode(mail.as_bytes())
            answer = client.post(url, data=body, headers={**_headers(token), "Content-Type": "text/plain"})
        return checked(answer)


def rehearse(settings: MailerSettings, token: Secret) -> None:
    """Ask to send a body that is no mail: who may send is told so by 400, nobody gets anything. Errors: RefusedBy."""
    headers = {**_headers(token), "Content-Type": "text/plain"}
    with WebClient(settings) as client:
        # one letter: what no reader of Base64 takes, however lenient
        answer = client.post(_url(settings, settings.mailbox.strip(), "sendMail"), data=b"A", headers=headers)
    try:
        checked(answer)
    except RefusedBy as problem:
        if problem.answer.status != 400 or problem.answer.name == "foreign":  # noqa: PLR2004 - refused for its form alone
            raise


def read_calendar(settings: MailerSettings, token: Secret, mailbox: str) -> str:
    """Ask for one event of a calendar and forget it; return the request's id. Errors: RefusedBy."""
    with WebClient(settings) as client:
        answer = client.get(_url(settings, mailbox, "events?$top=1&$select=id"), headers=_headers(token))
        return checked(answer, (200,))


def _url(settings: MailerSettings, mailbox: str, what: str) -> str:
    return f"https://{settings.endpoints.graph}/v1.0/users/{quote(mailbox, safe='@')}/{what}"


def _headers(token: Secret) -> dict[str, str]:
    return {"Authorization": f"Bearer {token.reveal()}"}


def _json(settings: MailerSettings, mail: EmailMessage) -> dict[str, Any]:
    extra = [{"name": k, "value": v} for k, v in mail.items() if k.lower().startswith("x-")]
    recipients = [one.strip() for one in str(mail["To"]).split(",")]
    message: dict[str, Any] = {
        "subject": str(mail["Subject"]),
        "body": {"contentType": "Text", "content": mail.get_content()},
        "toRecipients": [{"emailAddress": {"address": one}} for one in recipients],
        "internetMessageId": str(mail["Message-ID"]),
    }
    if mail["Importance"]:
        message["importance"] = "high"
    if extra:
        message["internetMessageHeaders"] = extra
    return {"message": message, "saveToSentItems": settings.save_to_sent_items}


def checked(answer: requests.Response, good: tuple[int, ...] = (202,)) -> str:
    """Return the id of a request that was taken. Errors: RefusedBy."""
    request = str(answer.headers.get("request-id", ""))
    other = answer.status_code < 300 and answer.status_code not in good  # noqa: PLR2004 - HTTP's own border
    alien = foreign(answer) or other  # Graph has no other way to say that it took a mail
    if answer.status_code in good and not alien:
        return request
    try:
        error = answer.json().get("error", {})
    except (ValueError, AttributeError, RecursionError):
        error = {}
    error = error if isinstance(error, dict) else {}
    raise RefusedBy(
        ServiceAnswer(
            where="graph",
            status=answer.status_code,
            name="foreign" if alien else redacted(error.get("code", "")),
            text=redacted(error.get("message", "")),
            trace=redacted(f"request-id={request}") if request else "",
            retry_after=seconds(answer.headers.get("Retry-After", "")),
        ),
        uncertain=answer.status_code in _GATEWAY,
    )
