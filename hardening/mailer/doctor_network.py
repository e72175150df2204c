"""Steps on the way to the service: names, ports, proxy, certificates, the clock, and whether the tenant is known."""

from __future__ import annotations

import ssl
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from hardening.errors import HardeningError
from hardening.findings import Verdict
from hardening.mailer.error_catalogue import PORTAL, ServiceAnswer, numbers
from hardening.mailer.examination import Examination, Step
from hardening.mailer.net import (
    RefusedBy,
    connected,
    context,
    host_port,
    issuer,
    signed_by,
    tls_failure,
    unverified,
)
from hardening.mailer.settings import MailerSettings, Transport
from hardening.mailer.showing import GUID
from hardening.mailer.web import WebClient

_SKEW = 300  # seconds that tokens forgive


def _endpoints(settings: MailerSettings) -> dict[str, tuple[str, int]]:
    """Return the endpoints that the settings need, by name."""
    needed = {"authority": host_port(settings.endpoints.authority, 443)}
    for transport in (*settings.transports, *([settings.calendars_via] if settings.calendars else [])):
        if transport is Transport.SMTP:
            needed["smtp"] = host_port(settings.endpoints.smtp, 587)
        else:
            name = "graph" if transport is Transport.GRAPH else "outlook"
            needed[name] = host_port(getattr(settings.endpoints, name), 443)
    return needed


def _network(found: Examination) -> None:
    needed = _endpoints(found.settings)
    with ThreadPoolExecutor(len(needed)) as pool:
        tried = {name: pool.submit(_reach, found.settings, name, *place) for name, place in needed.items()}
    reported: set[str] = set()
    for name, one in tried.items():
        problem = one.result()
        if problem is None:
            continue
        found.failed.add(name)
        host, port = needed[name]
        if problem.diagnosis.cause in reported and problem.diagnosis.cause.startswith("proxy-unreach"):
            continue  # the same proxy, said once
        reported.add(problem.diagnosis.cause)
        found.refused("network", problem, where=f"{host}:{port}")
    found.done("network", f"{len(needed) - len(found.failed & set(needed))} of {len(needed)} hosts reached")


def _reach(settings: MailerSettings, name: str, host: str, port: int) -> RefusedBy | None:
    try:
        proxied = name != "smtp" or settings.proxy is None or settings.proxy.smtp
        with connected(settings, host, port, through_proxy=proxied) as dialled:
            if name == "smtp":
                return None
            try:
                with context(settings).wrap_socket(dialled, server_hostname=host):
                    return None
            except (OSError, ssl.SSLError) as problem:
                raise tls_failure(problem, host) from problem
    except RefusedBy as problem:
        if problem.diagnosis.cause != "tls-untrusted":
            return problem
        return signed_by(problem, _issuer(settings, host, port))


def _issuer(settings: MailerSettings, host: str, port: int) -> str:
    try:
        with (
            connected(settings, host, port) as dialled,
            unverified().wrap_socket(dialled, server_hostname=host) as session,
        ):
            return issuer(session)
    except (HardeningError, OSError, ValueError):
        return "somebody unknown"


def _discovery(found: Examination) -> None:
    if "authority" in found.failed:
        found.skipped("clock", "the authority cannot be reached")
        found.skipped("discovery", "the authority cannot be reached")
        return
    settings = found.settings
    url = f"https://{settings.endpoints.authority}/{settings.tenant.strip()}/v2.0/.well-known/openid-configuration"
    try:
        with WebClient(settings) as client:
            answer = client.get(url)
    except RefusedBy as problem:
        found.failed.add("discovery")
        found.refused("discovery", problem, where=settings.endpoints.authority)
        found.skipped("clock", "no answer")
        found.done("discovery")
        return
    _clock(found, answer.headers.get("Date", ""))
    try:
        body = answer.json()
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict) or ("token_endpoint" not in body and "error" not in body):
        busy = answer.status_code >= 500 and answer.status_code != PORTAL  # noqa: PLR2004 - HTTP's own border
        name = "" if busy else "foreign"
        body, refusal = {}, ServiceAnswer(where="token", status=answer.status_code, name=name)
    else:
        refusal = ServiceAnswer(where="token", status=answer.status_code, name=str(body.get("error", "")), codes=numbers(body.get("error_codes")),
                         text=str(body.get("error_description", ""))[:200])  # fmt: skip
    if "token_endpoint" not in body:
        found.failed.add("discovery")
        found.refused("discovery", RefusedBy(refusal), where=settings.endpoints.authority)
    found.directory = _directory(settings.tenant.strip(), str(body.get("issuer", "")))
    found.done("discovery", "the tenant is known")


def _directory(tenant: str, issuer: str) -> str:
    """Return the tenant's GUID: the settings' own, or the one in the discovery document's issuer."""
    return next((part.lower() for part in (tenant, *issuer.split("/")) if GUID.match(part)), "")


def _clock(found: Examination, date: str) -> None:
    try:
        theirs = parsedate_to_datetime(date)
    except (TypeError, ValueError):
        found.done("clock", "the answer has no date", Verdict.INCONCLUSIVE)
        return
    apart = (datetime.now(UTC) - theirs).total_seconds()
    if abs(apart) > _SKEW:
        word = "ahead" if apart > 0 else "behind"
        found.wrong("clock", "clock-skew", f"this clock is {abs(apart):.0f} s {word}",
                    "timedatectl set-ntp true   # or: systemctl enable --now chronyd")  # fmt: skip
    found.done("clock", f"within {max(1, round(abs(apart)))} s")


NETWORK: tuple[Step, ...] = (_network, _discovery)
