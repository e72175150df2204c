"""The double's submission server, and the proxy that leads to all by their real names."""

from __future__ import annotations

import base64
import re
import select
import socket
import socketserver
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.support.mailer.fake_m365 import Fake

from tests.support.mailer.fake_web import NAMES, reset


class _Gone(Exception):  # noqa: N818 - reads as what happened
    """The double hung up."""


class Submit(socketserver.BaseRequestHandler):
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
                reset(self.request)
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
                    if (answer := double.refuses.get(address.lower())) == "drop":
                        raise _Gone
                    if answer:
                        self.say(answer)
                        if answer.startswith("421"):
                            raise _Gone
                    elif address.endswith(".invalid"):
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
        if double.poison and double.poison[0] in b"".join(lines):
            if double.poison[1] == "drop":
                raise _Gone
            self.say(double.poison[1])
            return
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


class Tunnel(socketserver.BaseRequestHandler):
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
                    reset(other[one])
                    return
                if not data:
                    return
                other[one].sendall(data)
            if not ready:
                return
