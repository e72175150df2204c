"""A double of Microsoft 365 on loopback: token service, Graph, EWS, submission, and a proxy to all by their real names.

It judges as the service does: a token is checked for signature, audience, time and roles, a mailbox for being opened to
the application. Faults are queued by place; everything accepted is kept. No request leaves the machine: the
proxy refuses and records any name it does not know.
"""

from __future__ import annotations

import json
import secrets
import ssl
import threading
import time
import uuid
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jwt
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.support.mailer.fake_smtp import Submit, Tunnel
from tests.support.mailer.fake_web import NAMES, Secure, Threaded, Web, aadsts, key_id


@dataclass
class App:
    """One application as Entra and Exchange know it."""

    client_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    oid: str = field(default_factory=lambda: str(uuid.uuid4()))
    secrets: dict[str, float] = field(default_factory=dict)
    """Value to time.time() of its end."""
    certificates: list[x509.Certificate] = field(default_factory=list)
    enabled: bool = True
    roles: dict[str, list[str]] = field(default_factory=dict)
    """Per audience host."""
    ews_allowed: bool = True
    registration: str = field(default_factory=lambda: str(uuid.uuid4()))
    """The registration's object id, which is not the enterprise application's (`oid`)."""


@dataclass(frozen=True)
class Mail:
    """One accepted mail."""

    transport: str
    mailbox: str
    recipients: tuple[str, ...]
    data: bytes
    at: float

    @property
    def headers(self) -> Any:
        return message_from_bytes(self.data)


class Fake:
    """The double; `start` it, point settings at it, look at `accepted`."""

    def __init__(self, folder: Path) -> None:  # noqa: PLR0915 - what a test may arrange, one line each
        self.folder = folder
        self.authority = trustme.CA()
        self.ca_file = folder / "ca.pem"
        self.authority.cert_pem.write_to_path(str(self.ca_file))
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.tenant = str(uuid.uuid4())
        self.domain = "example.com"
        self.apps: dict[str, App] = {}
        self.mailboxes: dict[str, set[str]] = {}
        """Mailbox to the object ids it is opened to."""
        self.scoped: dict[str, set[str]] = defaultdict(set)
        """Mailbox to object ids that RBAC lets send over Graph."""
        self.scoped_smtp: dict[str, set[str]] = defaultdict(set)
        """The same for SMTP."""
        self.smtp_disabled: set[str] = set()
        self.send_as: dict[str, set[str]] = defaultdict(set)
        self.conditional_access = False
        self.skew = 0.0
        """Seconds by which the service's clock is ahead."""
        self.lifetime = 3599
        self.token_tenant = ""
        self.token_audience = ""
        """Overrides `aud` of every token."""
        self.reworded = False
        """Say the same with other words: identifiers, numbers and statuses stay, sentences do not."""
        self.proof_audience = "00000002-0000-0000-c000-000000000000"
        self.slow_keys = 0
        """So many token requests see a certificate that addKey added as unknown: it spreads slowly."""
        self.unseen: dict[str, int] = {}
        self.accepted: list[Mail] = []
        self.violations: list[str] = []
        self.refused_names: list[str] = []
        self.requests: list[str] = []
        self.log: list[str] = []
        """What was said, secrets left out, for a trace."""
        self.starttls = True
        self.xoauth2 = True
        self.short_lines = False
        self.poison: tuple[bytes, str] | None = None
        """A word, and what the submission host always answers to a mail that holds it (`drop` hangs up)."""
        self.refuses: dict[str, str] = {}
        """Recipient to what RCPT is answered (`drop` hangs up); a 5xx is also one that Graph and EWS do not resolve."""
        self.inspect: ssl.SSLContext | None = None
        self.proxy_auth = ""
        self.proxy_blocks: set[int] = set()
        self.per_minute = 30
        self.minute = 60.0
        """Length of the service's minute, so that a test need not wait for a real one."""
        self.per_day = 10_000
        self.concurrent = 3
        self._faults: dict[str, deque[Any]] = defaultdict(deque)
        self._standing: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._sent: dict[str, deque[tuple[float, int]]] = defaultdict(deque)
        self._open = 0
        self._servers: list[Threaded] = []
        self.tls = self._context(*NAMES, "localhost", "127.0.0.1")
        self.smtp_tls = self.tls

    def _context(self, *names: str, authority: trustme.CA | None = None, **how: Any) -> ssl.SSLContext:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        (authority or self.authority).issue_cert(*names, **how).configure_cert(made)
        return made

    def other_tls(self, *names: str, untrusted: bool = False, **how: Any) -> ssl.SSLContext:
        """A context for other names, or by an authority nobody trusts."""
        return self._context(*(names or NAMES), authority=trustme.CA() if untrusted else None, **how)

    # --- what a test arranges

    def app(self, *transports: str, mailbox: str = "alarms@example.com") -> tuple[App, str]:
        """Register an application that may do all of `transports`; return it and a secret's Value."""
        value = "v~" + secrets.token_urlsafe(30)
        app = App(secrets={value: time.time() + 86_400 * 300})
        self.apps[app.client_id] = app
        self.mailboxes.setdefault(mailbox, set())
        if "smtp" in transports:
            app.roles.setdefault("outlook.office365.com", []).append("SMTP.SendAsApp")
            self.mailboxes[mailbox].add(app.oid)
        if "ews" in transports:
            app.roles.setdefault("outlook.office365.com", []).append("full_access_as_app")
        if "graph" in transports:
            app.roles.setdefault("graph.microsoft.com", []).append("Mail.Send")
        return app, value

    def fault(self, place: str, what: Any, times: int = 1) -> None:
        """Answer `what` at `place` the next `times` times (0: always)."""
        with self._lock:
            if times:
                self._faults[place].extend([what] * times)
            else:
                self._standing[place] = what

    def heal(self) -> None:
        with self._lock:
            self._faults.clear()
            self._standing.clear()

    def due(self, place: str) -> Any:
        with self._lock:
            return self._faults[place].popleft() if self._faults[place] else self._standing.get(place)

    def accept(self, transport: str, mailbox: str, recipients: list[str], data: bytes) -> None:
        with self._lock:
            self.accepted.append(Mail(transport, mailbox.lower(), tuple(recipients), data, time.time()))

    def unresolved(self, recipients: list[str]) -> bool:
        """Tell whether one of the recipients makes Graph and EWS refuse the whole mail."""
        return any(self.refuses.get(one.strip().lower(), "").startswith("5") for one in recipients)

    def over_limit(self, mailbox: str, recipients: int) -> str:
        """Count one mail against the mailbox's limits; say which one it breaks."""
        now = time.time()
        with self._lock:
            sent = self._sent[mailbox.lower()]
            while sent and sent[0][0] <= now - self.minute * 1440:
                sent.popleft()
            lately = sum(1 for at, _ in sent if at > now - self.minute)
            if lately >= self.per_minute:
                self.violations.append(f"{mailbox}: {lately + 1} mails in a minute")
                return "minute"
            if sum(count for _, count in sent) + recipients > self.per_day:
                self.violations.append(f"{mailbox}: recipients of a day")
                return "day"
            sent.append((now, recipients))
        return ""

    # --- start and stop

    @contextmanager
    def running(self) -> Iterator[Fake]:
        fake = self

        class ThisWeb(Web):
            double = fake

        class ThisSubmit(Submit):
            double = fake

        class ThisTunnel(Tunnel):
            double = fake

        self._servers = [
            Secure(("127.0.0.1", 0), ThisWeb),
            Threaded(("127.0.0.1", 0), ThisSubmit),
            Threaded(("127.0.0.1", 0), ThisTunnel),
        ]
        self._servers[0].double = self  # type: ignore[attr-defined]  # the handshake needs the context of the moment
        threads = [threading.Thread(target=s.serve_forever, args=(0.02,), daemon=True) for s in self._servers]
        for thread in threads:
            thread.start()
        self.web, self.smtp, self.proxy = (int(s.socket.getsockname()[1]) for s in self._servers)
        try:
            yield self
        finally:
            for server in self._servers:
                server.shutdown()
                server.server_close()

    def settings(self, client: str, /, **more: Any) -> str:
        """Return a settings document; each keyword replaces a top-level value or table."""
        rows: dict[str, Any] = {
            "tenant": self.domain,
            "client_id": client,
            "mailbox": "alarms@example.com",
            "transports": ["graph", "smtp"],
            "recipients": ["ops@example.com"],
            "ca_file": str(self.ca_file),
            "timeout": 3,
            "proxy": {"url": f"http://127.0.0.1:{self.proxy}"},
        }
        rows.update(more)
        top = [f"{k} = {toml(v)}" for k, v in rows.items() if not isinstance(v, dict) and v is not None]
        tables = [
            f"[{k}]\n" + "\n".join(f"{a} = {toml(b)}" for a, b in v.items())
            for k, v in rows.items()
            if isinstance(v, dict)
        ]
        return "\n".join([*top, *tables]) + "\n"

    # --- judging

    def issue(self, form: dict[str, str], tenant: str) -> tuple[int, dict[str, Any]]:  # noqa: PLR0911 - one line a refusal
        """Answer a token request."""
        app = self.apps.get(form.get("client_id", ""))
        if tenant.lower() not in (self.tenant, self.domain):
            return aadsts(400, "invalid_request", 90002, f"Tenant '{tenant}' not found.")
        if app is None:
            return aadsts(400, "unauthorized_client", 700016, "Application was not found in the directory.")
        if not app.enabled:
            return aadsts(400, "unauthorized_client", 7000112, "Application is disabled.")
        if problem := self._credential(app, form):
            return problem
        if self.conditional_access:
            return aadsts(
                400, "invalid_grant", 53003, "Access has been blocked by Conditional Access policies."
            )
        scope = form.get("scope", "").split()
        wanted = next((s for s in scope if s.endswith("/.default")), "")
        if not wanted:
            return aadsts(400, "invalid_scope", 1002012, "The provided value for scope is not valid.")
        host = urlsplit(wanted).hostname or ""
        now = time.time() + self.skew
        claims = {
            "aud": self.token_audience or f"https://{host}", "iss": f"https://sts.windows.net/{self.tenant}/", "iat": int(now), "nbf": int(now),
            "exp": int(now) + self.lifetime, "appid": app.client_id, "oid": app.oid, "tid": self.token_tenant or self.tenant, "ver": "1.0",
        }  # fmt: skip
        if roles := app.roles.get(host):
            claims["roles"] = roles
        token = jwt.encode(claims, self.key, algorithm="RS256", headers={"kid": "double"})
        return 200, {
            "token_type": "Bearer",
            "expires_in": self.lifetime,
            "ext_expires_in": self.lifetime,
            "access_token": token,
        }

    def _credential(  # noqa: PLR0911 - one line a refusal
        self, app: App, form: dict[str, str]
    ) -> tuple[int, dict[str, Any]] | None:
        now = time.time()
        if secret := form.get("client_secret"):
            if secret not in app.secrets:
                return aadsts(
                    401,
                    "invalid_client",
                    7000215,
                    "Invalid client secret provided. Ensure the secret being sent is the client secret value, not the client secret ID.",
                )
            if app.secrets[secret] < now:
                return aadsts(401, "invalid_client", 7000222, "The provided client secret keys are expired.")
            return None
        if assertion := form.get("client_assertion"):
            for certificate in self._spread(app):
                with suppress(jwt.InvalidSignatureError):
                    try:
                        jwt.decode(
                            assertion,
                            certificate.public_key(),  # type: ignore[arg-type]  # RSA in these tests
                            algorithms=["RS256", "PS256"],
                            options={"verify_aud": False},
                            leeway=300,
                        )
                    except (jwt.ExpiredSignatureError, jwt.ImmatureSignatureError):
                        return aadsts(
                            401,
                            "invalid_client",
                            700024,
                            "Client assertion is not within its valid time range.",
                        )
                    return None
            return aadsts(
                401,
                "invalid_client",
                700027,
                "The certificate with identifier used to sign the client assertion is not registered.",
            )
        return aadsts(
            401, "invalid_client", 7000218, "The request body must contain client_assertion or client_secret."
        )

    def _spread(self, app: App) -> list[x509.Certificate]:
        late = {name for name, times in self.unseen.items() if times > 0}
        self.unseen = {name: times - 1 for name, times in self.unseen.items() if times > 0}
        return [one for one in app.certificates if key_id(one) not in late]

    def proved(self, app: App, proof: str) -> bool:
        """Tell whether a proof of possession is signed by a key of the application's, for the registration."""
        for certificate in app.certificates:
            with suppress(jwt.PyJWTError):
                found = jwt.decode(
                    proof, certificate.public_key(), algorithms=["RS256", "PS256"],  # type: ignore[arg-type]  # RSA in these tests
                    audience=self.proof_audience, issuer=app.registration, leeway=30,
                )  # fmt: skip
                return bool(found["exp"] - found["nbf"] <= 600)
        return False

    def claims(self, token: str, host: str) -> dict[str, Any] | None:
        """Return a token's claims when it is ours, current and for `host`."""
        try:
            found: dict[str, Any] = jwt.decode(
                token,
                self.key.public_key(),
                algorithms=["RS256"],
                options={"verify_aud": False, "verify_iat": False, "verify_nbf": False, "verify_exp": False},
            )
        except jwt.PyJWTError:
            return None
        good = found["aud"].rstrip("/") == f"https://{host}" and found["exp"] > time.time() + self.skew
        return found if good else None


def toml(value: Any) -> str:
    """Spell a value in TOML."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)) or hasattr(value, "isoformat"):
        return str(value)
    return json.dumps(value)
