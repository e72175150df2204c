"""One rule for each step of the doctor; what exactly is wrong is the finding's cause."""

from __future__ import annotations

from hardening.findings import Rule, Severity

_SEND_AS = "https://learn.microsoft.com/exchange/client-developer/legacy-protocols/how-to-authenticate-an-imap-pop-smtp-application-by-using-oauth"
_RBAC = "https://learn.microsoft.com/exchange/permissions-exo/application-rbac"
_CODES = "https://learn.microsoft.com/entra/identity-platform/reference-error-codes"


def _rule(
    step: str, title: str, rationale: str, remedy: str, *references: str, severity: Severity = Severity.HIGH
) -> Rule:
    return Rule(
        id=f"mailer/{step}",
        title=title,
        severity=severity,
        rationale=rationale,
        remedy=remedy,
        references=references,
    )


RULES = {
    rule.id.partition("/")[2]: rule
    for rule in (
        _rule("files", "A secret of the mailer is readable by others",
              "Whoever reads the secret or the key sends mail as the mailbox.", "chmod 600 FILE"),
        _rule("values", "A value in the mailer's settings is wrong",
              "The most frequent reason is a copied Secret ID, or a blank that was copied with the secret.", "Correct the key that the message names."),
        _rule("expiry", "The mailer's credential ends soon or has ended",
              "From that day on no alarm is mailed, and no other message tells you.", "harden mailer rotate --help"),
        _rule("clock", "This host's clock is wrong",
              "Tokens and signed requests are valid for minutes only.", "timedatectl set-ntp true"),
        _rule("network", "Network access to Microsoft 365 is blocked or inspected",
              "Name resolution, port, proxy and certificate must work before any later step.", "open 443 and 587 to the hosts named"),
        _rule("discovery", "The tenant is not found",
              "With a wrong tenant or cloud every later step fails.", "use the tenant's GUID, and check `cloud`"),
        _rule("token", "No token is issued for this credential",
              "Without a token no transport works.", "Correct the cause that the message names. `harden mailer guide` shows what is required.", _CODES),
        _rule("claims", "The token's permissions are not what sending needs",
              "A permission or consent is missing or broader than needed, or the token is for another service.", "harden mailer guide", _SEND_AS, _RBAC),
        _rule("smtp", "The submission host does not offer what sending needs",
              "The mailer sends a credential only over STARTTLS with a valid certificate.", "check [endpoints] smtp", _SEND_AS),
        _rule("auth", "The application may not access the mailbox",
              "The answer 535 5.7.3 has several causes. The doctor first excludes those that the token shows.",
              "Run New-ServicePrincipal and Add-MailboxPermission as `harden mailer guide` prints them.", _SEND_AS),
        _rule("envelope", "Sender or recipient is refused", "The mail would be refused too.", "check from, mailbox and recipients"),
        _rule("graph", "Graph does not let the application send", "Fail-over to Graph fails. If Graph is the only transport, no mail is sent.", "harden mailer guide", _RBAC),
        _rule("ews", "EWS is refused, or ends soon",
              "Exchange Online blocks EWS by default since 2026-10-01 and ends it on 2027-04-01.", "set up graph or smtp beside it: harden mailer guide", severity=Severity.MEDIUM),
        _rule("calendars", "A calendar cannot be read", "The product's Calendars stay empty.", "harden mailer guide", _RBAC, severity=Severity.MEDIUM),
        _rule("send", "A test mail was not accepted", "Alarms would be refused, too.", "see the cause"),
        _rule("queue", "The relay's queue does not drain", "Alarms wait on the host.", "harden mailer relay --status", severity=Severity.MEDIUM),
    )
}  # fmt: skip


def rules() -> tuple[Rule, ...]:
    """Return every rule of the doctor."""
    return tuple(RULES.values())
