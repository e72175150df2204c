"""Delivery of one mail by SMTP with STARTTLS and XOAUTH2."""

import base64
import re
import smtplib

from hardening.onhost.relay.answers import smtp_kind
from hardening.onhost.relay.dialing import dial
from hardening.onhost.relay.message import broken_lines
from hardening.onhost.relay.problems import CONFIG, Refused, plain
from hardening.onhost.relay.settings import host_port
from hardening.onhost.relay.tls import distrust, secured


class Dialled(smtplib.SMTP):
    """smtplib through a proxy, with STARTTLS that checks the name on every Python."""

    relay = None

    def _get_socket(self, host, port, timeout):
        return dial(self.relay, host, port, self.relay["proxy_smtp"])

    def secure(self, host):
        """Begin TLS on this connection, and forget what the server offered before it."""
        self.sock = secured(self.relay, self.sock, host)
        self.file = None
        self.helo_resp = self.ehlo_resp = None
        self.esmtp_features = {}
        self.does_esmtp = 0


def deliver_smtp(config, tokens, recipients, raw):
    """Deliver; return [(recipient, Refused)] of those refused while others were taken."""
    token = tokens.get("https://%s/.default" % config["smtp_resource"])
    host, port = host_port(config["smtp"], 587)
    session = Dialled(timeout=config["timeout"])
    session.relay = config
    uncertain, at = [False], [""]

    def said(stage, reply, *good):
        code, text = (
            reply[0],
            reply[1].decode("utf-8", "replace") if isinstance(reply[1], bytes) else reply[1],
        )
        if code not in good:
            text = re.sub(r"[^\x20-\x7e]", " ", text)
            own = stage in ("rcpt", "data")
            of_one = stage == "rcpt" or (own and re.search(r"\b[45]\.(1\.([1-6]|10)|5\.3)\b", text))
            raise Refused(
                smtp_kind(stage, code, text),
                "smtp %s: %d %s" % (stage, code, text[:160]),
                own=own,
                addressed=bool(of_one),
            )

    try:
        try:
            said("banner", session.connect(host, port), 220)
            said("ehlo", session.ehlo(), 250)
            if not session.has_extn("starttls"):
                raise Refused(CONFIG, "smtp: STARTTLS is not offered")
            said("starttls", session.docmd("STARTTLS"), 220)
            session.secure(host)
            said("ehlo", session.ehlo(), 250)
            blob = base64.b64encode(
                ("user=%s\x01auth=Bearer %s\x01\x01" % (config["mailbox"], token)).encode("ascii")
            )
            reply = session.docmd("AUTH", "XOAUTH2 " + blob.decode("ascii"))
            if reply[0] in (500, 501):  # who takes short lines alone gets the token on a line of its own
                reply = session.docmd("AUTH", "XOAUTH2")
                if reply[0] == 334:
                    reply = session.docmd(blob.decode("ascii"))
            if reply[0] == 334:
                reply = session.docmd("")
            if reply[0] >= 500:
                tokens.drop("https://%s/.default" % config["smtp_resource"])
            said("auth", reply, 235)
            eight = re.search(b"[\x80-\xff]", raw) and session.has_extn("8bitmime")
            said("mail", session.mail(config["mailbox"], ["BODY=8BITMIME"] if eight else []), 250)
            refused, at[0] = [], "rcpt"
            for one in recipients:
                reply = session.rcpt(one)
                try:
                    said("rcpt", reply, 250, 251)
                except Refused as problem:
                    if reply[0] == 421:  # it hangs up: for everybody
                        raise
                    refused.append((one, problem))
            if len(refused) == len(recipients):
                last = refused[-1][1]
                raise Refused(last.kind, str(last), own=True, each=refused)
            at[0] = "data"
            said("data", session.docmd("DATA"), 354)
            body = broken_lines(raw if raw.endswith(b"\r\n") else raw + b"\r\n")
            body = re.sub(b"(?m)^\\.", b"..", body)
            uncertain[0] = True
            session.send(body + b".\r\n")
            reply = session.getreply()
            uncertain[0] = False
            said("data", reply, 250)
            try:
                session.docmd("QUIT")
            except (OSError, IOError, smtplib.SMTPException):
                pass
            return refused
        except (smtplib.SMTPException, OSError, IOError, ValueError) as problem:
            if isinstance(problem, Refused):
                raise
            naming = at[0] == "rcpt"  # who hangs up there may do so for one recipient
            text = "smtp: %s" % plain(problem)
            raise Refused(distrust(problem), text, uncertain=uncertain[0], own=naming, addressed=naming)
    finally:
        session.close()
