"""The order of batches: urgent mail first, a backlog as one digest, and mail that is refused for itself last."""

import time

STUBBORN = 3  # refusals of one mail while others pass, after which it is tried seldom


class Turns(object):
    """Chooses the next batch. `held` has the recipients who wait alone."""

    def __init__(self, config, spool, held, speak):
        self.config, self.spool, self.held, self.speak = config, spool, held, speak
        self.single = set()  # members of a digest that was refused: they go alone
        self.passed = 0  # batches that the service took
        self.back = {}  # by first member, batches that were refused for themselves: they let others pass

    def choose(self, left):
        """Return (members, recipients): urgent first, a backlog joined into one digest."""
        tried = set(member for record in left for member in record["members"])
        everyone = [
            (name, meta)
            for name, meta in self.spool.waiting()
            if name not in tried and not (self.held.rows and self.held.waits(meta["to"]))
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

    def doubtful(self, left):
        """Return the batch that a crash or a doubt left and whose turn it is, or None."""
        due = [record for record in left if not self.held.waits(record["to"])]
        ready = [record for record in due if not self.stands_back(record["members"][0])]
        if ready or not due or self.choose(left):
            return ready[0] if ready else None
        return next((record for record in due if not self.resting(record["members"][0])), None)

    def stands_back(self, name):
        """Return whether a batch that was refused for itself lets others go first, until one of them has passed."""
        return name in self.back and (self.back[name][0] == self.passed or self.resting(name))

    def resting(self, name):
        """Return whether a batch that was refused again and again, while others passed, still waits."""
        return self.back.get(name, (0, 0, 0.0))[2] > time.time()

    def stand_back(self, record, why):
        """Let others pass a batch that was refused for itself, so that one mail cannot hold up every alarm."""
        first = record["members"][0]
        at, times, until = self.back.get(first, (self.passed, 0, 0.0))
        times += self.passed > at  # refused again though others passed meanwhile
        if times >= STUBBORN:
            until = time.time() + min(self.config["retry_most"] * 2 ** (times - STUBBORN), 3600)
            self.speak("a mail is refused repeatedly while others pass: %s" % why)
        self.back[first] = (self.passed, times, until)

    def is_stubborn(self, record):
        """Return whether a batch was refused again and again while others passed."""
        return self.back.get(record["members"][0], (0, 0, 0.0))[1] >= STUBBORN

    def took(self, record):
        """Note that the service took a batch."""
        self.back.pop(record["members"][0], None)
        self.passed += 1

    def gave_up(self, record):
        """Note that a batch was refused for good: the members of a digest are tried alone."""
        self.back.pop(record["members"][0], None)
        if len(record["members"]) > 1:
            self.single.update(record["members"])

    def follow_clock(self):
        """Try again at once after a clock that was ahead."""
        self.back = dict((name, (at, times, 0.0)) for name, (at, times, _) in self.back.items())
