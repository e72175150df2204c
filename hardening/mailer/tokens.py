"""Access tokens by MSAL, with its traps kept out: no environment, no replayed errors, no cached surprise."""

from __future__ import annotations

import base64
import binascii
import json
import logging
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hardening.errors import InputError
from hardening.mailer.error_catalogue import PORTAL, ServiceAnswer, numbers, seconds
from hardening.mailer.net import RefusedBy
from hardening.mailer.rest import read
from hardening.mailer.secret import Secret, redacted
from hardening.mailer.settings import Credential, MailerSettings, Transport
from hardening.mailer.web import WebClient

_LONGEST = 1e6  # seconds that a token may hold
_EARLY = 300  # seconds before its end at which a token is renewed
logging.getLogger("msal").setLevel(
    logging.CRITICAL + 1
)  # it logs answers it cannot read, and they may hold a token


@dataclass(frozen=True, slots=True)
class Token:
    """An access token, its claims, and the credential that got it."""

    value: Secret
    claims: Mapping[str, Any]
    ends: float
    """time.time() at which it is over."""
    credential: Credential

    @property
    def roles(self) -> list[str]:
        """The application permissions that it carries."""
        claimed = self.claims.get("roles")
        return [str(role) for role in claimed] if isinstance(claimed, list) else []

    @property
    def over(self) -> bool:
        """Return whether it is over by its own word."""
        try:
            return not float(self.claims.get("exp", 0)) >= time.time()
        except (TypeError, ValueError, OverflowError):
            return True


def resource(settings: MailerSettings, transport: Transport) -> str:
    """Return the `/.default` scope of a transport."""
    host = settings.cloud.graph if transport is Transport.GRAPH else settings.cloud.outlook
    return f"https://{host}/.default"


def scopes(settings: MailerSettings) -> tuple[str, ...]:
    """Return every scope the settings need, the calendars' included."""
    needed = {*settings.transports, *([settings.calendars_via] if settings.calendars else [])}
    return tuple(sorted({resource(settings, transport) for transport in needed}))


def claims(token: str) -> dict[str, Any]:
    """Return what a token says about itself, unverified; empty where it is opaque."""
    parts = token.split(".")
    try:
        body = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        found = json.loads(body)
    except (IndexError, binascii.Error, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def acquire(settings: MailerSettings, credential: Credential, scope: str) -> Token:
    """Ask for a token now, past every cache. Errors: RefusedBy, InputError (credential files)."""
    import msal

    client = WebClient(settings)
    secret = _credential(credential)
    authority = f"https://{settings.endpoints.authority}/{settings.tenant.strip()}"
    try:
        # A new application each time: MSAL replays errors from memory for a minute, for any secret.
        app = msal.ConfidentialClientApplication(
            settings.client_id.strip(),
            client_credential=secret,
            authority=authority,
            instance_discovery=False,  # true would ask the public cloud about every other one
            http_client=client,
        )
        got: dict[str, Any] = app.acquire_token_for_client(scopes=[scope])
    except RefusedBy:
        raise
    except Exception as problem:  # noqa: BLE001 - MSAL raises ValueError, JSONDecodeError and its own
        raise _failed(client, problem, credential) from None  # its context may hold the request
    if "access_token" not in got:
        raise RefusedBy(_answer(client, got, credential))
    value, lifetime = got["access_token"], _lifetime(got.get("expires_in", 3600))
    if not isinstance(value, str) or not re.fullmatch(r"[\x21-\x7e]+", value):
        status = client.last.status_code if client.last is not None else 0
        raise RefusedBy(
            ServiceAnswer(
                where="token", status=status, name="foreign", text="the service returned no valid token"
            )
        )
    return Token(Secret(value), claims(value), time.time() + lifetime, credential)


def _lifetime(value: object) -> float:
    """Return the seconds a token holds; an hour where the answer says nothing that can be."""
    try:
        held = float(str(value))
    except ValueError:
        return 3600.0
    return held if held < _LONGEST else 3600.0  # neither NaN nor for ever


def _credential(credential: Credential) -> str | dict[str, str]:
    if not credential.is_certificate:
        return credential.value().reveal()
    assert credential.certificate_file is not None  # noqa: S101 - `is_certificate` says so
    return {
        "private_key": credential.key().decode("ascii", "replace"),
        "public_certificate": read(
            credential.certificate_file, credential.named(credential.certificate_file)
        ).decode("ascii", "replace"),
    }


def _failed(client: WebClient, problem: Exception, credential: Credential) -> Exception:
    """Return what was behind an exception of MSAL: usually the answer it could not read."""
    last = client.last
    try:
        body = last.json() if last is not None else {}
    except (ValueError, RecursionError):
        body = {}
    found_out = isinstance(body, dict) and "token_endpoint" in body  # no token was asked for yet
    if last is None or found_out:
        if credential.is_certificate:
            return InputError(
                f"{credential.place}: certificate_file and key_file: {type(problem).__name__}: not a usable pair",
                hint="both have to be PEM, the key without a passphrase",
            )
        return RefusedBy(ServiceAnswer(where="token", text=type(problem).__name__))
    if not isinstance(body, dict) or not body.get("error"):
        # Success or failure, this is no token service: a captive portal or a proxy's own page.
        name = "" if last.status_code >= 500 and last.status_code != PORTAL else "foreign"  # noqa: PLR2004 - HTTP's own border
        return RefusedBy(
            ServiceAnswer(
                where="token",
                status=last.status_code,
                name=name,
                text="the answer does not come from the token service",
            )
        )
    return RefusedBy(_answer(client, body, credential))


def _answer(client: WebClient, body: Mapping[str, Any], credential: Credential) -> ServiceAnswer:
    status = client.last.status_code if client.last is not None else 0
    text = str(body.get("error_description", ""))
    codes = [*numbers(body.get("error_codes"))]
    codes += [int(n) for n in re.findall(r"AADSTS([0-9]{1,9})", text)]
    secrets = () if credential.is_certificate else (credential.value(),)
    return ServiceAnswer(
        where="token",
        status=status,
        name=redacted(body.get("error", ""), *secrets),
        codes=tuple(dict.fromkeys(codes)),
        text=redacted(text.splitlines()[0] if text else "", *secrets),
        trace=redacted(
            " ".join(f"{k}={body[k]}" for k in ("trace_id", "correlation_id") if body.get(k)), *secrets
        ),
        retry_after=seconds(client.last.headers.get("Retry-After", "")) if client.last is not None else None,
    )


@dataclass
class Tokens:
    """Tokens of one run: each is asked for once, a staged credential steps in where the first is refused."""

    settings: MailerSettings
    _kept: dict[str, Token] = field(default_factory=dict)

    def get(self, scope: str) -> Token:
        """Return a token that lasts. Errors: RefusedBy of the first credential when all are refused."""
        kept = self._kept.get(scope)
        if kept is not None and kept.ends - _EARLY > time.time():
            return kept
        first: RefusedBy | None = None
        for credential in self.settings.credentials:
            try:
                self._kept[scope] = acquire(self.settings, credential, scope)
            except RefusedBy as problem:
                first = first or problem
                if problem.answer.name != "invalid_client":
                    break
            else:
                return self._kept[scope]
        if kept is not None and kept.ends > time.time():
            return kept  # the service is away and the token still good
        assert first is not None  # noqa: S101 - there is one credential at least
        raise first
