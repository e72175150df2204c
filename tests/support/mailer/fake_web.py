"""The double's web server: tokens, Graph and EWS."""

from __future__ import annotations

import base64
import http.server
import json
import re
import socket
import socketserver
import struct
import time
import uuid
from email import message_from_bytes
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes

if TYPE_CHECKING:
    from tests.support.mailer.fake_m365 import Fake

NAMES = (
    "login.microsoftonline.com", "graph.microsoft.com", "outlook.office365.com", "smtp.office365.com",
    "login.microsoftonline.us", "graph.microsoft.us", "outlook.office365.us", "smtp.office365.us",
    "login.partner.microsoftonline.cn", "microsoftgraph.chinacloudapi.cn", "partner.outlook.cn", "smtp.partner.outlook.cn",
)  # fmt: skip


def key_id(certificate: x509.Certificate) -> str:
    """Return the id under which the registration lists a certificate."""
    return str(uuid.UUID(bytes=certificate.fingerprint(hashes.SHA256())[:16]))


def aadsts(status: int, error: str, code: int, text: str) -> tuple[int, dict[str, Any]]:
    return status, {
        "error": error, "error_description": f"AADSTS{code}: {text} Trace ID: {uuid.uuid4()}", "error_codes": [code],
        "timestamp": "2026-11-24 00:00:00Z", "trace_id": str(uuid.uuid4()), "correlation_id": str(uuid.uuid4()),
    }  # fmt: skip


class Threaded(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed is no error of the double's."""


class Secure(Threaded):
    double: Fake

    def finish_request(self, request: Any, client_address: Any) -> None:
        request.settimeout(20)
        try:
            request.getpeername()
        except OSError:
            return  # reset already; CPython's wrap_socket would leave its own socket open
        with (self.double.inspect or self.double.tls).wrap_socket(request, server_side=True) as secured:
            super().finish_request(secured, client_address)


class Web(http.server.BaseHTTPRequestHandler):
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
            reset(self.connection)
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
                status, body = aadsts(400, "invalid_tenant", 90002, f"Tenant '{tenant}' not found.")
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
        if double.unresolved(recipients):
            error = {"code": "ErrorInvalidRecipients", "message": "At least one recipient is not valid."}
            return self._answer(400, {"error": error})
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

    def _ews(self, body: bytes) -> None:  # noqa: PLR0911 - one line a refusal
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
            if double.unresolved(str(parsed["To"]).split(",")):
                return self._answer(200, _soap("ErrorInvalidRecipients"), "text/xml")
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


def reset(connection: Any) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
