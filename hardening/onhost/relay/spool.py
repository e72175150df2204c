"""The queue on disk: accepted mails, records of deliveries, and mails that were refused for good."""

import errno
import os
import re
import threading
import time
import uuid

from hardening.onhost.relay.files import (
    LONGEST_NOTE,
    read,
    read_note,
    remove,
    sync_folder,
    to_json,
    write_durably,
)
from hardening.onhost.relay.message import header, split_mail
from hardening.onhost.relay.notes import is_meta, is_record, unreadable_reason


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
                    remove(
                        os.path.join(folder, name)
                    )  # a write that a crash cut short; nobody got 250 for it

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
        write_durably(self.new, name, to_json(meta) + b"\n" + raw)
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
                self.bury(name, unreadable_reason(problem))
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
        """Return a mail's own bytes."""
        return read(os.path.join(self.new, name)).partition(b"\n")[2]

    def bury(self, name, why):
        """Move a mail with a file that cannot be read to the folder dead, with the reason, and raise an alarm."""
        write_durably(self.dead, name + ".why", why.encode("utf-8", "replace"))
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
                meta = read_note(os.path.join(self.new, name))
                if not is_meta(meta):
                    raise ValueError("the relay did not write its first line")
                self.seen[name] = meta
            except (OSError, IOError) as problem:
                if problem.errno != errno.ENOENT:
                    raise
                return None
        return self.seen[name]

    # a batch: planned -> (tries) -> delivered, or settled for some of its recipients -> gone

    def plan(self, members, recipients):
        """Begin a batch: note it on disk."""
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
        """Write a batch's record."""
        write_durably(self.batches, record["id"] + ".json", to_json(record))

    def records(self):
        """Return the batches a crash left; finish those that were delivered."""
        found = []
        for name in sorted(os.listdir(self.batches)):
            path = os.path.join(self.batches, name)
            if not name.endswith((".done", ".json")):
                continue
            try:
                record = read_note(path)
                if not is_record(record, name.rpartition(".")[0]):
                    raise ValueError("the relay did not write it")
            except (OSError, IOError, ValueError) as problem:  # its mails go out, some of them once more
                os.rename(path, path + ".damaged")
                if self.speak:
                    text = "the record of a delivery cannot be read, so that mails may come twice: %s (%s)"
                    self.speak(text % (name, unreadable_reason(problem)))
                continue
            if name.endswith(".done"):
                self.finish(record, record["to"])
            elif record.get("over"):
                self.finish(record, [])
            else:
                found.append(record)
        return found

    def delivered(self, record):
        """End a batch that the service has accepted."""
        path = os.path.join(self.batches, record["id"])
        os.rename(path + ".json", path + ".done")
        sync_folder(self.batches)
        self.finish(record, record["to"])

    def settle(self, record, delivered, dead, held):
        """Note who of a batch has it (delivered), who is given up (dead) and who waits alone (held: since when).

        dead is {recipient: [why, since]}: what waits for it at least since then is given up. From the first line on
        disk a crash repeats nothing, and what follows can be done again.
        """
        record.update(told=record.get("told", []) + delivered, dead=dead, held=held, over=time.time())
        self.save(record)
        self.finish(record, [])

    def shrink(self, record, delivered, dead):
        """Do the same to a batch that may have arrived before: it goes on under its name for who is left."""
        for gone in (delivered, sorted(dead)):
            if gone is not delivered:
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
            write_durably(self.dead, stem + ".why", why.encode("utf-8", "replace"))
            write_durably(self.dead, stem, to_json(meta) + b"\n" + self.mail(name))

    def finish(self, record, delivered):
        """Take who needs a batch no more off its mails; a mail that is for nobody any more goes."""
        gone = delivered + record.get("told", [])
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
                write_durably(self.new, name, to_json(changed) + b"\n" + self.mail(name))
                self.seen[name] = changed
        sync_folder(self.new)
        for ending in (".done", ".json"):
            remove(os.path.join(self.batches, record["id"] + ending))

    def forget(self, record):
        """Drop a batch that was surely not taken; its mails wait again."""
        remove(os.path.join(self.batches, record["id"] + ".json"))
        sync_folder(self.batches)
