"""Exchange Web Services, until they end (data/ground.toml): send a mail, and a harmless read."""

from __future__ import annotations

import base64
import re
from email.message import EmailMessage
from html import escape

from hardening.mailer.error_catalogue import ServiceAnswer, seconds
from hardening.mailer.net import RefusedBy
from hardening.mailer.secret import Secret, redacted
from hardening.mailer.settings import MailerSettings
from hardening.mailer.web import WebClient, foreign

_VERSION = {
    "EXCHANGE_2016": "Exchange2016",
    "EXCHANGE_2013": "Exchange2013",
    "EXCHANGE_2013_SP1": "Exchange2013_SP1",
}
_CODE = re.compile(rb"<(?:\w+:)?ResponseCode[^>]*>\s*(\w+)")
_TEXT = re.compile(rb"<(?:\w+:)?(?:MessageText|faultstring|Message)[^>]*>([^<]{0,300})")
_BACK_OFF = re.compile(rb"BackOffMilliseconds\"?[^>]*>\s*(\d{1,9})")
_ENVELOPE = """<?xml version="1.0" encoding="utf-8"?>
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types" xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages">
<soap:Header><t:RequestServerVersion Version="{version}"/><t:ExchangeImpersonation><t:ConnectingSID><t:PrimarySmtpAddress>{mailbox}</t:PrimarySmtpAddress></t:ConnectingSID></t:ExchangeImpersonation></soap:Header>
<soap:Body>{body}</soap:Body></soap:Envelope>"""
_SEND = """<m:CreateItem MessageDisposition="{disposition}">{folder}<m:Items><t:Message><t:MimeContent CharacterSet="UTF-8">{mime}</t:MimeContent></t:Message></m:Items></m:CreateItem>"""
_SENT = '<m:SavedItemFolderId><t:DistinguishedFolderId Id="sentitems"/></m:SavedItemFolderId>'
_READ = """<m:GetFolder><m:FolderShape><t:BaseShape>IdOnly</t:BaseShape></m:FolderShape><m:FolderIds><t:DistinguishedFolderId Id="{folder}"/></m:FolderIds></m:GetFolder>"""


def send(settings: MailerSettings, token: Secret, mail: EmailMessage) -> str:
    """Send a mail; return the request's id. Errors: RefusedBy."""
    keep = settings.save_to_sent_items
    body = _SEND.format(
        disposition="SendAndSaveCopy" if keep else "SendOnly",
        folder=_SENT if keep else "",
        mime=base64.b64encode(mail.as_bytes()).decode(),
    )
    return _call(settings, token, settings.mailbox.strip(), body)


def read_folder(settings: MailerSettings, token: Secret, mailbox: str, folder: str = "inbox") -> str:
    """Ask for a folder's id; return the request's id. Errors: RefusedBy."""
    return _call(settings, token, mailbox, _READ.format(folder=folder))


def _call(settings: MailerSettings, token: Secret, mailbox: str, body: str) -> str:
    version = _VERSION.get(settings.server_version.strip(), "Exchange2010_SP2")
    envelope = _ENVELOPE.format(version=version, mailbox=escape(mailbox), body=body)
    headers = {
        "Authorization": f"Bearer {token.reveal()}",
        "Content-Type": "text/xml; charset=utf-8",
        "X-AnchorMailbox": mailbox,
    }
    with WebClient(settings) as client:
        answer = client.post(
            f"https://{settings.endpoints.outlook}/EWS/Exchange.asmx", data=envelope.encode(), headers=headers
        )
    codes = [code.decode() for code in _CODE.findall(answer.content)]
    request = str(answer.headers.get("request-id", ""))
    if answer.status_code == 200 and codes and set(codes) == {"NoError"}:  # noqa: PLR2004 - HTTP's own number
        return request
    alien = foreign(answer) and answer.status_code != 403  # noqa: PLR2004 - how EWS itself says that it is blocked
    text = _TEXT.search(answer.content)
    wait = _BACK_OFF.search(answer.content)
    raise RefusedBy(
        ServiceAnswer(
            where="ews",
            status=answer.status_code,
            name="foreign" if alien else redacted(next((code for code in codes if code != "NoError"), "")),
            text=redacted(
                text[1].decode("utf-8", "replace") if text else answer.headers.get("x-ms-diagnostics", "")
            ),
            trace=redacted(f"request-id={request}") if request else "",
            retry_after=int(wait[1]) / 1000 if wait else seconds(answer.headers.get("Retry-After", "")),
        ),
        uncertain=answer.status_code in (502, 504),
    )
