"""Recipients who are refused for themselves while others are not: each waits alone, ever longer."""

import random
import time


class HeldRecipients(object):
    """`rows` has each of them: (time of the next try, last pause, refused since, why)."""

    def __init__(self, config, spool):
        self.config, self.spool = config, spool
        self.rows = {}

    def waits(self, to):
        """Return whether all of these recipients were refused for themselves and wait for their next try."""
        now = time.time()
        return not [one for one in to if self.rows.get(one, (0.0,))[0] <= now]

    def hold(self, record, refused, began):
        """Let recipients rest who were refused for themselves: each ever longer, and nobody else with them."""
        now = time.time()
        # With many of them the tries must not eat the minute: they take a half of it at most.
        most = len(self.rows) * 2 * self.config["minute"] / self.config["per_minute"]
        most = max(self.config["retry_most"], most)
        for one, problem in refused:
            since = min([self.held_since(record, m, one) or began for m in record["members"]])
            until, pause, first, _ = self.rows.get(one, (0.0, 0.0, since, ""))
            if until <= now:
                pause = min(max(pause * 2, self.config["retry_first"]), most)
                until = now + pause * random.uniform(0.8, 1.2)  # noqa: S311 - spreads retries, guards nothing
            self.rows[one] = (until, pause, min(first, since), str(problem))

    def release(self, one):
        """Forget a recipient who has mail again."""
        self.rows.pop(one, None)

    def held_since(self, record, name, one):
        """Return since when a mail of a batch is refused for a recipient, or None."""
        meta = self.spool.meta(name) or {}
        return record.get("held", {}).get(one, meta.get("held", {}).get(one))

    def report(self):
        """Return who is refused for itself while others are not, longest first, with what waits for them."""
        counts = {}
        for meta in self.spool.seen.values() if self.rows else ():
            for one in meta["to"]:
                counts[one] = counts.get(one, 0) + 1
        for one in [one for one in self.rows if one not in counts and not self.waits([one])]:
            del self.rows[one]  # nothing waits for it any more
        found = sorted((row[2], one, row[3]) for one, row in self.rows.items() if one in counts)
        return [{"to": one, "mails": counts[one], "since": since, "why": why} for since, one, why in found]

    def follow_clock(self, now):
        """Try again at once after a clock that was ahead."""
        self.rows = dict((one, (0.0, row[1], min(row[2], now), row[3])) for one, row in self.rows.items())
