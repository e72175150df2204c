"""Delivery of one mail by SMTP with STARTTLS and XOAUTH2."""

import base64
import re
import smtplib

from hardening.onhost.relay.answers import smtp_kind
from hardening.onhost.relay.dialing import dial
from hardening.onhost.relay.message import NOT_ASCII, break_long_lines
from hardening.onhost.relay.problems import CONFIG, UNPRINTABLE, ServiceRefused, safe_text
from hardening.onhost.relay.settings import host_port
from hardening.onhost.relay.tls import distrust, start_tls

ABOUT_RECIPIENT = re.compile(r"\b[45]\.(1\.([1-6]|10)|5\.3)\b")


class Dialled(smtplib.SMTP):
    """smtplib through a proxy, with STARTTLS that checks the name on every Python."""

    relay = None

    def _get_socket(self, host, port, timeout):
        return dial(self.relay, host, port, self.relay["proxy_smtp"])

    def secure(self, host):
        """Begin TLS on this connection, and forget what the server offered before it."""
        self.sock = start_tls(self.relay, self.sock, host)
        self.file = None
        self.helo_resp = self.ehlo_resp = None
        self.esmtp_features = {}
        self.does_esmtp = 0


class Conversation(object):
    """One mail on one connection, stage by stage. `uncertain` and `naming` say how far it came when it breaks."""

    def __init__(self, config, tokens, recipients, raw):
        self.config, self.tokens, self.recipients, self.raw = config, tokens, recipients, raw
        self.scope = "https://%s/.default" % config["smtp_resource"]
        self.token = tokens.get(self.scope)
        self.host, self.port = host_port(config["smtp"], 587)
        self.session = Dialled(timeout=config["timeout"])
        self.session.relay = config
        self.uncertain = False  # the service may have the mail
        self.naming = False  # recipients are being named: who hangs up may do so for one of them

    def run(self):
        """Deliver; return [(recipient, Refused)] of those refused while others were taken. Raises Refused."""
        try:
            self.greet()
            self.log_in()
            refused = self.name_recipients()
            self.send()
        except (smtplib.SMTPException, OSError, IOError, ValueError) as problem:
            text = "smtp: %s" % safe_text(problem)
            raise ServiceRefused(
                distrust(problem), text, uncertain=self.uncertain, own=self.naming, addressed=self.naming
            )
        finally:
            self.session.close()
        return refused

    def greet(self):
        """Connect and begin TLS."""
        session = self.session
        expect("banner", session.connect(self.host, self.port), 220)
        expect("ehlo", session.ehlo(), 250)
        if not session.has_extn("starttls"):
            raise ServiceRefused(CONFIG, "smtp: STARTTLS is not offered")
        expect("starttls", session.docmd("STARTTLS"), 220)
        session.secure(self.host)
        expect("ehlo", session.ehlo(), 250)

    def log_in(self):
        """Log in with the token (XOAUTH2)."""
        session = self.session
        pair = "user=%s\x01auth=Bearer %s\x01\x01" % (self.config["mailbox"], self.token)
        blob = base64.b64encode(pair.encode("ascii")).decode("ascii")
        reply = session.docmd("AUTH", "XOAUTH2 " + blob)
        if reply[0] in (500, 501):  # a server that takes only short lines gets the token on a line of its own
            reply = session.docmd("AUTH", "XOAUTH2")
            if reply[0] == 334:
                reply = session.docmd(blob)
        if reply[0] == 334:
            reply = session.docmd("")
        if reply[0] >= 500:
            self.tokens.drop(self.scope)
        expect("auth", reply, 235)

    def name_recipients(self):
        """Name the sender and the recipients; return [(recipient, Refused)]. Raises Refused if all are refused."""
        session, refused = self.session, []
        eight = NOT_ASCII.search(self.raw) and session.has_extn("8bitmime")
        expect("mail", session.mail(self.config["mailbox"], ["BODY=8BITMIME"] if eight else []), 250)
        self.naming = True
        for one in self.recipients:
            reply = session.rcpt(one)
            try:
                expect("rcpt", reply, 250, 251)
            except ServiceRefused as problem:
                if reply[0] == 421:  # it hangs up: for everybody
                    raise
                refused.append((one, problem))
        self.naming = False
        if len(refused) == len(self.recipients):
            last = refused[-1][1]
            raise ServiceRefused(last.kind, str(last), own=True, each=refused)
        return refused

    def send(self):
        """Send the mail itself; the service has it when it answers 250."""
        session, raw = self.session, self.raw
        expect("data", session.docmd("DATA"), 354)
        body = break_long_lines(raw if raw.endswith(b"\r\n") else raw + b"\r\n")
        body = re.sub(b"(?m)^\\.", b"..", body)
        self.uncertain = True
        session.send(body + b".\r\n")
        reply = session.getreply()
        self.uncertain = False
        expect("data", reply, 250)
        try:
            session.docmd("QUIT")
        except (OSError, IOError, smtplib.SMTPException):
            pass


def expect(stage, reply, *good):
    """Raise Refused unless a reply has one of these codes."""
    code, text = reply
    if code in good:
        return
    text = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    text = UNPRINTABLE.sub(" ", text)
    own = stage in ("rcpt", "data")
    of_one = stage == "rcpt" or (own and ABOUT_RECIPIENT.search(text))
    kind = smtp_kind(stage, code, text)
    raise ServiceRefused(kind, "smtp %s: %d %s" % (stage, code, text[:160]), own=own, addressed=bool(of_one))


def deliver_smtp(config, tokens, recipients, raw):
    """Deliver; return [(recipient, Refused)] of those refused while others were taken. Raises Refused."""
    return Conversation(config, tokens, recipients, raw).run()
