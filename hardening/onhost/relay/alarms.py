"""Alarms by other ways than mail: syslog, a file, a command, a webhook, an SNMP trap."""

import os
import re
import socket
import subprocess
import sys
import time

from hardening.onhost.relay.compat import urlsplit
from hardening.onhost.relay.files import to_json
from hardening.onhost.relay.https import HTTPConnection, post
from hardening.onhost.relay.message import date_header
from hardening.onhost.relay.settings import host_port
from hardening.onhost.relay.snmp import snmp_trap


class Speaker(object):
    """Says it another way: syslog, a file, a command (snmptrap, wall), a webhook; at most once in ten minutes each."""

    def __init__(self, config):
        self.config = config
        self.raised = {}

    def __call__(self, text, about=""):
        """Raise an alarm; `about` is what tells it from others of the same text."""
        key = re.sub(r"\d+", "#", text.replace(about, ""))[:40] + about
        if abs(time.time() - self.raised.get(key, 0)) < 600:
            return
        self.raised[key] = time.time()
        for say in (self.syslog, self.file, self.command, self.webhook, self.trap):
            try:
                say("aspect-mail-relay: " + text)
            except Exception:  # one way that fails must not silence the next
                continue

    def ready(self):
        """Say while somebody looks that the file of alarms cannot be written: it is needed when nobody does."""
        path = self.config["alarm_file"]
        if path and not os.access(path if os.path.exists(path) else os.path.dirname(path) or ".", os.W_OK):
            self("alarm_file cannot be written: %s" % path)

    def syslog(self, text):
        """Write the alarm to standard error, and to syslog: the system's, a socket's path or HOST:PORT."""
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
        where = self.config["syslog"]
        if where is True:
            import syslog

            syslog.openlog("aspect-mail-relay", 0, syslog.LOG_MAIL)
            syslog.syslog(syslog.LOG_CRIT, text)
        elif where:  # a socket's path, or host:port
            line = ("<18>%s" % text).encode("utf-8", "replace")  # facility mail, severity critical
            if where.startswith("/"):
                with_datagram(socket.AF_UNIX, where, line)
            else:
                with_datagram(None, host_port(where, 514), line)

    def file(self, text):
        """Append the alarm to `alarm_file`."""
        if self.config["alarm_file"]:
            fd = os.open(self.config["alarm_file"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
            try:
                os.write(fd, ("%s %s\n" % (date_header(time.time()), text)).encode("utf-8", "replace"))
                os.fsync(fd)
            finally:
                os.close(fd)

    def command(self, text):
        """Run `alarm_command` with the alarm on its standard input, for `timeout` seconds at most."""
        if self.config["alarm_command"]:
            child = subprocess.Popen(self.config["alarm_command"], stdin=subprocess.PIPE, close_fds=True)
            try:
                child.stdin.write(text.encode("utf-8", "replace"))  # a pipe takes so little at once
                child.stdin.close()
            except (OSError, IOError):  # it does not read
                pass
            end = time.time() + self.config["timeout"]
            while child.poll() is None and time.time() < end:
                time.sleep(0.02)
            if child.poll() is None:  # who delivers waits for it
                child.kill()
                child.wait()

    def webhook(self, text):
        """POST the alarm as JSON to `webhook`."""
        if not self.config["webhook"]:
            return
        parts = urlsplit(self.config["webhook"])
        path = (parts.path or "/") + ("?" + parts.query if parts.query else "")
        body, headers = to_json({"text": text}).decode("ascii"), {"Content-Type": "application/json"}
        if parts.scheme == "https":
            post(self.config, parts.netloc.rpartition("@")[2], path, body, headers)
            return
        connection = HTTPConnection(parts.hostname, parts.port or 80, timeout=5)
        try:
            connection.request("POST", path, body, headers)
            connection.getresponse().read(1024)
        finally:
            connection.close()

    def trap(self, text):
        """Send the alarm as an SNMP trap to `snmp_trap`."""
        if self.config["snmp_trap"]:
            with_datagram(None, host_port(self.config["snmp_trap"], 162), snmp_trap(self.config, text))


def with_datagram(family, place, data):
    """Send one datagram to a socket's path or to (host, port)."""
    if family is None:
        family, _, _, _, place = socket.getaddrinfo(place[0], place[1], 0, socket.SOCK_DGRAM)[0]
    one = socket.socket(family, socket.SOCK_DGRAM)
    try:
        one.settimeout(5)
        one.sendto(data, place)
    finally:
        one.close()
