"""The delivery: which batch goes next, and what follows from an answer."""

import os
import random
import re
import threading
import time

from hardening.onhost.relay.limits import SendingLimits
from hardening.onhost.relay.outgoing import outgoing
from hardening.onhost.relay.problems import CONFIG, MESSAGE, TEMPORARY, UNPRINTABLE, ServiceRefused, safe_text
from hardening.onhost.relay.recipients import HeldRecipients
from hardening.onhost.relay.refusals import Refusals, refusal_text
from hardening.onhost.relay.status_file import last_success, write_status
from hardening.onhost.relay.tokens import RelayTokens
from hardening.onhost.relay.transports import TRANSPORTS
from hardening.onhost.relay.turns import Turns

MAIL_NAME = re.compile(r"[01]-[0-9]{20}-")  # others are somebody else's

EVER = 1e12  # a time that is later than every mail's


class Delivery(threading.Thread):
    """One thread that takes batches from the spool to the service: one connection at a time, of the three allowed."""

    def __init__(self, config, spool, speak):
        threading.Thread.__init__(self)
        self.daemon = True
        self.config, self.spool, self.speak = config, spool, speak
        self.held = HeldRecipients(config, spool)
        self.turns = Turns(config, spool, self.held, speak)
        self.limits = SendingLimits(config)
        self.tokens = RelayTokens(config)
        self.wake = threading.Event()
        self.stop = False
        self.rest = dict((name, (0.0, 0.0)) for name in config["transports"])  # until, last pause
        self.few = {}  # by recipients, how many of them to try at once: one of them makes the whole mail refused
        self.failing, self.since = "", 0.0
        self.refusals = Refusals(config)
        self.clock = time.time()
        self.last_success = last_success(config)

    def run(self):
        """Deliver until `stop`; write the status every second."""
        left, reported = None, 0.0
        while not self.stop:
            try:
                left = self.spool.records() if left is None else left
                pause = self.step(left)
            except Exception as problem:  # the thread must live; the status says what happened
                self.trouble(safe_text(problem))
                pause = 5.0
            if abs(time.time() - reported) >= 1:
                reported = time.time()
                try:
                    self.report()
                except Exception as problem:  # a full disk, or a folder that is gone, until it is mended
                    self.speak("the status cannot be written: %s" % safe_text(problem))
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
        record = self.turns.doubtful(left)
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
            chosen = self.turns.choose(left)
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
        self.turns.follow_clock()
        self.held.follow_clock(now)
        self.limits.taken = [(min(at, now), count) for at, count in self.limits.taken]
        self.since, self.last_success = min(self.since, now), min(self.last_success, now)
        self.tokens.kept = {}

    def attempt(self, record):
        """Try each transport that is not resting; return whether the batch is settled."""
        refusals, awake = [], [one for one in record["to"] if not self.held.waits([one])] or record["to"]
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
            except ServiceRefused as problem:
                self.limits.settle()
                record["uncertain"] = before or problem.uncertain
                self.spool.save(record)
                if not problem.uncertain:
                    self.limits.give_back(len(to))
                refusals.append(problem)
                known = self.turns.is_stubborn(record)
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
            self.turns.took(record)
            self.failing, self.last_success = "", time.time()
            others = [self.rest[other][0] for other in self.config["transports"] if other != name]
            if not [until for until in others if until <= time.time()]:
                # else the next transport is asked about them first
                self.held.hold(record, [row for row in refused if row[1].kind != MESSAGE], began)
            return self.part(record, before, to, refused, began)
        return self.refused(record, awake, to, refusals)

    def part(self, record, doubt, to, refused, now):
        """Let a batch go on without who has it or is given up; who was refused waits alone. Return whether it is settled."""
        held = dict((one, now) for one, _ in refused)
        delivered = [one for one in to if one not in held]
        for one in delivered:
            self.held.release(one)
        if len(delivered) == len(record["to"]):
            self.spool.delivered(record)
            return True
        dead = dict((one, [str(problem), self.limit(record, one, problem)]) for one, problem in refused)
        if doubt:
            held.update(record.get("held", {}))
            record["held"] = held
            dead = dict((one, dead[one]) for one in dead if record["held"][one] <= dead[one][1])
        dead = dict((one, dead[one]) for one in dead if dead[one][1])
        lost = self.obituaries(record, dead)
        if doubt:
            self.spool.shrink(record, delivered, dead)
            if not record["to"]:
                self.spool.delivered(record)
            settled = not record["to"]
        else:
            fresh = [
                one for one in held for m in record["members"] if self.held.held_since(record, m, one) is None
            ]
            settled = bool(delivered or fresh or lost)
            if settled:
                self.spool.settle(record, delivered, dead, held)
        for text, one in lost:  # when it is on disk: other ways take their time
            self.speak(text, one)
        return settled

    def limit(self, record, one, problem):
        """Return since when a mail has to wait for a recipient to be given up now, or 0: it is kept.

        What is refused for now is given up in the end, but only while mail passes otherwise.
        """
        if problem.kind == MESSAGE:
            return EVER
        since = [self.held.held_since(record, name, one) or time.time() for name in record["members"]]
        if problem.kind != TEMPORARY or self.last_success <= min(since):
            return 0
        half = self.config["max_queue"] // 2
        if self.spool.depth() > half and len([1 for m in self.spool.seen.values() if one in m["to"]]) > half:
            self.held.rows[one] = (0.0, 0.0, min(since), str(problem))  # and the next batch of them at once
            return EVER  # they must not fill the queue for everybody
        return time.time() - self.config["give_up_after"]

    def obituaries(self, record, dead):
        """Return (text, recipient) of who is given up, with the alarms that did not reach them."""
        lost = []
        for one in sorted(dead):
            why, limit = dead[one]
            late = [
                m for m in record["members"] if (self.held.held_since(record, m, one) or time.time()) <= limit
            ]
            metas = [self.spool.meta(m) for m in late]
            alarms = [meta["alarm"] for meta in metas if meta and one in meta["to"]]
            if alarms:
                ids = UNPRINTABLE.sub("?", ", ".join(alarms[:20])) + ", ..." * (len(alarms) > 20)
                text = "%d of the mails for %s given up, kept in the folder dead: %s (%s)"
                lost.append((text % (len(alarms), one, why, ids), one))
        return lost

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
                    problem = ServiceRefused(CONFIG, str(problem))  # another transport may still take it
                each.append((one, problem))
            self.held.hold(record, each, time.time())
            return self.part(record, record["uncertain"], to, each, time.time())
        if for_good:
            self.give_up(record, str(refusals[-1]))
            return True
        of_itself = [one for one in refusals if one.own or one.uncertain]
        if of_itself:
            self.turns.stand_back(record, str(of_itself[-1]))
        return False

    def give_up(self, record, why):
        """Give up a batch that was refused for good: a digest goes on as single mails, one mail to the folder dead."""
        self.turns.gave_up(record)
        dead = {}
        if len(record["members"]) == 1:
            dead = dict((one, [why, EVER]) for one in record["to"])
        self.spool.settle(record, [], dead, record.get("held", {}))
        if dead:
            self.speak("a mail was permanently refused: %s" % why)

    def trouble(self, text):
        """Note why nothing passes, and since when."""
        if not self.failing:
            self.since = time.time()
        self.failing = text

    def report(self):
        """Write the status, and speak up in another way when mail has been broken for a while."""
        now = time.time()
        names = [n for n in os.listdir(self.spool.new) if not n.startswith(".")]
        stamps = [n[2:22] for n in names if MAIL_NAME.match(n)]  # others are somebody else's
        oldest = int(min(stamps)) / 1e6 if stamps else now
        failing, since = self.failing, self.since
        held = self.held.report()
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
                values = (row["mails"], row["to"], (now - row["since"]) // 60, row["why"])
                self.speak(text % values, row["to"])
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
