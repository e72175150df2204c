"""The SMTP server on loopback."""

import re
import socket

try:
    from socketserver import StreamRequestHandler, TCPServer, ThreadingMixIn  # novermin: Python 3
except ImportError:  # Python 2
    from SocketServer import StreamRequestHandler, TCPServer, ThreadingMixIn

from hardening.onhost.relay.refusals import LOGIN, allowed_recipient, allowed_senders

VERB = re.compile(r"[A-Z]{4}$")
SENDER = re.compile(r"(?i)FROM:\s*<([^<>\s]*)>(.*)$")
RECIPIENT = re.compile(r"(?i)TO:\s*<([^<>\s,;:\"]+@[^<>\s,;:\"]+)>")
SIZE = re.compile(r"(?i)\bSIZE=(\d+)")
HTTP = re.compile(r" HTTP/\d(\.\d)?$")


class SmtpSession(StreamRequestHandler):
    """One client on loopback: no AUTH, no relaying beyond the lists, nothing accepted that is not on disk."""

    timeout = 300

    def say(self, text):
        """Send a reply."""
        self.wfile.write(text.encode("ascii", "replace") + b"\r\n")
        self.wfile.flush()

    def refuse(self, text, reason, about=""):
        """Refuse, and count it: first, for a client that is gone must not hide it."""
        self.server.delivery.refusals.note(reason, about)
        self.say(text)

    def handle(self):
        """Serve one client, if a session is free."""
        server = self.server
        if not server.slots.acquire(False):
            self.refuse("421 4.3.2 too many sessions", "sessions")
            return
        server.delivery.refusals.passed("sessions")
        try:
            self.talk()
        except (OSError, IOError):
            pass
        finally:
            server.slots.release()

    def talk(self):
        """Read commands and answer them until the client ends."""
        self.sender, self.recipients, errors = None, [], 0
        self.say("220 localhost aspect-mail-relay")
        while errors < 20:
            line = self.rfile.readline(2050)
            if not line:
                return
            if len(line) > 2048:
                self.refuse("500 5.5.2 line too long", "command")
                return
            self.bare = not line.endswith(b"\r\n")
            verb, _, rest = line.decode("utf-8", "replace").strip().partition(" ")
            verb = verb.upper()
            if verb == "QUIT":
                self.say("221 2.0.0 bye")
                return
            if HTTP.search(rest.upper()):
                self.refuse(
                    "421 4.7.0 this is not a web server", "web"
                )  # what follows is what a stranger's page says
                return
            handler = getattr(self, "do_" + verb.lower(), None) if VERB.match(verb) else None
            if handler is None:
                errors += 1
                self.refuse("502 5.5.1 unknown command", "login" if verb in LOGIN else "command", verb)
            elif not handler(rest):
                errors += 1

    def do_helo(self, rest):
        """HELO."""
        self.say("250 localhost")
        return True

    def do_ehlo(self, rest):
        """EHLO: the size limit and 8-bit text."""
        self.say("250-localhost")
        self.say("250-SIZE %d" % self.server.config["max_bytes"])
        self.say("250 8BITMIME")
        return True

    def do_noop(self, rest):
        """NOOP."""
        self.say("250 2.0.0 OK")
        return True

    def do_rset(self, rest):
        """RSET: forget the sender and the recipients."""
        self.sender, self.recipients = None, []
        self.say("250 2.0.0 OK")
        return True

    def do_mail(self, rest):
        """MAIL FROM: check sender, size, disk and queue."""
        found = SENDER.match(rest)
        if not found:
            self.refuse("501 5.5.4 MAIL FROM:<address>", "form", "MAIL")
            return False
        config, sender = self.server.config, found.group(1)
        if sender.lower() not in allowed_senders(config):
            self.refuse("550 5.7.1 this sender may not send here", "sender", sender or "<>")
            return False
        size = SIZE.search(found.group(2))
        if size and int(size.group(1)) > config["max_bytes"]:
            self.refuse("552 5.3.4 too large", "size")
            return False
        try:
            full = self.server.spool.depth() >= config["max_queue"]
        except (OSError, IOError):
            self.refuse("452 4.3.1 the disk does not take it", "disk")
            return False
        if full:
            self.refuse("452 4.3.1 the queue is full", "queue")
            return False
        self.sender, self.recipients = sender, []
        self.say("250 2.1.0 OK")
        return True

    def do_rcpt(self, rest):
        """RCPT TO: check the form, the lists and the number."""
        found = RECIPIENT.match(rest)
        config = self.server.config
        if self.sender is None:
            self.refuse("503 5.5.1 MAIL first", "command")
        elif not found:
            self.refuse("501 5.5.4 RCPT TO:<address>", "form", "RCPT")
        elif re.search(r"[^\x21-\x7e]", found.group(1)):
            self.refuse("553 5.6.7 an address in ASCII, please", "form", "RCPT")
        elif not allowed_recipient(config, found.group(1)):
            self.refuse("550 5.7.1 this recipient is not on the list", "recipient", found.group(1))
        elif found.group(1).lower() in [one.lower() for one in self.recipients]:
            self.say("250 2.1.5 OK")  # named twice, kept once
            return True
        elif len(self.recipients) >= config["max_recipients"]:
            self.refuse("452 4.5.3 too many recipients", "recipients")
            return True  # no mistake of the client's: it sends once more to the rest
        else:
            self.recipients.append(found.group(1))
            self.say("250 2.1.5 OK")
            return True
        return False

    def do_data(self, rest):
        """DATA: keep the mail on disk, then answer 250."""
        if not self.recipients:
            self.refuse("503 5.5.1 RCPT first", "command")
            return False
        self.say("354 end with a dot")
        lines, size, most = [], 0, self.server.config["max_bytes"]
        # Who ends commands with CR LF ends the mail with CR LF . CR LF: a lone LF and a dot inside end nothing.
        end, dot, fresh, before = (b"\n", b".\n", True, b"") if self.bare else (b"\r\n", b".\r\n", True, b"")
        while True:
            line = self.rfile.readline(65536)
            if not line:
                self.server.delivery.refusals.note("cut")
                return False  # cut short: nothing was accepted
            if fresh and line == dot:
                break
            size += len(line)
            if size <= most:
                lines.append(line[1:] if fresh and line.startswith(b".") else line)
            fresh = (before + line).endswith(end)  # a long line comes in pieces, and may be cut before its LF
            before = line[-1:]
        if size > most:
            self.refuse("552 5.3.4 too large", "size")
            return False
        try:
            name = self.server.spool.accept(self.sender, self.recipients, b"".join(lines))
        except (OSError, IOError):
            self.refuse("452 4.3.1 the disk does not take it", "disk")
            return False
        self.server.delivery.refusals.took()
        self.sender, self.recipients = None, []
        self.say("250 2.0.0 queued as %s" % name)
        self.server.delivery.wake.set()
        return True


class SmtpServer(ThreadingMixIn, TCPServer):
    """A thread for each client, loopback only."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def verify_request(self, request, address):
        """Return whether the client is on this host."""
        return address[0].startswith("127.") or address[0] == "::1"

    def handle_error(self, request, address):
        """Print no traceback for a client's connection that broke."""


class Server6(SmtpServer):
    """The same on ::1."""

    address_family = socket.AF_INET6
