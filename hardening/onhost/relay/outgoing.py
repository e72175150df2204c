"""The mail as it leaves: one mail, or a digest that names every alarm."""

import base64
import time

from hardening.onhost.relay.message import (
    ascii_header,
    charset_headers,
    date_header,
    digest_text,
    encode_value,
    split_mail,
    to_header,
)


def outgoing(config, spool, record, to):
    """Return the mail of a batch for some of its recipients: the one member, or a digest that names every alarm."""
    mailbox = config["mailbox"]
    names = record["members"]
    own = ["From: %s" % mailbox, to_header(to)]
    if record["uncertain"]:
        own.append("X-Possible-Duplicate: yes")
    domain = mailbox.partition("@")[2]
    if len(names) == 1:
        headers, body = split_mail(spool.mail(names[0]))
        dropped = ("from", "to", "cc", "bcc", "resent-bcc", "sender", "return-path", "x-possible-duplicate")
        kept = [ascii_header(name, line) for name, line in headers if name not in dropped]
        known = set(name for name, _ in headers)
        if "message-id" not in known:
            own.append("Message-ID: <%s@%s>" % (names[0], domain))
        if "date" not in known:
            own.append("Date: %s" % date_header(spool.seen[names[0]]["at"]))
        own += charset_headers(known, body)
        return b"\r\n".join([line.encode("utf-8") for line in own] + kept) + b"\r\n\r\n" + body
    own.append("Message-ID: <%s@%s>" % (record["id"], domain))
    own.append("Date: %s" % date_header(time.time()))
    urgent = any(name.startswith("0-") for name in names)
    if urgent:
        own.append("Importance: high")
    first = spool.seen[names[0]]["subject"]
    own.append("Subject: %s" % encode_value("%d alarms: %s, ..." % (len(names), first)))
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
        text = digest_text(*split_mail(spool.mail(name)))
        lines += ["", "--- %s: %s" % (meta["alarm"], meta["subject"]), text[:room]]
        if len(text) > room:
            lines.append("(cut)")
    body = base64.b64encode("\n".join(lines).encode("utf-8")).decode("ascii")
    wrapped = [body[i : i + 76] for i in range(0, len(body), 76)]
    return ("\r\n".join(own) + "\r\n\r\n" + "\r\n".join(wrapped) + "\r\n").encode("utf-8")
