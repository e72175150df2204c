"""The service's limits: mails in a minute and recipients in a day."""

import os
import re
import time

from hardening.onhost.relay.files import read, write_durably


class SendingLimits(object):
    """A sliding minute and a sliding day, on disk before each try, so that a restart forgets nothing."""

    def __init__(self, config):
        self.config = config
        self.path = os.path.join(config["spool"], "sent.log")
        self.taken = []
        now = time.time()
        try:
            for line in read(self.path).decode("ascii", "replace").splitlines():
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
        write_durably(
            config["spool"], "sent.log", "".join("%.6f %d\n" % row for row in self.taken).encode("ascii")
        )

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
        """Count a mail to so many recipients, on disk, before it is sent."""
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
