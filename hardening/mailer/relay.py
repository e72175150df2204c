#!/usr/bin/env python
# -*- coding: utf-8 -*-
"""A mail relay for a host whose programs speak plain SMTP or sendmail: one file, standard library, Python 2.6 to 3.14.

It accepts on loopback, says 250 only when the mail is safe on disk, and delivers by Microsoft Graph or SMTP with
OAuth2, whichever works. It keeps the service's limits across restarts, sends urgent mail first, joins a backlog
into digests that name every alarm, and speaks up in another way while mail does not work.

    relay.py serve CONFIG            run (systemd unit and SysV script start this)
                                     --transport-tls auto|python|openssl|curl: who speaks TLS
    relay.py status CONFIG           0 delivering, 1 something waits,
                                     2 mail is broken or refused, or the relay does not run
    relay.py sendmail CONFIG -t ...  what /usr/sbin/sendmail would do
    relay.py certificate CONFIG      make the certificate of the settings on this host, print it for upload
    relay.py renew CONFIG            make a new certificate, register it by the old one's signature, put it in use

A delivery is a batch of one mail or of many. Its record is on disk before the first try, says `uncertain` while a
try runs, and is renamed when the service has accepted; so a crash costs one duplicate at most, and that one says
X-Possible-Duplicate. Nothing here prints or logs a secret or a token.

A recipient whom the service refuses for now waits alone: the others have the mail, and the mail's file says who does
not. A recipient with whom the whole mail is refused is found by trying half of them at a time.

Contents; search for the number and its dot at the start of a comment:

     1. What answers mean
     2. Files that survive a crash
     3. Headers
     4. The spool and the limits
     5. Connections
     6. TLS by openssl or curl
     7. What an answer says
     8. Tokens
     9. Graph and SMTP
    10. Certificates
    11. Mails as they leave
    12. The delivery
    13. Speaking up another way
    14. The way in
    15. The verbs

Python 2.6 has no TLS client that checks names. There the host's own `openssl s_client` (both transports) or `curl`
(Graph alone) speaks TLS 1.2, where it can; where neither can, the relay refuses to start and names the way out.
"""

from __future__ import print_function

import base64
import binascii
import errno
import json
import os
import random
import io
import re
import select
import signal
import smtplib
import socket
import ssl
import stat
import subprocess
import sys
import threading
import time
import uuid

try:
    from http.client import HTTPConnection, HTTPException
    from socketserver import StreamRequestHandler, TCPServer, ThreadingMixIn
    from urllib.parse import quote, unquote, urlencode, urlsplit
except ImportError:  # Python 2
    from httplib import HTTPConnection, HTTPException
    from SocketServer import StreamRequestHandler, TCPServer, ThreadingMixIn
    from urllib import quote, unquote, urlencode
    from urlparse import urlsplit

TEXT = type(b"".decode("ascii"))  # unicode on Python 2; the formatter takes a u away
TEMPORARY, CONFIG, MESSAGE = "temporary", "config", "message"

COUNTS = (
    "max_bytes",
    "max_queue",
    "max_recipients",
    "max_sessions",
    "digest_size",
    "digest_bytes",
    "per_minute",
)
COUNTS += ("recipients_per_day", "timeout")  # none of these can be less than one
EVER = 1e12  # a time that is later than every mail's
NOT_JSON = "(no word of the service: a proxy's or a portal's page?)"
LATEST = 253402300799  # the last second that a calendar has
LONGEST_NOTE = 1 << 24  # bytes of what is noted of a mail or a delivery
AWAY = 120  # seconds without a new status, after which the relay is taken to be away where its lock cannot be asked
DAY = 86400  # seconds that a refusal is reported after it happened last
MOST_ROWS = 20  # senders and recipients that are told apart among the refused
STUBBORN = 3  # refusals of one mail while others pass, after which it is asked about seldom

DEFAULTS = {
    "listen": "127.0.0.1:2525",
    "spool": "/var/spool/aspect-mail-relay",
    "status_file": "",
    "senders": [],
    "allow_recipients": [],
    "recipients": [],
    "transports": ["graph", "smtp"],
    "max_bytes": 1048576,
    "max_queue": 50000,
    "max_recipients": 50,
    "max_sessions": 20,
    "digest_after": 20,
    "digest_size": 100,
    "digest_bytes": 2097152,
    "priority": [],
    "per_minute": 30,
    "recipients_per_day": 10000,
    "minute": 62.0,
    "day": 86460.0,
    "retry_first": 5.0,
    "retry_most": 120.0,
    "give_up_after": 432000,
    "alarm_after": 300,
    "alarm_file": "",
    "alarm_command": [],
    "webhook": "",
    "snmp_trap": "",
    "snmp_community": "public",
    "snmp_oid": "1.3.6.1.4.1.8072.9999.9999",
    "syslog": True,
    "application": "",
    "renew_days": 0,
    "renew_wait": 900,
    "renew_every": 21600,
    "certificate_days": 365,
    "proof_audiences": ["00000002-0000-0000-c000-000000000000", "00000003-0000-0000-c000-000000000000"],
    "timeout": 20,
    "proxy": "",
    "proxy_smtp": True,
    "ca_file": "",
    "transport_tls": "auto",
    "openssl": "openssl",
    "curl": "curl",
}


class Refused(Exception):
    """The service said no. kind decides what happens; uncertain: it may have taken the mail all the same.

    own: it was said of this mail, not of the sender or the service, so that another may well pass.
    addressed: it was said of a recipient, and nobody knows of which, so that the others may well get it.
    each: [(recipient, Refused)], where every recipient was refused for itself.
    """

    def __init__(
        self, kind, text, uncertain=False, wait=None, credential=False, own=False, addressed=False, each=()
    ):
        Exception.__init__(self, text)
        self.kind = kind
        self.uncertain = uncertain
        self.wait = wait
        self.credential = credential
        self.own = own
        self.addressed = addressed
        self.each = list(each)


# ----------------------------------------------------------------------------------------------------
# 1. What answers mean: data/answers.toml of the toolkit is the reviewed table; a test compares the two
# ----------------------------------------------------------------------------------------------------


def smtp_kind(stage, code, text):
    """Return what a reply means for the mail."""
    low = text.lower()
    if "submissionquotaexceeded" in low or re.search(r"\b5\.(1\.90|2\.12[12]|7\.23[236])\b", low):
        return TEMPORARY  # a 5xx that goes away
    if code == 430 or re.search(r"mapiexceptionlogonfailed|mailbox logon failure|\b4\.7\.66\b", low):
        return CONFIG  # a 4xx that does not
    if re.search(r"sendasdenied|outboundspam|\b5\.(7\.60|2\.252|2\.2)\b", low):
        return CONFIG
    if stage in ("auth", "starttls") and code >= 500:
        return CONFIG
    if code == 530:
        return CONFIG
    if code < 500:
        return TEMPORARY
    if stage == "data" and re.search(r"\b5\.2\.[01]\b", low):
        return CONFIG  # the sender's mailbox is disabled, gone or whatever: X.2 is a mailbox's status
    if code == 552:
        return MESSAGE  # too large
    if stage in ("banner", "ehlo", "mail") or re.search(r"\b5\.(7\.\d+|1\.8)\b", low):
        return (
            CONFIG  # a policy against sender, tenant or this host: the mail is kept until somebody changes it
        )
    return MESSAGE


def http_kind(status, name):
    """Return what an answer of the token service or of Graph means."""
    if status in (408, 425, 429) or name in ("temporarily_unavailable", "server_error"):
        return TEMPORARY
    if status >= 500 and status != 507:  # 507: the mailbox is full
        return TEMPORARY
    if name in ("ErrorExceededMessageLimit", "ErrorSubmissionQuotaExceeded"):
        return TEMPORARY
    if name in (
        "ErrorSendAsDenied",
        "ErrorInvalidUser",
        "NoPermissionsInAccessToken",
        "ErrorQuotaExceeded",
        "ErrorMessageSubmissionBlocked",
        "ErrorAccountDisabled",
    ):
        return CONFIG
    if status == 413 or (status == 400 and name == ""):
        return MESSAGE if status == 413 else CONFIG  # without Graph's own word it was something between
    if status == 400 and name not in (
        "invalid_client",
        "unauthorized_client",
        "invalid_tenant",
        "invalid_scope",
        "invalid_request",
        "invalid_resource",
        "invalid_grant",
    ):
        return MESSAGE
    return CONFIG


# ----------------------------------------------------------------------------------------------------
# 2. Files that survive a crash
# ----------------------------------------------------------------------------------------------------


def sync_folder(folder):
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def put(folder, name, data):
    """Write a file so that it is there, whole, when this returns."""
    hidden = os.path.join(folder, ".%s.%d.%s" % (name, os.getpid(), uuid.uuid4().hex[:8]))
    fd, whole = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), False
    try:
        try:
            view = data
            while view:
                view = view[os.write(fd, view) :]
            os.fsync(fd)
        finally:
            os.close(fd)
        os.rename(hidden, os.path.join(folder, name))
        whole = True
    finally:
        if not whole:  # half a file takes the room of a whole one that is smaller
            remove(hidden)
    sync_folder(folder)


def get(path):
    with open(path, "rb") as file:
        return file.read()


def noted(path):
    """Return what the first line of one of the relay's files says. Errors: ValueError, also where a reader would wait or drown."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with os.fdopen(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise ValueError("it is no file")
        try:
            return json.loads(file.readline(LONGEST_NOTE).decode("ascii"))
        except RuntimeError:  # brackets in brackets
            raise ValueError("it is nested too deep")


def remove(path):
    try:
        os.unlink(path)
    except OSError as problem:
        if problem.errno != errno.ENOENT:
            raise


def dumped(value):
    return json.dumps(value, sort_keys=True).encode("ascii")


# ----------------------------------------------------------------------------------------------------
# 3. Headers: read and dropped without parsing the mail into something else
# ----------------------------------------------------------------------------------------------------


def split_mail(raw):
    """Return [(name in lower case, whole header)] and the body; line ends become CRLF."""
    raw = re.sub(b"\r\n|\r|\n", b"\r\n", raw)
    if raw.startswith(b"\r\n"):  # no header at all
        return [], raw[2:]
    head, _, body = raw.partition(b"\r\n\r\n")
    headers = []
    for line in head.split(b"\r\n"):
        if line[:1] in (b" ", b"\t") and headers:
            headers[-1] = (headers[-1][0], headers[-1][1] + b"\r\n" + line)
        elif b":" in line:
            headers.append((line.split(b":", 1)[0].strip().lower().decode("latin-1"), line))
        else:  # no header at all: everything is body
            return [], raw
    return headers, body


def as_text(data):
    """Return bytes as UTF-8, else as Latin-1: no alarm is lost for the encoding of the program that raises it."""
    try:
        return data.decode("utf-8")
    except UnicodeError:
        return data.decode("latin-1")


def header(headers, name):
    for found, line in headers:
        if found == name:
            value = re.sub(r"\s+", " ", as_text(line.split(b":", 1)[1])).strip()
            return decoded(value)
    return ""


def in_ascii(name, line):
    """Return a header whose text a program wrote as it is, as mail has it (RFC 2047); addresses are left alone."""
    if not re.search(b"[\x80-\xff]", line) or not re.match("(subject|comments|keywords|x-.*)$", name):
        return line
    before, _, value = line.partition(b":")
    return before + b": " + encoded(re.sub(r"\s+", " ", as_text(value)).strip()).encode("ascii")


def declared(known, body):
    """Return the headers that say how a text outside ASCII is written, where its program says nothing."""
    if not re.search(b"[\x80-\xff]", body):
        return []
    if [one for one in ("mime-version", "content-type", "content-transfer-encoding") if one in known]:
        return []
    charset = "utf-8" if as_text(body).encode("utf-8") == body else "iso-8859-1"
    told = ["MIME-Version: 1.0", "Content-Type: text/plain; charset=%s" % charset]
    return told + ["Content-Transfer-Encoding: 8bit"]  # noqa: RUF005 - Python 2.6


def decoded(value):
    if "=?" not in value:
        return value
    try:
        from email.header import decode_header

        parts = []
        for text, charset in decode_header(str(value)):
            parts.append(text.decode(charset or "ascii", "replace") if isinstance(text, bytes) else text)
        return "".join(parts)
    except Exception:
        return value


def encoded(text):
    """Return a header's value in ASCII."""
    text = re.sub(r"[\r\n\0]+", " ", text)
    try:
        text.encode("ascii")
        return text
    except UnicodeError:
        pieces, chunk = [], ""
        for char in text:
            if len((chunk + char).encode("utf-8")) > 42:
                pieces.append(chunk)
                chunk = ""
            chunk += char
        pieces.append(chunk)
        return "\r\n ".join(
            "=?utf-8?b?%s?=" % base64.b64encode(p.encode("utf-8")).decode("ascii") for p in pieces
        )


def addressed_to(to):
    """Return the header To, folded: no line may have more than 998 characters, and many recipients have."""
    lines = ["To:"]
    for number, one in enumerate(to, 1):
        one = " " + one + ("," if number < len(to) else "")
        if len(lines[-1]) + len(one) > 78 and lines[-1] != "To:":
            lines.append("")
        lines[-1] += one
    return "\r\n".join(lines)


def broken_lines(raw):
    """Return a mail without lines of more than 998 bytes, which SMTP does not know: broken as Postfix does, by a blank."""

    def broken(found):
        line, pieces = found.group(0), []
        while len(line) > 997:
            cut = 990
            while cut > 980 and b"\x80" <= line[cut : cut + 1] < b"\xc0":  # within a letter of UTF-8
                cut -= 1
            pieces.append(line[:cut])
            line = line[cut:]
        return b"\r\n ".join(pieces + [line])

    return re.sub(b"[^\r\n]{999,}", broken, raw)


def readable(headers, body):
    """Return the text of a mail for a digest, as far as that is easy."""
    kind = header(headers, "content-type").lower()
    how = header(headers, "content-transfer-encoding").lower()
    if kind and not kind.startswith("text/plain"):
        return "(not plain text)"
    try:
        if how == "base64":
            body = base64.b64decode(body)
        elif how == "quoted-printable":
            body = binascii.a2b_qp(body)
    except (ValueError, binascii.Error):
        return "(unreadable)"
    return as_text(body).replace("\r\n", "\n").strip()


def date_header(now):
    parts = time.gmtime(now)
    days = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    months = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    return "%s, %02d %s %d %02d:%02d:%02d +0000" % (
        days[parts.tm_wday],
        parts.tm_mday,
        months[parts.tm_mon - 1],
        parts.tm_year,
        parts.tm_hour,
        parts.tm_min,
        parts.tm_sec,
    )


# ----------------------------------------------------------------------------------------------------
# 4. The spool and the limits: what is on disk: mails, batches, what was sent when
# ----------------------------------------------------------------------------------------------------


def room(config, folder):
    """Return the bytes that are free on a folder's disk, and those that delivering needs: no mail may take them."""
    disk = os.statvfs(folder)
    spare = min(2 * config["max_bytes"], disk.f_blocks * disk.f_frsize // 8)
    return (disk.f_bavail * disk.f_frsize, spare) if disk.f_blocks else (spare + LONGEST_NOTE, spare)


class Spool(object):
    """new/ holds accepted mails, batch/ records of deliveries, dead/ what was refused for good."""

    def __init__(self, config):
        self.config = config
        self.root = config["spool"]
        self.new, self.batches, self.dead = [os.path.join(self.root, n) for n in ("new", "batch", "dead")]
        for folder in (self.root, self.new, self.batches, self.dead):
            if not os.path.isdir(folder):
                os.makedirs(folder, 0o700)
        self.lock = threading.Lock()
        self.speak = None  # how to say it another way
        self.seen = {}
        self.counted = (0.0, 0)
        self.count = 0
        self.urgent = [re.compile(pattern, re.IGNORECASE) for pattern in config["priority"]]
        for folder in (self.root, self.new, self.batches, self.dead):
            for name in os.listdir(folder):
                if name.startswith(".") or re.match(r"status\.json\.\d+$", name):
                    remove(os.path.join(folder, name))  # a write that a crash cut short; nobody was told 250

    def accept(self, sender, recipients, raw):
        """Keep a mail; when this returns it survives a crash. What delivering needs of the disk is left free."""
        free, spare = room(self.config, self.new)
        if free < len(raw) + spare:
            raise OSError(errno.ENOSPC, "the disk of the spool is full")
        headers, _ = split_mail(raw)
        subject = header(headers, "subject")
        urgent = header(headers, "importance").lower() == "high" or header(headers, "x-priority")[:1] == "1"
        urgent = urgent or any(pattern.search(subject) for pattern in self.urgent)
        with self.lock:
            self.count += 1
            count = self.count
        now = time.time()
        name = "%d-%020d-%06d-%s" % (
            0 if urgent else 1,
            int(now * 1e6),
            count % 1000000,
            uuid.uuid4().hex[:12],
        )
        meta = {
            "from": sender,
            "to": recipients,
            "subject": subject[:300],
            "at": now,
            "alarm": header(headers, "x-alarm-id")[:200] or header(headers, "message-id")[:200] or name,
        }
        put(self.new, name, dumped(meta) + b"\n" + raw)
        return name

    def waiting(self):
        """Return [(name, meta)] in the order of urgency and time."""
        names = sorted(name for name in os.listdir(self.new) if not name.startswith("."))
        gone = set(self.seen) - set(names)
        for name in gone:
            del self.seen[name]
        found = []
        for name in names:
            if name.endswith(".why"):  # somebody has moved all of `dead` back
                remove(os.path.join(self.new, name))
                continue
            try:
                meta = self.meta(name)
            except (OSError, IOError, ValueError) as problem:
                self.bury(name, unreadable(problem))
                continue
            if meta:
                found.append((name, meta))
        return found

    def depth(self):
        """Return how many wait, counted at most once a second."""
        if abs(time.time() - self.counted[0]) > 1:
            self.counted = (time.time(), len(os.listdir(self.new)))
        return self.counted[1]

    def mail(self, name):
        return get(os.path.join(self.new, name)).partition(b"\n")[2]

    def bury(self, name, why):
        put(self.dead, name + ".why", why.encode("utf-8", "replace"))
        try:
            os.rename(os.path.join(self.new, name), os.path.join(self.dead, name))
        except OSError as problem:
            if problem.errno != errno.ENOENT:
                raise
        sync_folder(self.dead)
        sync_folder(self.new)
        if self.speak:
            self.speak("the file of a mail cannot be read, kept in the folder dead: %s (%s)" % (name, why))

    def meta(self, name):
        """Return what is known of a mail, or None where it is gone. Errors: ValueError (its file is damaged)."""
        if name not in self.seen:
            try:
                meta = noted(os.path.join(self.new, name))
                if not sound_meta(meta):
                    raise ValueError("its first line is none of the relay's")
                self.seen[name] = meta
            except (OSError, IOError) as problem:
                if problem.errno != errno.ENOENT:
                    raise
                return None
        return self.seen[name]

    # a batch: planned -> (tries) -> delivered, or settled for some of its recipients -> gone

    def plan(self, members, recipients):
        record = {
            "id": uuid.uuid4().hex,
            "members": members,
            "to": recipients,
            "uncertain": False,
            "tries": 0,
        }
        self.save(record)
        return record

    def save(self, record):
        put(self.batches, record["id"] + ".json", dumped(record))

    def records(self):
        """Return the batches a crash left; finish those that were delivered."""
        found = []
        for name in sorted(os.listdir(self.batches)):
            path = os.path.join(self.batches, name)
            if not name.endswith((".done", ".json")):
                continue
            try:
                record = noted(path)
                if not sound_record(record, name.rpartition(".")[0]):
                    raise ValueError("it is none of the relay's")
            except (OSError, IOError, ValueError) as problem:  # its mails go out, some of them once more
                os.rename(path, path + ".damaged")
                if self.speak:
                    text = "the record of a delivery cannot be read, so that mails may come twice: %s (%s)"
                    self.speak(text % (name, unreadable(problem)))
                continue
            if name.endswith(".done"):
                self.finish(record, record["to"])
            elif record.get("over"):
                self.finish(record, [])
            else:
                found.append(record)
        return found

    def delivered(self, record):
        path = os.path.join(self.batches, record["id"])
        os.rename(path + ".json", path + ".done")
        sync_folder(self.batches)
        self.finish(record, record["to"])

    def settle(self, record, told, dead, held):
        """Note who of a batch has it (told), who is given up (dead) and who waits alone (held: since when).

        dead is {recipient: [why, since]}: what waits for it at least since then is given up. From the first line on
        disk a crash repeats nothing, and what follows can be done again.
        """
        record.update(told=record.get("told", []) + told, dead=dead, held=held, over=time.time())
        self.save(record)
        self.finish(record, [])

    def shrink(self, record, told, dead):
        """Do the same to a batch that may have arrived before: it goes on under its name for who is left."""
        for gone in (told, sorted(dead)):
            if gone is not told:
                for name in record["members"]:
                    self.lay_down(record, name, dict((one, dead[one][0]) for one in dead))
            record["told"] = record.get("told", []) + gone
            record["to"] = [one for one in record["to"] if one not in gone]
            self.save(record)

    def lay_down(self, record, name, dead):
        """Put a mail into the folder of the dead for some of its recipients ({recipient: why}); can be done again."""
        meta = self.meta(name) if dead else None
        to = [one for one in meta["to"] if one in dead] if meta else []
        if to:
            meta = dict(meta, to=to, held={})
            stem = "%s-%s" % (name, record["id"][:8])
            why = "".join("%s: %s\n" % (one, dead[one]) for one in to)
            put(self.dead, stem + ".why", why.encode("utf-8", "replace"))
            put(self.dead, stem, dumped(meta) + b"\n" + self.mail(name))

    def finish(self, record, told):
        """Take who needs a batch no more off its mails; a mail that is for nobody any more goes."""
        gone = told + record.get("told", [])
        dead, held = record.get("dead", {}), record.get("held", {})
        for name in record["members"]:
            try:
                meta = self.meta(name)
            except ValueError:
                self.bury(name, "damaged")
                continue
            if meta is None:
                continue
            since = meta.get("held", {})
            given_up = dict(
                (one, dead[one][0]) for one in dead if since.get(one, record["over"]) <= dead[one][1]
            )
            self.lay_down(record, name, given_up)
            left = [one for one in meta["to"] if one not in gone and one not in given_up]
            waits = dict((one, since.get(one, held.get(one))) for one in left if one in since or one in held)
            if not left:
                remove(os.path.join(self.new, name))
                self.seen.pop(name)
            elif left != meta["to"] or waits != since:
                changed = dict(meta, to=left, held=waits)
                put(self.new, name, dumped(changed) + b"\n" + self.mail(name))
                self.seen[name] = changed
        sync_folder(self.new)
        for ending in (".done", ".json"):
            remove(os.path.join(self.batches, record["id"] + ending))

    def forget(self, record):
        remove(os.path.join(self.batches, record["id"] + ".json"))
        sync_folder(self.batches)


def unreadable(problem):
    return plain(problem) if isinstance(problem, (OSError, IOError)) else "damaged"


def all_text(value):
    return isinstance(value, list) and not [one for one in value if not isinstance(one, TEXT)]


def sound_meta(meta):
    """Tell whether this is what the relay notes of a mail; disks and people change files."""
    if not isinstance(meta, dict) or not isinstance(meta.get("held", {}), dict):
        return False
    named = isinstance(meta.get("subject"), TEXT) and isinstance(meta.get("alarm"), TEXT)
    timed = isinstance(meta.get("at"), (int, float)) and 0 <= meta["at"] <= LATEST
    if not named or not timed or not all_text(meta.get("to")) or not meta["to"]:
        return False
    if [1 for since in meta.get("held", {}).values() if not isinstance(since, (int, float))]:
        return False
    return not [one for one in meta["to"] if re.search(r"[^\x21-\x7e]|[<>]", one)]


def sound_record(record, name):
    """Tell whether this is what the relay notes of a delivery."""
    if not isinstance(record, dict) or record.get("id") != name or not all_text(record.get("told", [])):
        return False
    both = all_text(record.get("members")) and all_text(record.get("to")) and bool(record["members"])
    counted = isinstance(record.get("tries"), int) and isinstance(record.get("uncertain"), bool)
    if (
        not both
        or not counted
        or [1 for key in ("dead", "held") if not isinstance(record.get(key, {}), dict)]
    ):
        return False
    given_up, times = record.get("dead", {}).values(), [record.get("over", 0)]
    if [row for row in given_up if not isinstance(row, list) or len(row) != 2]:
        return False
    times += [row[1] for row in given_up]
    return not [one for one in times if not isinstance(one, (int, float))]


class Limits(object):
    """A sliding minute and a sliding day, on disk before each try, so that a restart forgets nothing."""

    def __init__(self, config):
        self.config = config
        self.path = os.path.join(config["spool"], "sent.log")
        self.taken = []
        now = time.time()
        try:
            for line in get(self.path).decode("ascii", "replace").splitlines():
                parts = line.split()
                if len(parts) == 2 and re.match(r"-?\d+$", parts[1]) and re.match(r"\d+\.\d+$", parts[0]):
                    at = (
                        float(parts[0]) + config["timeout"]
                    )  # it may have arrived so much after the try began
                    at = min(at, now)  # a clock that was ahead must not block for ever
                    if at > now - config["day"]:
                        self.taken.append((at, int(parts[1])))
        except (OSError, IOError):
            pass
        put(config["spool"], "sent.log", "".join("%.6f %d\n" % row for row in self.taken).encode("ascii"))

    def wait(self, recipients):
        """Return the seconds until a mail to so many recipients may go."""
        now, config = time.time(), self.config
        self.taken = [row for row in self.taken if row[0] > now - config["day"]]
        lately = sorted(at for at, count in self.taken if count >= 0 and at > now - config["minute"])
        pause = 0.0
        if len(lately) >= config["per_minute"]:
            pause = lately[-config["per_minute"]] + config["minute"] - now
        if sum(count for _, count in self.taken) + recipients > config["recipients_per_day"]:
            pause = max(pause, 60.0 if self.taken else 0.0)
        return max(0.0, pause)

    def take(self, recipients):
        self._note(recipients)

    def settle(self):
        """The try is over: the service counts a mail when it arrives, which is by now at the latest."""
        for index in range(len(self.taken) - 1, -1, -1):
            if self.taken[index][1] >= 0:
                self.taken[index] = (time.time(), self.taken[index][1])
                return

    def give_back(self, recipients):
        """The mail was surely not taken: its recipients do not count for the day, the try does for the minute."""
        self._note(-recipients)

    def _note(self, count):
        row = (time.time(), count)
        self.taken.append(row)
        fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(fd, ("%.6f %d\n" % row).encode("ascii"))
            os.fsync(fd)
        finally:
            os.close(fd)


# ----------------------------------------------------------------------------------------------------
# 5. Connections: proxy, TLS, HTTPS
# ----------------------------------------------------------------------------------------------------


def tls(config):
    made = ssl.create_default_context()
    for name in ("OP_NO_SSLv2", "OP_NO_SSLv3"):
        made.options |= getattr(ssl, name, 0)
    if hasattr(made, "minimum_version") and hasattr(ssl, "TLSVersion"):
        made.minimum_version = ssl.TLSVersion.TLSv1_2
    else:
        made.options |= ssl.OP_NO_TLSv1 | ssl.OP_NO_TLSv1_1
    if config["ca_file"]:
        made.load_verify_locations(config["ca_file"])
    return made


def proxy_of(config):
    parts = urlsplit(config["proxy"])
    head = {}
    if parts.username is not None:
        pair = ("%s:%s" % (unquote(parts.username), unquote(parts.password or ""))).encode("utf-8")
        head["Proxy-Authorization"] = "Basic " + base64.b64encode(pair).decode("ascii")
    return parts.hostname, parts.port or 3128, head


def host_port(text, default):
    parts = urlsplit("//" + text)
    return parts.hostname, default if parts.port is None else parts.port


def dial(config, host, port, proxied):
    """Return a plain connection to host:port, by the proxy's CONNECT where there is one."""
    if not (config["proxy"] and proxied):
        return socket.create_connection((host, port), config["timeout"])
    proxy, proxy_port, head = proxy_of(config)
    dialled = socket.create_connection((proxy, proxy_port), config["timeout"])
    lines = ["CONNECT %s:%d HTTP/1.1" % (host, port), "Host: %s:%d" % (host, port)]
    lines += ["%s: %s" % row for row in head.items()]
    dialled.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("ascii"))
    got = b""
    while b"\r\n\r\n" not in got and len(got) < 16384:
        byte = dialled.recv(1)  # not one more than the head: what follows belongs to the tunnel
        if not byte:
            break
        got += byte
    if got.split(b" ")[1:2] != [b"200"]:
        dialled.close()
        raise Refused(CONFIG, "the proxy refuses %s:%d" % (host, port))
    return dialled


def secured(config, dialled, host):
    """Return the connection with TLS: 1.2 at least, the authority and the name checked."""
    if way(config) == "openssl":
        return Channel(config, dialled, host)
    return tls(config).wrap_socket(dialled, server_hostname=host)


class Https(HTTPConnection):
    """http over a connection that is there already."""

    default_port = 443


def https(config, endpoint, path, body, headers):
    """POST; return status, headers, body. Raises Refused when there is no answer."""
    host, port = host_port(endpoint, 443)
    if way(config) == "curl":
        return curled(config, host, port, path, body, headers)
    answered = False
    try:
        connection = Https(host, port, timeout=config["timeout"])
        try:
            dialled = dial(config, host, port, True)
            connection.sock = dialled  # closed below whatever happens to TLS
            connection.sock = secured(config, dialled, host)
            answered = True  # from here on the other side may act on what it got
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer, answer.read(1048576)
        finally:
            connection.close()
    except (
        OSError,
        IOError,
        HTTPException,
        ValueError,
    ) as problem:  # ssl's and socket's errors are among them
        raise Refused(distrust(problem), "%s: %s" % (host, plain(problem)), uncertain=answered)


def distrust(problem):
    """Return what a failed connection means: a certificate that is wrong does not mend itself."""
    wrong = (Untrusted, getattr(ssl, "CertificateError", Untrusted))
    return CONFIG if isinstance(problem, wrong) else TEMPORARY


# ----------------------------------------------------------------------------------------------------
# 6. TLS by openssl or curl: the host's own, for a Python that cannot
# ----------------------------------------------------------------------------------------------------


class Untrusted(IOError):
    """A certificate that is not good for this name."""


def way(config):
    """Return who speaks TLS, found out once: python, openssl or curl. Raises SystemExit with what to do instead."""
    if "way" not in config:
        config["way"] = found_way(config)
    return config["way"]


def found_way(config):
    wanted, problems = config["transport_tls"], []
    for name in ("python", "openssl", "curl") if wanted == "auto" else (wanted,):
        problem = {"python": python_lacks, "openssl": openssl_lacks, "curl": curl_lacks}[name](config)
        if not problem:
            return name
        problems.append("%s: %s" % (name, problem))
    raise SystemExit(
        "relay: nothing on this host speaks TLS 1.2 with checked names (%s).\n"
        "  next: run the relay on another host of the site and let this one submit to it through an ssh tunnel:\n"
        "        ssh -N -L 127.0.0.1:2525:127.0.0.1:2525 RELAY-HOST" % "; ".join(problems)
    )


def python_lacks(config):
    good = hasattr(ssl, "create_default_context") and (
        hasattr(ssl, "TLSVersion") or hasattr(ssl, "OP_NO_TLSv1_1")
    )
    return "" if good else "2.7.9 or its backport is needed"


def output_of(argv):
    try:
        child = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, close_fds=True
        )
    except (OSError, IOError):
        return None, ""
    said = child.communicate(b"")[0].decode("utf-8", "replace")
    return child.returncode, said


def s_client_options(config):
    """Return the options this openssl's s_client knows; versions differ."""
    if "s_client" not in config:
        known = output_of([config["openssl"], "s_client", "-help"])[1]
        config["s_client"] = set(re.findall(r"(?m)^ *(-[A-Za-z0-9_]+)", known))
    return config["s_client"]


def openssl_lacks(config):
    known = s_client_options(config)
    if not known:
        return "openssl is not installed"
    for option in ("-tls1_2", "-servername", "-CAfile", "-ign_eof"):
        if option not in known:
            return "this s_client has no %s (1.0.1 is needed)" % option
    if not system_authorities(config):
        return "no file of authorities was found; set ca_file"
    return ""


def curl_lacks(config):
    if config["transports"] != ["graph"] and "graph" not in config["transports"]:
        return "it speaks HTTPS alone, and transports has no graph"
    code, said = output_of([config["curl"], "-q", "--tlsv1.2", "--version"])
    if code is None:
        return "curl is not installed"
    if code or "https" not in said:
        return "this curl has no --tlsv1.2 (7.34 or its backport is needed)"
    return ""


def system_authorities(config):
    """Return a file with the authorities to trust: the system's, and ca_file's beside them."""
    if "authorities" in config:
        return config["authorities"]
    places = (
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/ssl/ca-bundle.pem",
        "/etc/ssl/cert.pem",
    )
    found = [place for place in places if os.path.isfile(place)][:1]
    found += [config["ca_file"]] if config["ca_file"] else []
    config["authorities"] = found[0] if found else ""
    if len(found) > 1:
        put(config["spool"], "authorities.pem", b"\n".join(get(place) for place in found))
        config["authorities"] = os.path.join(config["spool"], "authorities.pem")
    return config["authorities"]


def der(data, at, end):
    """Yield (tag, start, stop) of the values in data[at:end]. Raises ValueError, IndexError."""
    while at < end:
        tag, length = data[at], data[at + 1]
        at += 2
        if tag & 31 == 31:
            raise ValueError("a tag of several bytes")
        if length & 128:
            count, length = length & 127, 0
            if not 0 < count < 5:
                raise ValueError("a length that is none")
            for byte in data[at : at + count]:
                length = length * 256 + byte
            at += count
        if at + length > end:
            raise ValueError("a value past its end")
        yield tag, at, at + length
        at += length


def names_of(certificate):
    """Return the DNS names and the addresses (as bytes) in a DER certificate's subjectAltName."""
    data, names, addresses = bytearray(certificate), [], []
    _, start, stop = next(der(data, 0, len(data)))
    _, start, stop = next(der(data, start, stop))
    for tag, one, other in der(data, start, stop):
        if tag != 0xA3:
            continue
        _, first, last = next(der(data, one, other))
        for _, begin, end in der(data, first, last):
            parts = list(der(data, begin, end))
            if bytes(data[parts[0][1] : parts[0][2]]) != b"\x55\x1d\x11":
                continue
            _, left, right = next(der(data, parts[-1][1], parts[-1][2]))
            for kind, low, high in der(data, left, right):
                if kind == 0x82:
                    names.append(bytes(data[low:high]).decode("latin-1").lower())
                elif kind == 0x87:
                    addresses.append(bytes(data[low:high]))
    return names, addresses


def address_of(host):
    """Return a host that is an address as its bytes, else None."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            return socket.inet_pton(family, host)
        except (socket.error, ValueError, UnicodeError):
            continue
    return None


def is_for(certificate, host):
    """Tell whether a DER certificate is for this host; what cannot be read is not."""
    try:
        names, addresses = names_of(certificate)
    except (ValueError, IndexError, StopIteration):
        return False
    address = address_of(host)
    if address is not None:
        return address in addresses
    host = host.lower().rstrip(".")
    rest = host.partition(".")[2]
    return any(name == host or ("." in rest and name == "*." + rest) for name in names)


class Stream(io.RawIOBase):
    """What a channel's makefile reads from."""

    def __init__(self, channel):
        io.RawIOBase.__init__(self)
        self.channel = channel

    def readable(self):
        return True

    def readinto(self, room):
        data = self.channel.recv(len(room))
        room[: len(data)] = data
        return len(data)


class Channel(object):
    """`openssl s_client` as a socket with TLS.

    A socket of ours on loopback carries its bytes to the connection that was dialled, so that proxy and STARTTLS are
    ours on every version. Nothing is written before chain and name are checked; old versions have no
    -verify_hostname, so the name is always read from the certificate here.
    """

    def __init__(self, config, dialled, host):
        self.config, self.host = config, host
        self.child = self.inner = None
        self.outer, self.left = dialled, b""
        try:
            self.open()
            self.judge(self.greeting())
        except Exception:
            self.close()
            raise

    def open(self):
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            listener.bind(("127.0.0.1", 0))
            listener.listen(1)
            known = s_client_options(self.config)
            argv = [
                self.config["openssl"],
                "s_client",
                "-connect",
                "127.0.0.1:%d" % listener.getsockname()[1],
            ]
            argv += ["-CAfile", system_authorities(self.config), "-verify", "9", "-tls1_2", "-ign_eof"]
            argv += [one for one in ("-verify_return_error", "-nocommands") if one in known]
            if address_of(self.host) is None:
                argv += ["-servername", self.host]
            self.child = subprocess.Popen(
                argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, close_fds=True
            )
            listener.settimeout(self.config["timeout"])
            self.inner = listener.accept()[0]
        finally:
            listener.close()
        for one in (self.inner, self.outer):
            one.settimeout(self.config["timeout"])
        pump = threading.Thread(target=carry, args=(self.inner, self.outer))
        pump.daemon = True
        pump.start()

    def greeting(self):
        """Return what s_client says of the handshake, up to where the data begins."""
        said = b""
        while True:
            found = re.search(b"\n *Verify return code: [^\n]*\n(?:[^\n]*\n)*?---\n", said)
            if found:
                self.left = said[found.end() :]
                return said[: found.end()].decode("latin-1")
            more = self.some(65536)
            if not more or len(said) > 1048576:
                return said.decode("latin-1")
            said += more

    def judge(self, said):
        codes = re.findall(r"(?m)^ *Verify return code: (\d+)", said)
        dead = not self.left and self.child.poll() is not None
        if not codes or "Cipher is (NONE)" in said or dead:
            end = time.time() + 2  # it says why on its other output, and ends
            while self.child.poll() is None and time.time() < end:
                time.sleep(0.01)
            if self.child.poll() is None:
                self.child.kill()
            why = self.child.communicate()[1].decode("latin-1")
            wrong = re.findall(r"verify error:num=\d+:([a-zA-Z0-9 ,-]+)", why)
            if wrong:
                raise Untrusted("the certificate of %s: %s" % (self.host, wrong[0]))
            raise IOError("TLS 1.2 with %s failed" % self.host)
        if set(codes) != set(["0"]):
            raise Untrusted("the certificate of %s: verify code %s" % (self.host, codes[-1]))
        found = re.search("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", said, re.DOTALL)
        if not found or not is_for(ssl.PEM_cert_to_DER_cert(found.group(0) + "\n"), self.host):
            raise Untrusted("the certificate of %s is for another name" % self.host)

    def some(self, most):
        ready = select.select([self.child.stdout], [], [], self.config["timeout"])[0]
        if not ready:
            raise socket.timeout("timed out")
        return os.read(self.child.stdout.fileno(), most)

    def recv(self, most):
        if self.left:
            data, self.left = self.left[:most], self.left[most:]
            return data
        return self.some(most)

    def sendall(self, data):
        view, fd = data, self.child.stdin.fileno()
        while view:
            if not select.select([], [fd], [], self.config["timeout"])[1]:
                raise socket.timeout("timed out")
            view = view[os.write(fd, view[:4096]) :]  # PIPE_BUF: a pipe that is ready takes so much at once

    def makefile(self, *args, **kwargs):
        return io.BufferedReader(Stream(self))

    def close(self):
        child, self.child = self.child, None
        if child is not None:
            if child.poll() is None:
                child.kill()
            for one in (child.stdin, child.stdout, child.stderr):
                try:
                    one.close()
                except (OSError, IOError):
                    pass
            child.wait()
        for one in (self.inner, self.outer):
            if one is not None:
                try:
                    one.shutdown(socket.SHUT_RDWR)  # wakes the thread that carries
                except (OSError, IOError):
                    pass
                one.close()


def carry(inner, outer):
    """Carry bytes both ways until one side ends."""
    other = {inner: outer, outer: inner}
    try:
        while True:
            for one in select.select([inner, outer], [], [], 3600)[0]:
                data = one.recv(65536)
                if not data:
                    return
                other[one].sendall(data)
    except (OSError, IOError, ValueError, select.error):  # ValueError: closed meanwhile
        return
    finally:
        for one in (inner, outer):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except (OSError, IOError):
                pass


class CurlAnswer(object):
    """The headers that curl printed."""

    def __init__(self, head):
        self.rows = [line.partition(":")[::2] for line in head.split("\r\n")[1:]]

    def getheader(self, name, default=None):
        for key, value in self.rows:
            if key.strip().lower() == name.lower():
                return value.strip()
        return default


# curl's exit codes from before a byte of the request was sent
CURL_EARLY = (1, 2, 3, 4, 5, 6, 7, 27, 35, 51, 53, 54, 58, 59, 60, 66, 77, 80, 82, 83, 90, 91, 97)


def curled(config, host, port, path, body, headers):
    """POST by curl, everything on its standard input: nothing secret on a command line or in a file."""

    def quoted(text):
        return text.replace("\\", "\\\\").replace('"', '\\"')

    body = body.decode("ascii") if isinstance(body, bytes) else body
    rows = [
        ("url", "https://%s:%d%s" % (host, port, path)),
        ("data-binary", body),
        ("max-time", "%d" % (config["timeout"] * 3)),
        ("connect-timeout", "%d" % config["timeout"]),
        ("header", "Expect:"),
    ]
    rows += [("header", "%s: %s" % row) for row in headers.items()]
    rows += [("cacert", system_authorities(config))] if system_authorities(config) else []
    rows += [("proxy", config["proxy"])] if config["proxy"] else []
    lines = ["silent", "show-error", "include", "tlsv1.2"]
    lines += ['%s = "%s"' % (name, quoted(value)) for name, value in rows]
    child = subprocess.Popen(
        [config["curl"], "-q", "--config", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        close_fds=True,
        env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C"},
    )
    got, why = child.communicate(("\n".join(lines) + "\n").encode("utf-8"))
    code, why = child.returncode, re.sub(r"[^\x20-\x7e]", " ", why.decode("latin-1")).strip()[:120]
    if code:
        refused = "CONNECT" in why and "response" in why
        kind = CONFIG if refused or code in (51, 60, 77) else TEMPORARY
        text = "%s: curl %d %s" % (host, code, why)
        raise Refused(kind, text, uncertain=not refused and code not in CURL_EARLY)
    while True:  # a proxy's answer and 1xx come before the service's own
        head, _, rest = got.partition(b"\r\n\r\n")
        if not rest.startswith(b"HTTP/"):
            break
        got = rest
    status = re.match(b"HTTP/[0-9.]+ ([0-9]{3})", head)
    if not status:
        raise Refused(TEMPORARY, "%s: an answer that is none" % host, uncertain=True)
    return int(status.group(1)), CurlAnswer(head.decode("latin-1")), rest


# ----------------------------------------------------------------------------------------------------
# 7. What an answer says: read with care: it comes from outside
# ----------------------------------------------------------------------------------------------------


def plain(problem):
    """Return an exception's text without anything secret; only these types' texts are known to have none."""
    if isinstance(problem, (OSError, IOError)):
        return re.sub(r"[^\x20-\x7e]", "?", "%s %s" % (type(problem).__name__, problem))[:160]
    return type(problem).__name__


def parsed(body):
    try:
        found = json.loads(body.decode("utf-8", "replace"))
    except (ValueError, RuntimeError):  # the latter: brackets in brackets without end
        return {}
    return found if isinstance(found, dict) else {}


def word(value):
    """Return what an answer names as plain ASCII; whatever else stands there is no name."""
    return str(value.encode("ascii", "replace").decode("ascii")) if isinstance(value, TEXT) else ""


def lifetime(value):
    """Return the seconds a token holds: a number, a number in a string, or an hour where it is neither, or none that can be."""
    try:
        held = float(value)
    except (TypeError, ValueError, OverflowError):
        return 3600.0
    return held if held < 1e6 else 3600.0  # neither NaN nor for ever


def after(answer):
    """Return the seconds that Retry-After asks for, written as a number or as a date, or None."""
    value = (answer.getheader("Retry-After") or "").strip()
    if re.match("[0-9]+$", value):
        return float(value)
    from email.utils import mktime_tz, parsedate_tz

    try:
        return max(0.0, mktime_tz(parsedate_tz(value)) - time.time())
    except (TypeError, ValueError, OverflowError):  # no date
        return None


# ----------------------------------------------------------------------------------------------------
# 8. Tokens: by secret or certificate; a staged credential steps in
# ----------------------------------------------------------------------------------------------------


class Tokens(object):
    """Tokens in memory; a staged credential steps in where the first is refused."""

    def __init__(self, config):
        self.config = config
        self.kept = {}

    def get(self, scope):
        value, ends = self.kept.get(scope, ("", 0))
        if ends - 300 > time.time():
            return value
        first = None
        for credential in credentials_of(self.config):
            try:
                return self.ask(scope, credential)
            except Refused as problem:
                problem.uncertain = False  # no mail was on its way yet
                first = first or problem
                if not problem.credential:
                    break
        if ends > time.time():
            return value
        raise first

    def drop(self, scope):
        self.kept.pop(scope, None)

    def ask(self, scope, credential):
        config = self.config
        path = "/%s/oauth2/v2.0/token" % quote(config["tenant"], safe="")
        form = {"client_id": config["client_id"], "scope": scope, "grant_type": "client_credentials"}
        try:
            if credential.get("secret_file"):
                form["client_secret"] = get(credential["secret_file"]).decode("utf-8").rstrip("\r\n")
            else:
                form["client_assertion_type"] = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
                form["client_assertion"] = self.assertion(
                    "https://%s%s" % (config["authority"], path), credential
                )
        except (OSError, IOError, ValueError) as problem:
            raise Refused(CONFIG, "credential: %s" % plain(problem), credential=True)
        started = time.time()
        status, answer, body = https(
            config,
            config["authority"],
            path,
            urlencode(form),
            {"Content-Type": "application/x-www-form-urlencoded"},
        )
        found = parsed(body)
        token = found.get("access_token")
        # one word of ASCII: it goes into a header, and into what curl reads as its settings, line by line
        if status == 200 and isinstance(token, TEXT) and re.match(r"[\x21-\x7e]+\Z", token):
            self.kept[scope] = (str(token), started + lifetime(found.get("expires_in")))
            return self.kept[scope][0]
        name = word(found.get("error"))
        codes = re.findall(r"AADSTS\d+", word(found.get("error_description")))[:3]
        text = "token: %d %s %s" % (status, name or NOT_JSON, " ".join(codes))
        kind = http_kind(status, name)
        raise Refused(
            CONFIG if kind == MESSAGE else kind, text, wait=after(answer), credential=name == "invalid_client"
        )

    def assertion(self, audience, credential):
        """Return a request signed with the certificate's key."""
        client = self.config["client_id"]
        return signed(self.config, credential, {"aud": audience, "iss": client, "sub": client})


def signed(config, credential, claims):
    """Return a JWT that holds ten minutes, signed by the host's own openssl."""
    pem = get(credential["certificate_file"]).decode("ascii")
    certificate = ssl.PEM_cert_to_DER_cert(pem[pem.index("-----BEGIN CERTIFICATE-----") :].strip())
    import hashlib

    now = int(time.time())
    thumb = hashlib.sha1(certificate).digest()  # noqa: S324 - the protocol's name for a certificate
    head = {"alg": "RS256", "typ": "JWT", "x5t": b64u(thumb)}
    claims = dict(claims, jti=str(uuid.uuid4()), nbf=now - 5, exp=now + 590)
    text = b64u(dumped(head)) + "." + b64u(dumped(claims))
    child = subprocess.Popen(
        [config["openssl"], "dgst", "-sha256", "-sign", credential["key_file"]],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        close_fds=True,
    )
    signature, _ = child.communicate(text.encode("ascii"))
    if child.returncode:
        raise ValueError("openssl does not sign with this key")
    return text + "." + b64u(signature)


def b64u(data):
    return base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")


# ----------------------------------------------------------------------------------------------------
# 9. Graph and SMTP: one mail to the service
# ----------------------------------------------------------------------------------------------------


def deliver_graph(config, tokens, recipients, raw):
    scope = "https://%s/.default" % config["graph_resource"]
    for again in (True, False):
        token = tokens.get(scope)
        status, answer, body = https(
            config,
            config["graph"],
            "/v1.0/users/%s/sendMail" % quote(config["mailbox"], safe="@"),
            base64.b64encode(raw),
            {"Authorization": "Bearer " + token, "Content-Type": "text/plain"},
        )
        if status == 202:
            return
        if status == 401 and again:
            tokens.drop(scope)  # revoked before its end
            continue
        error = parsed(body).get("error")
        name = word(error.get("code")) if isinstance(error, dict) else ""
        raise Refused(
            http_kind(status, name),
            "graph: %d %s" % (status, name or NOT_JSON),
            wait=after(answer),
            uncertain=status in (502, 504),
            own=status in (400, 413, 500),
            addressed=status == 400 and bool(re.search("(?i)recipient|address", name)),
        )


class Dialled(smtplib.SMTP):
    """smtplib through a proxy, with STARTTLS that checks the name on every Python."""

    relay = None

    def _get_socket(self, host, port, timeout):
        return dial(self.relay, host, port, self.relay["proxy_smtp"])

    def secure(self, host):
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


TRANSPORTS = {"graph": deliver_graph, "smtp": deliver_smtp}


# ----------------------------------------------------------------------------------------------------
# 10. Certificates: made here and renewed here; the key never leaves the host
# ----------------------------------------------------------------------------------------------------


def key_folder(config):
    return os.path.join(config["spool"], "keys")


def rolled(config):
    """Return what renewals left: `use` (newest first), and `made`, one that is not proved yet."""
    try:
        return json.loads(get(os.path.join(key_folder(config), "credentials.json")).decode("ascii"))
    except (OSError, IOError, ValueError):
        return {"use": [], "made": None}


def credentials_of(config):
    return rolled(config)["use"] + config["credentials"]


def made_certificate(config, certificate, key):
    """Make a key and its certificate; the key is readable by its owner alone from its first byte."""
    for place in (certificate, key):
        if not os.path.isdir(os.path.dirname(place)):
            os.makedirs(os.path.dirname(place), 0o700)
    os.close(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    argv = [config["openssl"], "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-sha256", "-subj"]
    argv += [
        "/CN=aspect-mail-relay",
        "-days",
        "%d" % config["certificate_days"],
        "-keyout",
        key,
        "-out",
        certificate,
    ]
    code, said = output_of(argv)
    if code or not os.path.getsize(key):
        remove(key)
        raise Refused(CONFIG, "openssl makes no certificate: %s" % re.sub(r"[^\x20-\x7e]", " ", said)[-160:])
    os.chmod(key, 0o600)


def make_first(config):
    """Make what the settings name as their certificate, where it is absent; print it. Returns an exit code."""
    for credential in config["credentials"]:
        if not credential.get("certificate_file"):
            continue
        if not os.path.exists(credential["certificate_file"]):
            made_certificate(config, credential["certificate_file"], credential["key_file"])
        print(get(credential["certificate_file"]).decode("ascii"))
        return 0
    sys.stderr.write("relay: the settings name no certificate_file\n")
    return 78


def days_left(config, credential):
    """Return the days until a certificate ends, or None where that is not known."""
    said = output_of(
        [config["openssl"], "x509", "-in", credential["certificate_file"], "-noout", "-enddate"]
    )[1]
    found = re.search(r"notAfter=(\w{3}) +(\d+) (\d+):(\d+):(\d+) (\d{4})", said)
    if not found:
        return None
    import calendar

    month = "JanFebMarAprMayJunJulAugSepOctNovDec".find(found.group(1)) // 3 + 1
    day, hour, minute, second, year = [int(found.group(n)) for n in range(2, 7)]
    return (calendar.timegm((year, month, day, hour, minute, second)) - time.time()) / 86400.0


def asked_graph(config, token, credential, verb, body):
    """POST addKey or removeKey with a proof that the old key is ours; return status and parsed body.

    Microsoft's pages name two audiences for the proof; a refusal of the first is followed by the second.
    """
    status, found = 0, {}
    for audience in config["proof_audiences"]:
        proof = signed(config, credential, {"aud": audience, "iss": config["application"]})
        status, _, said = https(
            config,
            config["graph"],
            "/v1.0/applications/%s/%s" % (quote(config["application"], safe=""), verb),
            dumped(dict(body, proof=proof)).decode("ascii"),
            {"Authorization": "Bearer " + token, "Content-Type": "application/json"},
        )
        found = parsed(said)
        if status < 400 or status == 429 or status >= 500:
            break
    return status, found


def renew(config):
    """Make a certificate and use it, one call at a time; return it, and the ids of those that could not be unregistered."""
    import fcntl

    if not config["application"]:
        raise Refused(CONFIG, "application, the registration's own object id, is not set")
    folder = key_folder(config)
    if not os.path.isdir(folder):
        os.makedirs(folder, 0o700)
    lock = open(os.path.join(folder, "lock"), "w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return renewed(config, folder)
    finally:
        lock.close()  # not left to the end of a traceback: this process would wait for itself the next time


def proving(config, tokens, scope):
    """Return the first certificate that the service takes, and a token that it got."""
    problem = Refused(CONFIG, "no certificate is in use: the first one is registered by a person")
    for credential in credentials_of(config):
        if credential.get("certificate_file"):
            try:
                return credential, tokens.ask(scope, credential)
            except Refused as refusal:
                problem = refusal
    raise problem


def renewed(config, folder):
    """Make a certificate, register it (addKey), wait until it is known, put it first, retire the one before the last.

    Every step is on disk before the next, so that a crash is followed up by the next call.
    """
    state, tokens = rolled(config), Tokens(config)
    scope = "https://%s/.default" % config["graph_resource"]
    old, token = proving(config, tokens, scope)
    made = state["made"]
    if made is None:
        stem = os.path.join(folder, "%d-%s" % (time.time(), uuid.uuid4().hex[:8]))
        made = {"certificate_file": stem + ".crt", "key_file": stem + ".key", "key_id": ""}
        made_certificate(config, made["certificate_file"], made["key_file"])
        state["made"] = made
        put(folder, "credentials.json", dumped(state))
    if not made["key_id"] and not known(tokens, scope, made):
        pem = get(made["certificate_file"]).decode("ascii")
        key = {
            "type": "AsymmetricX509Cert",
            "usage": "Verify",
            "key": "".join(pem.split("-----")[2].split()),
            "displayName": "aspect-mail-relay",
        }
        status, found = asked_graph(
            config, token, old, "addKey", {"keyCredential": key, "passwordCredential": None}
        )
        if status >= 300:
            error = found.get("error")
            name = word(error.get("code")) if isinstance(error, dict) else ""
            raise Refused(http_kind(status, name), "addKey: %d %s" % (status, name))
        made["key_id"] = word(found.get("keyId"))
        put(folder, "credentials.json", dumped(state))
    end, pause = time.time() + config["renew_wait"], 0.5
    while not known(tokens, scope, made):
        if time.time() > end:
            raise Refused(TEMPORARY, "the new certificate is registered and not known yet; it is tried again")
        time.sleep(pause)
        pause = min(pause * 2, 30)
    gone = state["use"][1:]
    state["use"], state["made"] = [made] + state["use"][:1], None
    put(folder, "credentials.json", dumped(state))
    left = []
    for one in gone:
        try:  # the new one is in use whatever becomes of the old ones
            if one.get("key_id"):
                token = tokens.ask(scope, made)
                status = asked_graph(config, token, made, "removeKey", {"keyId": one["key_id"]})[0]
                if status >= 300 and status != 404:
                    left.append(one["key_id"])
        except Refused:
            left.append(one["key_id"])
        for place in (one["key_file"], one["certificate_file"]):
            remove(place)
    return made, left


def known(tokens, scope, credential):
    try:
        return bool(tokens.ask(scope, credential))
    except Refused as problem:
        if problem.credential:
            return False
        raise


class Renewal(threading.Thread):
    """Looks at the certificate in use now and then, and renews it in time."""

    def __init__(self, config, speak):
        threading.Thread.__init__(self)
        self.daemon = True
        self.config, self.speak = config, speak

    def run(self):
        while True:
            try:
                first = credentials_of(self.config)[0]
                left = days_left(self.config, first) if first.get("certificate_file") else None
                if left is not None and left <= self.config["renew_days"]:
                    left = renew(self.config)[1]
                    if left:
                        self.speak("still registered, and without a key: %s" % ", ".join(left))
            except Exception as problem:  # the thread must live
                text = str(problem) if isinstance(problem, Refused) else plain(problem)
                self.speak("the certificate is not renewed: %s" % text)
            time.sleep(self.config["renew_every"])


# ----------------------------------------------------------------------------------------------------
# 11. Mails as they leave: the one mail, or a digest that names every alarm
# ----------------------------------------------------------------------------------------------------


def outgoing(config, spool, record, to):
    """Return the mail of a batch for some of its recipients: the one member, or a digest that names every alarm."""
    mailbox = config["mailbox"]
    names = record["members"]
    own = ["From: %s" % mailbox, addressed_to(to)]
    if record["uncertain"]:
        own.append("X-Possible-Duplicate: yes")
    domain = mailbox.partition("@")[2]
    if len(names) == 1:
        headers, body = split_mail(spool.mail(names[0]))
        dropped = ("from", "to", "cc", "bcc", "resent-bcc", "sender", "return-path", "x-possible-duplicate")
        kept = [in_ascii(name, line) for name, line in headers if name not in dropped]
        known = set(name for name, _ in headers)
        if "message-id" not in known:
            own.append("Message-ID: <%s@%s>" % (names[0], domain))
        if "date" not in known:
            own.append("Date: %s" % date_header(spool.seen[names[0]]["at"]))
        own += declared(known, body)
        return b"\r\n".join([line.encode("utf-8") for line in own] + kept) + b"\r\n\r\n" + body
    own.append("Message-ID: <%s@%s>" % (record["id"], domain))
    own.append("Date: %s" % date_header(time.time()))
    urgent = any(name.startswith("0-") for name in names)
    if urgent:
        own.append("Importance: high")
    first = spool.seen[names[0]]["subject"]
    own.append("Subject: %s" % encoded("%d alarms: %s, ..." % (len(names), first)))
    own += [
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: base64",
    ]
    lines = ["%d alarms waited while mail could not be delivered." % len(names), ""]
    for name in names:
        meta = spool.seen[name]
        stamp = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(meta["at"]))
        lines.append("alarm-id: %s  %s  %s" % (meta["alarm"], stamp, meta["subject"]))
    room = config["digest_bytes"] // len(names)
    for name in names:
        meta = spool.seen[name]
        text = readable(*split_mail(spool.mail(name)))
        lines += ["", "--- %s: %s" % (meta["alarm"], meta["subject"]), text[:room]]
        if len(text) > room:
            lines.append("(cut)")
    body = base64.b64encode("\n".join(lines).encode("utf-8")).decode("ascii")
    wrapped = [body[i : i + 76] for i in range(0, len(body), 76)]
    return ("\r\n".join(own) + "\r\n\r\n" + "\r\n".join(wrapped) + "\r\n").encode("utf-8")


# ----------------------------------------------------------------------------------------------------
# 12. The delivery: which batch goes next, and what follows from an answer
# ----------------------------------------------------------------------------------------------------


class Delivery(threading.Thread):
    """One thread that takes batches from the spool to the service: one connection at a time, of the three allowed."""

    def __init__(self, config, spool, speak):
        threading.Thread.__init__(self)
        self.daemon = True
        self.config, self.spool, self.speak = config, spool, speak
        self.limits = Limits(config)
        self.tokens = Tokens(config)
        self.wake = threading.Event()
        self.stop = False
        self.rest = dict((name, (0.0, 0.0)) for name in config["transports"])  # until, last pause
        self.single = set()  # members whose digest was refused: they go alone
        self.passed = 0  # batches that the service took
        self.back = {}  # by first member, batches that were refused for themselves: they let others pass
        self.few = {}  # by recipients, how many of them to try at once: one of them makes the whole mail refused
        self.later = {}  # by recipient who is refused for itself: until, last pause, since, why
        self.failing, self.since = "", 0.0
        self.refusals = Refusals(config)
        self.clock = time.time()
        self.last_success = last_success(config)

    def run(self):
        left, reported = None, 0.0
        while not self.stop:
            try:
                left = self.spool.records() if left is None else left
                pause = self.step(left)
            except Exception as problem:  # the thread must live; the status says what happened
                self.trouble(plain(problem))
                pause = 5.0
            if abs(time.time() - reported) >= 1:
                reported = time.time()
                try:
                    self.report()
                except Exception as problem:  # a full disk, or a folder that is gone, until it is mended
                    self.speak("the status cannot be written: %s" % plain(problem))
            if pause:
                time.sleep(min(pause, 1.0))

    def step(self, left):
        """Do one batch; return how long to wait."""
        self.follow_clock()
        for record in [one for one in left if one.get("over")]:  # the disk was full in the middle
            self.spool.finish(record, [])
            left.remove(record)
        free = min(until for until, _ in self.rest.values()) - time.time()
        if free > 0:
            return free
        record = self.doubtful(left)
        if record:
            self.spool.waiting()
            gone = [m for m in record["members"] if m not in self.spool.seen]
            if gone and len(gone) == len(record["members"]):
                self.spool.forget(record)
                left.remove(record)
                return 0
            record["members"] = [m for m in record["members"] if m not in gone]
        else:
            pause = self.limits.wait(1)
            if pause:  # before the queue is read, which may be long
                return pause
            chosen = self.choose(left)
            if chosen is None:
                self.failing = ""  # what is left, if anything, is refused for itself
                self.wake.wait(1.0)
                self.wake.clear()
                return 0
        to = record["to"] if record else chosen[1]
        pause = self.limits.wait(len(to))
        if pause:
            return pause
        if record is None:
            record = self.spool.plan(*chosen)
            left.append(record)
        if self.attempt(record):
            left.remove(record)
            return 0
        if not record["uncertain"]:  # surely not taken: what is urgent by then may go first
            self.spool.forget(record)
            left.remove(record)
        return 0.05

    def follow_clock(self):
        """Take back what a clock that was ahead has laid into the future: mail would wait until it is there again."""
        now, before = time.time(), self.clock
        self.clock = now
        if now > before - 30:
            return
        self.rest = dict((name, (0.0, pause)) for name, (_, pause) in self.rest.items())
        self.back = dict((name, (at, times, 0.0)) for name, (at, times, _) in self.back.items())
        self.later = dict((one, (0.0, row[1], min(row[2], now), row[3])) for one, row in self.later.items())
        self.limits.taken = [(min(at, now), count) for at, count in self.limits.taken]
        self.since, self.last_success = min(self.since, now), min(self.last_success, now)
        self.tokens.kept = {}

    def doubtful(self, left):
        """Return the batch that a crash or a doubt left and whose turn it is, or None."""
        due = [record for record in left if not self.waits(record["to"])]
        ready = [record for record in due if not self.stands_back(record["members"][0])]
        if ready or not due or self.choose(left):
            return ready[0] if ready else None
        return next((record for record in due if not self.resting(record["members"][0])), None)

    def resting(self, name):
        """Tell whether a batch that was refused again and again, while others passed, still waits."""
        return self.back.get(name, (0, 0, 0.0))[2] > time.time()

    def stands_back(self, name):
        """Tell whether a batch that was refused for itself lets others go first: until one of them has passed."""
        return name in self.back and (self.back[name][0] == self.passed or self.resting(name))

    def stand_back(self, record, why):
        """Let others pass a batch that was refused for itself, so that one mail cannot hold up every alarm."""
        first = record["members"][0]
        at, times, until = self.back.get(first, (self.passed, 0, 0.0))
        times += self.passed > at  # refused again though others passed meanwhile
        if times >= STUBBORN:
            until = time.time() + min(self.config["retry_most"] * 2 ** (times - STUBBORN), 3600)
            self.speak("a mail is refused again and again while others pass: %s" % why)
        self.back[first] = (self.passed, times, until)

    def choose(self, left):
        """Return (members, recipients): urgent first, a backlog joined into one digest."""
        tried = set(member for record in left for member in record["members"])
        everyone = [
            (name, meta)
            for name, meta in self.spool.waiting()
            if name not in tried and not (self.later and self.waits(meta["to"]))
        ]
        waiting = [row for row in everyone if not self.stands_back(row[0])]
        waiting = waiting or [row for row in everyone if not self.resting(row[0])]
        if not waiting:
            return None
        first, meta = waiting[0]
        alike = [n for n, m in waiting if n[0] == first[0] and m["to"] == meta["to"] and n not in self.single]
        if len(alike) > self.config["digest_after"] and first in alike:
            size = self.config[
                "digest_size"
            ]  # and more where thousands wait, so that all know within minutes
            return alike[: max(size, min(size * 4, len(alike) // 50))], meta["to"]
        return [first], meta["to"]

    def attempt(self, record):
        """Try each transport that is not resting; return whether the batch is settled."""
        refusals, awake = [], [one for one in record["to"] if not self.waits([one])] or record["to"]
        to = awake[: self.few.get(tuple(awake), len(awake))]
        for name in self.config["transports"]:
            until, pause = self.rest[name]
            if until > time.time():
                continue
            if self.limits.wait(len(to)):
                return False
            raw = outgoing(self.config, self.spool, record, to)
            self.limits.take(len(to))
            before = record["uncertain"]
            record["uncertain"], record["tries"] = True, record["tries"] + 1
            self.spool.save(record)
            began = time.time()
            try:
                refused = TRANSPORTS[name](self.config, self.tokens, to, raw) or []
            except Refused as problem:
                self.limits.settle()
                record["uncertain"] = before or problem.uncertain
                self.spool.save(record)
                if not problem.uncertain:
                    self.limits.give_back(len(to))
                refusals.append(problem)
                known = self.back.get(record["members"][0], (0, 0, 0.0))[1] >= STUBBORN
                of_it = known and (problem.own or problem.uncertain)
                if problem.kind != MESSAGE and not (of_it or problem.each):
                    pause = min(max(pause * 2, self.config["retry_first"]), self.config["retry_most"])
                    wait = min(max(problem.wait or 0, pause * random.uniform(0.8, 1.2)), 900)  # noqa: S311 - spreads retries, guards nothing
                    self.rest[name] = (time.time() + wait, pause)
                    self.trouble(str(problem))
                continue
            self.limits.settle()
            if refused:
                self.limits.give_back(len(refused))
            self.rest[name] = (0.0, 0.0)
            self.few.pop(tuple(awake), None)
            self.back.pop(record["members"][0], None)
            self.passed += 1
            self.failing, self.last_success = "", time.time()
            others = [self.rest[other][0] for other in self.config["transports"] if other != name]
            if not [until for until in others if until <= time.time()]:
                # else the next transport is asked about them first
                self.hold(record, [row for row in refused if row[1].kind != MESSAGE], began)
            return self.part(record, before, to, refused, began)
        return self.refused(record, awake, to, refusals)

    def part(self, record, doubt, to, refused, now):
        """Let a batch go on without who has it or is given up; who was refused waits alone. Return whether it is settled."""
        held = dict((one, now) for one, _ in refused)
        told = [one for one in to if one not in held]
        for one in told:
            self.later.pop(one, None)
        if len(told) == len(record["to"]):
            self.spool.delivered(record)
            return True
        dead = dict((one, [str(problem), self.limit(record, one, problem)]) for one, problem in refused)
        if doubt:
            held.update(record.get("held", {}))
            record["held"] = held
            dead = dict((one, dead[one]) for one in dead if record["held"][one] <= dead[one][1])
        dead = dict((one, dead[one]) for one in dead if dead[one][1])
        said = self.obituaries(record, dead)
        if doubt:
            self.spool.shrink(record, told, dead)
            if not record["to"]:
                self.spool.delivered(record)
            settled = not record["to"]
        else:
            fresh = [
                one for one in held for m in record["members"] if self.held_since(record, m, one) is None
            ]
            settled = bool(told or fresh or said)
            if settled:
                self.spool.settle(record, told, dead, held)
        for text, one in said:  # when it is on disk: other ways take their time
            self.speak(text, one)
        return settled

    def held_since(self, record, name, one):
        """Return since when a mail of a batch is refused for a recipient, or None."""
        meta = self.spool.meta(name) or {}
        return record.get("held", {}).get(one, meta.get("held", {}).get(one))

    def limit(self, record, one, problem):
        """Return since when a mail has to wait for a recipient to be given up now, or 0: it is kept.

        What is refused for now is given up in the end, but only while mail passes otherwise.
        """
        if problem.kind == MESSAGE:
            return EVER
        since = [self.held_since(record, name, one) or time.time() for name in record["members"]]
        if problem.kind != TEMPORARY or self.last_success <= min(since):
            return 0
        half = self.config["max_queue"] // 2
        if self.spool.depth() > half and len([1 for m in self.spool.seen.values() if one in m["to"]]) > half:
            self.later[one] = (0.0, 0.0, min(since), str(problem))  # and the next batch of them at once
            return EVER  # they must not fill the queue for everybody
        return time.time() - self.config["give_up_after"]

    def obituaries(self, record, dead):
        """Return (text, recipient) of who is given up, with the alarms that did not reach them."""
        said = []
        for one in sorted(dead):
            why, limit = dead[one]
            late = [m for m in record["members"] if (self.held_since(record, m, one) or time.time()) <= limit]
            metas = [self.spool.meta(m) for m in late]
            alarms = [meta["alarm"] for meta in metas if meta and one in meta["to"]]
            if alarms:
                ids = re.sub(r"[^\x20-\x7e]", "?", ", ".join(alarms[:20])) + ", ..." * (len(alarms) > 20)
                text = "%d of the mails for %s given up, kept in the folder dead: %s (%s)"
                said.append((text % (len(alarms), one, why, ids), one))
        return said

    def waits(self, to):
        """Tell whether all of these recipients were refused for themselves and wait for their next try."""
        now = time.time()
        return not [one for one in to if self.later.get(one, (0.0,))[0] <= now]

    def hold(self, record, refused, began):
        """Let recipients rest who were refused for themselves: each ever longer, and nobody else with them."""
        now = time.time()
        # With many of them the tries must not eat the minute: they take a half of it at most.
        most = len(self.later) * 2 * self.config["minute"] / self.config["per_minute"]
        most = max(self.config["retry_most"], most)
        for one, problem in refused:
            since = min([self.held_since(record, m, one) or began for m in record["members"]])
            until, pause, first, _ = self.later.get(one, (0.0, 0.0, since, ""))
            if until <= now:
                pause = min(max(pause * 2, self.config["retry_first"]), most)
                until = now + pause * random.uniform(0.8, 1.2)  # noqa: S311 - spreads retries, guards nothing
            self.later[one] = (until, pause, min(first, since), str(problem))

    def refused(self, record, awake, to, refusals):
        """Draw the consequences for a batch that no transport took; return whether it is settled."""
        everybody = bool(refusals) and len(refusals) == len(self.config["transports"])
        for_good = everybody and all(r.kind == MESSAGE or r.each for r in refusals)
        asked = [r.each for r in refusals if r.each]
        addressed = [r for r in refusals if r.addressed]
        if addressed and not asked:
            if len(to) > 1:
                self.few[tuple(awake)] = len(to) // 2
                return False
            asked = [[(to[0], addressed[-1])]]
        if asked:
            each = []
            for one, problem in asked[-1]:
                if problem.kind == MESSAGE and not for_good:
                    problem = Refused(CONFIG, str(problem))  # another transport may still take it
                each.append((one, problem))
            self.hold(record, each, time.time())
            return self.part(record, record["uncertain"], to, each, time.time())
        if for_good:
            self.give_up(record, str(refusals[-1]))
            return True
        of_itself = [one for one in refusals if one.own or one.uncertain]
        if of_itself:
            self.stand_back(record, str(of_itself[-1]))
        return False

    def give_up(self, record, why):
        self.back.pop(record["members"][0], None)
        dead = {}
        if len(record["members"]) > 1:
            self.single.update(record["members"])
        else:
            dead = dict((one, [why, EVER]) for one in record["to"])
        self.spool.settle(record, [], dead, record.get("held", {}))
        if dead:
            self.speak("a mail was refused for good: %s" % why)

    def trouble(self, text):
        if not self.failing:
            self.since = time.time()
        self.failing = text

    def report(self):
        """Write the status, and speak up in another way when mail has been broken for a while."""
        now = time.time()
        names = [n for n in os.listdir(self.spool.new) if not n.startswith(".")]
        stamps = [n[2:22] for n in names if re.match(r"[01]-[0-9]{20}-", n)]  # others are somebody else's
        oldest = int(min(stamps)) / 1e6 if stamps else now
        failing, since = self.failing, self.since
        held = self.held()
        if held and self.last_success <= held[0]["since"]:  # nothing passes: it is not they alone
            since = min(since, held[0]["since"]) if failing else held[0]["since"]
            failing = failing or held[0]["why"]
        broken = bool(failing and names and now - since >= self.config["alarm_after"])
        if broken:
            self.speak(
                "mail has been broken for %d minutes, %d wait: %s"
                % ((now - since) // 60, len(names), failing)
            )
        for row in held:
            if not broken and now - row["since"] >= self.config["alarm_after"]:
                text = "%d for %s wait since %d minutes, refused for now: %s"
                told = (row["mails"], row["to"], (now - row["since"]) // 60, row["why"])
                self.speak(text % told, row["to"])
        refused = self.refusals.rows(now)
        for row in refused:
            if row["lost"] or now - row["since"] >= self.config["alarm_after"] / 2.0:
                self.speak("mail is refused: " + refusal_text(row), row["reason"] + row["about"])
        status = {
            "at": now,
            "pid": os.getpid(),
            "queued": len(names),
            "oldest_seconds": int(max(0, now - oldest)),
            "dead": len([n for n in os.listdir(self.spool.dead) if n[0] != "." and not n.endswith(".why")]),
            "last_success": self.last_success,
            "failing": failing if broken else "",
            "trouble": self.failing,
            "held": held,
            "refused": refused,
            "refusals": dict(self.refusals.totals),
            "last_accepted": self.refusals.accepted,
        }
        write_status(self.config, status)

    def held(self):
        """Return who is refused for itself while others are not, longest first, with what waits for them."""
        counts = {}
        for meta in self.spool.seen.values() if self.later else ():
            for one in meta["to"]:
                counts[one] = counts.get(one, 0) + 1
        for one in [one for one in self.later if one not in counts and not self.waits([one])]:
            del self.later[one]  # nothing waits for it any more
        rows = sorted((row[2], one, row[3]) for one, row in self.later.items() if one in counts)
        return [{"to": one, "mails": counts[one], "since": since, "why": why} for since, one, why in rows]


# ----------------------------------------------------------------------------------------------------
# 13. Speaking up another way: status file, syslog, file, command, webhook, SNMP trap
# ----------------------------------------------------------------------------------------------------


def status_path(config):
    return config["status_file"] or os.path.join(config["spool"], "status.json")


def write_status(config, status):
    path = status_path(config)
    hidden = "%s.%d" % (path, os.getpid())
    try:
        with open(hidden, "wb") as file:
            file.write(dumped(status))
        os.rename(hidden, path)
    except (OSError, IOError) as problem:
        remove(hidden)
        if problem.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        overwrite(path, dumped(status))  # the disk is full: the file that is there has room for as much again


def overwrite(path, data):
    fd = os.open(path, os.O_WRONLY)
    try:
        if os.write(fd, data) != len(data):
            raise OSError(errno.ENOSPC, "No space left on device")
        os.ftruncate(fd, len(data))
    finally:
        os.close(fd)


def before(config):
    """Return the status that the relay before this one wrote, or an empty one."""
    try:
        found = json.loads(get(status_path(config)).decode("ascii"))
        return found if isinstance(found, dict) else {}
    except (OSError, IOError, ValueError):
        return {}


def last_success(config):
    """Return when mail passed last, as the relay before this one noted it."""
    try:
        return float(before(config)["last_success"])
    except (ValueError, TypeError, KeyError):
        return 0.0


class Speaker(object):
    """Says it another way: syslog, a file, a command (snmptrap, wall), a webhook; at most once in ten minutes each."""

    def __init__(self, config):
        self.config = config
        self.said = {}

    def __call__(self, text, about=""):
        key = re.sub(r"\d+", "#", text.replace(about, ""))[:40] + about
        if abs(time.time() - self.said.get(key, 0)) < 600:
            return
        self.said[key] = time.time()
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
        if self.config["alarm_file"]:
            fd = os.open(self.config["alarm_file"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
            try:
                os.write(fd, ("%s %s\n" % (date_header(time.time()), text)).encode("utf-8", "replace"))
                os.fsync(fd)
            finally:
                os.close(fd)

    def command(self, text):
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
        if not self.config["webhook"]:
            return
        parts = urlsplit(self.config["webhook"])
        path = (parts.path or "/") + ("?" + parts.query if parts.query else "")
        body, headers = dumped({"text": text}).decode("ascii"), {"Content-Type": "application/json"}
        if parts.scheme == "https":
            https(self.config, parts.netloc.rpartition("@")[2], path, body, headers)
            return
        connection = HTTPConnection(parts.hostname, parts.port or 80, timeout=5)
        try:
            connection.request("POST", path, body, headers)
            connection.getresponse().read(1024)
        finally:
            connection.close()

    def trap(self, text):
        if self.config["snmp_trap"]:
            with_datagram(None, host_port(self.config["snmp_trap"], 162), snmp_trap(self.config, text))


def with_datagram(family, place, data):
    if family is None:
        family, _, _, _, place = socket.getaddrinfo(place[0], place[1], 0, socket.SOCK_DGRAM)[0]
    one = socket.socket(family, socket.SOCK_DGRAM)
    try:
        one.settimeout(5)
        one.sendto(data, place)
    finally:
        one.close()


def ber(tag, data):
    """Return a BER value; data is bytes."""
    size = len(data)
    if size < 128:
        head = bytearray([tag, size])
    else:
        head = bytearray([tag, 0x82, size >> 8, size & 255])
    return bytes(head) + data


def ber_number(tag, value):
    digits = bytearray()
    while True:
        digits.insert(0, value & 255)
        value >>= 8
        if not value:
            break
    if digits[0] & 128:
        digits.insert(0, 0)
    return ber(tag, bytes(digits))


def ber_oid(text):
    numbers = [int(one) for one in text.strip(".").split(".")]
    data = bytearray([numbers[0] * 40 + numbers[1]])
    for number in numbers[2:]:
        part = [number & 127]
        while number > 127:
            number >>= 7
            part.insert(0, number & 127 | 128)
        data += bytearray(part)
    return ber(6, bytes(data))


def snmp_trap(config, text):
    """Return an SNMPv2c trap (RFC 3416): sysUpTime, the trap's name, and the text."""
    oid, told = config["snmp_oid"], text.encode("utf-8", "replace")[:1200]
    rows = (
        ("1.3.6.1.2.1.1.3.0", ber_number(0x43, int(time.time() * 100) & 0x7FFFFFFF)),
        ("1.3.6.1.6.3.1.1.4.1.0", ber_oid(oid)),
        (oid + ".1", ber(4, told)),
    )
    rows = b"".join(ber(0x30, ber_oid(name) + value) for name, value in rows)
    request = ber_number(2, random.randrange(1, 2**31))  # noqa: S311 - a number to tell traps apart
    pdu = ber(0xA7, request + ber_number(2, 0) + ber_number(2, 0) + ber(0x30, rows))
    return ber(0x30, ber_number(2, 1) + ber(4, config["snmp_community"].encode("utf-8")) + pdu)


# ----------------------------------------------------------------------------------------------------
# 14. The way in: SMTP on loopback
# ----------------------------------------------------------------------------------------------------


LOGIN = ("AUTH", "STARTTLS")
REFUSALS = {  # reason: (what it means, whether the client has lost the mail: else it tries again)
    "disk": ("the disk of the spool is full", False),
    "queue": ("the queue is full", False),
    "sessions": ("all sessions are taken", False),
    "sender": ("this From may not send here: it is neither mailbox nor in senders", True),
    "recipient": ("this recipient is not on the list", True),
    "size": ("the mail is too large", True),
    "form": ("the client writes an address in a wrong form", True),
    "login": ("the client wants AUTH or STARTTLS, which is not offered here", True),
}
"""Refusals that are an alarm. All others (`command`, `cut`, `recipients`, `web`) are only counted."""


class Refusals(object):
    """What was refused at the door, by reason: totals, and the rows that nothing has made good since.

    A client tries again after 4xx, so the next mail that is accepted clears these rows; `sessions` are cleared by
    the next session. After 5xx the mail is lost: such a row stays until the settings allow it. Each row ends a day after
    its last refusal. Rows survive a restart in the status file.
    """

    def __init__(self, config):
        self.config = config
        self.lock = threading.Lock()
        self.totals, self.open, self.accepted = {}, {}, 0.0
        earlier = before(config)
        try:
            self.accepted = float(earlier.get("last_accepted", 0.0))
            for reason, row in earlier.get("refusals", {}).items():
                self.totals[reason] = {"count": int(row["count"]), "last": float(row["last"])}
            for row in earlier.get("refused", []):
                key = (row["reason"], row["about"])
                if key[0] in REFUSALS and not self.allowed(*key):
                    self.open[key] = [float(row["since"]), float(row["last"]), int(row["count"])]
        except (ValueError, TypeError, KeyError, AttributeError):  # another program's or a damaged file
            pass

    def allowed(self, reason, about):
        """Tell whether the settings of today take what was refused."""
        if reason == "sender":
            return about.lower() in allowed_senders(self.config)
        if reason == "recipient":
            return allowed_recipient(self.config, about)
        return reason == "size" and about != self.limit()

    def limit(self):
        return "over %d bytes" % self.config["max_bytes"]

    def note(self, reason, about=""):
        now, about = time.time(), re.sub(r"[^\x21-\x7e]+", " ", about)[:100]
        if reason == "size":
            about = self.limit()
        with self.lock:
            total = self.totals.get(reason, {"count": 0})
            self.totals[reason] = {"count": total["count"] + 1, "last": now}
            if reason not in REFUSALS:
                return
            if (reason, about) not in self.open and len(self.open) >= MOST_ROWS:
                about = ""
            row = self.open.setdefault((reason, about), [now, now, 0])
            row[1], row[2] = now, row[2] + 1

    def passed(self, *reasons):
        """Clear these reasons: what they refused is taken again."""
        with self.lock:
            for key in [key for key in self.open if key[0] in reasons]:
                del self.open[key]

    def took(self):
        """Note that a mail was accepted."""
        self.accepted = time.time()
        self.passed("disk", "queue")

    def rows(self, now):
        """Return what is refused and not made good, longest first."""
        with self.lock:
            for key, row in list(self.open.items()):
                row[0], row[1] = min(row[0], now), min(row[1], now)  # a clock that was ahead
                if now - row[1] > DAY:
                    del self.open[key]
            found = sorted((row[0], key, row[1], row[2]) for key, row in self.open.items())
        return [
            {
                "reason": key[0],
                "about": key[1],
                "why": REFUSALS[key[0]][0],
                "lost": REFUSALS[key[0]][1],
                "since": since,
                "last": last,
                "count": count,
            }
            for since, key, last, count in found
        ]


def refusal_text(row):
    about = " (%s)" % row["about"] if row["about"] else ""
    times = (row["why"], about, row["count"], max(0, time.time() - row["last"]))
    return "%s%s, %d times, last %d s ago" % times


class Session(StreamRequestHandler):
    """One client on loopback: no AUTH, no relaying beyond the lists, nothing accepted that is not on disk."""

    timeout = 300

    def say(self, text):
        self.wfile.write(text.encode("ascii", "replace") + b"\r\n")
        self.wfile.flush()

    def refuse(self, text, reason, about=""):
        """Refuse, and count it: first, for a client that is gone must not hide it."""
        self.server.delivery.refusals.note(reason, about)
        self.say(text)

    def handle(self):
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
            if re.search(r" HTTP/\d(\.\d)?$", rest.upper()):
                self.refuse(
                    "421 4.7.0 this is no web server", "web"
                )  # what follows is what a stranger's page says
                return
            handler = getattr(self, "do_" + verb.lower(), None) if re.match(r"[A-Z]{4}$", verb) else None
            if handler is None:
                errors += 1
                self.refuse("502 5.5.1 unknown command", "login" if verb in LOGIN else "command", verb)
            elif not handler(rest):
                errors += 1

    def do_helo(self, rest):
        self.say("250 localhost")
        return True

    def do_ehlo(self, rest):
        self.say("250-localhost")
        self.say("250-SIZE %d" % self.server.config["max_bytes"])
        self.say("250 8BITMIME")
        return True

    def do_noop(self, rest):
        self.say("250 2.0.0 OK")
        return True

    def do_rset(self, rest):
        self.sender, self.recipients = None, []
        self.say("250 2.0.0 OK")
        return True

    def do_mail(self, rest):
        found = re.match(r"(?i)FROM:\s*<([^<>\s]*)>(.*)$", rest)
        if not found:
            self.refuse("501 5.5.4 MAIL FROM:<address>", "form", "MAIL")
            return False
        config, sender = self.server.config, found.group(1)
        if sender.lower() not in allowed_senders(config):
            self.refuse("550 5.7.1 this sender may not send here", "sender", sender or "<>")
            return False
        size = re.search(r"(?i)\bSIZE=(\d+)", found.group(2))
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
        found = re.match(r"(?i)TO:\s*<([^<>\s,;:\"]+@[^<>\s,;:\"]+)>", rest)
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
            self.say("250 2.1.5 OK")  # named twice, told once
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


def allowed_senders(config):
    return [one.lower() for one in config["senders"]] + [config["mailbox"].lower()]


def allowed_recipient(config, address):
    address = address.lower()
    domain = "@" + address.rpartition("@")[2]
    allowed = [one.lower() for one in config["allow_recipients"] + config["recipients"]]
    return address in allowed or domain in allowed


class Server(ThreadingMixIn, TCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def verify_request(self, request, address):
        return address[0].startswith("127.") or address[0] == "::1"

    def handle_error(self, request, address):
        pass


class Server6(Server):
    address_family = socket.AF_INET6


# ----------------------------------------------------------------------------------------------------
# 15. The verbs: serve, status, sendmail, certificate, renew
# ----------------------------------------------------------------------------------------------------


def serve(config):
    import fcntl

    os.umask(0o077)
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, ValueError):
        pass
    host, port = host_port(config["listen"], 25)
    if not (re.match(r"127\.\d+\.\d+\.\d+$", host) or host == "::1"):
        raise SystemExit("relay: listen has to be a loopback address")
    if not os.path.isdir(config["spool"]):
        os.makedirs(config["spool"], 0o700)
    if way(config) == "curl" and config["transports"] != ["graph"]:
        sys.stderr.write("relay: TLS is curl's here, which delivers by graph alone\n")
        config["transports"] = ["graph"]
    lock = open(os.path.join(config["spool"], "lock"), "w")
    end = time.time() + 1  # `status` holds it for a moment
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except (OSError, IOError):
            if time.time() > end:
                raise SystemExit("relay: another relay uses %s" % config["spool"])
            time.sleep(0.05)
    spool = Spool(config)
    speak = Speaker(config)
    speak.ready()
    try:
        server = (Server6 if ":" in host else Server)((host, port), Session)
    except (OSError, IOError):  # below 1024 root alone may listen; or somebody else does
        why = sys.exc_info()[1]
        raise SystemExit("relay: cannot listen on %s:%d: %s" % (host, port, why.strerror or why))
    server.config, server.spool = config, spool
    server.slots = threading.Semaphore(config["max_sessions"])
    spool.speak = speak
    server.delivery = Delivery(config, spool, speak)
    server.delivery.start()
    if config["renew_days"]:
        Renewal(config, speak).start()
    print("relay: listening on %s:%d" % server.server_address[:2])
    sys.stdout.flush()

    def ended(number, frame):
        os._exit(0)  # everything accepted is on disk, everything tried is recorded

    signal.signal(signal.SIGTERM, ended)
    signal.signal(signal.SIGINT, ended)
    server.serve_forever(0.2)


def runs(config):
    """Tell by its lock whether the relay runs; None where this account may not ask."""
    import fcntl

    try:
        fd = os.open(os.path.join(config["spool"], "lock"), os.O_RDONLY)
    except (OSError, IOError) as problem:
        return False if problem.errno == errno.ENOENT else None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (OSError, IOError):
        return True
    finally:
        os.close(fd)  # gives the lock back
    return False


def away(config, age):
    """Return why nobody can rely on a status that is `age` seconds old, or an empty text."""
    running = runs(config)
    if running is False or (running is None and age > AWAY):
        return "the relay does not run; its last status is %d s old" % age
    if age > AWAY:
        return "the relay runs and has written no status for %d s: its disk may be full or gone" % age
    return ""


def disk_trouble(config):
    """Return why the disk takes no mail at this moment, or an empty text; the status file cannot know."""
    try:
        free, spare = room(config, config["spool"])
    except (OSError, IOError):
        return ""
    if free >= spare:
        return ""
    return "the disk of the spool is full: %d bytes are free, and delivering needs %d" % (free, spare)


def status(config):
    path = status_path(config)
    full = disk_trouble(config)
    try:
        found = json.loads(get(path).decode("ascii"))
        if not isinstance(found, dict) or not set(
            ("at", "queued", "oldest_seconds", "dead", "failing")
        ) <= set(found):
            raise ValueError("none of the relay's")
        refused = [(row["reason"], refusal_text(row)) for row in found.get("refused", [])]
    except (OSError, IOError, ValueError, TypeError, KeyError) as problem:
        if full:
            print("CRITICAL: mail is refused: %s" % full)
        elif not isinstance(problem, (OSError, IOError)):
            print("CRITICAL: not known: %s is damaged; a relay that runs writes it every second" % path)
        elif problem.errno == errno.ENOENT:
            print("CRITICAL: the relay has never run: %s is absent" % path)
        else:
            print("CRITICAL: not known: %s; ask as root or as the relay's user" % plain(problem))
        return 2
    try:  # what is written is up to a second old; who may look sees more
        names = os.listdir(os.path.join(config["spool"], "new"))
        found["queued"] = len([name for name in names if not name.startswith(".")])
    except OSError:
        pass
    line = "%d queued, oldest %d s, %d dead" % (found["queued"], found["oldest_seconds"], found["dead"])
    for row in found.get("held", []):
        told = (row["mails"], row["to"], time.time() - row["since"], row["why"])
        line += "; %d for %s wait since %d s, refused for now: %s" % told
    critical = [one for one in (away(config, time.time() - found["at"]),) if one]
    critical += ["mail is refused: " + full] if full else []
    critical += ["mail is refused: " + text for reason, text in refused if not (full and reason == "disk")]
    critical += ["mail is broken: %s" % found["failing"]] if found["failing"] else []
    if critical:
        print("CRITICAL: %s; %s" % ("; ".join(critical), line))
        return 2
    if found["queued"] or found["dead"]:
        print("WARNING: %s%s" % (line, "; " + found["trouble"] if found.get("trouble") else ""))
        return 1
    print("OK: %s" % line)
    return 0


def sendmail(config, arguments):
    """Take what sendmail takes, hand it to the relay; 75 says try again, as sysexits has it."""
    sender, recipients, from_headers, dots = config["mailbox"], [], False, True
    rest = list(arguments)
    while rest:
        one = rest.pop(0)
        if one == "--":
            recipients, rest = recipients + rest, []
        elif not one.startswith("-"):
            recipients.append(one)
        flags = one[1:] if one.startswith("-") and one != "--" else ""
        while flags:  # -ti is -t -i, and -fX is -f X
            flag, flags = flags[0], flags[1:]
            if flag in "ABCDFLMNORVXbefhopr":
                value, flags = flags or (rest.pop(0) if rest else ""), ""
                sender = value if flag in "fr" else sender
                dots = dots and (flag, value) != ("o", "i")
                if flag == "b" and value != "m":
                    told = "sendmail: -b%s is not done here; relay status says how the queue is\n"
                    sys.stderr.write(told % value)
                    return 64
            elif flag == "q":
                return 0  # the relay tries again by itself
            elif flag == "d":
                flags = ""
            else:
                dots, from_headers = dots and flag != "i", from_headers or flag == "t"
    stream = getattr(sys.stdin, "buffer", sys.stdin)
    lines = []
    for line in iter(stream.readline, b""):
        if dots and line in (b".\n", b".\r\n"):
            break
        lines.append(line)
    raw = b"".join(lines)
    if from_headers:
        headers, _ = split_mail(raw)
        for name in ("to", "cc", "bcc"):
            recipients += addresses(header(headers, name))
    named = addresses(", ".join(recipients))
    recipients = sorted(set(named), key=named.index) or list(config["recipients"])
    host, port = host_port(config["listen"], 25)
    try:
        session = smtplib.SMTP(host, port, timeout=60)
        refused = handed(
            session, sender.strip("<>") or config["mailbox"], recipients, re.sub(b"\r?\n", b"\r\n", raw)
        )
        session.quit()
    except smtplib.SMTPRecipientsRefused:
        sys.stderr.write("sendmail: no recipient is on the relay's list\n")
        return 67
    except smtplib.SMTPResponseException as problem:
        sys.stderr.write("sendmail: the relay answered %d\n" % problem.smtp_code)
        return 69 if problem.smtp_code >= 500 else 75
    except (OSError, IOError, smtplib.SMTPException):
        sys.stderr.write("sendmail: the relay does not answer on %s\n" % config["listen"])
        return 75
    except ValueError:  # an address outside ASCII
        sys.stderr.write("sendmail: a sender or recipient is not written in ASCII\n")
        return 65
    if refused:
        sys.stderr.write(
            "sendmail: not on the relay's list: %s; the others have it\n" % ", ".join(sorted(refused))
        )
        return 67
    return 0


def addresses(value):
    """Return the addresses of a header; what newer Pythons call malformed has some all the same."""
    from email.utils import getaddresses

    try:
        found = getaddresses([value], **{"strict": False})  # noqa: PIE804 - what checks for 2.6 knows the keyword as a new one
    except TypeError:  # before the strict way came
        found = getaddresses([value])
    return [address for _, address in found if "@" in address]


def handed(session, sender, recipients, raw):
    """Hand a mail to the relay, to as many recipients at once as it takes; return those it refuses for good."""
    refused, waiting = set(), recipients
    while waiting:
        left = session.sendmail(sender, waiting, raw)
        waiting = [one for one in waiting if one in left and left[one][0] == 452]
        refused.update(set(left) - set(waiting))
    return refused


def sensible(key, value):
    """Tell whether a setting is of its default's kind, and one that can be worked with."""
    default = DEFAULTS[key]
    if key == "syslog":
        return isinstance(value, (bool, str, TEXT))
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(default, bool) and isinstance(value, bool)
    if isinstance(default, (int, float)):
        return isinstance(value, (int, float)) and value >= (1 if key in COUNTS else 0)
    texts = value if isinstance(value, list) else [value]
    if isinstance(default, list) != isinstance(value, list) or not all(
        isinstance(t, (str, TEXT)) for t in texts
    ):
        return False
    try:
        if key == "priority":
            return all(re.compile(pattern) for pattern in value)
        return key not in ("listen", "snmp_trap") or not value or bool(host_port(value, 25)[0])
    except (ValueError, re.error):
        return False


def usable(credential):
    """Tell whether a credential of the settings names its files."""
    if not isinstance(credential, dict):
        return False
    names = [key for key in ("secret_file", "certificate_file", "key_file") if credential.get(key)]
    told = [one for one in names if not isinstance(credential[one], TEXT)]
    return not told and ("secret_file" in names or len(names) == 2)


def load(path):
    with open(path, "rb") as file:
        given = json.loads(file.read().decode("utf-8-sig"))
    if not isinstance(given, dict):
        raise SystemExit("relay: %s: is no JSON object" % path)
    needed = (
        "tenant",
        "client_id",
        "mailbox",
        "credentials",
        "authority",
        "graph",
        "graph_resource",
        "smtp",
        "smtp_resource",
    )
    for key in needed:
        if not given.get(key):
            raise SystemExit("relay: %s: %s is missing" % (path, key))
    for key in needed:
        if key != "credentials" and not isinstance(given[key], TEXT):
            raise SystemExit("relay: %s: %s is no text" % (path, key))
    if not isinstance(given["credentials"], list) or not all(usable(one) for one in given["credentials"]):
        raise SystemExit(
            "relay: %s: credentials: each names secret_file, or certificate_file and key_file" % path
        )
    for key in given:
        if key not in DEFAULTS and key not in needed:
            raise SystemExit("relay: %s: %s is not a known key" % (path, key))
    wrong = sorted(key for key in given if key in DEFAULTS and not sensible(key, given[key]))
    if wrong:
        raise SystemExit("relay: %s: %s has a value that cannot be used" % (path, wrong[0]))
    config = dict(DEFAULTS)
    config.update(given)
    if not config["transports"]:
        raise SystemExit("relay: %s: transports names none of graph, smtp" % path)
    for name in config["transports"]:
        if name not in TRANSPORTS:
            raise SystemExit("relay: %s: transports names more than graph and smtp" % path)
    return config


def main(arguments):
    if len(arguments) < 2 or arguments[0] not in ("serve", "status", "sendmail", "certificate", "renew"):
        sys.stderr.write("usage: relay.py serve|status|sendmail|certificate|renew CONFIG [...]\n")
        return 64
    try:
        config = load(arguments[1])
    except (OSError, IOError) as problem:
        sys.stderr.write("relay: %s: %s\n" % (arguments[1], problem.strerror or type(problem).__name__))
        return 78
    except ValueError as problem:
        at = re.search(r"line \d+ column \d+", str(problem))  # no more: a proxy's password may stand there
        sys.stderr.write("relay: %s: no valid JSON%s\n" % (arguments[1], at and ": " + at.group(0) or ""))
        return 78
    except SystemExit as problem:  # settings that make no sense, named
        sys.stderr.write("%s\n" % problem)
        return 78
    if arguments[2:3] == ["--transport-tls"]:
        config["transport_tls"] = (arguments[3:] or [""])[0]
    if config["transport_tls"] not in ("auto", "python", "openssl", "curl"):
        sys.stderr.write("relay: transport_tls is none of auto, python, openssl, curl\n")
        return 64
    if arguments[0] == "status":
        return status(config)
    if arguments[0] == "sendmail":
        return sendmail(config, arguments[2:])
    try:
        if arguments[0] == "serve":
            return serve(config)
        os.umask(0o077)
        if arguments[0] == "certificate":
            return make_first(config)
        made, left = renew(config)
        print("relay: %s is in use; the one before it stays as the fall-back" % made["certificate_file"])
        if left:
            print("relay: still registered, and without a key: %s" % ", ".join(left))
        return 0
    except Refused as problem:
        sys.stderr.write("relay: %s\n" % problem)
        return 75 if problem.kind == TEMPORARY else 69
    except (
        OSError,
        IOError,
        ValueError,
    ) as problem:  # a port in use, a spool that is another user's, a key that is gone
        sys.stderr.write("relay: %s\n" % plain(problem))
        return 69
    except SystemExit as problem:
        sys.stderr.write("%s\n" % problem)
        return 69


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
