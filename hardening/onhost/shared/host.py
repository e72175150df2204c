"""Where things are on this host, and its one lock."""

import fcntl
import os
import time

from hardening.onhost.shared.errors import Refused
from hardening.onhost.shared.files import make_dirs
from hardening.onhost.shared.journal import Transaction, names_in
from hardening.onhost.shared.texts import clock, native, shown

STATE = "/var/lib/aspect-hardening"


class Host(object):
    """Where things are on this host (or on a mounted image of one), and the lock."""

    def __init__(self, root="/", state=STATE):
        self.root = native(root)
        self.state = self.place(state)
        self.descriptor = None
        self.masks = []

    def place(self, path):
        """Return where a path of the plan is on this machine."""
        text = native(path)
        if text.startswith("@state/"):
            return os.path.join(self.state, text[7:])
        if not text.startswith("/") or ".." in text.split("/"):
            raise Refused("%s is not an absolute path" % shown(path))
        return os.path.normpath(os.path.join(self.root, text.lstrip("/")))

    def lock(self, wait=15):
        """Take the one lock; Refused when another run holds it for longer than `wait` seconds (None: for ever)."""
        make_dirs(self.state)
        make_dirs(os.path.join(self.state, "tx"))
        self.descriptor = os.open(os.path.join(self.state, "lock"), os.O_RDWR | os.O_CREAT, 0o600)
        if wait is None:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX)
            return
        deadline = clock() + wait
        while True:
            try:
                fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except (OSError, IOError):
                if clock() > deadline:
                    raise Refused(
                        "another transaction is running on this host: wait for it, or find who started it, then run the command again"
                    )
                time.sleep(0.05)

    def unlock(self):
        """Give the lock back."""
        os.close(self.descriptor)
        self.descriptor = None

    def transactions(self):
        """Return every transaction, oldest first."""
        return [Transaction(self, name) for name in names_in(os.path.join(self.state, "tx"))]

    def masked(self, output):
        """Return a program's output without the secrets of this plan."""
        for secret in self.masks:
            output = output.replace(secret, "[secret]")
        return output[-4000:]


def plan_path(host, path):
    """Return a path of this machine as a plan names it."""
    text = shown(path)
    root = shown(host.root).rstrip("/")
    return text[len(root) :] if root and text.startswith(root + "/") else text
