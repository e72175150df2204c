"""The record of one change: manifest, journal and copies, written before the change begins."""

import errno
import json
import os
import sys
import time

from hardening.onhost.shared.copying import replace, write
from hardening.onhost.shared.errors import Refused
from hardening.onhost.shared.files import read, sync_dir
from hardening.onhost.shared.texts import native, shown, stamp

JOURNAL_ROOM = 16384  # written ahead, so that the journal of an undo needs no new space on a full disk
FINAL = ("committed", "rolled-back", "undone")


class Transaction(object):
    """One transaction's directory: manifest, copies of what it replaces, journal."""

    def __init__(self, host, name):
        self.host = host
        self.name = name
        self.dir = os.path.join(host.state, "tx", native(name))

    def path(self, leaf):
        """Return the path of one of its files."""
        return os.path.join(self.dir, leaf)

    def create(self, manifest):
        """Lay down journal and manifest; copies come before."""
        write(self.path("journal"), b"\n" * JOURNAL_ROOM)
        replace(self.path("manifest"), json.dumps(manifest, sort_keys=True).encode("ascii"))
        sync_dir(self.dir)
        sync_dir(os.path.dirname(self.dir))

    def manifest(self):
        """Return the manifest, or None where the transaction never got that far."""
        try:
            return json.loads(read(self.path("manifest")).decode("ascii"))
        except (OSError, IOError):
            return None
        except ValueError:
            raise Refused(
                "the record of %s is damaged, so its changes are unknown: examine %s, then move that file away"
                % (self.name, shown(self.dir))
            )

    def record(self, event, **detail):
        """Append one line to the journal and force it to disk."""
        line = dict(detail, event=event, time=stamp())
        data = json.dumps(line, sort_keys=True).encode("ascii") + b"\n"
        size = len(read(self.path("journal")).rstrip(b"\n\0"))
        if size:  # a line that a power cut tore ends here, whatever lies behind it
            data = b"\n" + data
        descriptor = os.open(self.path("journal"), os.O_WRONLY)
        try:
            os.lseek(descriptor, size, os.SEEK_SET)
            while data:  # a disk that fills up takes half of it
                data = data[os.write(descriptor, data) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def events(self):
        """Return the journal's lines; one torn by a power cut is as if it had not been written."""
        found = []
        try:
            lines = read(self.path("journal")).rstrip(b"\n\0").split(b"\n")
        except (OSError, IOError):
            return found
        for line in lines:
            try:
                found.append(json.loads(line.decode("ascii")))
            except ValueError:
                continue  # a line that a power cut tore
        return found

    def state(self):
        """Return `none`, `open`, `applied` or one of FINAL."""
        state = "none"
        for line in self.events():
            if line["event"] in ("open", "applied") + FINAL:
                state = line["event"]
        return state

    def pending_undo(self):
        """Return the commands and services that an undo could not finish; empty if it is finished."""
        return (self.events() or [{}])[-1].get("owed") or {}


def next_name(tail, earlier):
    """Return the name of a new record: the time and a tail; it sorts after all earlier ones, whatever the clock says."""
    name = "%s-%s" % (time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()), tail)
    newest = [one.name for one in earlier][-1:]
    if newest and newest[0] >= name:  # two in one second, or a clock that went back
        name = newest[0].split("+")[0] + "+%04d" % (int((newest[0] + "+0").split("+")[1]) + 1)
    return name


def names_in(folder):
    """Return the names of the records in a folder, oldest first; none where there is no folder. Errors: OSError."""
    try:
        return sorted(os.listdir(folder))
    except OSError:
        if sys.exc_info()[1].errno not in (errno.ENOENT, errno.ENOTDIR):
            raise  # what this account may not see is not nothing
        return []
