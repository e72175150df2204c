"""A double of Microsoft 365 on loopback: token service, Graph, EWS, submission, and a proxy to all by their real names.

It judges as the service does: a token is checked for signature, audience, time and roles, a mailbox for being opened to
the application. Faults are queued by place; everything accepted is kept. No request leaves the machine: the
proxy refuses and records any name it does not know.
"""

from __future__ import annotations

import base64
import http.server
import json
import re
import secrets
import select
import socket
import socketserver
import ssl
import struct
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
from urllib.parse import parse_qs, unquote, urlsplit

import jwt
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa

NAMES = (
    "login.microsoftonline.com", "graph.microsoft.com", "outlook.office365.com", "smtp.office365.com",
    "login.microsoftonline.us", "graph.microsoft.us", "outlook.office365.us", "smtp.office365.us",
    "login.partner.microsoftonline.cn", "microsoftgraph.chinacloudapi.cn", "partner.outlook.cn", "smtp.partner.outlook.cn",
)  # fmt: skip


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


def key_id(certificate: x509.Certificate) -> str:
    """Return the id under which the registration lists a certificate."""
    return str(uuid.UUID(bytes=certificate.fingerprint(hashes.SHA256())[:16]))


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
        self._servers: list[_Threaded] = []
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

        class Web(_Web):
            double = fake

        class Submit(_Submit):
            double = fake

        class Tunnel(_Tunnel):
            double = fake

        self._servers = [
            _Secure(("127.0.0.1", 0), Web),
            _Threaded(("127.0.0.1", 0), Submit),
            _Threaded(("127.0.0.1", 0), Tunnel),
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
            return _aadsts(400, "invalid_request", 90002, f"Tenant '{tenant}' not found.")
        if app is None:
            return _aadsts(400, "unauthorized_client", 700016, "Application was not found in the directory.")
        if not app.enabled:
            return _aadsts(400, "unauthorized_client", 7000112, "Application is disabled.")
        if problem := self._credential(app, form):
            return problem
        if self.conditional_access:
            return _aadsts(
                400, "invalid_grant", 53003, "Access has been blocked by Conditional Access policies."
            )
        scope = form.get("scope", "").split()
        wanted = next((s for s in scope if s.endswith("/.default")), "")
        if not wanted:
            return _aadsts(400, "invalid_scope", 1002012, "The provided value for scope is not valid.")
        host = urlsplit(wanted).hostname or ""
        now = time.time() + self.skew
        claims = {
            "aud": self.token_audience or f"https://{host}", "iss": f"https://sts.windows.net/{self.tenant}/", "iat": int(now), "nbf": int(now),
            "exp": int(now) + self.lifetime, "appid": app.client_id, "oid": app.oid, "tid": self.tenant, "ver": "1.0",
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
                return _aadsts(
                    401,
                    "invalid_client",
                    7000215,
                    "Invalid client secret provided. Ensure the secret being sent is the client secret value, not the client secret ID.",
                )
            if app.secrets[secret] < now:
                return _aadsts(401, "invalid_client", 7000222, "The provided client secret keys are expired.")
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
                        return _aadsts(
                            401,
                            "invalid_client",
                            700024,
                            "Client assertion is not within its valid time range.",
                        )
                    return None
            return _aadsts(
                401,
                "invalid_client",
                700027,
                "The certificate with identifier used to sign the client assertion is not registered.",
            )
        return _aadsts(
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


def _aadsts(status: int, error: str, code: int, text: str) -> tuple[int, dict[str, Any]]:
    return status, {
        "error": error, "error_description": f"AADSTS{code}: {text} Trace ID: {uuid.uuid4()}", "error_codes": [code],
        "timestamp": "2026-11-24 00:00:00Z", "trace_id": str(uuid.uuid4()), "correlation_id": str(uuid.uuid4()),
    }  # fmt: skip


class _Threaded(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed is no error of the double's."""


class _Secure(_Threaded):
    double: Fake

    def finish_request(self, request: Any, client_address: Any) -> None:
        request.settimeout(20)
        try:
            request.getpeername()
        except OSError:
            return  # reset already; CPython's wrap_socket would leave its own socket open
        with (self.double.inspect or self.double.tls).wrap_socket(request, server_side=True) as secured:
            super().finish_request(secured, client_address)


class _Web(http.server.BaseHTTPRequestHandler):
    double: Fake
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Say nothing."""

    def _answer(self, status: int, body: Any = b"", kind: str = "application/json", **headers: str) -> None:
        if self.double.reworded and isinstance(body, dict) and "error" in body:
            body = _reworded(body)
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.double.log.append(f"  {self.command} https://{self.headers['Host']}{self.path}  ->  {status}")
        self.send_response_only(status)
        self.send_header(
            "Date", time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + self.double.skew))
        )
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("request-id", str(uuid.uuid4()))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def _faulty(self, place: str) -> bool:
        what = self.double.due(place)
        if what is None:
            return False
        self.close_connection = True
        if what == "hang":
            time.sleep(6)
        elif what == "reset":
            _reset(self.connection)
        elif isinstance(what, int):  # a careless service that says back what it was sent
            said = f"{self.headers.get('Authorization')} {getattr(self, 'sent', b'').decode('latin-1')}"
            self._answer(what, {"error": "invalid_request", "error_description": f"AADSTS9: {said}"} if place == "token"
                         else {"error": {"code": "ErrorInternal", "message": said}})  # fmt: skip
        elif what != "drop":
            status, body, headers = (*what, {})[:3]
            self._answer(
                status, body, "text/html" if isinstance(body, bytes) else "application/json", **headers
            )
        return True

    def do_GET(self) -> None:
        double = self.double
        path = urlsplit(self.path).path
        double.requests.append(f"GET {self.headers['Host']} {path}")
        if path.endswith("/.well-known/openid-configuration"):
            tenant = path.split("/")[1]
            if self._faulty("discovery"):
                return
            if tenant.lower() not in (double.tenant, double.domain):
                status, body = _aadsts(400, "invalid_tenant", 90002, f"Tenant '{tenant}' not found.")
                self._answer(status, body)
                return
            base = f"https://{self.headers['Host']}/{tenant}"
            self._answer(
                200,
                {
                    "token_endpoint": f"{base}/oauth2/v2.0/token",
                    "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                    "issuer": f"https://{self.headers['Host']}/{double.tenant}/v2.0",
                },
            )
        elif found := re.fullmatch(r"/v1\.0/users/([^/]+)/events", path):
            self._graph(unquote(found[1]), "Calendars.Read")
        else:
            self._answer(404, {})

    def do_POST(self) -> None:
        double = self.double
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        if len(body) < length:  # the client was killed: half a request is none
            self.close_connection = True
            return
        self.sent = body
        path = urlsplit(self.path).path
        double.requests.append(f"POST {self.headers['Host']} {path}")
        if path.endswith("/oauth2/v2.0/token"):
            if self._faulty("token"):
                return
            form = {k: v[0] for k, v in parse_qs(body.decode()).items()}
            self._answer(*double.issue(form, path.split("/")[1]))
        elif found := re.fullmatch(r"/v1\.0/users/([^/]+)/sendMail", path):
            self._graph(unquote(found[1]), "Mail.Send", body)
        elif found := re.fullmatch(r"/v1\.0/applications/([^/]+)/(addKey|removeKey)", path):
            self._key(unquote(found[1]), found[2], json.loads(body))
        elif path == "/EWS/Exchange.asmx":
            self._ews(body)
        else:
            self._answer(404, {})

    def _claims(self, *hosts: str) -> dict[str, Any] | None:
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        return next((c for host in hosts if (c := self.double.claims(token, host)) is not None), None)

    def _graph(  # noqa: C901, PLR0911 - one line a refusal
        self, mailbox: str, role: str, body: bytes | None = None
    ) -> None:
        double = self.double
        if self._faulty("graph"):
            return None
        claims = self._claims("graph.microsoft.com", "graph.microsoft.us", "microsoftgraph.chinacloudapi.cn")
        if claims is None:
            return self._answer(
                401,
                {
                    "error": {
                        "code": "InvalidAuthenticationToken",
                        "message": "Access token validation failure. Invalid audience.",
                    }
                },
            )
        if role not in claims.get("roles", []) and claims["oid"] not in double.scoped[mailbox.lower()]:
            return self._answer(
                403,
                {
                    "error": {
                        "code": "ErrorAccessDenied",
                        "message": "Access is denied. Check credentials and try again.",
                    }
                },
            )
        if mailbox.lower() not in double.mailboxes:
            return self._answer(
                404,
                {
                    "error": {
                        "code": "ErrorInvalidUser",
                        "message": f"The requested user '{mailbox}' is invalid.",
                    }
                },
            )
        if body is None:
            return self._answer(200, {"value": []})
        if self.headers["Content-Type"].startswith("text/plain"):
            try:
                mail = base64.b64decode(body, validate=True)
            except ValueError:
                return self._answer(
                    400, {"error": {"code": "ErrorMimeContentInvalidBase64String", "message": "bad MIME"}}
                )
            parsed = message_from_bytes(mail)
            recipients, sender = str(parsed["To"]).split(","), str(parsed["From"])
        else:
            message = json.loads(body)["message"]
            recipients, sender, mail = (
                [r["emailAddress"]["address"] for r in message["toRecipients"]],
                mailbox,
                body,
            )
        if sender.lower() != mailbox.lower() and sender.lower() not in double.send_as[mailbox.lower()]:
            return self._answer(
                403,
                {
                    "error": {
                        "code": "ErrorSendAsDenied",
                        "message": "The user account does not have the right.",
                    }
                },
            )
        if double.over_limit(mailbox, len(recipients)):
            return self._answer(
                429, {"error": {"code": "ApplicationThrottled", "message": "too many"}}, Retry_After="2"
            )
        double.accept("graph", mailbox, [r.strip() for r in recipients], mail)
        if self._faulty("graph.accepted"):
            return None
        return self._answer(202)

    def _key(  # noqa: PLR0911 - one line a refusal
        self, registration: str, verb: str, asked: dict[str, Any]
    ) -> None:
        """Roll a key: the token says who asks, the proof that an old key is theirs; no permission is needed."""
        double = self.double
        if self._faulty(verb):
            return None
        claims = self._claims("graph.microsoft.com", "graph.microsoft.us", "microsoftgraph.chinacloudapi.cn")
        if claims is None:
            return self._answer(401, {"error": {"code": "InvalidAuthenticationToken", "message": "no"}})
        app = double.apps[claims["appid"]]
        if app.registration != registration:
            return self._answer(
                403, {"error": {"code": "Authorization_RequestDenied", "message": "not yours"}}
            )
        if not double.proved(app, str(asked.get("proof"))):
            return self._answer(
                400, {"error": {"code": "Request_BadRequest", "message": "the proof does not hold"}}
            )
        if verb == "addKey":
            key = asked["keyCredential"]
            if (key["type"], key["usage"]) != ("AsymmetricX509Cert", "Verify") or asked[
                "passwordCredential"
            ] is not None:
                return self._answer(400, {"error": {"code": "Request_BadRequest", "message": "no such key"}})
            made = x509.load_der_x509_certificate(base64.b64decode(key["key"], validate=True))
            app.certificates.append(made)
            double.unseen[key_id(made)] = double.slow_keys
            if self._faulty("addKey.accepted"):
                return None
            return self._answer(
                200, {"keyId": key_id(made), "type": key["type"], "usage": key["usage"], "key": None}
            )
        left = [one for one in app.certificates if key_id(one) != asked["keyId"]]
        if len(left) == len(app.certificates):
            return self._answer(
                404, {"error": {"code": "Request_ResourceNotFound", "message": "no such key"}}
            )
        app.certificates[:] = left
        return self._answer(204)

    def _ews(self, body: bytes) -> None:
        double = self.double
        if self._faulty("ews"):
            return None
        claims = self._claims("outlook.office365.com", "outlook.office365.us", "partner.outlook.cn")
        if claims is None or "full_access_as_app" not in claims.get("roles", []):
            return self._answer(401, b"", "text/html")
        if not double.apps[claims["appid"]].ews_allowed:
            return self._answer(
                403, b"", "text/html", x_ms_diagnostics="4000000;reason=EWS is disabled for this application"
            )
        mailbox = (re.findall(rb"PrimarySmtpAddress>([^<]+)<", body) or [b""])[0].decode()
        if mailbox.lower() not in double.mailboxes:
            return self._answer(500, _soap("ErrorNonExistentMailbox"), "text/xml")
        if mime := re.search(rb"<t:MimeContent[^>]*>([^<]+)<", body):
            mail = base64.b64decode(mime[1])
            parsed = message_from_bytes(mail)
            if str(parsed["From"]).lower() != mailbox.lower():
                return self._answer(200, _soap("ErrorSendAsDenied"), "text/xml")
            double.accept("ews", mailbox, [r.strip() for r in str(parsed["To"]).split(",")], mail)
        return self._answer(200, _soap("NoError"), "text/xml")


def _reworded(body: dict[str, Any]) -> dict[str, Any]:
    """Return an error body of another author's: an AADSTS number may be in the list alone, or in the text alone."""
    error = body["error"]
    if isinstance(error, dict):
        return {"error": {**error, "message": "Das geht so nicht.", "innerError": {"date": "2026-11-24"}}}
    codes = body.get("error_codes", [])
    if codes and codes[0] % 2:
        return {"error": error, "error_description": "Das geht so nicht.", "error_codes": codes}
    named = f"AADSTS{codes[0]} - " if codes else ""
    return {"error": error, "error_description": f"{named}so nicht, bitte.\r\nTrace: 1"}


def _soap(code: str) -> bytes:
    return f'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><m:R xmlns:m="x"><m:ResponseCode>{code}</m:ResponseCode></m:R></s:Body></s:Envelope>'.encode()


def _reset(connection: Any) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class _Gone(Exception):  # noqa: N818 - reads as what happened
    """The double hung up."""


class _Submit(socketserver.BaseRequestHandler):
    double: Fake

    def setup(self) -> None:
        self.request.settimeout(30)
        self.file = self.request.makefile("rb")

    def say(self, text: str) -> None:
        if self.double.reworded and (kept := re.match(r"([45]\d\d)((?: [45]\.\d+\.\d+)?)", text)):
            named = re.search(r"\w+(?:Exception|Exceeded)\w*", text)  # names of exceptions are identifiers
            text = f"{kept[1]}{kept[2]} Nein danke. {named[0] if named else ''}".rstrip()
        self.double.log.append(f"  S: {text}")
        self.request.sendall(text.encode() + b"\r\n")

    def line(self) -> str:
        raw = self.file.readline(20_000)
        if not raw:
            raise _Gone
        said = str(raw.decode("utf-8", "replace").rstrip("\r\n"))
        self.double.log.append("  C: " + re.sub(r"(?i)^(AUTH XOAUTH2) .*", r"\1 [user, token]", said))
        return said

    def fault(self, place: str, heard: str = "") -> bool:
        what = self.double.due(f"smtp.{place}")
        if what is None:
            return False
        if what in ("drop", "reset", "hang"):
            if what == "hang":
                time.sleep(6)
            if what == "reset":
                _reset(self.request)
            raise _Gone
        self.say(what.replace("ECHO", heard))
        if what.startswith("421"):
            raise _Gone
        return True

    def handle(self) -> None:
        double = self.double
        with double._lock:
            double._open += 1
            if double._open > double.concurrent:
                double.violations.append(f"{double._open} connections")
        try:
            self._session()
        except (_Gone, OSError, ValueError):
            pass
        finally:
            with double._lock:
                double._open -= 1
            with suppress(OSError):
                self.file.close()
                self.request.close()

    def _session(self) -> None:  # noqa: C901, PLR0912, PLR0915 - one branch a verb
        double, secured = self.double, False
        claims: dict[str, Any] | None = None
        mailbox, sender = "", ""
        recipients: list[str] = []
        if self.fault("banner"):
            return
        self.say("220 DOUBLE.prod.outlook.com Microsoft ESMTP MAIL Service ready")
        while True:
            said = self.line()
            verb, _, rest = said.partition(" ")
            verb = verb.upper()
            if verb == "EHLO":
                if self.fault("ehlo"):
                    continue
                words = ["DOUBLE Hello", "SIZE 157286400", "PIPELINING", "8BITMIME"]
                words += ["STARTTLS"] if double.starttls and not secured else []
                words += ["AUTH LOGIN XOAUTH2" if double.xoauth2 else "AUTH LOGIN"] if secured else []
                for word in words[:-1]:
                    self.say(f"250-{word}")
                self.say(f"250 {words[-1]}")
            elif verb == "STARTTLS":
                if self.fault("starttls"):
                    continue
                self.say("220 2.0.0 SMTP server ready")
                self.file.close()
                self.request = double.smtp_tls.wrap_socket(self.request, server_side=True)
                self.file, secured = self.request.makefile("rb"), True
                double.log.append(f"  -- {self.request.version()}")
            elif verb == "AUTH":
                mailbox, claims = self._auth(rest, secured=secured)
            elif verb == "QUIT":
                self.say("221 2.0.0 bye")
                return
            elif claims is None:
                self.say("530 5.7.57 Client not authenticated to send mail.")
            elif verb == "MAIL":
                if not self.fault("mail"):
                    sender, recipients = re.findall(r"<([^>]*)>", rest)[0], []
                    self.say("250 2.1.0 Sender OK")
            elif verb == "RCPT":
                if not self.fault("rcpt"):
                    address = re.findall(r"<([^>]*)>", rest)[0]
                    if address.endswith(".invalid"):
                        self.say("550 5.1.1 no such recipient")
                    else:
                        recipients.append(address)
                        self.say("250 2.1.5 Recipient OK")
            elif verb == "RSET":
                sender, recipients = "", []
                self.say("250 2.0.0 Resetting")
            elif verb == "DATA":
                self._data(mailbox, sender, recipients)
            else:
                self.say("500 5.3.3 Unrecognized command")

    def _auth(self, rest: str, *, secured: bool) -> tuple[str, dict[str, Any] | None]:
        double = self.double
        double.requests.append("AUTH")
        if not secured or rest.split(" ", maxsplit=1)[0].upper() != "XOAUTH2":
            self.say("504 5.7.4 Unrecognized authentication type")
            return "", None
        blob = rest.partition(" ")[2]
        if blob and double.short_lines:
            self.say("500 5.5.2 Command line too long")
            return "", None
        if not blob:
            self.say("334 ")
            blob = self.line()
        if self.fault("auth", blob):
            return "", None
        found = re.fullmatch(
            r"user=([^\x01]*)\x01auth=Bearer ([^\x01]+)\x01\x01", base64.b64decode(blob).decode()
        )
        claims = double.claims(found[2], "outlook.office365.com") if found else None
        claims = claims or (double.claims(found[2], "outlook.office365.us") if found else None)
        mailbox = found[1].lower() if found else ""
        if mailbox in double.smtp_disabled:
            self.say(
                "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox."
            )
            return "", None
        opened = (
            claims is not None
            and "SMTP.SendAsApp" in claims.get("roles", [])
            and claims["oid"] in double.mailboxes.get(mailbox, set())
        )
        opened = opened or (claims is not None and claims["oid"] in double.scoped_smtp[mailbox])
        if not opened:
            self.say("535 5.7.3 Authentication unsuccessful [DOUBLE.prod.outlook.com]")
            return "", None
        self.say("235 2.7.0 Authentication successful")
        return mailbox, claims

    def _data(self, mailbox: str, sender: str, recipients: list[str]) -> None:
        double = self.double
        if self.fault("data"):
            return
        self.say("354 Start mail input; end with <CRLF>.<CRLF>")
        lines = []
        while (raw := self.file.readline(20_000)) not in (b".\r\n", b""):
            lines.append(raw[1:] if raw.startswith(b".") else raw)
        if raw == b"":
            raise _Gone
        double.log.append(f"  C: [{sum(map(len, lines))} bytes of mail]")
        if self.fault("dot"):
            return
        if sender.lower() != mailbox and sender.lower() not in double.send_as[mailbox]:
            self.say("554 5.2.252 SendAsDenied; the mailbox is not allowed to send as this address")
            return
        if limit := double.over_limit(mailbox, len(recipients)):
            self.say(
                "432 4.3.2 STOREDRV.ClientSubmit; too many"
                if limit == "minute"
                else "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException"
            )
            return
        double.accept("smtp", mailbox, recipients, b"".join(lines))
        if not self.fault("accepted"):
            self.say("250 2.0.0 OK <double@prod.outlook.com> [Hostname=DOUBLE]")


class _Tunnel(socketserver.BaseRequestHandler):
    double: Fake

    def handle(self) -> None:
        double = self.double
        self.request.settimeout(20)
        head = b""
        while b"\r\n\r\n" not in head:
            more = self.request.recv(4096)
            if not more:
                return
            head += more
        target = head.split(b" ")[1].decode()
        host, _, port = target.rpartition(":")
        if double.proxy_auth and base64.b64encode(double.proxy_auth.encode()) not in head:
            self.request.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            return
        if host not in NAMES or int(port) in double.proxy_blocks:
            double.refused_names.append(target)
            self.request.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            return
        with socket.create_connection(("127.0.0.1", double.smtp if port == "587" else double.web), 5) as far:
            self.request.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            self._pump(far)

    def _pump(self, far: socket.socket) -> None:
        other = {self.request: far, far: self.request}
        while True:
            ready, _, _ = select.select([self.request, far], [], [], 20)
            for one in ready:
                try:
                    data = one.recv(65_536)
                except OSError:
                    _reset(other[one])
                    return
                if not data:
                    return
                other[one].sendall(data)
            if not ready:
                return
