"""SMTP submission: STARTTLS, XOAUTH2, and a mail or a rehearsal of one."""

from __future__ import annotations

import base64
import contextlib
import re
import smtplib
import socket
import ssl
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self

from hardening.mailer.error_catalogue import ServiceAnswer
from hardening.mailer.net import RefusedBy, connected, context, host_port, issuer, tls_failure, unreachable
from hardening.mailer.secret import Secret, redacted
from hardening.mailer.settings import MailerSettings

_ENHANCED = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
_GOOD, _MORE, _AUTHENTICATED, _TOO_LONG, _HANGS_UP = (250, 251), 354, 235, (500, 501), 421


class _Dialled(smtplib.SMTP):
    """smtplib over a socket of ours: through the proxy, with our time-out."""

    def __init__(self, settings: MailerSettings) -> None:
        self._settings = settings
        self._endpoint = host_port(settings.endpoints.smtp, 587)
        super().__init__(timeout=settings.timeout)
        self._host = self._endpoint[0]  # starttls checks the certificate against it

    def _get_socket(self, *_args: object) -> socket.socket:
        proxy = self._settings.proxy
        return connected(self._settings, *self._endpoint, through_proxy=proxy is None or proxy.smtp)


class Submission:
    """One session with the submission host; every step may raise RefusedBy."""

    def __init__(self, settings: MailerSettings, tls: ssl.SSLContext | None = None) -> None:
        self.settings = settings
        self._tls = tls
        self.host, self.port = host_port(settings.endpoints.smtp, 587)
        self._session = _Dialled(settings)
        self.protocol = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(smtplib.SMTPException, OSError):
            self._session.docmd("QUIT")
        self._session.close()

    @contextlib.contextmanager
    def _naming(self, stage: str, *, uncertain: bool = False) -> Iterator[None]:
        """Name what fails; `uncertain` where the mail was on its way."""
        where = f"{self.host}:{self.port}"
        try:
            yield
        except RefusedBy:
            raise
        except (smtplib.SMTPException, OSError) as problem:
            # smtplib calls a silence a disconnection
            if isinstance(problem, TimeoutError) or isinstance(problem.__context__, TimeoutError):
                raise unreachable(
                    "timeout", f"{where} stopped answering at {stage}", uncertain=uncertain
                ) from problem
            gone = isinstance(problem, smtplib.SMTPServerDisconnected | ConnectionError)
            text = f"closed at {stage}" if gone else f"at {stage}: {type(problem).__name__}"
            raise unreachable("closed", f"{where} {text}", uncertain=uncertain) from problem

    def _expect(self, stage: str, reply: tuple[int, bytes], good: Sequence[int]) -> None:
        code, answer = reply
        if code in good:
            return
        if code < 0:  # smtplib's word for a line without a number
            raise RefusedBy(
                ServiceAnswer(
                    where="smtp", stage=stage, name="not-smtp", text="the answer is not an SMTP reply"
                )
            )
        text = redacted(answer.decode("utf-8", "replace").replace("\n", " "))
        found = _ENHANCED.search(text)
        raise RefusedBy(
            ServiceAnswer(where="smtp", stage=stage, status=code, name=found[1] if found else "", text=text)
        )

    def open(self) -> None:
        """Connect, greet, and start TLS."""
        with self._naming("banner"):
            self._expect("banner", self._session.connect(self.host, self.port), (220,))
        self.greet()
        if not self._session.has_extn("starttls"):
            raise RefusedBy(
                ServiceAnswer(
                    where="smtp", stage="starttls", name="no-starttls", text="STARTTLS is not offered"
                )
            )
        with self._naming("starttls"):
            try:
                self._expect(
                    "starttls", self._session.starttls(context=self._tls or context(self.settings)), (220,)
                )
            except (ssl.SSLError, ConnectionError) as problem:
                raise tls_failure(problem, self.host) from problem
            except smtplib.SMTPResponseException as problem:
                self._expect("starttls", (problem.smtp_code, _bytes(problem.smtp_error)), ())
        if isinstance(self._session.sock, ssl.SSLSocket):
            self.protocol = self._session.sock.version() or ""
        self.greet()

    def issuer(self) -> str:
        """Return who signed the server's certificate."""
        sock = self._session.sock
        return issuer(sock) if isinstance(sock, ssl.SSLSocket) else "nobody"

    def greet(self) -> None:
        """Say EHLO."""
        with self._naming("ehlo"):
            self._expect("ehlo", self._session.ehlo(), _GOOD)

    @property
    def offers_xoauth2(self) -> bool:
        """Return whether the server takes OAuth2."""
        return "XOAUTH2" in self._session.esmtp_features.get("auth", "").upper().split()

    def authenticate(self, token: Secret) -> None:
        """Sign in as the mailbox."""
        if not self.offers_xoauth2:
            raise RefusedBy(
                ServiceAnswer(where="smtp", stage="auth", name="no-xoauth2", text="XOAUTH2 is not offered")
            )
        response = f"user={self.settings.mailbox.strip()}\x01auth=Bearer {token.reveal()}\x01\x01"
        with self._naming("auth"):
            blob = base64.b64encode(response.encode()).decode()
            reply = self._session.docmd("AUTH", "XOAUTH2 " + blob)
            if (
                reply[0] in _TOO_LONG
            ):  # for a relay between that takes short lines alone: the token on a line of its own
                reply = self._session.docmd("AUTH", "XOAUTH2")
                reply = self._session.docmd(blob) if reply[0] == 334 else reply  # noqa: PLR2004 - go on
            if reply[0] == 334:  # noqa: PLR2004 - the server explains first and wants an empty line
                reply = self._session.docmd("")
            self._expect("auth", reply, (_AUTHENTICATED,))

    def envelope(self, recipients: Sequence[str]) -> dict[str, RefusedBy]:
        """Name sender and recipients; return the refused ones. Errors: RefusedBy when all are, or it hangs up."""
        refused: dict[str, RefusedBy] = {}
        with self._naming("mail"):
            self._expect("mail", self._session.mail(self.settings.sender.strip()), _GOOD)
        for one in recipients:
            try:
                with self._naming("rcpt"):
                    self._expect("rcpt", self._session.rcpt(one), _GOOD)
            except RefusedBy as problem:
                if problem.answer.name == "closed" or problem.answer.status == _HANGS_UP:
                    problem.recipient = one
                    raise
                if problem.answer.where == "network" or len(recipients) == len(refused) + 1:
                    raise
                refused[one] = problem
        return refused

    def reset(self) -> None:
        """Forget the envelope: a rehearsal ends here."""
        with self._naming("rset"):
            self._expect("rset", self._session.docmd("RSET"), _GOOD)

    def data(self, mail: bytes) -> str:
        """Send the mail; return what the server said."""
        with self._naming("data"):
            self._expect("data", self._session.docmd("DATA"), (_MORE,))
        with self._naming("data", uncertain=True):
            self._session.send(_dotted(mail) + b".\r\n")
            reply = self._session.getreply()
            self._expect("data", reply, _GOOD)
        return reply[1].decode("utf-8", "replace").replace("\n", " ")[:200]


def _dotted(mail: bytes) -> bytes:
    lines = mail.replace(b"\r\n", b"\n").replace(b"\r", b"\n").rstrip(b"\n").split(b"\n")
    return b"".join((b"." + line if line.startswith(b".") else line) + b"\r\n" for line in lines)


def _bytes(text: bytes | str) -> bytes:
    return text if isinstance(text, bytes) else text.encode()
