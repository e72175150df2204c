"""Steps that ask the service for tokens and with them, in the order in which one explains the next."""

from __future__ import annotations

from dataclasses import replace

from hardening.errors import HardeningError
from hardening.findings import Severity, Verdict
from hardening.mailer import ews, graph
from hardening.mailer.examination import Examination, Step, ews_way_out
from hardening.mailer.net import RefusedBy, signed_by, unverified
from hardening.mailer.service_facts import ground
from hardening.mailer.settings import MailerSettings, Permission, Transport
from hardening.mailer.submission import Submission
from hardening.mailer.tokens import Token, acquire, resource, scopes

_ROLE = {Transport.GRAPH: "Mail.Send", Transport.SMTP: "SMTP.SendAsApp", Transport.EWS: "full_access_as_app"}
_CLOSED = ("no-permission", "ews-blocked", "ews-refused", "graph-refused")
"""Causes for which a calendar's own right is the remedy."""
_EXCHANGE = ("outlook.office365.com", "outlook.office.com")


def _token(found: Examination) -> None:
    if found.failed & {"authority", "discovery", "values"}:
        found.skipped("token", "the authority or the values failed")
        return
    settings = found.settings
    silent = False
    for scope in scopes(settings):
        for number, credential in enumerate(settings.credentials):
            if silent:  # it would not answer the next question either
                found.failed.add(f"token:{scope}")
                continue
            try:
                token = acquire(settings, credential, scope)
            except RefusedBy as problem:
                silent = problem.answer.where == "network"
                if not number or silent:
                    found.failed.add(f"token:{scope}")
                found.refused("token", problem, where=settings.endpoints.authority,
                              severity=Severity.MEDIUM if number else None)  # fmt: skip
            except HardeningError as problem:
                found.failed.add(f"token:{scope}")
                found.wrong("token", "credential-files", str(problem), problem.hint, where=settings.source)
            else:
                found.tokens.setdefault(scope, token)
    found.done("token", f"{len(found.tokens)} issued, no cache used")


def _claims(found: Examination) -> None:
    if not found.tokens:
        found.skipped("claims", "there is no token")
        return
    if not any(token.claims for token in found.tokens.values()):
        found.done("claims", "the tokens are opaque: their claims cannot be read", Verdict.INCONCLUSIVE)
        return
    for transport in found.settings.transports:
        token = found.tokens.get(resource(found.settings, transport))
        if token is not None and token.claims:
            _claim(found, transport, token)
    found.done(
        "claims",
        "; ".join(sorted({role for token in found.tokens.values() for role in token.roles})),
    )


def _claim(found: Examination, transport: Transport, token: Token) -> None:
    settings, claims = found.settings, token.claims
    audience = str(claims.get("aud", "")).removeprefix("https://").rstrip("/").lower()
    cloud, facts = settings.cloud, ground()
    graph_names = (cloud.graph, facts.graph_resource)
    wanted = (
        graph_names if transport is Transport.GRAPH else (cloud.outlook, *_EXCHANGE, facts.exchange_resource)
    )
    if audience not in wanted:
        found.failed.add(f"role:{transport}")
        found.wrong("claims", "wrong-audience", f"the token for {transport} is for {audience}",
                    "check `cloud` and [endpoints]: the scope has to be " + resource(settings, transport))  # fmt: skip
        return
    if token.over:
        found.failed.add(f"role:{transport}")
        found.wrong("claims", "token-expired", "the token has already expired: this clock or the service's is wrong",
                    "timedatectl set-ntp true")  # fmt: skip
        return
    if str(claims.get("appid", settings.client_id)).lower() != settings.client_id.strip().lower():
        found.wrong(
            "claims", "other-application", "the token belongs to another application", "check client_id"
        )
    tenant = str(claims.get("tid", "")).lower()
    if found.directory and tenant and tenant != found.directory:
        found.failed.add(f"role:{transport}")
        found.wrong("claims", "wrong-tenant", f"the token belongs to the tenant {tenant}; the settings name {found.directory}",
                    "check tenant and [endpoints] authority: the tenant has to be the mailbox's own")  # fmt: skip
        return
    oid = str(claims.get("oid", ""))
    if settings.service_principal and oid and oid.lower() != settings.service_principal.strip().lower():
        found.wrong("claims", "wrong-object-id", f"service_principal is not this application's: the token says {oid}",
                    f"service_principal = '{oid}'   # and New-ServicePrincipal with -ObjectId {oid}: the registration's own object id is another")  # fmt: skip
    _role(found, transport, token.roles)


def _role(found: Examination, transport: Transport, roles: list[str]) -> None:
    settings, wanted = found.settings, _ROLE[transport]
    if wanted not in roles:
        scoped = settings.permission is Permission.RBAC or (
            settings.permission is Permission.AUTO and transport is Transport.GRAPH
        )
        if scoped and transport is not Transport.EWS:
            return  # the right is Exchange's; the transport's own step proves it
        found.failed.add(f"role:{transport}")
        if not roles:
            found.wrong("claims", "no-consent", f"the token carries no roles: {wanted} is not ticked as an application permission, or consent is missing",
                        "tick " + wanted + " as an *application* permission (harden mailer guide), then consent: {consent}")  # fmt: skip
        else:
            found.wrong("claims", "missing-role", f"the token lacks {wanted}; it has {', '.join(sorted(roles))}",
                        "add " + wanted + " (harden mailer guide), then consent again: {consent}")  # fmt: skip
    by_ews = Transport.EWS in settings.transports or (
        settings.calendars and settings.calendars_via is Transport.EWS
    )
    if "full_access_as_app" in roles and not by_ews:
        names = " and ".join(settings.transports)
        found.wrong("claims", "too-broad", f"full_access_as_app opens every mailbox, and {names} do{'es' * (len(settings.transports) == 1)} not need it",
                    "does the product's own mailer or its Calendars use this application? Then keep it: settings with transports = ['ews'] examine that way. "
                    "Only if no other program uses this application: remove it under API permissions", severity=Severity.LOW)  # fmt: skip


def _smtp(found: Examination) -> None:
    settings = found.settings
    if Transport.SMTP not in settings.transports:
        return
    if "smtp" in found.failed or "values" in found.failed:
        for step in ("smtp", "auth", "envelope"):
            found.skipped(step, "the submission host cannot be reached, or values are wrong")
        return
    step = "smtp"
    try:
        with Submission(settings) as session:
            session.open()
            found.done("smtp", f"{session.protocol}, certificate valid")
            step = "auth"
            token = found.tokens.get(resource(settings, Transport.SMTP))
            if token is None or "role:smtp" in found.failed:
                found.skipped("auth", "mailer/token or mailer/claims explains it")
                found.skipped("envelope", "not signed in")
                return
            session.authenticate(token.value)
            found.done("auth", "signed in as the mailbox")
            step = "envelope"
            refused = session.envelope(settings.recipients or (settings.mailbox.strip(),))
            for problem in refused.values():
                found.refused("envelope", problem, where=settings.endpoints.smtp)
            session.reset()
            found.done("envelope", f"accepted, and withdrawn before any data{_untested(found)}")
    except RefusedBy as problem:
        found.failed.add("smtp")
        inspected = problem.diagnosis.cause == "tls-untrusted"
        reason = signed_by(problem, _smtp_issuer(settings)) if inspected else problem
        found.refused(step, reason, where=settings.endpoints.smtp)
        found.done(step)
        later = ("smtp", "auth", "envelope")
        for one in later[later.index(step) + 1 :]:
            found.skipped(one, f"mailer/{step} failed")


def _untested(found: Examination) -> str:
    """Return what a dry run leaves open."""
    return "" if found.send else (
        "; not tested: what happens after DATA (a full mailbox, a quota, SendAs): harden mailer doctor --send"
    )  # fmt: skip


def _smtp_issuer(settings: MailerSettings) -> str:
    try:
        with Submission(settings, unverified()) as session:
            session.open()
            return session.issuer()
    except (HardeningError, ValueError):
        return "somebody unknown"


def _graph(found: Examination) -> None:
    settings = found.settings
    if Transport.GRAPH not in settings.transports:
        return
    token = found.tokens.get(resource(settings, Transport.GRAPH))
    if token is None or found.failed & {"graph", "role:graph"}:
        found.skipped("graph", "an earlier step explains it")
        return
    try:
        graph.rehearse(settings, token.value)
    except RefusedBy as problem:
        found.failed.add("graph")
        roles = token.roles
        no_right = problem.diagnosis.cause == "no-permission"
        if no_right and _ROLE[Transport.GRAPH] not in roles and token.claims:
            cause = "missing-role" if roles else "no-consent"
            found.wrong("graph", cause, "the application may not send as this mailbox, and the token carries "
                        + (f"only {', '.join(sorted(roles))}" if roles else "no roles"),
                        "New-ManagementRoleAssignment -App {oid} -Role 'Application Mail.Send' ... (harden mailer guide), or tick Mail.Send as an *application* permission and consent: {consent}",
                        where=settings.endpoints.graph, seen=f"{problem.answer.status} {problem.answer.name}")  # fmt: skip
        else:
            found.refused("graph", problem, where=settings.endpoints.graph)
    scoped = "" if _ROLE[Transport.GRAPH] in token.roles or not token.claims else (
        "; the token carries no Mail.Send, so this rests on application RBAC: --send proves it"
    )  # fmt: skip
    found.done("graph", f"the application may send as the mailbox{scoped}{_untested(found)}")


def _ews(found: Examination) -> None:
    settings = found.settings
    if Transport.EWS not in settings.transports:
        return
    text = found.ends_with_ews(
        "ews",
        "EWS ends",
        ews_way_out(settings),
        where=settings.endpoints.outlook,
    )
    token = found.tokens.get(resource(settings, Transport.EWS))
    if token is None or found.failed & {"outlook", "role:ews"}:
        found.done("ews", text)
        return
    try:
        ews.read_folder(settings, token.value, settings.mailbox.strip())
    except RefusedBy as problem:
        found.failed.add("ews")
        found.refused("ews", problem, where=settings.endpoints.outlook, severity=Severity.HIGH)
    found.done("ews", text)


def _calendars(found: Examination) -> None:
    settings = found.settings
    if not settings.calendars:
        return
    via = settings.calendars_via
    over_ews = via is Transport.EWS
    token = found.tokens.get(resource(settings, via))
    if token is None:
        found.skipped("calendars", "there is no token")
        return
    for mailbox in settings.calendars:
        try:
            if over_ews:
                ews.read_folder(settings, token.value, mailbox, "calendar")
            else:
                graph.read_calendar(settings, token.value, mailbox)
        except RefusedBy as problem:
            _calendar(found, problem, mailbox, over_ews=over_ews)
    if over_ews:
        found.ends_with_ews(
            "calendars", "the calendars are read over EWS, which ends",
            "ask for a release that reads calendars by Graph; set that up (harden mailer guide) before you change [calendars] via to 'graph'",
        )  # fmt: skip
    found.done("calendars", f"{len(settings.calendars)} read over {via}")


def _calendar(found: Examination, problem: RefusedBy, mailbox: str, *, over_ews: bool) -> None:
    meaning, remedy = problem.diagnosis.meaning, problem.diagnosis.remedy.replace("{mailbox}", mailbox)
    if problem.diagnosis.cause in _CLOSED:
        meaning = "it is not open to the application"
        remedy = (
            "tick full_access_as_app, put {client_id} on the EWS allow list and consent: {consent} (harden mailer guide)" if over_ews
            else f"New-ManagementRoleAssignment -App {{oid}} -Role 'Application Calendars.Read' for {mailbox} (harden mailer guide)"
        )  # fmt: skip
    found.wrong("calendars", problem.diagnosis.cause, f"the calendar of {mailbox} cannot be read: {meaning}", remedy,
                where=mailbox, seen=f"{problem.answer.status} {problem.answer.name}")  # fmt: skip


def _send(found: Examination) -> None:
    """Send one test mail by each transport: one that steps in later must not be broken unnoticed."""
    if not found.send:
        return
    settings = found.settings
    if "values" in found.failed:
        found.skipped("send", "values are wrong")
        return
    if not settings.recipients:
        found.wrong("send", "no-recipients", "no test mail was sent: recipients is empty",
                    "recipients = ['operators@your-domain']", where=settings.source)  # fmt: skip
        found.done("send")
        return
    for transport in settings.transports:
        _send_by(found, transport)


def _send_by(found: Examination, transport: Transport) -> None:
    """Send a test mail by this transport alone, and record its result."""
    from hardening.mailer.message import message
    from hardening.mailer.send import send, unsent

    settings = replace(found.settings, transports=(transport,))
    mail = message(sender=settings.sender.strip(), recipients=settings.recipients, subject=f"Test of the alarm mailer by {transport}",
                   text=f"harden mailer doctor --send sent this by {transport}. Nothing is wrong.")  # fmt: skip
    attempts = send(settings, mail)
    earlier = len(found.findings)
    for address, (_, problem) in unsent(attempts).items():
        where = f"{transport} for {address}" if attempts[-1].ok else str(transport)
        if isinstance(problem, RefusedBy):
            found.refused("send", problem, where=where)
        else:
            found.wrong("send", "failed", str(problem), problem.hint, where=where)
    messages = "; ".join(dict.fromkeys(one.message for one in found.findings[earlier:]))
    found.done(
        "send",
        f"{transport}: {messages or 'accepted, ' + str(mail['Message-ID']) + ' ' + attempts[-1].accepted}".rstrip(),
        Verdict.FAIL if messages else Verdict.PASS,
    )


REMOTE: tuple[Step, ...] = (_token, _claims, _smtp, _graph, _ews, _calendars, _send)
