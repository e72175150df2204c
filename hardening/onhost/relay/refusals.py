"""Mail that was refused at the door: who may send to whom, and what was refused and why."""

import re
import threading
import time

from hardening.onhost.relay.status_file import earlier_status

DAY = 86400  # seconds that a refusal is reported after it happened last
MOST_ROWS = 20  # senders and recipients that are listed one by one among the refused
LOGIN = ("AUTH", "STARTTLS")
REFUSALS = {  # reason: (what it means, whether the client has lost the mail: else it tries again)
    "disk": ("the disk of the spool is full", False),
    "queue": ("the queue is full", False),
    "sessions": ("all sessions are taken", False),
    "sender": ("this From may not send here: it is neither the mailbox nor in senders", True),
    "recipient": ("this recipient is not on the list", True),
    "size": ("the mail is too large", True),
    "form": ("the client writes an address in a wrong form", True),
    "login": ("the client asks for AUTH or STARTTLS, which is not offered here", True),
}
"""Refusals that are an alarm. All others (`command`, `cut`, `recipients`, `web`) are only counted."""


class Refusals(object):
    """Refusals of the SMTP server by reason: totals, and the rows that no later mail has cleared.

    A client tries again after 4xx, so the next mail that is accepted clears these rows; `sessions` are cleared by
    the next session. After 5xx the mail is lost: such a row stays until the settings allow it. Each row ends a day after
    its last refusal. Rows survive a restart in the status file.
    """

    def __init__(self, config):
        self.config = config
        self.lock = threading.Lock()
        self.totals, self.open, self.accepted = {}, {}, 0.0
        earlier = earlier_status(config)
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
        """Return whether the settings of today take what was refused."""
        if reason == "sender":
            return about.lower() in allowed_senders(self.config)
        if reason == "recipient":
            return allowed_recipient(self.config, about)
        return reason == "size" and about != self.limit()

    def limit(self):
        """Return the limit of size that a refusal names."""
        return "over %d bytes" % self.config["max_bytes"]

    def note(self, reason, about=""):
        """Count a refusal; open a row for it if it is an alarm."""
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
    """Return a row as the text of an alarm."""
    about = " (%s)" % row["about"] if row["about"] else ""
    times = (row["why"], about, row["count"], max(0, time.time() - row["last"]))
    return "%s%s, %d times, last %d s ago" % times


def allowed_senders(config):
    """Return the senders that may send here, in lower case."""
    return [one.lower() for one in config["senders"]] + [config["mailbox"].lower()]


def allowed_recipient(config, address):
    """Return whether an address, or its domain, is on the lists."""
    address = address.lower()
    domain = "@" + address.rpartition("@")[2]
    allowed = [one.lower() for one in config["allow_recipients"] + config["recipients"]]
    return address in allowed or domain in allowed
