"""Refusals as the service words them, and what they are taken for: with numbers and sentences that people have posted."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from importlib.resources import files

import pytest

from hardening.mailer.error_catalogue import Class, ServiceAnswer, diagnose
from hardening.onhost.relay import answers
from tests.real.mailer.test_doctor import _calendar, examine, fault, said
from tests.support.mailer.fixtures import Site

TOKEN: tuple[tuple[str, tuple[int, ...], str, str], ...] = (
    ("invalid_client", (70002, 50012), "Error validating credentials. AADSTS50012: Invalid client secret is provided.", "wrong-secret"),
    ("invalid_client", (70002, 50012), "AADSTS50012: Client assertion audience claim does not match Realm issuer.", "assertion-wrong"),
    ("invalid_client", (70002, 50012), "AADSTS50012: Client assertion is not within its valid time range.", "assertion-time"),
    ("invalid_client", (70002, 50027), "AADSTS50027: Invalid JWT token. No certificate thumbprint specified in token header.", "assertion-malformed"),
    ("invalid_client", (5002710,), "Invalid JWT token: header is malformed.", "assertion-malformed"),
    ("invalid_client", (5002741,), "Number of audience values in the provided client credential exceed maximum allowed.", "assertion-malformed"),
    ("invalid_client", (700027,), "[Reason - The key was not found., Thumbprint of key used by client: 'AB']", "certificate-unknown"),
    ("invalid_client", (700027,), "[Reason - Key was found, but use of the key to verify the signature failed.]", "certificate-key-differs"),
    ("invalid_client", (700030,), "Invalid certificate - the issuer of the certificate is from a different cloud instance.", "wrong-cloud"),
    ("invalid_client", (7000274,), "The certificate is not within its validity period.", "expired-certificate"),
    ("invalid_client", (7000277,), "The certificate was revoked.", "certificate-revoked"),
    ("invalid_client", (7000216,), "'client_assertion', 'client_secret' or 'request' is required.", "credential-missing"),
    ("invalid_client", (650052,), "The app needs access to a service that your organization has not subscribed to.", "resource-disabled"),
    ("unauthorized_client", (70001,), "Application with identifier 'x' was not found in the directory example.com", "app-not-in-tenant"),
    ("unauthorized_client", (70001,), "The application is disabled.", "app-disabled"),
    ("unauthorized_client", (1000031,), "Application x cannot be accessed at this time.", "app-disabled"),
    ("unauthorized_client", (50194,), "Application 'x' is not configured as a multi-tenant application.", "tenant-not-found"),
    ("invalid_request", (9001023,), "The grant type is not supported over the /common endpoint.", "tenant-not-found"),
    ("invalid_request", (900432,), "Confidential Client is not supported in Cross Cloud request.", "wrong-cloud"),
    ("invalid_request", (90051,), "Invalid national Cloud ID (2)", "wrong-cloud"),
    ("invalid_request", (900144,), "The request body must contain the following parameter: 'scope'.", "request-damaged"),
    ("invalid_request", (1002016,), "You are using TLS version 1.0, 1.1 and/or 3DES cipher which are deprecated.", "tls-version"),
    ("invalid_request", (5000225,), "This tenant has been blocked due to inactivity.", "tenant-blocked"),
    ("invalid_grant", (65001,), "The user or administrator has not consented to use the application.", "no-consent"),
    ("invalid_grant", (50076,), "You must use multi-factor authentication.", "conditional-access"),
    ("invalid_grant", (50196,), "The server terminated an operation because it encountered a loop.", "token-unavailable"),
)  # fmt: skip
GRAPH: tuple[tuple[int, str, str, str], ...] = (
    (403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.", "no-permission"),
    (403, "ErrorAccessDenied", "Access to OData is disabled.", "access-policy"),
    (403, "ErrorAccessDenied", "Access to OData is disabled: [RAOP] : Blocked by tenant configured AppOnly AccessPolicy settings.", "access-policy"),
    (403, "ErrorMessageSubmissionBlocked", "Cannot send mail.", "sender-blocked"),
    (403, "ErrorAccountDisabled", "The account is disabled.", "mailbox-disabled"),
    (403, "AccessDenied", "Access has been blocked by Conditional Access policies.", "conditional-access"),
    (401, "InvalidAuthenticationToken", "Continuous access evaluation resulted in challenge with result: InteractionRequired", "conditional-access"),
    (401, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired.", "token-expired"),
    (401, "InvalidAuthenticationToken", "Access token validation failure. Invalid audience.", "token-refused"),
    (401, "OrganizationFromTenantGuidNotFound", "The tenant for tenant guid 'x' does not exist.", "no-exchange"),
    (404, "MailboxNotEnabledForRESTAPI", "The mailbox is either inactive, soft-deleted, or is hosted on-premise.", "mailbox-not-online"),
    (404, "ErrorInvalidUser", "The requested user 'x' is invalid.", "no-mailbox"),
    (507, "ErrorQuotaExceeded", "Mailbox has exceeded maximum mailbox size.", "mailbox-full"),
    (403, "ErrorQuotaExceeded", "Mailbox has exceeded maximum mailbox size.", "mailbox-full"),
    (400, "ErrorMessageSizeExceeded", "The message exceeds the maximum supported size.", "message-refused"),
)  # fmt: skip
STOREDRV = (
    "STOREDRV.Submission.Exception:{}; Failed to process message due to a permanent exception with message x"
)
SMTP: tuple[tuple[str, str, str, Class], ...] = (
    ("auth", "535 5.7.139 Authentication unsuccessful, user is locked by your organization's security defaults policy.", "basic-auth", Class.CONFIG),
    ("auth", "535 5.7.139 Authentication unsuccessful, federated STS service was unreachable.", "basic-auth", Class.CONFIG),
    ("auth", "535 5.7.139 Authentication unsuccessful, the request did not meet the criteria to be authenticated", "conditional-access", Class.CONFIG),
    ("auth", "535 5.7.139 Authentication unsuccessful, the user credentials were incorrect.", "mailbox-not-opened", Class.CONFIG),
    ("auth", "535 5.7.139 Authentication unsuccessful, account locked.", "mailbox-locked", Class.CONFIG),
    ("auth", "501 5.5.124 Invalid XOAUTH2 auth data", "sign-in-unreadable", Class.CONFIG),
    ("auth", "421 4.7.66 TLS 1.0 and 1.1 are not supported.", "tls-version", Class.CONFIG),
    ("mail", "530 5.7.57 Client not authenticated. Error: 535 5.7.139 SmtpClientAuthentication is disabled for the Tenant.", "smtp-auth-disabled", Class.CONFIG),
    ("mail", "550 5.7.30 Basic authentication is not supported for Client Submission.", "basic-auth", Class.CONFIG),
    ("mail", "550 5.1.8 Access denied, bad outbound sender. AS(42004)", "sender-blocked", Class.CONFIG),
    ("rcpt", "452 4.5.3 Too many recipients", "too-many-recipients", Class.TEMPORARY),
    ("rcpt", "550 5.7.708 Service unavailable. Access denied, traffic not accepted from this IP.", "tenant-blocked", Class.CONFIG),
    ("rcpt", "550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup; authentication required", "recipient-restricted", Class.CONFIG),
    ("rcpt", "550 5.7.1 RESOLVER.RST.AuthRequired; authentication required", "recipient-restricted", Class.CONFIG),
    ("data", "550 5.7.705 Service unavailable. Access denied, tenant has exceeded threshold.", "tenant-blocked", Class.CONFIG),
    ("data", "550 5.7.750 Service unavailable. Client blocked from sending from unregistered domains.", "domain-not-registered", Class.CONFIG),
    ("data", "550 5.7.703 Your message can't be delivered because messages to X are blocked", "recipient-blocked", Class.CONFIG),
    ("data", "550 5.7.501 Access denied, spam abuse detected", "sender-blocked", Class.CONFIG),
    ("data", "550 5.7.233 Your message can't be sent because your tenant exceeded its daily limit", "tenant-quota", Class.TEMPORARY),
    ("data", "554 5.2.122 The recipient has exceeded their limit for the number of messages", "recipient-busy", Class.TEMPORARY),
    ("data", "554 5.2.0 " + STOREDRV.format("OutboundSpamException"), "sender-blocked", Class.CONFIG),
    ("data", "554 5.2.0 " + STOREDRV.format("ObjectNotFoundException.MapiExceptionNotFound"), "no-mailbox", Class.CONFIG),
    ("data", "554 5.2.0 " + STOREDRV.format("StoragePermanentException.MapiExceptionOfAnotherName"), "mailbox-refuses", Class.CONFIG),
    ("data", "554 5.2.3 " + STOREDRV.format("MessageSubmissionExceededException.MapiExceptionMaxSubmissionExceeded"), "too-large", Class.MESSAGE),
    ("data", "554 5.6.0 " + STOREDRV.format("ConversionFailedException"), "message-malformed", Class.MESSAGE),
)  # fmt: skip


@pytest.mark.parametrize(("error", "codes", "text", "cause"), TOKEN)
def test_what_the_token_service_says(error: str, codes: tuple[int, ...], text: str, cause: str) -> None:
    assert (
        diagnose(ServiceAnswer(where="token", status=400, name=error, codes=codes, text=text)).cause == cause
    )


@pytest.mark.parametrize(("status", "name", "text", "cause"), GRAPH)
def test_what_graph_says(status: int, name: str, text: str, cause: str) -> None:
    found = diagnose(ServiceAnswer(where="graph", status=status, name=name, text=text))
    assert found.cause == cause
    assert answers.http_kind(status, name) == found.kind or name == "ErrorMessageSizeExceeded"


@pytest.mark.parametrize(("stage", "reply", "cause", "kind"), SMTP)
def test_what_the_submission_host_says(stage: str, reply: str, cause: str, kind: Class) -> None:
    code, name, _ = reply.split(" ", 2)
    found = diagnose(ServiceAnswer(where="smtp", stage=stage, status=int(code), name=name, text=reply[4:]))
    assert (found.cause, found.kind) == (cause, kind)
    assert answers.smtp_kind(stage, int(code), reply[4:]) == kind


def test_a_sentence_chooses_the_remedy_and_never_what_a_sender_does() -> None:
    for error, codes, text, _ in TOKEN:
        answer = ServiceAnswer(where="token", status=400, name=error, codes=codes, text=text)
        assert diagnose(answer).kind is diagnose(replace(answer, text="")).kind, answer
    for status, name, text, _ in GRAPH:
        answer = ServiceAnswer(where="graph", status=status, name=name, text=text)
        assert diagnose(answer).kind is diagnose(replace(answer, text="")).kind, answer


def test_a_number_that_a_sentence_narrows_has_a_remedy_without_it() -> None:
    table = tomllib.loads((files("hardening.mailer") / "data" / "answers.toml").read_text("utf-8"))
    for row in table["token"]:
        if "pattern" in row:
            broad = [one for one in table["token"] if set(row["codes"]) <= set(one.get("codes", []))]
            assert [one for one in broad if "pattern" not in one], row["cause"]


@pytest.mark.parametrize(
    ("diagnostic", "cause"),
    [('2000008;reason="The token contains not enough scope to make this call."', "no-permission"), ("", "ews-blocked")],
)  # fmt: skip
def test_a_token_of_too_little_is_no_block_of_ews(diagnostic: str, cause: str) -> None:
    assert diagnose(ServiceAnswer(where="ews", status=403, text=diagnostic)).cause == cause


@pytest.mark.parametrize(
    ("answer", "cause", "remedy"),
    [
        ((429, {"error": {"code": "ApplicationThrottled"}}), "busy", "try again later"),
        ((404, {"error": {"code": "MailboxNotEnabledForRESTAPI"}}), "mailbox-not-online", "Get-Recipient rooms@example.com"),
        ((403, {"error": {"code": "ErrorAccessDenied"}}), "no-permission", "Application Calendars.Read' for rooms@example.com"),
    ],
)  # fmt: skip
def test_a_calendar_is_mended_by_what_refused_it(
    site: Site, answer: tuple[int, object], cause: str, remedy: str
) -> None:
    _calendar("rooms@example.com", "Calendars.Read")(site)
    fault("graph", answer)(site)
    report = examine(site)[1]
    assert f"calendars: {cause}" in said(report)
    (found,) = [one for one in report["findings"] if one["rule"] == "mailer/calendars"]
    assert remedy in found["remedy"]
    assert "send as" not in found["message"]


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_proxy_that_gets_nowhere_is_not_one_that_refuses(
    site: Site, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    from tests.support.mailer import fake_smtp

    def handle(self: fake_smtp.Tunnel) -> None:
        self.request.recv(4096)
        self.request.sendall(f"HTTP/1.1 {status} Bad Gateway\r\nContent-Length: 0\r\n\r\n".encode())

    monkeypatch.setattr(fake_smtp.Tunnel, "handle", handle)
    assert {one for one in said(examine(site)[1]) if one.startswith("network")} == {"network: proxy-failed"}
